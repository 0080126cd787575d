/* scene_store.h - operations on the store: what grows in it, its file, its memory, who has it open. */
#ifndef CRASH_SCENE_STORE_H
#define CRASH_SCENE_STORE_H

#include <stdbool.h>

#include "stage.h"

/* For the table of scene.c: what is prepared, and what is done. */
void scene_fill_index(struct stage *stage);
void scene_fill_index_nearly(struct stage *stage);
void scene_grow_index(struct stage *stage);
void scene_fill_slabs(struct stage *stage);
void scene_put_takes_slab(struct stage *stage);
void scene_many_views(struct stage *stage);
void scene_one_more_view(struct stage *stage);

void scene_resize(struct stage *stage);
void scene_shrink(struct stage *stage);
void scene_let_age(struct stage *stage);
void scene_decay(struct stage *stage);
void scene_compact(struct stage *stage);
void scene_snapshot_and_close(struct stage *stage);

void scene_attach_and_close(struct stage *stage);
void scene_die_holding(struct stage *stage);
void scene_leave_dead(struct stage *stage);
void scene_attach_reaps(struct stage *stage);
void scene_reap(struct stage *stage);

void scene_grow_file(struct stage *stage);
bool scene_grow_file_again(brain_store *store, char *text);

#endif
