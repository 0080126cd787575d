/* lock.h - the writer lock of a store, taken over from the dead.
 *
 * A 64-bit word in the state page, changed as a whole:
 *
 *   bits 0..14   row + 1 of the owner, 0: free
 *   bit  15      somebody sleeps on it
 *   bits 16..63  epoch: raised by every acquisition
 *
 * The low half is the futex. The epoch lets a waiter that found the owner dead take over by
 * compare-and-swap: if anybody else acquired in between, even in the same row, the word has
 * changed.
 *
 * Not a robust pthread mutex: those record thread ids, which repeat between PID namespaces.
 * Threads of one process need no lock of their own in front: one that finds its own row here waits.
 */
#ifndef BN_LOCK_H
#define BN_LOCK_H

#include "base/step.h"
#include "store.h"

#define BN_LOCK_OWNER   UINT64_C(0x7fff)
#define BN_LOCK_WAITERS UINT64_C(0x8000)
#define BN_LOCK_EPOCH   UINT64_C(0x10000)

/* The word of one who takes the lock. */
static inline uint64_t bn_lock_taken(const struct brain_store *store, uint64_t word,
                                     uint64_t keep_waiters)
{
    return ((word & ~(BN_LOCK_OWNER | BN_LOCK_WAITERS)) + BN_LOCK_EPOCH) | keep_waiters |
           (store->row + 1);
}

/* Take the lock of a writable store if it is free: at the first attempt, or not. `keep_waiters`:
 * BN_LOCK_WAITERS where others may sleep on it, else 0. */
static inline bool bn_lock_try_to(struct brain_store *store, uint64_t keep_waiters)
{
    uint64_t word = bn_load_relaxed(&store->state->lock_word); /* relaxed: the swap decides */
    return (word & BN_LOCK_OWNER) == 0 &&
           (BN_STEP(lock_try, 0, 0),
            bn_cas_seq(&store->state->lock_word, &word, bn_lock_taken(store, word, keep_waiters)));
}

/* The same of any store; nobody is known to sleep. */
static inline bool bn_lock_try(struct brain_store *store)
{
    return bn_likely(store->data != NULL) && bn_lock_try_to(store, 0);
}

/* Take the lock, waiting up to the store's lock timeout (`wait` false: not at all).
 *
 * `*died_out`: the row + 1 of a dead owner that it was taken over from, 0: none. The caller
 * recovers before it looks at anything. `*waited_ns_out`: how long another was waited for, on failure too; 0: not at
 * all. Returns 0, or: TIMEOUT (the detail names the owner); BUSY (not waiting); PERM (read-only store). */
int bn_lock_acquire(struct brain_store *store, bool wait, uint32_t *died_out,
                    uint64_t *waited_ns_out);

/* Whether a holding that this process has waited for in vain goes on: who gets nothing by it but that something is
 * done at once does not wait for it again. */
static inline bool bn_lock_is_stuck(const struct brain_store *store)
{
    uint64_t stuck = bn_load_relaxed(&store->lock_stuck);
    return stuck != 0 &&
           (bn_load_relaxed(&store->own_state->lock_word) & ~BN_LOCK_WAITERS) == stuck;
}

/* Where somebody sleeps on it. */
void bn_lock_release_slow(struct brain_store *store);

/* A full barrier. */
static inline void bn_lock_release(struct brain_store *store)
{
    BN_STEP(lock_release, 0, 0);
    uint64_t word = bn_load_relaxed(&store->state->lock_word);
    if (bn_unlikely((word & BN_LOCK_WAITERS) != 0 ||
                    !bn_cas_seq(&store->state->lock_word, &word, word & ~BN_LOCK_OWNER))) {
        bn_lock_release_slow(store);
    } else {
        /* The commit may be a release store (replace.c): PAIR pin-retire, PAIR snap, PAIR wake. */
        bn_fence_after_swap();
    }
}

#endif
