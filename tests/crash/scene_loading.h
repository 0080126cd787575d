/* scene_loading.h - operations that bring values back: numbers that are advanced, objects that are filled piece by
 * piece. */
#ifndef CRASH_SCENE_LOADING_H
#define CRASH_SCENE_LOADING_H

#include "stage.h"

/* For the table of scene.c: what is prepared, and what is done. */
void scene_advance(struct stage *stage);
void scene_die_in_a_change(struct stage *stage);

void scene_forget_warm(struct stage *stage);
void scene_stream_and_seal(struct stage *stage);
void scene_stream_and_abort(struct stage *stage);
void scene_stream_and_copy(struct stage *stage);
void scene_stream_and_seal_in_batch(struct stage *stage);

#endif
