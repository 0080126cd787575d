/* reclaim.h - giving memory back: limbo, tombstones that had to stay, removed namespaces.
 *
 * What is free then stays with the store (trim.h).
 *
 * bn_reclaim_retired() and bn_reclaim_may_leave() are called with the lock; all others take it, for short steps. */
#ifndef BN_RECLAIM_H
#define BN_RECLAIM_H

#include "store.h"

#define BN_RECLAIM_LOOK_EVERY 16u /* puts */

/* After `n_puts` puts of this process, the last of them a moment ago: reclaim if it is due.
 * `retired_extent`: a value with pages of its own went to limbo, look at once. `may_wait`: for the
 * lock, where it was not to be had so often that something piles up. */
void bn_reclaim_due(struct brain_store *store, bool retired_extent, uint32_t n_puts, bool may_wait);

/* Whether limbo is to be looked through for somebody who could not, the lock being held: whoever
 * makes a change asks after it has released the lock, and calls bn_reclaim_due(). */
static inline bool bn_reclaim_look_is_due(const struct brain_store *store)
{
    return bn_load_seq(&store->own_state->n_looks_due) != /* PAIR looks */
           bn_load_relaxed(&store->own_state->n_looks_done);
}

/* Of the slots of class `c` that this process has retired, make those ready that nobody can need,
 * and forget the rest. Under the lock. Where a look would cost more than it gives all the retired ones are
 * forgotten: bn_reclaim_due() finds them in limbo. */
void bn_reclaim_retired(struct brain_store *store, unsigned c);

/* Free all of limbo that nobody needs, and extents that are nobody's. `*n_out`, if not NULL: how many slots of
 * limbo. */
int bn_reclaim_limbo(struct brain_store *store, bool wait, uint64_t *n_out);

/* Clear tombstones that had to stay, and reclaim removed namespaces, as far as no registration
 * needs them. */
int bn_reclaim_removed(struct brain_store *store, bool wait);

/* Whether the names of a namespace that is about to be removed may be left to later changes: where they are many, they
 * and their values small as far as is easily seen, and all that is left so far is little beside the capacity. Under
 * the lock. */
bool bn_reclaim_may_leave(struct brain_store *store, const struct bn_space_rec *space);

/* All of it, the dead clients' share first: before anybody is told that the store is full. */
int bn_reclaim_all(struct brain_store *store);

/* A view of a value that has left the index was dropped: free it; or, where somebody has the lock,
 * let that change do it, or the next. */
void bn_reclaim_last(struct brain_store *store);

#endif
