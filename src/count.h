/* count.h - what each client counts of what it does (enum brain_count), in lines of its own.
 *
 * The first thread that counts by a handle has one in the row, the second one of a page, which are theirs for ever;
 * each other one of that page while it lives, as long as there are any; the rest share one.
 */
#ifndef BN_COUNT_H
#define BN_COUNT_H

#include "base/thread.h"
#include "store.h"

#define BN_COUNT_PLACES_LOG2 8u

/* Which line of a page a thread has: a place found by a hash of the thread. Of a thread that has ended, 0. */
struct bn_count_place {
    _Atomic uintptr_t thread;
    uint32_t off; /* within a page: its thread's alone, as the number of the line */
    uint32_t line;
};
extern struct bn_count_place bn_count_places[1u << BN_COUNT_PLACES_LOG2];

static inline uint32_t bn_count_hash(uintptr_t thread)
{
    /* An odd factor: of stacks that lie at equal distances each comes out elsewhere. */
    return (uint32_t)((uint64_t)thread * UINT64_C(0x9e3779b97f4a7c15) >>
                      (64 - BN_COUNT_PLACES_LOG2));
}

/* This thread's line, or NULL where it is not known yet, or shared, or events are told as well: then the slow way. */
BN_INLINE struct bn_count_rec *bn_count_line(const struct brain_store *store)
{
    uintptr_t thread = bn_thread_here();
    /* relaxed, the line: this thread has set `thread`, or seen it set */
    if (bn_likely(bn_load_acquire(&store->counting.own[0].thread) == thread)) {
        return bn_load_relaxed(&store->counting.own[0].line);
    }
    if (bn_load_acquire(&store->counting.own[1].thread) == thread) {
        return bn_load_relaxed(&store->counting.own[1].line);
    }
    const struct bn_count_place *place = &bn_count_places[bn_count_hash(thread)];
    uint8_t *page = bn_load_acquire(&store->counting.page);
    if (bn_unlikely(page == NULL ||
                    bn_load_relaxed(&place->thread) != thread)) { /* relaxed: its own */
        return NULL;
    }
    return (struct bn_count_rec *)(void *)(page + place->off);
}

/* relaxed: nobody else stores there, and who sums up may see one that is a moment old */
BN_INLINE void bn_count_in(struct bn_count_rec *line, enum brain_count which, uint64_t n)
{
    bn_store_relaxed(&line->of[which], bn_load_relaxed(&line->of[which]) + n);
}

void bn_count_slow(struct brain_store *store, enum brain_count which, uint64_t n);

/* Count `n` more. Waits for nobody but a thread of this process that begins to count, or forks. Not under the lock
 * of the store unless bn_count_prepare() was called before: the first one asks for memory. */
BN_INLINE void bn_count(struct brain_store *store, enum brain_count which, uint64_t n)
{
    struct bn_count_rec *line = bn_count_line(store);
    if (bn_likely(line != NULL)) {
        bn_count_in(line, which, n);
    } else {
        bn_count_slow(store, which, n);
    }
}

/* See that this thread has a line. */
void bn_count_prepare(struct brain_store *store);

/* From now on each count goes the slow way, or (`slowly` false) may go the short one again. Under store->mutex. */
void bn_count_go(struct brain_store *store, bool slowly);

/* Of a child that was just forked: it has one thread, and its page is its parent's. */
void bn_count_forget_threads(void);
void bn_count_forget(struct brain_store *store);

/* The sum of all pages / of those of one row. */
void bn_count_sum(struct brain_store *store, uint64_t sum_out[BRAIN_N_COUNTS]);
void bn_count_sum_of(struct brain_store *store, uint32_t row, uint64_t sum_out[BRAIN_N_COUNTS]);

#endif
