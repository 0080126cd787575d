/* lock.c - the writer lock.
 *
 * Ordering: acquisition is a sequentially consistent swap, release too; they order all of the
 *           state. A full barrier follows the release.
 * Crash:    the word goes on naming the dead; who waits asks the kernel whether the owner's life
 *           byte is still locked, and takes over. A row that the word names is not given to anybody
 *           (client.c).
 * Waiters:  try some times, then sleep with a timeout, so a wake-up lost with a dead owner costs a
 *           moment, never for ever.
 */
#include "lock.h"

#include <stdio.h>

#include "base/os.h"
#include "client.h"

/* Who waits tries seldom. Each try takes the line of the word from the owner, who else makes change after change; and
 * to take over costs some dozen lines that the owner stored to last, as much as ten changes or more. All tries together
 * take some 50 us, as to fall asleep and be woken does. */
#define TRIES            6
#define FIRST_PAUSE_NS   ((int64_t)1000)
#define LONGEST_PAUSE_NS ((int64_t)16 * 1000)
#define FIRST_SLEEP_NS   ((int64_t)500 * 1000)
#define LONGEST_SLEEP_NS ((int64_t)100 * 1000 * 1000)

/* If the owner is dead, take over. */
static bool try_take_over(struct brain_store *store, uint32_t *died_out)
{
    uint64_t word = bn_load_seq(&store->state->lock_word);
    uint32_t owner = (uint32_t)(word & BN_LOCK_OWNER);
    if (owner == 0 || owner > BN_CLIENTS_MAX || bn_client_alive(store, owner - 1)) {
        return false;
    }
    BN_STEP(take_over, 0, 0);
    if (!bn_cas_seq(&store->state->lock_word, &word, bn_lock_taken(store, word, BN_LOCK_WAITERS))) {
        return false;
    }
    *died_out = owner;
    return true;
}

/* Sleep until the word changes or `sleep_ns` are over. */
static void sleep_on(struct brain_store *store, int64_t sleep_ns)
{
    uint64_t word = bn_load_seq(&store->state->lock_word);
    if ((word & BN_LOCK_OWNER) == 0) {
        return;
    }
    if ((word & BN_LOCK_WAITERS) == 0 &&
        !bn_cas_seq(&store->state->lock_word, &word, word | BN_LOCK_WAITERS)) {
        return;
    }
    (void)bn_os_wait(bn_low_half(&store->state->lock_word), (uint32_t)(word | BN_LOCK_WAITERS),
                     sleep_ns);
}

static int timed_out(struct brain_store *store)
{
    char who[160];
    uint32_t owner = (uint32_t)(bn_load_seq(&store->state->lock_word) & BN_LOCK_OWNER);
    if (owner == store->row + 1) {
        snprintf(who, sizeof who, "another thread of this process");
    } else if (owner == 0) {
        snprintf(who, sizeof who, "a stream of other writers");
    } else {
        bn_client_describe(store, owner - 1, who, sizeof who);
    }
    return bn_error(BRAIN_E_TIMEOUT,
                    "%s: waited %.1f s for %s, which is in the middle of a change. If it "
                    "is stopped, continue or end it (its change is then undone or completed)",
                    store->path, (double)store->lock_timeout_ns / 1e9, who);
}

/* Wait awake, with a try now and then. Whether we have the lock. */
static bool wait_awake(struct brain_store *store, uint64_t keep_waiters)
{
    int64_t now = bn_os_monotonic_ns(), pause_ns = FIRST_PAUSE_NS;
    for (int i = 0; i < TRIES; i++) {
        int64_t until = now + pause_ns;
        while (now < until) {
            bn_pause();
            now = bn_os_monotonic_ns();
        }
        if (bn_lock_try_to(store, keep_waiters)) {
            return true;
        }
        pause_ns = 2 * pause_ns < LONGEST_PAUSE_NS ? 2 * pause_ns : LONGEST_PAUSE_NS;
    }
    return false;
}

/* Somebody has it, since `start`: wait awake for a while, ask whether the owner lives, sleep. */
static int wait_for(struct brain_store *store, int64_t start, uint32_t *died_out)
{
    int64_t sleep_ns = FIRST_SLEEP_NS;
    uint64_t keep_waiters = 0, word;
    for (;;) {
        if (wait_awake(store, keep_waiters)) {
            return 0;
        }
        BN_STEP(lock_wait, 0, 0);
        int64_t waited = bn_os_monotonic_ns() - start;
        int64_t left = store->lock_timeout_ns - waited;
        if (try_take_over(store, died_out)) {
            return 0;
        }
        word = bn_load_seq(&store->state->lock_word);
        if ((word & BN_LOCK_OWNER) > BN_CLIENTS_MAX) {
            return bn_error_corrupt("%s: its lock is held by a client that there cannot be",
                                    store->path);
        }
        if (left <= 0) {
            word &= ~BN_LOCK_WAITERS;
            bn_store_relaxed(&store->lock_stuck, (word & BN_LOCK_OWNER) != 0 ? word : 0);
            return timed_out(store);
        }
        sleep_on(store, sleep_ns < left ? sleep_ns : left);
        sleep_ns = 2 * sleep_ns < LONGEST_SLEEP_NS ? 2 * sleep_ns : LONGEST_SLEEP_NS;
        keep_waiters = BN_LOCK_WAITERS; /* others may sleep: whoever slept wakes the next */
        if (bn_lock_try_to(store, keep_waiters)) {
            return 0;
        }
    }
}

int bn_lock_acquire(struct brain_store *store, bool wait, uint32_t *died_out,
                    uint64_t *waited_ns_out)
{
    *died_out = 0;
    *waited_ns_out = 0;
    if (bn_unlikely(store->data == NULL)) {
        return bn_store_say_read_only(store);
    }
    if (bn_lock_try(store)) {
        return 0;
    }
    if (!wait) {
        return try_take_over(store, died_out) ? 0 : BRAIN_E_BUSY;
    }
    int64_t start = bn_os_monotonic_ns();
    int err = wait_for(store, start, died_out);
    *waited_ns_out = (uint64_t)(bn_os_monotonic_ns() - start) + 1; /* 0 says something else */
    return err;
}

void bn_lock_release_slow(struct brain_store *store)
{
    (void)bn_and_seq(&store->state->lock_word, ~(BN_LOCK_OWNER | BN_LOCK_WAITERS));
    bn_fence_after_swap(); /* as bn_lock_release(): PAIR pin-retire, PAIR snap, PAIR wake */
    bn_os_wake(bn_low_half(&store->state->lock_word), 1);
}
