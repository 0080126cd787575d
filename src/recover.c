/* recover.c - what a dead process left.
 *
 * Owns:     nothing. Calls the modules in this order, under the lock that was taken over:
 *           1. the transaction under way is undone, or tidied after if it had committed (txn.c)
 *           2. a split under way is completed (index.c)
 *           3. the dead owner's row is reaped: unpublished slots, ledger, registrations
 *           4. sleepers are woken: the dead may have owed them that
 * Crash:    in the middle of any of it: the next one begins at 1 again; each is idempotent or journalled.
 */
#include "recover.h"

#include <unistd.h>

#include "client.h"
#include "index.h"
#include "journal.h"
#include "lock.h"
#include "pin.h"
#include "slot.h"
#include "snap.h"
#include "txn.h"
#include "watch.h"

/* Free what client `row` had taken and not published. From the end: removal moves the last to the hole. */
static int drop_unpublished(struct brain_store *store, uint32_t row)
{
    for (uint32_t i = bn_set_count(store, BN_SET_PRIVATE); i-- > 0;) {
        uint32_t slot = bn_set_get(store, BN_SET_PRIVATE, i);
        const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
        if (cold == NULL) {
            return bn_error_corrupt("%s: the set of unpublished slots names %u", store->path, slot);
        }
        /* Warm whatever it has: pages that the dead backed without saying so are found by the next trim. */
        int err = bn_slot_owner(cold) == row ? bn_txn_drop_private(store, slot, row, true) : 0;
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

/* Under the lock. NOT_FOUND: it lives, or is nobody's. */
static int reap_row(struct brain_store *store, uint32_t row)
{
    int claim, err = bn_client_claim_dead(store, row, &claim);
    if (err != 0) {
        return err;
    }
    err = drop_unpublished(store, row);
    if (err == 0) {
        bn_snap_bury(store, row);
        bn_pin_bury(store, row);
        bn_store_release(&bn_client_row(store, row)->state, (uint32_t)BN_ROW_FREE);
    }
    close(claim);
    return err;
}

static int put_in_order(struct brain_store *store, uint32_t died)
{
    int err = bn_txn_recover(store);
    err = err != 0 ? err : bn_index_recover(store);
    if (err == 0 && died != 0) {
        (void)bn_add_seq(&store->state->n_recoveries, (uint64_t)1);
        err = reap_row(store, died - 1);
        err = err == BRAIN_E_NOT_FOUND ? 0 : err;
        bn_watch_wake_all(store);
    }
    return err;
}

int bn_recover_enter(struct brain_store *store, bool wait)
{
    for (;;) {
        uint32_t died;
        int err = bn_lock_acquire(store, wait, &died);
        if (bn_unlikely(err != 0)) {
            return err;
        }
        if (bn_likely(died == 0 && bn_journal_is_empty(store) &&
                      (bn_load_relaxed(&store->state->index_state) & 1) == 0)) {
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

bool bn_recover_has_dead(struct brain_store *store)
{
    uint32_t n = bn_client_n_rows(store);
    for (uint32_t row = 0; row < n; row++) {
        if (bn_load_acquire(&bn_client_row(store, row)->state) == BN_ROW_USED &&
            !bn_client_alive(store, row)) {
            return true;
        }
    }
    return false;
}

int bn_recover_reap(struct brain_store *store, bool wait, uint32_t *n_out)
{
    uint32_t n = 0, n_rows = bn_client_n_rows(store);
    int err = 0;
    for (uint32_t row = 0; row < n_rows && err == 0; row++) {
        if (bn_load_acquire(&bn_client_row(store, row)->state) != BN_ROW_USED ||
            bn_client_alive(store, row)) {
            continue;
        }
        err = bn_recover_enter(store, wait); /* one row a holding */
        if (err == 0) {
            err = reap_row(store, row);
            n += err == 0;
            err = err == BRAIN_E_NOT_FOUND ? 0 : err;
            bn_lock_release(store);
        }
    }
    bn_pin_bury_orphans(store);
    if (n_out != NULL) {
        *n_out = n;
    }
    return err;
}
