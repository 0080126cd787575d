/* turn.c - whose turn it is to make room.
 *
 * Owns:     state.turn: who has it, as row + 1 and seat; 0: nobody.
 * Why:      two who choose what goes at once would choose the same, take each other's views for readers, and both say
 *           that nothing may go; and together make twice the room.
 * Waiters:  sleep on the word; as for the writer lock, no longer than its timeout.
 * Crash:    the word names a client that is dead: taken over from it, as a whole, by a swap.
 */
#include "turn.h"

#include <limits.h>
#include <stdio.h>

#include "base/os.h"
#include "client.h"

#define ROW_BITS         16u
#define LONGEST_SLEEP_NS ((int64_t)100 * 1000 * 1000) /* then we ask whether who has it lives */

static uint64_t ours(const struct brain_store *store)
{
    return bn_load_acquire(&bn_client_row(store, store->row)->n_seats) << ROW_BITS |
           (store->row + 1);
}

static uint32_t row_of(uint64_t word)
{
    return (uint32_t)(word & ((1u << ROW_BITS) - 1)) - 1;
}

/* Whether who is named there has it, or had it last. */
static bool is_taken(struct brain_store *store, uint64_t word)
{
    uint64_t seat = word >> ROW_BITS, mask = UINT64_MAX >> ROW_BITS;
    if (word == 0 || row_of(word) >= bn_client_n_rows(store)) {
        return false; /* damage, too */
    }
    uint64_t now = bn_load_acquire(&bn_client_row(store, row_of(word))->n_seats);
    return (now & mask) == seat && bn_client_lives(store, row_of(word), now);
}

static int timed_out(struct brain_store *store, uint64_t word)
{
    char who[160];
    bn_client_describe(store, row_of(word), who, sizeof who);
    return bn_error(BRAIN_E_TIMEOUT,
                    "%s: it is full, and for %.1f s waited for %s, which is making room in it. If "
                    "it is stopped, "
                    "continue or end it",
                    store->path, (double)store->lock_timeout_ns / 1e9, who);
}

int bn_turn_take(struct brain_store *store)
{
    _Atomic uint64_t *turn = &store->state->turn;
    uint64_t word = bn_load_seq(turn), had = word;
    int64_t start = bn_os_monotonic_ns();
    while (word == had) { /* else it was given back: there may be room */
        if (!is_taken(store, word)) {
            if (bn_cas_seq(turn, &word, ours(store))) {
                return 0;
            }
            continue;
        }
        int64_t left = store->lock_timeout_ns - (bn_os_monotonic_ns() - start);
        if (left <= 0) {
            return timed_out(store, word);
        }
        (void)bn_os_wait(bn_low_half(turn), (uint32_t)word,
                         left < LONGEST_SLEEP_NS ? left : LONGEST_SLEEP_NS);
        word = bn_load_seq(turn);
    }
    return BN_AGAIN;
}

void bn_turn_give(struct brain_store *store)
{
    uint64_t word = ours(store); /* not a parent's, in a child that was forked meanwhile */
    if (bn_cas_seq(&store->state->turn, &word, (uint64_t)0)) {
        bn_os_wake(bn_low_half(&store->state->turn), INT_MAX);
    }
}
