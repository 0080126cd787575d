/* scene.h - the operations that are proved: what is there before, and what is done.
 *
 * A scene prepares a store and then performs one or more operations. Between two of them the store
 * is in one of its states: state 0 before the first, state k after the k-th. Operation by operation
 * nothing else may ever be seen, and never an earlier state after a later one.
 */
#ifndef CRASH_SCENE_H
#define CRASH_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "brain.h"

#define SCENE_OPS_MAX 12u

/* What a scene works with, in the process that performs it. */
struct stage {
    const char *path;
    brain_store *store;
    brain_space *a;
    brain_space *b;
    brain_store *second; /* another use of the same store */
    brain_object *object;
    brain_snapshot *snapshot;
    brain_view view;
    brain_hint hint; /* of small3 */
    uint32_t next;   /* number of the next operation, from 0 */
};

struct scene {
    const char *name;
    uint32_t n_ops;
    void (*prepare)(struct stage *stage); /* NULL: nothing more than the common ground */
    void (*operate)(struct stage *stage); /* does operation number stage->next */
    bool is_long; /* many instructions: left out where all scenes are played in the short form */
};

extern const struct scene scenes[];
extern const uint32_t n_scenes;

/* Make the store of a scene at `path`, with the common ground and what the scene prepares. With the
 * same `seed` it is the same store each time. */
void scene_prepare(const struct scene *scene, struct stage *stage, const char *path, uint64_t seed);

/* Do the next operation. */
void scene_operate(const struct scene *scene, struct stage *stage);

/* End it in an orderly way. */
void scene_close(struct stage *stage);

#endif
