/* scene_space.h - operations on namespaces and their quotas. */
#ifndef CRASH_SCENE_SPACE_H
#define CRASH_SCENE_SPACE_H

#include "stage.h"

/* For the table of scene.c: what is prepared, and what is done. */
void scene_space_create(struct stage *stage);
void scene_put_makes_space(struct stage *stage);
void scene_space_remove(struct stage *stage);
void scene_fill_space(struct stage *stage);
void scene_fill_third(struct stage *stage);
void scene_space_remove_left(struct stage *stage);
void scene_space_remove_under_snapshot(struct stage *stage);

void scene_space_quota(struct stage *stage);
void scene_use_up_quota(struct stage *stage);
void scene_put_within_quota(struct stage *stage);

#endif
