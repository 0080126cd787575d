/* scene_evict.c - operations in a store that is full, in mode lru. */
#include "scene_evict.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

#define BIG                                                                                        \
    40000u /* with the common ground more than there is room for: one of STAGE_LARGER goes */

static void hold(brain_space *space, const char *name)
{
    brain_view view; /* until the process ends */
    stage_need(brain_get(space, name, strlen(name), &view), name);
}

/* All that is large enough to go is held but for "larger0": which goes is not to depend on what a reader beside it has
 * used. */
void scene_evict_begin(struct stage *stage)
{
    char name[16];
    stage_need(brain_set_full(stage->store, BRAIN_FULL_LRU), "brain_set_full");
    for (uint32_t i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "medium%u", i);
        hold(stage->b, name);
    }
    for (uint32_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "large%u", i);
        hold(stage->a, name);
    }
    hold(stage->b, "larger2");
}

static int die_making_room(void *context, brain_store *store, brain_space *space, uint64_t bytes)
{
    (void)context;
    (void)store;
    (void)space;
    (void)bytes;
    _exit(0);
}

void scene_evict_after_death(struct stage *stage)
{
    scene_evict_begin(stage);
    stage_need(brain_set_full(stage->store, BRAIN_FULL_SPILL), "brain_set_full");
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct stage own = { .path = stage->path };
        stage_open(&own);
        stage_need(brain_on_full(own.store, die_making_room, NULL), "brain_on_full");
        stage_put(own.a, "never", BIG, 0);
        _exit(1);
    }
    stage_need(kit_reap(pid) == 0 ? 0 : -1, "the one who dies");
    stage_need(brain_set_full(stage->store, BRAIN_FULL_LRU), "brain_set_full");
}

/* ---- whole */

void scene_put_evicts(struct stage *stage)
{
    stage->next = 1;
    stage_put(stage->a, "new", BIG, 0);
}

/* The first large one finds room, and has it when the second does not. */
void scene_batch_evicts(struct stage *stage)
{
    brain_batch *batch;
    stage->next = 1;
    stage_need(brain_batch_new(stage->store, &batch), "brain_batch_new");
    stage_add(batch, stage->a, "new0", STAGE_LARGER);
    stage_add(batch, stage->b, "new1", STAGE_LARGER);
    stage_add(batch, stage->b, "new2", STAGE_SMALL);
    stage_need(brain_batch_commit(batch, NULL), "brain_batch_commit");
    brain_batch_free(batch);
}

void scene_create_evicts(struct stage *stage)
{
    brain_object *object;
    brain_value value = { .kind = BRAIN_KIND_BYTES };
    stage->next = 1;
    stage_need(brain_create(stage->store, BIG, &object), "brain_create");
    memcpy(brain_object_data(object), stage_window(0), BIG);
    stage_need(brain_object_seal(object, stage->a, "new", 3, &value, BRAIN_ANY_VERSION, NULL),
               "brain_object_seal");
    brain_object_release(object);
}

/* ---- in pieces */

static void in_pieces(struct stage *stage, void (*operate)(struct stage *stage))
{
    if (stage->next == 0) {
        stage_erase(stage->b, "larger0");
    } else {
        operate(stage);
    }
}

void scene_delete_then_put(struct stage *stage)
{
    in_pieces(stage, scene_put_evicts);
}

void scene_delete_then_batch(struct stage *stage)
{
    in_pieces(stage, scene_batch_evicts);
}

void scene_delete_then_create(struct stage *stage)
{
    in_pieces(stage, scene_create_evicts);
}
