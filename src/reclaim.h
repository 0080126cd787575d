/* reclaim.h - giving memory back: limbo, tombstones that had to stay, removed namespaces, free pages.
 *
 * No function here is called under the lock; each takes it, for short steps. */
#ifndef BN_RECLAIM_H
#define BN_RECLAIM_H

#include "store.h"

/* After a change, still not under the lock: reclaim if it is due. `retired_extent`: a value with pages of its
 * own went to limbo, look at once. */
void bn_reclaim_due(struct brain_store *store, bool retired_extent, uint32_t n_puts);

/* Of the slots of class `c` that this process has retired, make those ready that nobody can need. Under the
 * lock. Does nothing where a look would cost more than it gives: then bn_reclaim_due() does it. */
void bn_reclaim_retired(struct brain_store *store, unsigned c);

/* Free all of limbo that nobody needs. `*n_out`, if not NULL: how many slots. */
int bn_reclaim_limbo(struct brain_store *store, bool wait, uint64_t *n_out);

/* Clear tombstones that had to stay, and reclaim removed namespaces, as far as no registration needs them. */
int bn_reclaim_removed(struct brain_store *store, bool wait);

/* All of it, the dead clients' share first: before anybody is told that the store is full. */
int bn_reclaim_all(struct brain_store *store);

/* Give the memory of all free pages back. */
int bn_reclaim_trim(struct brain_store *store);

/* A view of a value that has left the index was dropped: free it, if nobody is in the way. */
void bn_reclaim_last(struct brain_store *store);

#endif
