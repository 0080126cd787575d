/* trim.h - free memory goes back to the system: on request, where there is much of it, and by itself after a time.
 *
 * Everything here takes the lock, for short steps. */
#ifndef BN_TRIM_H
#define BN_TRIM_H

#include "store.h"

/* Give the memory of free pages back: of so many bytes, the smallest pieces first, the last of them whole (BUSY where
 * the lock is not free at once); or BN_TRIM_ALL. */
#define BN_TRIM_ALL UINT64_MAX
int bn_trim(struct brain_store *store, uint64_t bytes);

/* The same for at most so many bytes, exactly, and not many pieces. `*given_out` is how many went, on an error too. */
int bn_trim_bite(struct brain_store *store, uint64_t bytes, uint64_t *given_out);

/* Reap the dead, take removed namespaces apart, empty limbo, and give back all that is free; once more for what others
 * let go of meanwhile. And count anew which pages are in use. */
int bn_trim_compact(struct brain_store *store);

/* Bytes of memory that values have. What the rest has is known: it is used, or kept for good. */
uint64_t bn_trim_backed(const struct brain_store *store, int fd);

/* How much free memory stays with the store, and to say so (BRAIN_KEEP_DEFAULT). */
uint64_t bn_trim_keep_free(const struct brain_store *store);
void bn_trim_set_keep_free(struct brain_store *store, uint64_t bytes);

/* See whether free memory is due to go back, and give a bite of it: a small one; after a change that was `large` one that
 * goes with what is due, and with the bytes that were put. If it cannot now, a later change does. */
void bn_trim_due(struct brain_store *store, bool large, uint64_t put_bytes);

#define BN_TRIM_LOOK_EVERY 64u /* small changes */

/* After each change, the lock being released. A small one is spared the clock, as a rule. */
static inline void bn_trim_after(struct brain_store *store, bool large, uint64_t put_bytes)
{
    uint32_t n =
        bn_load_relaxed(&store->n_since_trim_look) + 1; /* relaxed, and not added up: a guess */
    bn_store_relaxed(&store->n_since_trim_look, large ? 0 : n);
    if (bn_unlikely(large || n % BN_TRIM_LOOK_EVERY == 0)) {
        bn_trim_due(store, large, put_bytes);
    }
}

/* By how much the clock is ahead, in a test. */
extern _Atomic uint64_t bn_trim_ahead_ns;

#endif
