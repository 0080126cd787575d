/* held.h - what a random program has open: two clients of one store, and views, snapshots and objects of theirs. */
#ifndef BN_TESTS_HELD_H
#define BN_TESTS_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include "brain.h"
#include "model.h"

#define HELD_STORES    2
#define HELD_VIEWS     24
#define HELD_SNAPSHOTS 4
#define HELD_OBJECTS   4
#define HELD_IDS       64

struct held_view {
    brain_view view; /* store NULL: none */
    struct model_value value;
    uint32_t space, n_removed, name;
};

struct held_snapshot {
    brain_snapshot *snapshot;
    uint32_t store;
    struct model_table table;
};

struct held_object {
    brain_object *object;
    bool in_place, is_streamed;
    uint32_t store;
    uint64_t filled; /* of a streamed one */
    uint64_t size, seed;
};

/* Of a value whose view was dropped: its slot may be another's by now, its id is nobody else's. */
struct held_id {
    uint8_t id[BRAIN_ID_BYTES];
    struct model_value value; /* version 0: none */
    uint32_t space, name;
};

extern brain_store *held_stores[HELD_STORES];
extern brain_space *held_spaces[HELD_STORES][MODEL_SPACES];
extern struct held_view held_views[HELD_VIEWS];
extern struct held_snapshot held_snapshots[HELD_SNAPSHOTS];
extern struct held_object held_objects[HELD_OBJECTS];
extern struct held_id held_ids[HELD_IDS];
extern uint64_t held_n_full; /* how often the store was */

/* Open the store as two clients; close both and remove it. */
void held_begin(const char *path, uint64_t capacity);
void held_end(void);

uint32_t held_any_store(void);

/* NULL at times; else one that was used for the name in this space, if not its last. */
brain_hint *held_any_hint(brain_space *space, uint32_t n);

uint32_t held_count_views(void);

/* A view is looked at once more before it goes. */
void held_drop_view(uint32_t i);
void held_close_snapshot(uint32_t i);
void held_let_go(void);

/* What old values, views and snapshots keep may fill the store; without them everything fits. */
bool held_is_full(int err);

/* Still full with nothing held: then live values and this one must be more than it may hold. */
bool held_is_really_full(int err, uint64_t size);

#endif
