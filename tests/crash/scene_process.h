/* scene_process.h - operations on views, and those by which processes and handles come and go. */
#ifndef CRASH_SCENE_PROCESS_H
#define CRASH_SCENE_PROCESS_H

#include "stage.h"

/* For the table of scene.c: what is prepared, and what is done. */
void scene_dup(struct stage *stage);
void scene_view_at(struct stage *stage);
void scene_get_by_id(struct stage *stage);
void scene_put_noted(struct stage *stage);
void scene_set_note(struct stage *stage);

void scene_fork(struct stage *stage);
void scene_hold_much(struct stage *stage);
void scene_fork_child(struct stage *stage);

void scene_keep_row(struct stage *stage);
void scene_use_kept_row(struct stage *stage);
void scene_detach_and_attach(struct stage *stage);
void scene_close_with_view(struct stage *stage);

/* End the child, if there is one. */
void scene_process_close(struct stage *stage);

#endif
