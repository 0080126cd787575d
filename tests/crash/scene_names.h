/* scene_names.h - operations on one name. */
#ifndef CRASH_SCENE_NAMES_H
#define CRASH_SCENE_NAMES_H

#include "stage.h"

/* For the table of scene.c: what is prepared, and what is done. */
void scene_put_new_small(struct stage *stage);
void scene_put_new_medium(struct stage *stage);
void scene_put_new_large(struct stage *stage);
void scene_put_empty(struct stage *stage);
void scene_put_wordy(struct stage *stage);
void scene_put_if_absent(struct stage *stage);
void scene_put_if_version(struct stage *stage);

void scene_replace_small(struct stage *stage);
void scene_replace_large(struct stage *stage);
void scene_replace_large_twice(struct stage *stage);
void scene_replace_small_by_large(struct stage *stage);
void scene_replace_large_by_small(struct stage *stage);
void scene_replace_twice(struct stage *stage);
void scene_hold_small(struct stage *stage);

/* The short way of a small put. */
void scene_get_ready(struct stage *stage);
void scene_get_ready_and_hinted(struct stage *stage);
void scene_use_up_all(struct stage *stage);
void scene_use_up_and_hold(struct stage *stage);
void scene_replace_ready(struct stage *stage);
void scene_replace_ready_held(struct stage *stage);
void scene_replace_ready_hinted(struct stage *stage);
void scene_replace_ready_in_size(struct stage *stage);

void scene_move_large(struct stage *stage);
void scene_move_and_replace(struct stage *stage);
void scene_move_held(struct stage *stage);
void scene_move_under_snapshot(struct stage *stage);
void scene_move_wordy(struct stage *stage);

void scene_delete_small(struct stage *stage);
void scene_delete_large(struct stage *stage);
void scene_delete_held(struct stage *stage);
void scene_delete_under_snapshot(struct stage *stage);
void scene_put_over_tombstone(struct stage *stage);

#endif
