/* references.h - the states of a scene, from stores that nobody disturbed. */
#ifndef CRASH_REFERENCES_H
#define CRASH_REFERENCES_H

#include "examine.h"
#include "python_scene.h"
#include "scene.h"
#include "state.h"

struct references {
    struct state_catalogue *catalogue;
    uint32_t n; /* states: one more than operations */
    struct examine_report report[SCENE_OPS_MAX + 1];
    uint64_t meta_bytes; /* the most that any of them takes beyond values */
};

/* Play the scene to the end of each operation and examine what it leaves. Gives up where that is
 * not sound. */
void references_make(const struct scene *scene, const struct python *python, uint64_t seed,
                     struct references *refs);
void references_free(struct references *refs);

/* The first state from `from` on that `state` is equal to, or -1 with a text. */
int references_find(const struct references *refs, const struct state *state, uint32_t from,
                    char *text);

#endif
