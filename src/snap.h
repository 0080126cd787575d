/* snap.h - registrations of those who read the store as of one commit. */
#ifndef BN_SNAP_H
#define BN_SNAP_H

#include "store.h"

/* What a writer sees of the registrations: those of the living. */
struct bn_snaps {
    uint64_t oldest; /* UINT64_MAX: none */
    uint32_t n;      /* of `numbers`; more than fit: `is_exact` is false */
    bool is_exact;
    uint64_t numbers[64];
};

/* Look at all registrations. Under the lock or not; after a full barrier that follows what the
 * caller did (commit, unlinking). PAIR snap. */
void bn_snap_look(struct brain_store *store, struct bn_snaps *snaps_out);

/* The same, unless it would take long: false. */
bool bn_snap_look_briefly(struct brain_store *store, struct bn_snaps *snaps_out);

/* The oldest number that a living client reads as of; UINT64_MAX: none. */
uint64_t bn_snap_oldest(struct brain_store *store);

/* Whether a registration lies in [from, below). */
bool bn_snap_needs(const struct bn_snaps *snaps, uint64_t from, uint64_t below);

/* Register this client: `*cell_out` of its row, `*number_out`. BUSY where it holds BN_SNAPS
 * already. */
int bn_snap_register(struct brain_store *store, uint32_t *cell_out, uint64_t *number_out);
void bn_snap_leave(struct brain_store *store, uint32_t cell);

/* Take back what a dead client registered. Under the lock, with its row claimed. */
void bn_snap_bury(struct brain_store *store, uint32_t row);

#endif
