/* scene_names.c - operations on one name: values that are put, replaced, moved away and deleted. */
#include "scene_names.h"

#include <stdbool.h>
#include <string.h>

#include "store.h"

/* ---- puts ------------------------------------------------------------------------------------ */

void scene_put_new_small(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_SMALL, 1);
}

void scene_put_new_medium(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_MEDIUM, 1);
}

void scene_put_empty(struct stage *stage)
{
    stage_put(stage->a, "", 0, 1);
}

void scene_put_new_large(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_LARGE, 1);
}

void scene_replace_small(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_SMALL, 1);
}

void scene_replace_large(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_LARGER, 1);
}

void scene_replace_large_twice(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_LARGE,
              1 + stage->next); /* the second finds the memory of the first */
}

void scene_replace_small_by_large(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_LARGE, 1);
}

void scene_replace_large_by_small(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_SMALL, 1);
}

void scene_put_if_absent(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(stage_try_put(stage->a, "small3", STAGE_SMALL, 1, 0) == BRAIN_E_EXISTS ? 0 : -1,
                   "put if absent");
    } else {
        stage_need(stage_try_put(stage->a, "new", STAGE_SMALL, 1, 0), "put if absent");
    }
}

void scene_put_if_version(struct stage *stage)
{
    uint64_t version;
    stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
    if (stage->next == 0) {
        stage_need(stage_try_put(stage->a, "small3", STAGE_SMALL, 1, version + 1) == BRAIN_E_STALE
                       ? 0
                       : -1,
                   "stale put");
        stage_need(stage_try_put(stage->a, "large0", STAGE_LARGE, 1, 1) == BRAIN_E_STALE ? 0 : -1,
                   "stale large put");
    } else {
        stage_need(stage_try_put(stage->a, "small3", STAGE_MEDIUM, 1, version), "put if version");
    }
}

/* A name and a description that find no room in a slot. */
void scene_put_wordy(struct stage *stage)
{
    static char name[3000];
    const char *text = stage_window(3);
    memset(name, 'n', sizeof name);
    brain_part part = { text, STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_STR,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = text,
                          .meta_len = 700,
                          .description = stage->next == 0 ? text : NULL,
                          .description_len = stage->next == 0 ? 2500 : 0 };
    stage_need(brain_put(stage->a, name, sizeof name, &value, BRAIN_ANY_VERSION, NULL),
               "a long name");
}

void scene_replace_twice(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_SMALL, 1 + stage->next);
}

void scene_hold_small(struct stage *stage)
{
    stage_need(brain_get(stage->a, "small3", 6, &stage->view), "small3");
}

/* ---- the short way of a small put (src/replace.c) -------------------------------------------- */

#define CLASS_OF_SMALL 1u /* two lines */

static uint32_t n_ready(const struct stage *stage)
{
    return bn_load_relaxed(&stage->store->spares[CLASS_OF_SMALL].n_ready);
}

/* Until more slots are ready than the operations take. */
void scene_get_ready(struct stage *stage)
{
    for (uint32_t n = 0; n_ready(stage) < 16; n++) {
        stage_put(stage->a, "small3", STAGE_SMALL, n);
        stage_need(n < 10000 ? 0 : BRAIN_E_BUSY, "no slot becomes ready");
    }
}

/* Until `n_left` are: after those the next put looks at what was replaced since. */
static void use_up_ready(struct stage *stage, uint32_t n_left)
{
    scene_get_ready(stage);
    while (n_ready(stage) > n_left) {
        stage_put(stage->a, "small3", STAGE_SMALL, n_ready(stage));
    }
}

void scene_use_up_all(struct stage *stage)
{
    use_up_ready(stage, 0);
}

/* Slots that were replaced become ready together, and the first of them is taken first. So the one that is held has to be
 * the first that is replaced. */
void scene_use_up_and_hold(struct stage *stage)
{
    use_up_ready(stage, 0);
    scene_hold_small(stage);
    use_up_ready(stage, 1);
}

void scene_replace_ready(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_SMALL, 1 + stage->next);
}

/* The second put looks at what was replaced, the slot that is held among it. */
void scene_replace_ready_held(struct stage *stage)
{
    char before[STAGE_SMALL];
    memcpy(before, stage->view.data, STAGE_SMALL);
    stage_put(stage->a, "small3", STAGE_SMALL, 300 + stage->next);
    stage_need(memcmp(before, stage->view.data, STAGE_SMALL) == 0 ? 0 : BRAIN_E_CORRUPT,
               "a view has changed");
}

/* With a hint, which the put before it noted. */
static void put_hinted(struct stage *stage, uint64_t seed)
{
    brain_part part = { stage_window(seed), STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    stage_need(brain_try_put(stage->a, "small3", 6, &stage->hint, &value, BRAIN_ANY_VERSION, NULL),
               "small3");
}

void scene_get_ready_and_hinted(struct stage *stage)
{
    scene_get_ready(stage);
    put_hinted(stage, 1);
    stage_need(stage->hint.space != 0 ? 0 : BRAIN_E_CORRUPT, "no hint");
}

void scene_replace_ready_hinted(struct stage *stage)
{
    put_hinted(stage, 300 + stage->next);
}

void scene_replace_ready_in_size(struct stage *stage)
{
    stage_put(stage->a, "small3", stage->next == 0 ? STAGE_SMALL + 5 : STAGE_SMALL - 5, 1);
}

/* ---- values that are elsewhere --------------------------------------------------------------- */

static const char elsewhere[] = "elsewhere";

static void move_away(struct stage *stage, const char *name)
{
    brain_view view;
    stage_need(brain_get(stage->a, name, strlen(name), &view), name);
    stage_need(brain_move_away(&view, elsewhere, sizeof elsewhere), "brain_move_away");
    brain_view_drop(&view);
}

void scene_move_large(struct stage *stage)
{
    move_away(stage, "large0");
}

/* What stands for a value is replaced by a small one, moved once more, and deleted. */
void scene_move_and_replace(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        scene_move_large(stage);
        break;
    case 1:
        stage_put(stage->a, "large0", STAGE_SMALL, 1);
        break;
    case 2:
        scene_move_large(stage);
        break;
    default:
        stage_erase(stage->a, "large0");
    }
}

/* Its memory is in use until the view of it goes. */
void scene_move_held(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_move_away(&stage->view, elsewhere, sizeof elsewhere), "brain_move_away");
        break;
    case 1:
        stage_reuse_memory(stage);
        break;
    default:
        brain_view_drop(&stage->view);
    }
}

void scene_move_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        scene_move_large(stage);
        break;
    case 1:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        stage_trim(stage);
    }
}

/* What stands for it has an extent, too, for its name. */
void scene_move_wordy(struct stage *stage)
{
    static char name[3000];
    brain_view view;
    memset(name, 'n', sizeof name);
    stage_need(brain_get(stage->a, name, sizeof name, &view), "a long name");
    stage_need(brain_move_away(&view, elsewhere, sizeof elsewhere), "brain_move_away");
    brain_view_drop(&view);
}

/* ---- deletes --------------------------------------------------------------------------------- */

void scene_delete_small(struct stage *stage)
{
    stage_erase(stage->a, "small3");
}

void scene_delete_large(struct stage *stage)
{
    stage_erase(stage->a, "large1");
}

/* A delete that has to leave its tombstone in the index, which a later change clears. */
void scene_delete_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "small3");
        break;
    case 1:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    case 2:
        stage_put(stage->a, "small4", STAGE_SMALL, 1);
        break;
    default:
        stage_trim(stage);
    }
}

void scene_put_over_tombstone(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "large1");
        break;
    case 1:
        stage_put(stage->a, "large1", STAGE_LARGE, 1);
        break;
    case 2:
        stage_erase(stage->a, "large1");
        break;
    case 3:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        stage_put(stage->a, "large1", STAGE_SMALL, 2);
    }
}

/* The value that goes is still in use here. */
void scene_delete_held(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "large1");
        break;
    case 1:
        stage_reuse_memory(stage);
        break;
    default:
        brain_view_drop(&stage->view);
    }
}
