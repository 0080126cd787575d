/* scene.c - the operations that are proved: the table of all of them, and how one is played. What they do is in
 * scene_names.c, scene_batch.c, scene_space.c, scene_store.c, scene_process.c, scene_loading.c, scene_evict.c and
 * scene_plasma.c. */
#include "scene.h"

#include "fate.h"
#include "scene_batch.h"
#include "scene_evict.h"
#include "scene_loading.h"
#include "scene_names.h"
#include "scene_plasma.h"
#include "scene_process.h"
#include "scene_space.h"
#include "scene_store.h"

#define CAPACITY ((uint64_t)16 << 20)

void scene_prepare(const struct scene *scene, struct stage *stage, const char *path, uint64_t seed)
{
    uint64_t capacity = scene->capacity_bytes;
    fate_decide(seed);
    stage_begin(stage, path, capacity != 0 ? capacity : CAPACITY);
    if (scene->prepare != NULL) {
        scene->prepare(stage);
    }
}

void scene_operate(const struct scene *scene, struct stage *stage)
{
    scene->operate(stage);
    stage->next++;
}

void scene_operate_undisturbed(const struct scene *scene, struct stage *stage)
{
    void (*operate)(struct stage *) = scene->in_pieces != NULL ? scene->in_pieces : scene->operate;
    operate(stage);
    stage->next++;
}

void scene_close(struct stage *stage)
{
    brain_view_drop(&stage->view);
    brain_view_drop(&stage->other);
    brain_snapshot_close(stage->snapshot);
    brain_object_release(stage->object);
    scene_plasma_close(stage);
    brain_close(stage->second);
    stage_leave(stage);
    scene_process_close(stage);
}

/* ---- all of them ----------------------------------------------------------------------------- */

#define PLASMA .leaves_notes = true, .look = scene_plasma_look, .tidy = scene_plasma_tidy

#define EVICTS(pieces)                                                                             \
    .in_pieces = pieces, .fills_store = true, .capacity_bytes = SCENE_EVICT_CAPACITY

#define SCENE(called, n, prepared, operated, ...)                                                  \
    { .name = (called), .n_ops = (n), .prepare = (prepared), .operate = (operated), __VA_ARGS__ }

const struct scene scenes[] = {
    SCENE("put-new-small", 1, NULL, scene_put_new_small),
    SCENE("put-new-medium", 1, NULL, scene_put_new_medium),
    SCENE("put-empty-name", 1, NULL, scene_put_empty),
    SCENE("put-new-large-warm", 1, NULL, scene_put_new_large),
    SCENE("put-new-large-fresh", 1, stage_trim, scene_put_new_large),
    SCENE("put-long-name", 2, NULL, scene_put_wordy),
    SCENE("put-takes-slab", 1, scene_fill_slabs, scene_put_takes_slab),
    SCENE("put-grows-index", 10, scene_fill_index, scene_grow_index),
    SCENE("put-if-absent", 2, NULL, scene_put_if_absent),
    SCENE("put-if-version", 2, NULL, scene_put_if_version),
    SCENE("replace-small", 1, NULL, scene_replace_small),
    SCENE("replace-small-held", 3, scene_hold_small, scene_replace_held),
    SCENE("replace-ready", 2, scene_get_ready, scene_replace_ready),
    SCENE("replace-ready-hinted", 2, scene_get_ready_and_hinted, scene_replace_ready_hinted),
    SCENE("replace-ready-in-size", 2, scene_get_ready, scene_replace_ready_in_size),
    SCENE("replace-ready-after-look", 2, scene_use_up_all, scene_replace_ready),
    SCENE("replace-ready-held", 3, scene_use_up_and_hold, scene_replace_ready_held),
    SCENE("replace-large", 1, NULL, scene_replace_large),
    SCENE("replace-large-twice", 3, NULL, scene_replace_large_twice),
    SCENE("replace-small-by-large", 1, NULL, scene_replace_small_by_large),
    SCENE("replace-large-by-small", 1, NULL, scene_replace_large_by_small),
    SCENE("replace-under-snapshot", 2, stage_register_snapshot, scene_replace_twice),
    SCENE("move-away", 1, NULL, scene_move_large),
    SCENE("move-away-held", 3, stage_hold_view, scene_move_held),
    SCENE("move-away-under-snapshot", 3, stage_register_snapshot, scene_move_under_snapshot),
    SCENE("move-away-wordy", 1, scene_put_wordy, scene_move_wordy),
    SCENE("move-away-replaced", 4, NULL, scene_move_and_replace),
    SCENE("delete-small", 1, NULL, scene_delete_small),
    SCENE("delete-large", 1, NULL, scene_delete_large),
    SCENE("delete-held", 3, stage_hold_view, scene_delete_held),
    SCENE("delete-under-snapshot", 4, stage_register_snapshot, scene_delete_under_snapshot),
    SCENE("put-over-tombstone", 5, stage_register_snapshot, scene_put_over_tombstone),
    SCENE("batch", 1, NULL, scene_batch),
    SCENE("batch-makes-spaces", 1, NULL, scene_batch_makes_spaces),
    SCENE("batch-if", 2, NULL, scene_batch_if),
    SCENE("batch-many", 1, scene_fill_index_nearly, scene_batch_many, .is_long = true),
    SCENE("batch-dropped", 1, NULL, scene_batch_dropped),
    SCENE("create-seal", 2, NULL, scene_create_and_seal),
    SCENE("create-small-seal", 1, NULL, scene_create_small_and_seal),
    SCENE("create-seal-in-batch", 2, NULL, scene_seal_in_batch),
    SCENE("create-abort", 1, NULL, scene_create_and_abort),
    SCENE("create-let-go", 2, scene_create_by_second, scene_let_go),
    SCENE("space-create", 1, NULL, scene_space_create),
    SCENE("space-made-by-put", 2, NULL, scene_put_makes_space),
    SCENE("space-remove", 3, NULL, scene_space_remove),
    SCENE("space-remove-many", 3, scene_fill_space, scene_space_remove, .is_long = true),
    SCENE("space-remove-left", 3, scene_fill_third, scene_space_remove_left, .is_long = true),
    SCENE("space-remove-under-snapshot", 4, stage_register_snapshot,
          scene_space_remove_under_snapshot),
    SCENE("space-quota", 4, NULL, scene_space_quota),
    SCENE("put-within-quota", 4, scene_use_up_quota, scene_put_within_quota),
    SCENE("get-grows-ledger", 3, scene_many_views, scene_one_more_view),
    SCENE("snapshot", 1, NULL, scene_snapshot_and_close),
    SCENE("trim", 1, NULL, stage_trim),
    SCENE("decay", 1, scene_let_age, scene_decay),
    SCENE("compact", 1, scene_leave_dead, scene_compact),
    SCENE("resize", 1, NULL, scene_resize),
    SCENE("resize-smaller", 2, scene_leave_dead, scene_shrink),
    SCENE("attach-close", 2, NULL, scene_attach_and_close),
    SCENE("attach-reaps", 2, scene_leave_dead, scene_attach_reaps),
    SCENE("reap", 1, scene_die_holding, scene_reap),
    SCENE("grow-file", 2, NULL, scene_grow_file, .is_long = true, .tidy = scene_grow_file_again,
          .capacity_bytes = SCENE_PLASMA_CAPACITY),

    SCENE("create-in-place-seal", 2, NULL, scene_create_in_place_and_seal),
    SCENE("create-in-place-abort", 2, NULL, scene_create_in_place_and_abort),

    SCENE("create-streamed-seal", 3, scene_forget_warm, scene_stream_and_seal),
    SCENE("create-streamed-warm", 3, NULL, scene_stream_and_seal),
    SCENE("create-streamed-abort", 2, scene_forget_warm, scene_stream_and_abort),
    SCENE("create-streamed-long-name", 3, scene_forget_warm, scene_stream_and_copy),
    SCENE("create-streamed-in-batch", 2, NULL, scene_stream_and_seal_in_batch),
    SCENE("advance", 2, NULL, scene_advance),
    SCENE("advance-after-death", 2, scene_die_in_a_change, scene_advance),

    SCENE("evict-put", 2, scene_evict_begin, scene_put_evicts, EVICTS(scene_delete_then_put)),
    SCENE("evict-batch", 2, scene_evict_begin, scene_batch_evicts, EVICTS(scene_delete_then_batch)),
    SCENE("evict-create", 2, scene_evict_begin, scene_create_evicts,
          EVICTS(scene_delete_then_create)),
    SCENE("evict-after-death", 2, scene_evict_after_death, scene_put_evicts,
          EVICTS(scene_delete_then_put), .is_long = true),

    SCENE("view-dup", 5, stage_hold_view, scene_dup),
    SCENE("view-at", 5, stage_hold_view, scene_view_at),
    SCENE("get-by-id", 3, NULL, scene_get_by_id),
    SCENE("note", 4, scene_put_noted, scene_set_note),
    SCENE("fork", 4, stage_hold_view, scene_fork),
    SCENE("fork-child", 6, scene_hold_much, scene_fork_child, .is_long = true,
          .goes_on_in_child = true),
    SCENE("kept-row", 7, scene_keep_row, scene_use_kept_row),
    SCENE("detach-attach", 2, NULL, scene_detach_and_attach),
    SCENE("close-with-view", 4, stage_hold_view, scene_close_with_view),

    SCENE("plasma-put", 2, scene_plasma_begin, scene_plasma_put, PLASMA),
    SCENE("plasma-create", 4, scene_plasma_begin, scene_plasma_create, PLASMA),
    SCENE("plasma-create-small", 4, scene_plasma_begin, scene_plasma_create_small, PLASMA,
          .is_long = true),
    SCENE("plasma-abort", 3, scene_plasma_begin, scene_plasma_abort, PLASMA),
    SCENE("plasma-delete-held", 2, scene_plasma_hold, scene_plasma_delete_held, PLASMA),
    SCENE("plasma-take-notices", 1, scene_plasma_begin, scene_plasma_take_notices, PLASMA),
    SCENE("plasma-subscribe", 3, scene_plasma_begin, scene_plasma_subscribe, PLASMA,
          .is_long = true),
    SCENE("plasma-put-evicts", 3, scene_plasma_fill, scene_plasma_put_evicts, PLASMA,
          .in_pieces = scene_plasma_evict_then_put, .fills_store = true,
          .capacity_bytes = SCENE_PLASMA_CAPACITY),
    SCENE("plasma-evict-external", 2, scene_plasma_fill_external, scene_plasma_evict_one, PLASMA,
          .is_long = true, .capacity_bytes = SCENE_PLASMA_CAPACITY),
};

const uint32_t n_scenes = sizeof scenes / sizeof scenes[0];