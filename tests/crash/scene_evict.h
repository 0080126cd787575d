/* scene_evict.h - operations in a store that is full, in mode lru: scenes of scene.c. */
#ifndef CRASH_SCENE_EVICT_H
#define CRASH_SCENE_EVICT_H

#include "stage.h"

/* Room for the common ground while it is laid, and then for less than an operation asks for. */
#define SCENE_EVICT_CAPACITY 112000u

/* The store is in mode lru, and somebody has a view of each value that could go, but for "larger0"; beside it somebody
 * died while he made room. */
void scene_evict_begin(struct stage *stage);
void scene_evict_after_death(struct stage *stage);

/* One value goes for what is put, and then that is there: two states. */
void scene_put_evicts(struct stage *stage);
void scene_batch_evicts(struct stage *stage);
void scene_create_evicts(struct stage *stage);

/* The same in pieces: the value goes by a delete. */
void scene_delete_then_put(struct stage *stage);
void scene_delete_then_batch(struct stage *stage);
void scene_delete_then_create(struct stage *stage);

#endif
