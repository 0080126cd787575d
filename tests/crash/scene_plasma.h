/* scene_plasma.h - operations on Plasma objects. */
#ifndef CRASH_SCENE_PLASMA_H
#define CRASH_SCENE_PLASMA_H

#include <stdbool.h>

#include "stage.h"

/* A store that evicts has to be full. */
#define SCENE_PLASMA_CAPACITY 262144u

/* For the table of scene.c: what is prepared, and what is done. */
void scene_plasma_begin(struct stage *stage);
void scene_plasma_hold(struct stage *stage);
void scene_plasma_fill(struct stage *stage);
void scene_plasma_put(struct stage *stage);
void scene_plasma_create(struct stage *stage);
void scene_plasma_create_small(struct stage *stage);
void scene_plasma_abort(struct stage *stage);
void scene_plasma_delete_held(struct stage *stage);
void scene_plasma_take_notices(struct stage *stage);
void scene_plasma_subscribe(struct stage *stage);
void scene_plasma_put_evicts(struct stage *stage);
void scene_plasma_evict_then_put(struct stage *stage);
void scene_plasma_fill_external(struct stage *stage);
void scene_plasma_evict_one(struct stage *stage);

/* At each moment: objects say of themselves what makes sense, and at most one counts as missing,
 * whose end is under way. */
bool scene_plasma_look(brain_store *store, char *text);

/* At the end: what the dead left goes, and the objects that are there can be got and evicted. */
bool scene_plasma_tidy(brain_store *store, char *text);

void scene_plasma_close(struct stage *stage);

#endif
