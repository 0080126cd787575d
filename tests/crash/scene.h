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

#include "stage.h"

#define SCENE_OPS_MAX 12u

struct scene {
    const char *name;
    uint32_t n_ops;
    void (*prepare)(struct stage *stage); /* NULL: nothing more than the common ground */
    void (*operate)(struct stage *stage); /* does operation number stage->next */
    bool is_long; /* many instructions: left out where all scenes are played in the short form */

    /* What few scenes have. */
    uint64_t capacity_bytes; /* of the store; 0: more than any scene needs */
    bool goes_on_in_child; /* it forks, and the child is looked at from its first instruction on */
    /* Where an operation makes several commits, each is a state: `operate` then does it whole and
     * counts stage->next up, and this does piece number stage->next of it in another way. */
    void (*in_pieces)(struct stage *stage);
    bool fills_store;  /* what others keep is in its way */
    bool leaves_notes; /* the notes of values come and go: they are no part of a state */
    /* What must hold at each moment beside; and what must be possible at the end, in a store that
     * nobody else has. True, or false with a text of STATE_TEXT_MAX. */
    bool (*look)(brain_store *store, char *text);
    bool (*tidy)(brain_store *store, char *text);
};

extern const struct scene scenes[];
extern const uint32_t n_scenes;

/* Make the store of a scene at `path`, with the common ground and what the scene prepares. With the
 * same `seed` it is the same store each time. */
void scene_prepare(const struct scene *scene, struct stage *stage, const char *path, uint64_t seed);

/* Do the next operation. */
void scene_operate(const struct scene *scene, struct stage *stage);

/* The same, for who only wants the states: `in_pieces` where there is one. */
void scene_operate_undisturbed(const struct scene *scene, struct stage *stage);

/* End it in an orderly way. */
void scene_close(struct stage *stage);

#endif
