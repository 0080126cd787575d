/* recover.h - the only code that runs after a dead owner, and the way in for every change; and what an owner who lives
 * could not give back. */
#ifndef BN_RECOVER_H
#define BN_RECOVER_H

#include "journal.h"
#include "lock.h"

/* Whether nobody left anything under way. Under the lock. */
static inline bool bn_recover_is_in_order(const struct brain_store *store)
{
    return bn_journal_is_empty(store) &&
           (bn_load_relaxed(&store->state->index_state) & 1) == 0; /* relaxed: under the lock */
}

/* bn_recover_enter() where the lock is not free, or (`is_ours`) is ours and there is something to
 * do. */
int bn_recover_enter_slow(struct brain_store *store, bool wait, bool is_ours);

/* Take the writer lock with the store in order: after a dead writer, recover first. `wait` false:
 * BUSY instead of waiting. On success the caller releases with bn_lock_release(). */
static inline int bn_recover_enter(struct brain_store *store, bool wait)
{
    bool is_ours = bn_lock_try(store);
    return bn_likely(is_ours && bn_recover_is_in_order(store))
               ? 0
               : bn_recover_enter_slow(store, wait, is_ours);
}

/* Reap the clients that died: their unpublished slots, pins and registrations. `*n_out`, if not
 * NULL: how many. Takes the lock. */
int bn_recover_reap(struct brain_store *store, bool wait, uint32_t *n_out);

/* The same of forked children that had no row, which bn_recover_reap() sees to as well. Needs no lock. */
void bn_recover_reap_orphans(struct brain_store *store);

/* Give back `slot`, which this client has taken and not published. Where the lock is not had in time it is nobody's
 * from then on, and whoever looks next gives it back; a holding that was waited for in vain before is not waited for
 * again. `warm`: as bn_txn_drop_private(). Returns 0, or why it was not done at once. */
int bn_recover_drop_private(struct brain_store *store, uint32_t slot, bool warm);

/* The same, by who has another error to tell, or none: the detail text stays. 0 is allowed. */
void bn_recover_let_go(struct brain_store *store, uint32_t slot);

/* Give back what is nobody's. Takes the lock, where there may be such. */
int bn_recover_drop_abandoned(struct brain_store *store, bool wait);

/* This client was seated over a dead one: give back what that held. What others never ask for, pins
 * and registrations, at once; unpublished slots under the lock, which is not waited for: BUSY.
 * While they are there store->has_leftovers stands; a read-only client has to leave them to those
 * who come after it. */
int bn_recover_inherit(struct brain_store *store);

#endif
