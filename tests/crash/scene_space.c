/* scene_space.c - operations on namespaces, and what a quota refuses. */
#include "scene_space.h"

#include <stdio.h>

#include "scene_names.h"
#include "store.h"

/* ---- namespaces ------------------------------------------------------------------------------ */

void scene_space_create(struct stage *stage)
{
    brain_space *c;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_need(brain_space_create(c), "brain_space_create");
    brain_space_close(c);
}

void scene_put_makes_space(struct stage *stage)
{
    brain_space *c;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_put(c, "first", stage->next == 0 ? STAGE_SMALL : STAGE_LARGE, 1);
    brain_space_close(c);
}

void scene_space_remove(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_space_remove(stage->b), "brain_space_remove");
        break;
    case 1:
        stage_put(stage->a, "small0", STAGE_SMALL, 1); /* also gives back what the removal left */
        break;
    default:
        stage_put(stage->b, "medium0", STAGE_SMALL, 1);
    }
}

/* More names than are reclaimed in one bite, also in one segment of their list: the first two have 12 and 60. */
void scene_fill_space(struct stage *stage)
{
    for (uint32_t i = 0; i < 140; i++) {
        stage_put_numbered(stage->b, "many", i, STAGE_SMALL);
    }
}

static brain_space *open_third(const struct stage *stage)
{
    brain_space *c;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    return c;
}

enum {
    N_LEFT = 66,  /* names: just more than a removal takes out itself */
    N_A_LOOK = 16 /* changes: BN_RECLAIM_LOOK_EVERY */
};

void scene_fill_third(struct stage *stage)
{
    brain_space *c = open_third(stage);
    for (uint32_t i = 0; i < N_LEFT; i++) {
        stage_put_numbered(c, "many", i, STAGE_SMALL);
    }
    brain_space_close(c);
}

/* A removal that leaves all its names to later changes: batches, each of so many that a look is due. The first takes
 * all of it apart, where no snapshot stands; the second is in the namespace anew. */
void scene_space_remove_left(struct stage *stage)
{
    brain_space *c = open_third(stage);
    brain_batch *changes;
    char name[16];
    if (stage->next == 0) {
        stage_need(brain_space_remove(c), "brain_space_remove");
    } else {
        bool is_left = stage->store->state->space_dead != 0;
        stage_need(is_left || stage->next > 1 ? 0 : BRAIN_E_CORRUPT, "what a removal leaves");
        stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
        stage_add(changes, stage->next == 2 ? c : stage->a, "new", STAGE_SMALL);
        for (uint32_t i = 1; i < N_A_LOOK; i++) {
            int len = snprintf(name, sizeof name, "none%u", i);
            stage_need(brain_batch_delete(changes, stage->a, name, (size_t)len), "a delete");
        }
        stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
        brain_batch_free(changes);
    }
    brain_space_close(c);
}

/* A removal that a snapshot still looks behind. */
void scene_space_remove_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_space_remove(stage->b), "brain_space_remove");
        break;
    case 1:
        stage_put(stage->b, "medium0", STAGE_SMALL, 1);
        break;
    case 2:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        stage_put(stage->a, "small0", STAGE_SMALL, 1);
    }
}

/* ---- quotas ---------------------------------------------------------------------------------- */

#define ENOUGH ((uint64_t)1 << 20)

static void set_quota(brain_space *space, uint64_t bytes)
{
    stage_need(brain_space_set_quota(space, bytes), "brain_space_set_quota");
}

static uint64_t held(brain_space *space)
{
    uint64_t bytes = 0;
    stage_need(brain_space_usage(space, NULL, &bytes, NULL), "brain_space_usage");
    return bytes;
}

/* Of one that is there; of one that it makes; and of the next in the record of that. */
void scene_space_quota(struct stage *stage)
{
    brain_space *c = open_third(stage);
    switch (stage->next) {
    case 0:
        set_quota(stage->a, ENOUGH);
        break;
    case 1:
        set_quota(c, ENOUGH);
        break;
    case 2:
        stage_need(brain_space_remove(c), "brain_space_remove");
        break;
    default:
        stage_put(c, "first", STAGE_SMALL, 1);
    }
    brain_space_close(c);
}

static void need_refused(int err, const char *what)
{
    stage_need(err == BRAIN_E_QUOTA ? 0 : -1, what);
}

/* As much as it may hold. */
void scene_use_up_quota(struct stage *stage)
{
    scene_get_ready(stage);
    set_quota(stage->a, held(stage->a));
}

/* What a quota refuses, by each of the ways to put, and then what it does not. */
void scene_put_within_quota(struct stage *stage)
{
    brain_batch *changes;
    brain_value value = { .kind = BRAIN_KIND_RAW };
    uint64_t any = BRAIN_ANY_VERSION;
    switch (stage->next) {
    case 0:
        need_refused(stage_try_put(stage->a, "small3", STAGE_SMALL + 1, 1, any), "a short put");
        need_refused(stage_try_put(stage->a, "new", STAGE_LARGE, 1, any), "a large put");
        break;
    case 1:
        stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
        stage_add(changes, stage->a, "small0", STAGE_SMALL - 10);
        stage_add(changes, stage->b, "new", STAGE_LARGE);
        stage_add(changes, stage->a, "new", 11);
        need_refused(brain_batch_commit(changes, NULL), "a batch");
        brain_batch_free(changes);
        break;
    case 2:
        stage_create(stage);
        need_refused(brain_object_seal(stage->object, stage->a, "new", 3, &value, any, NULL),
                     "a seal");
        brain_object_release(stage->object);
        stage->object = NULL;
        break;
    default:
        stage_put(stage->a, "small3", STAGE_SMALL, 300);
    }
}
