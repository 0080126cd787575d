/* attach.c - how a process becomes a client of a store, and how its use of it ends.
 *
 * Owns:     the order: a row and its life byte, the dead that were seen on the way to it, memory for pins; and back.
 * Crash:    a row is the dead's from the moment that its life byte is locked; whoever reaps finds what it held.
 */
#include "attach.h"

#include <sched.h>

#include "base/os.h"
#include "client.h"
#include "event.h"
#include "fork.h"
#include "hits.h"
#include "pin.h"
#include "recover.h"
#include "snap.h"

#define REAP_TRIES   2000
#define REAP_MOST_NS ((int64_t)100 * 1000 * 1000)

/* Try until the lock is free, but not for long: 2,000 turns of a processor that 20 want are 10 s. */
static void try_to_reap(struct brain_store *store, int (*reap)(struct brain_store *store))
{
    int64_t end = bn_os_monotonic_ns() + REAP_MOST_NS;
    for (int i = 0; i < REAP_TRIES && reap(store) == BRAIN_E_BUSY; i++) {
        if (bn_os_monotonic_ns() > end) {
            break;
        }
        sched_yield();
    }
}

static int inherit(struct brain_store *store)
{
    return store->has_leftovers ? bn_recover_inherit(store) : 0;
}

static int reap_others(struct brain_store *store)
{
    return store->data != NULL ? bn_recover_reap(store, false, NULL) : 0;
}

/* Reap the dead that were seen on the way to our row, before we take memory for pins: theirs may
 * do. Writers are not waited for: if they leave no gap, the next to attach does it. */
static void reap_at_attach(struct brain_store *store)
{
    try_to_reap(store, inherit);
    try_to_reap(store, reap_others);
}

/* Take a row, and see that no child inherits what says that we live. With forks held. */
static int sit_down(struct brain_store *store, uint32_t *n_dead_out)
{
    struct bn_seat seat;
    if (bn_client_seat_again(store, &seat) == 0) {
        store->row = seat.row;
        store->life_map = seat.life_map;
        return 0;
    }
    int err = bn_client_seat(store, true, &seat, n_dead_out);
    if (err != 0) {
        return err;
    }
    store->row = seat.row;
    store->life_map = seat.life_map;
    store->has_leftovers = seat.was_dead;
    int os = bn_os_dont_fork(seat.life_map, BN_PAGE);
    if (os != 0) {
        bn_client_leave(store, false);
        return bn_error_os(os,
                           "%s: the kernel does not keep a page from children (madvise "
                           "MADV_DONTFORK), without which nobody would see that this process died: "
                           "allow "
                           "that call (a sandbox?)",
                           store->path);
    }
    bn_client_sign(store, store->row);
    return 0;
}

int bn_attach(struct brain_store *store)
{
    uint32_t n_dead = 0;
    int err = bn_fork_hold();
    if (err != 0) {
        return err;
    }
    err = sit_down(store, &n_dead);
    bn_fork_let_go();
    if (err != 0) {
        return err;
    }
    if (n_dead > 0) {
        bn_event_begin_early(store);
        reap_at_attach(store);
        bn_event_end_early(store);
    }
    err = bn_pin_init(store);
    if (err == 0) {
        bn_fork_enlist(store);
    }
    return err;
}

/* The last view of a closed store has gone, or there was none. */
static void finish(struct brain_store *store)
{
    bn_fork_delist(store);
    if (bn_load_relaxed(store->mark) == 1) {
        bn_snap_bury(store, store->row);
        bn_hits_deinit(store);
        bn_pin_deinit(store);
        bn_client_leave(store, true);
    } else {
        store->life_map = NULL; /* a clone's: not ours to give back */
    }
    bn_store_free(store);
}

bool bn_attach_end_if_unused(struct brain_store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool unused = bn_load_seq(&store->closed) && !store->finished && bn_pin_count_own(store) == 0;
    store->finished = store->finished || unused;
    pthread_mutex_unlock(&store->mutex);
    if (unused) {
        finish(store);
    }
    return unused;
}
