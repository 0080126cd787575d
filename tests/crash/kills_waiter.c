/* kills_waiter.c - a victim that waits for changes of the shared counter, or of its namespace.
 *
 * Both change all the time. A wait whose time ran out, and which saw a change when it looked for the
 * last time, slept through its wake-up: that may be where the writer died between the two.
 */
#include "kills.h"
#include "kit.h"

#define LONGEST_WAIT_S 0.2

static bool refused(struct kills_board *board, int err)
{
    return kills_fail(board, "a waiter: %s: %s", brain_strerror(err), brain_error_detail());
}

/* A wait for what is past is no wait. */
#define NOT_ABOVE 1

/* Until `*seen` is passed, or `timeout_ns` have gone. */
static int wait_once(brain_space *shared, bool for_name, uint64_t *seen, int64_t timeout_ns)
{
    uint64_t number = 0;
    int err = for_name ? brain_wait(shared, "c0", 2, *seen, timeout_ns, &number)
                       : brain_wait_space(shared, *seen, timeout_ns, &number);
    if (err == 0 && number > *seen) {
        *seen = number;
        return 0;
    }
    return err == 0 ? NOT_ABOVE : err;
}

int kills_wait_on(const struct kills_job *job)
{
    struct kills_waiter_board *own = &job->board->waiters[job->number];
    uint64_t seen[2] = { 0, 0 }, seed = job->seed;
    brain_store *store;
    brain_space *shared;
    int err = brain_open(job->path, NULL, &store);
    if (err == BRAIN_E_FULL || err == BRAIN_E_BUSY) {
        return KILLS_NO_ROOM;
    }
    if (err != 0 || (err = brain_space_open(store, "shared", 6, &shared)) != 0) {
        refused(job->board, err);
        return 1;
    }
    while ((err == 0 || err == BRAIN_E_TIMEOUT) && kills_goes_on(job->board)) {
        uint32_t what = kit_random(&seed) % 2;
        double start = kit_seconds();
        err = wait_once(shared, what, &seen[what], (int64_t)(LONGEST_WAIT_S * 1e9));
        atomic_fetch_add(&own->n_waits, 1);
        if (err == 0 && kit_seconds() - start >= LONGEST_WAIT_S) {
            atomic_fetch_add(&own->n_late, 1);
        }
    }
    if (err == NOT_ABOVE) {
        kills_fail(job->board, "a wait ended at a version that is not above");
        return 1;
    }
    brain_space_close(shared);
    brain_close(store);
    return err == 0 || err == BRAIN_E_TIMEOUT || refused(job->board, err) ? 0 : 1;
}
