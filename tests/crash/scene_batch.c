/* scene_batch.c - batches, and objects that are written in place. */
#include "scene_batch.h"

#include <stdio.h>
#include <string.h>

#include "lock.h"

/* ---- batches --------------------------------------------------------------------------------- */

void scene_batch(struct stage *stage)
{
    brain_batch *changes;
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    stage_add(changes, stage->a, "new", STAGE_SMALL);
    stage_add(changes, stage->b, "medium0", STAGE_MEDIUM + 50);
    stage_add(changes, stage->a, "large1", STAGE_LARGE);
    stage_need(brain_batch_delete(changes, stage->b, "larger0", 7), "brain_batch_delete");
    stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
}

/* Under conditions: one that does not hold, then all hold. */
void scene_batch_if(struct stage *stage)
{
    brain_batch *changes;
    uint64_t version;
    brain_part part = { stage_window(5), STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    stage_add(changes, stage->b, "larger0", STAGE_LARGE);
    stage_need(brain_batch_put_if(changes, stage->a, "new", 3, &value, 0), "brain_batch_put_if");
    stage_need(brain_batch_delete_if(changes, stage->a, "small3", 6, version + (stage->next == 0)),
               "brain_batch_delete_if");
    int err = brain_batch_commit(changes, NULL);
    stage_need(err == (stage->next == 0 ? BRAIN_E_STALE : 0) ? 0 : -1, "a batch with conditions");
    brain_batch_free(changes);
}

void scene_batch_makes_spaces(struct stage *stage)
{
    brain_batch *changes;
    brain_space *c, *d;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_need(brain_space_open(stage->store, "d", 1, &d), "d");
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    stage_add(changes, c, "first", STAGE_SMALL);
    stage_add(changes, d, "second", STAGE_LARGE);
    stage_add(changes, c, "first", STAGE_SMALL + 1); /* the last change of a name wins */
    stage_need(brain_batch_delete(changes, stage->a, "small0", 6), "brain_batch_delete");
    stage_need(brain_batch_delete(changes, stage->a, "missing", 7), "brain_batch_delete");
    stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
    brain_space_close(c);
    brain_space_close(d);
}

static void put_many(struct stage *stage, uint32_t n, size_t size)
{
    brain_batch *changes;
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%u", i);
        stage_add(changes, stage->a, name, size);
    }
    stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
}

/* More than fit the journal's first page, and more than the index grows by in one holding. */
void scene_batch_many(struct stage *stage)
{
    put_many(stage, 90, 8);
}

/* What was replaced is in use here when limbo is looked through, and when puts take what slots are free. */
void scene_replace_held(struct stage *stage)
{
    char before[STAGE_SMALL];
    memcpy(before, stage->view.data, STAGE_SMALL);
    switch (stage->next) {
    case 0:
        stage_put(stage->a, "small3", STAGE_SMALL, 1);
        break;
    case 1:
        stage_trim(stage);
        break;
    default:
        put_many(stage, 8, STAGE_SMALL);
    }
    stage_need(memcmp(before, stage->view.data, STAGE_SMALL) == 0 ? 0 : BRAIN_E_CORRUPT,
               "a view has changed");
}

void scene_batch_dropped(struct stage *stage)
{
    brain_batch *changes;
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    stage_add(changes, stage->a, "large0", STAGE_LARGE);
    stage_add(changes, stage->a, "small0", STAGE_SMALL);
    brain_batch_free(changes);
}

/* ---- writing in place ------------------------------------------------------------------------ */

void scene_create_and_seal(struct stage *stage)
{
    if (stage->next == 0) {
        stage_create(stage);
        return;
    }
    brain_value value = { .kind = BRAIN_KIND_RAW };
    stage_need(brain_object_seal(stage->object, stage->a, "large2", 6, &value, BRAIN_ANY_VERSION,
                                 NULL),
               "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

void scene_create_and_abort(struct stage *stage)
{
    stage_create(stage);
    brain_object_release(stage->object);
    stage->object = NULL;
}

/* By a handle that does not wait for long. */
void scene_create_by_second(struct stage *stage)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.lock_timeout_ns = 1000;
    stage_need(brain_open(stage->path, &options, &stage->second), "brain_open");
    stage_need(brain_create(stage->second, STAGE_LARGE, &stage->object), "brain_create");
}

/* Given up while another holds the lock; the next change frees it. */
void scene_let_go(struct stage *stage)
{
    uint32_t died;
    uint64_t waited_ns;
    if (stage->next == 1) {
        stage_put(stage->a, "small3", STAGE_SMALL, 3);
        return;
    }
    stage_need(bn_lock_acquire(stage->store, true, &died, &waited_ns), "bn_lock_acquire");
    brain_object_release(stage->object);
    stage->object = NULL;
    bn_lock_release(stage->store);
}

void scene_create_small_and_seal(struct stage *stage)
{
    stage_need(brain_create(stage->store, 100, &stage->object), "brain_create");
    memset(brain_object_data(stage->object), 7, 100);
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = "m", .meta_len = 1 };
    stage_need(brain_object_seal(stage->object, stage->a, "new", 3, &value, 0, NULL), "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

static void create_in_place(struct stage *stage)
{
    stage_need(brain_create_in_place(stage->store, STAGE_LARGE, &stage->object), "brain_create");
    uint64_t *to = brain_object_data(stage->object);
    for (size_t i = 0; i < STAGE_LARGE / 8; i += 64) {
        to[i] = i + 1;
    }
}

void scene_create_in_place_and_seal(struct stage *stage)
{
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = "m", .meta_len = 1 };
    if (stage->next == 0) {
        create_in_place(stage);
        return;
    }
    stage_need(brain_object_seal(stage->object, stage->a, "large2", 6, &value, BRAIN_ANY_VERSION,
                                 NULL),
               "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

void scene_create_in_place_and_abort(struct stage *stage)
{
    if (stage->next == 0) {
        create_in_place(stage);
        return;
    }
    brain_object_release(stage->object);
    stage->object = NULL;
}

/* With changes in a batch, one of them where the namespace is made, and a condition. */
void scene_seal_in_batch(struct stage *stage)
{
    brain_batch *changes;
    brain_space *c;
    uint64_t version;
    brain_value value = { .kind = BRAIN_KIND_RAW };
    if (stage->next == 0) {
        stage_create(stage);
        return;
    }
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    stage_add(changes, c, "first", STAGE_SMALL);
    stage_add(changes, stage->b, "new", STAGE_LARGE);
    stage_need(brain_batch_delete_if(changes, stage->a, "small3", 6, version),
               "brain_batch_delete_if");
    stage_need(brain_object_seal_in(stage->object, changes, c, "sealed", 6, &value, 0, NULL),
               "seal");
    brain_batch_free(changes);
    brain_object_release(stage->object);
    stage->object = NULL;
    brain_space_close(c);
}
