/* scene_batch.h - batches, and objects that are written in place. */
#ifndef CRASH_SCENE_BATCH_H
#define CRASH_SCENE_BATCH_H

#include "stage.h"

/* For the table of scene.c: what is prepared, and what is done. */
void scene_batch(struct stage *stage);
void scene_batch_if(struct stage *stage);
void scene_batch_makes_spaces(struct stage *stage);
void scene_batch_many(struct stage *stage);
void scene_batch_dropped(struct stage *stage);
void scene_replace_held(struct stage *stage);

void scene_create_and_seal(struct stage *stage);
void scene_create_and_abort(struct stage *stage);
void scene_create_by_second(struct stage *stage);
void scene_let_go(struct stage *stage);
void scene_create_small_and_seal(struct stage *stage);
void scene_create_in_place_and_seal(struct stage *stage);
void scene_create_in_place_and_abort(struct stage *stage);
void scene_seal_in_batch(struct stage *stage);

#endif
