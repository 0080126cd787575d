/* scene_loading.c - operations that bring values back. */
#include "scene_loading.h"

#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "handle.h"
#include "kit.h"
#include "recover.h"
#include "txn.h"

/* ---- numbers --------------------------------------------------------------------------------- */

#define NUMBER 1000000u

/* What is put afterwards has the next number. */
void scene_advance(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(brain_advance(stage->store, NUMBER), "brain_advance");
        bool is_there = brain_exists(stage->b, "new", 3, NULL) != BRAIN_E_NOT_FOUND;
        stage_need(is_there ? BRAIN_E_CORRUPT : 0, "what nobody has committed");
    } else {
        uint64_t version = 0;
        stage_put(stage->a, "small3", STAGE_SMALL, 1);
        stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
        stage_need(version == NUMBER + 1 ? 0 : BRAIN_E_CORRUPT, "the number after an advance");
    }
}

static struct bn_change change_of(brain_space *space, const char *name, const brain_part *part)
{
    struct bn_space_ref ref = { 0, 0 };
    stage_need(bn_handle_resolve(space, &ref), "a namespace");
    return (struct bn_change){ .name = name,
                               .name_len = (uint32_t)strlen(name),
                               .hash = bn_hash_name(space->store->hash_seed, ref.id, name,
                                                    strlen(name)),
                               .space_id = ref.id,
                               .space_gen = ref.gen,
                               .if_version = BRAIN_ANY_VERSION,
                               .data = { part, 1 },
                               .size = part->size_bytes,
                               .kind = BRAIN_KIND_BYTES,
                               .has_description = true };
}

/* A transaction over both namespaces, of a name that is there and one that is not, which is all but committed. */
static void change_without_commit(struct stage *stage)
{
    brain_part part = { stage_window(9), STAGE_SMALL, 0 };
    struct bn_change changes[2] = { change_of(stage->a, "small3", &part),
                                    change_of(stage->b, "new", &part) };
    int err = bn_recover_enter(stage->store, true);
    err = err != 0 ? err : bn_txn_begin(stage->store, 2);
    for (int i = 0; i < 2 && err == 0; i++) {
        err = bn_txn_find(stage->store, &changes[i]);
        err = err != 0 ? err : bn_txn_take(stage->store, &changes[i]);
    }
    for (int i = 0; i < 2 && err == 0; i++) {
        err = bn_txn_swing(stage->store, &changes[i]);
    }
    stage_need(err, "a change");
}

/* Somebody who died in the middle of a change, with the lock. */
void scene_die_in_a_change(struct stage *stage)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct stage own = { .path = stage->path };
        stage_open(&own);
        change_without_commit(&own);
        _exit(0);
    }
    stage_need(kit_reap(pid) == 0 ? 0 : -1, "the one who dies");
}

/* ---- piece by piece -------------------------------------------------------------------------- */

void scene_forget_warm(struct stage *stage)
{
    stage_need(brain_trim(stage->store, NULL), "brain_trim");
}

static void append(struct stage *stage, size_t from, size_t end)
{
    stage_need(brain_object_append(stage->object, stage_window(0) + from, end - from),
               "brain_object_append");
}

/* Where it is fresh memory: two pages, the rest of the second, a third. */
static void begin_stream(struct stage *stage)
{
    stage_need(brain_create_streamed(stage->store, STAGE_LARGE, &stage->object),
               "brain_create_streamed");
    append(stage, 0, 5000);
}

static void end_stream(struct stage *stage)
{
    append(stage, 5000, 8000);
    append(stage, 8000, STAGE_LARGE);
}

static int seal(struct stage *stage, const void *name, size_t name_len)
{
    brain_value value = {
        .kind = BRAIN_KIND_RAW, .meta = "m", .meta_len = 1, .created_ns = 1000000000
    };
    return brain_object_seal(stage->object, stage->a, name, name_len, &value, BRAIN_ANY_VERSION,
                             NULL);
}

static void release(struct stage *stage)
{
    brain_object_release(stage->object);
    stage->object = NULL;
}

void scene_stream_and_seal(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        begin_stream(stage);
        break;
    case 1:
        stage_need(seal(stage, "large2", 6) == BRAIN_E_INVAL ? 0 : BRAIN_E_CORRUPT,
                   "a seal of what is not full");
        end_stream(stage);
        break;
    default:
        stage_need(seal(stage, "large2", 6), "seal");
        release(stage);
    }
}

void scene_stream_and_abort(struct stage *stage)
{
    if (stage->next == 0) {
        begin_stream(stage);
    } else {
        release(stage);
    }
}

/* Under a name that lies behind the data, in another extent: the first goes with the object. */
void scene_stream_and_copy(struct stage *stage)
{
    static char name[3000];
    switch (stage->next) {
    case 0:
        begin_stream(stage);
        end_stream(stage);
        break;
    case 1:
        memset(name, 'n', sizeof name);
        stage_need(seal(stage, name, sizeof name), "seal");
        break;
    default:
        release(stage);
    }
}

void scene_stream_and_seal_in_batch(struct stage *stage)
{
    brain_batch *changes;
    brain_value value = { .kind = BRAIN_KIND_RAW };
    if (stage->next == 0) {
        begin_stream(stage);
        end_stream(stage);
        return;
    }
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    stage_need(brain_batch_put(changes, stage->a, "new", 3, &value), "brain_batch_put");
    stage_need(brain_batch_delete(changes, stage->b, "larger0", 7), "brain_batch_delete");
    stage_need(brain_object_seal_in(stage->object, changes, stage->b, "sealed", 6, &value, 0, NULL),
               "seal");
    brain_batch_free(changes);
    release(stage);
}
