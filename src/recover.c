/* recover.c - what a dead process left; and what a living one could not give back.
 *
 * Owns:     nothing. Calls the modules in this order, under the lock that was taken over:
 *           1. the transaction under way is undone, or tidied after if it had committed (txn.c)
 *           2. a split under way is completed (index.c)
 *           3. the dead owner's row is reaped: unpublished slots, ledger, registrations; if these
 *              are many, in part, and the row stays that of a dead client, whom anybody goes on to
 *              reap
 *           4. sleepers are woken: the dead may have owed them that
 * Crash:    in the middle of any of it: the next one begins at 1 again; each is idempotent or
 *           journalled.
 */
#include "recover.h"

#include <stdio.h>

#include "base/probe.h"
#include "client.h"
#include "count.h"
#include "event.h"
#include "index.h"
#include "journal.h"
#include "lock.h"
#include "pin.h"
#include "slot.h"
#include "snap.h"
#include "txn.h"
#include "watch.h"

/* So that reaping keeps nobody waiting for long. */
#define DROPS_PER_HOLDING 128u
#define LOOKS_PER_HOLDING 4096u

/* A dead client on its way out. One that had a hundred thousand unpublished slots takes many
 * holdings of the lock; in between anybody may go on with it, or sit down on its row. */
struct burial {
    uint32_t row;
    uint64_t n_seats;     /* of the row when this began; UINT64_MAX: it did not begin */
    uint32_t private_end; /* from here on the private set has none of its slots */
    uint32_t page;        /* before this the ledger has none of its pages */
};

static struct burial burial_of(uint32_t row, uint64_t n_seats)
{
    return (struct burial){ .row = row, .n_seats = n_seats, .private_end = UINT32_MAX };
}

/* Somebody has let go of an extent without the lock; or died, perhaps right after that. */
static void ask_for_look(struct brain_store *store)
{
    (void)bn_add_seq(&store->state->n_let_go, (uint64_t)1);
    bn_store_ask_for_look(store);
}

/* Free some of what client `row`, or BN_NOBODY, had taken and not published. From the end: removal moves the last
 * to the hole, and newcomers are added there, so from `*end` on, and later too, there are none of a
 * dead one. (For what becomes nobody's meanwhile a look of its own is asked for.) */
static int drop_unpublished(struct brain_store *store, uint32_t row, uint32_t *end)
{
    uint32_t n = bn_set_count(store, BN_SET_PRIVATE), i = *end < n ? *end : n;
    uint32_t n_dropped = 0, stop = i > LOOKS_PER_HOLDING ? i - LOOKS_PER_HOLDING : 0;
    while (i > stop && n_dropped < DROPS_PER_HOLDING) {
        uint32_t slot = bn_set_get(store, BN_SET_PRIVATE, --i);
        const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
        if (cold == NULL) {
            return bn_error_corrupt("%s: the set of unpublished slots names %u", store->path, slot);
        }
        if (bn_slot_owner(store, slot, cold) == row) {
            /* Warm whatever it has: pages that the dead backed without saying so are found by the
             * next trim. */
            int err = bn_txn_drop_private(store, slot, row, true);
            if (err != 0) {
                return err;
            }
            n_dropped++;
        }
    }
    *end = i;
    return 0;
}

/* What is done in one holding of the lock. NOT_FOUND: it lives, or is nobody's. */
static int bury_some(struct brain_store *store, struct burial *burial, bool *done_out)
{
    struct bn_row_rec *rec = bn_client_row(store, burial->row);
    int claim, err = bn_client_claim_dead(store, burial->row, &claim);
    if (err != 0) {
        return err;
    }
    if (bn_load_acquire(&rec->n_seats) != burial->n_seats) { /* another died there since */
        *burial = burial_of(burial->row, bn_load_acquire(&rec->n_seats));
    }
    err = drop_unpublished(store, burial->row, &burial->private_end);
    *done_out =
        err == 0 && burial->private_end == 0 && bn_pin_bury_some(store, burial->row, &burial->page);
    if (*done_out) {
        char who[BN_WHO_BYTES];
        bn_client_describe(store, burial->row, who, sizeof who);
        bn_event_note(store, BRAIN_EVENT_REAPED, 0, "%s had died: what it held was given back",
                      who);
        bn_snap_bury(store, burial->row);
        /* At what its views and snapshots kept; before the row is free, or a death in between would have
         * nobody look. */
        ask_for_look(store);
        bn_store_release(&rec->state, (uint32_t)BN_ROW_FREE);
    }
    bn_client_unclaim(burial->row, claim);
    return err;
}

/* A start: what is left, the row among it, is for bn_recover_reap(). */
static int begin_burial(struct brain_store *store, uint32_t row)
{
    struct burial burial = burial_of(row, UINT64_MAX);
    bool done;
    int err = bury_some(store, &burial, &done);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int put_in_order(struct brain_store *store, uint32_t died)
{
    int err = bn_txn_recover(store);
    err = err != 0 ? err : bn_index_recover(store);
    if (err == 0 && died != 0) {
        char who[BN_WHO_BYTES];
        bn_client_describe(store, died - 1, who, sizeof who);
        bn_event_note(store, BRAIN_EVENT_RECOVERED, 0,
                      "%s died with the lock, which was taken over: its change was undone or "
                      "finished",
                      who);
        BN_PROBE1(recover, died - 1);
        (void)bn_add_seq(&store->state->n_recoveries, (uint64_t)1);
        err = begin_burial(store, died - 1);
        bn_watch_wake_all(store);
    }
    return err;
}

/* bn_lock_acquire(), and what it waited for is counted and noted. */
static int acquire(struct brain_store *store, bool wait, uint32_t *died_out)
{
    uint64_t waited_ns;
    if (wait) {
        bn_count_prepare(store); /* not under the lock: it may ask for memory */
    }
    int err = bn_lock_acquire(store, wait, died_out, &waited_ns);
    if (waited_ns != 0) {
        bn_count(store, BRAIN_COUNT_LOCK_WAITS, 1);
        bn_count(store, BRAIN_COUNT_LOCK_WAIT_NS, waited_ns);
        bn_event_note(store, BRAIN_EVENT_WAITED, waited_ns, "%s", "");
    }
    return err;
}

int bn_recover_enter_slow(struct brain_store *store, bool wait, bool is_ours)
{
    uint32_t died =
        0; /* also of an earlier round: it is dead, and nobody else will learn it from the lock */
    for (;; is_ours = false) {
        uint32_t died_now = 0;
        int err = is_ours ? 0 : acquire(store, wait, &died_now);
        if (bn_unlikely(err != 0)) {
            return err;
        }
        died = died_now != 0 ? died_now : died;
        if (died == 0 && bn_recover_is_in_order(store)) {
            return 0;
        }
        err = put_in_order(store, died);
        if (err == 0) {
            return 0;
        }
        bn_lock_release(store);
        err = err == BN_AGAIN ? bn_store_satisfy(store) : err;
        if (err != 0) {
            return err;
        }
    }
}

/* Reap a dead client entirely, in as many holdings as it takes. */
static int bury(struct brain_store *store, bool wait, uint32_t row, uint32_t *n)
{
    struct burial burial = burial_of(row, UINT64_MAX);
    bool done = false;
    int err = 0;
    while (!done && err == 0) {
        err = bn_recover_enter(store, wait);
        if (err == 0) {
            err = bury_some(store, &burial, &done);
            bn_lock_release(store);
        }
    }
    *n += done;
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

void bn_recover_reap_orphans(struct brain_store *store)
{
    uint32_t n = bn_pin_bury_orphans(store);
    if (n > 0) {
        bn_event_note(store, BRAIN_EVENT_REAPED, 0,
                      "%u forked %s without a client row had died: the views were given back", n,
                      n == 1 ? "child" : "children");
    }
}

int bn_recover_reap(struct brain_store *store, bool wait, uint32_t *n_out)
{
    uint32_t n = 0, n_rows = bn_client_n_rows(store);
    int err = 0;
    for (uint32_t row = 0; row < n_rows && err == 0; row++) {
        if (bn_load_acquire(&bn_client_row(store, row)->state) == BN_ROW_USED &&
            !bn_client_alive(store, row)) {
            err = bury(store, wait, row, &n);
        }
    }
    bn_recover_reap_orphans(store);
    if (n_out != NULL) {
        *n_out = n;
    }
    return err;
}

int bn_recover_drop_private(struct brain_store *store, uint32_t slot, bool warm)
{
    int err = bn_recover_enter(store, !bn_lock_is_stuck(store));
    if (err == 0) {
        err = bn_txn_drop_private(store, slot, store->row, warm);
        bn_lock_release(store);
        return err;
    }
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    /* What is none of ours, in a damaged store, is left alone. */
    uint32_t ours = (uint32_t)BN_SLOT_PRIVATE | store->row << 8;
    if (cold != NULL && bn_load_relaxed(bn_atomic32(&cold->state_owner)) == ours) {
        bn_slot_abandon(store, slot, cold);
        ask_for_look(store);
    }
    return err;
}

void bn_recover_let_go(struct brain_store *store, uint32_t slot)
{
    if (slot != 0) {
        char text[BN_ERROR_DETAIL_BYTES];
        bn_error_keep(text);
        if (bn_recover_drop_private(store, slot, true) != 0) {
            bn_error_bring_back(text);
        }
    }
}

int bn_recover_drop_abandoned(struct brain_store *store, bool wait)
{
    uint64_t n = bn_load_seq(&store->state->n_let_go);
    uint32_t end = n != bn_load_relaxed(&store->state->n_let_go_done) ? UINT32_MAX : 0;
    int err = 0;
    while (end != 0 && err == 0) {
        err = bn_recover_enter(store, wait);
        if (err == 0) {
            err = drop_unpublished(store, BN_NOBODY, &end);
            bn_lock_release(store);
        }
    }
    if (err == 0) {
        bn_store_relaxed(&store->state->n_let_go_done, n);
    }
    return err;
}

int bn_recover_inherit(struct brain_store *store)
{
    uint32_t end = UINT32_MAX;
    int err = 0;
    bn_event_note(store, BRAIN_EVENT_REAPED, 0, "%s",
                  "a process that had died had the client row of this one: what it held is given "
                  "back");
    bn_snap_bury(store, store->row);
    bn_pin_bury(store, store->row);
    if (store->data != NULL) {
        ask_for_look(store); /* as bury_some() */
    }
    while (store->data != NULL && end != 0 && err == 0) {
        err = bn_recover_enter(store, false);
        if (err == 0) {
            err = drop_unpublished(store, store->row, &end);
            bn_lock_release(store);
        }
    }
    store->has_leftovers = end != 0;
    return err;
}
