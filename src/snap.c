/* snap.c - registrations.
 *
 * Owns:     snaps[] of the rows; n_snaps of the clients head.
 * Ordering: PAIR snap: reader: raise n_snaps, store `committed` into its cell, barrier, load
 *           `committed` again; where it moved, again. Writer: commit, barrier, load n_snaps and the
 *           cells. So a writer that does not see the registration committed before it, and the
 *           reader registered as of that.
 * Crash:    a dead client's cells do not count (its life byte is unlocked), and are cleared when
 *           its row is reaped. Death between raising n_snaps and storing the cell leaves n_snaps
 *           one too high: writers then look at the rows although there is nothing to see.
 */
#include "snap.h"

#include "base/step.h"
#include "client.h"

#define ROWS_BRIEFLY 64u

static void add_number(struct bn_snaps *snaps, uint64_t number)
{
    snaps->oldest = number < snaps->oldest ? number : snaps->oldest;
    if (snaps->n < sizeof snaps->numbers / sizeof snaps->numbers[0]) {
        snaps->numbers[snaps->n++] = number;
    } else {
        snaps->is_exact = false;
    }
}

void bn_snap_look(struct brain_store *store, struct bn_snaps *snaps)
{
    snaps->oldest = UINT64_MAX;
    snaps->n = 0;
    snaps->is_exact = true;
    BN_STEP(look_snaps, 0, 0);
    if (bn_likely(bn_load_seq(&store->clients->n_snaps) == 0)) { /* PAIR snap */
        return;
    }
    uint32_t n_rows = bn_client_n_rows(store);
    for (uint32_t row = 0; row < n_rows; row++) {
        int alive = -1;
        BN_STEP(look_row, row, 0);
        for (uint32_t i = 0; i < BN_SNAPS; i++) {
            uint64_t number = bn_load_seq(&bn_client_row(store, row)->snaps[i]);
            if (number != 0) {
                alive = alive >= 0 ? alive : bn_client_alive(store, row);
                if (alive) {
                    add_number(snaps, number);
                }
            }
        }
    }
}

bool bn_snap_look_briefly(struct brain_store *store, struct bn_snaps *snaps)
{
    if (bn_load_seq(&store->clients->n_snaps) != 0 && bn_client_n_rows(store) > ROWS_BRIEFLY) {
        return false;
    }
    bn_snap_look(store, snaps);
    return true;
}

uint64_t bn_snap_oldest(struct brain_store *store)
{
    struct bn_snaps snaps;
    bn_snap_look(store, &snaps);
    return snaps.oldest;
}

bool bn_snap_needs(const struct bn_snaps *snaps, uint64_t from, uint64_t below)
{
    if (!snaps->is_exact) {
        return snaps->oldest < below;
    }
    for (uint32_t i = 0; i < snaps->n; i++) {
        if (from <= snaps->numbers[i] && snaps->numbers[i] < below) {
            return true;
        }
    }
    return false;
}

/* A cell of our row that no other thread of this process has. Claimed by a number that keeps
 * everything. */
static int claim_cell(struct brain_store *store, uint32_t *cell_out)
{
    struct bn_row_rec *row = bn_client_row(store, store->row);
    for (uint32_t i = 0; i < BN_SNAPS; i++) {
        uint64_t none = 0;
        if (bn_cas_seq(&row->snaps[i], &none, (uint64_t)1)) {
            *cell_out = i;
            return 0;
        }
    }
    return bn_error(BRAIN_E_BUSY,
                    "%s: this process holds %u snapshots (iterators included), and cannot "
                    "hold more: close one",
                    store->path, BN_SNAPS);
}

int bn_snap_register(struct brain_store *store, uint32_t *cell_out, uint64_t *number_out)
{
    BN_STEP(snap_count, 0, 0);
    (void)bn_add_seq(&store->clients->n_snaps, (uint64_t)1); /* PAIR snap */
    BN_STEP(snap_claim, 0, 0);
    int err = claim_cell(store, cell_out);
    if (err != 0) {
        (void)bn_add_seq(&store->clients->n_snaps, UINT64_MAX);
        return err;
    }
    _Atomic uint64_t *cell = &bn_client_row(store, store->row)->snaps[*cell_out];
    BN_STEP(snap_load, 0, 0);
    uint64_t number, again = bn_load_seq(&store->state_view->committed);
    do {
        number = again;
        BN_STEP(snap_store, number, 0);
        bn_store_seq(cell, number);
        bn_fence_seq();
        BN_STEP(snap_again, number, 0);
        again = bn_load_seq(&store->state_view->committed); /* PAIR snap */
    } while (again != number);
    *number_out = number;
    return 0;
}

void bn_snap_leave(struct brain_store *store, uint32_t cell)
{
    BN_STEP(snap_clear, 0, 0);
    bn_store_seq(&bn_client_row(store, store->row)->snaps[cell], (uint64_t)0);
    BN_STEP(snap_uncount, 0, 0);
    (void)bn_add_seq(&store->clients->n_snaps, UINT64_MAX);
}

void bn_snap_bury(struct brain_store *store, uint32_t row)
{
    for (uint32_t i = 0; i < BN_SNAPS; i++) {
        if (bn_exchange_seq(&bn_client_row(store, row)->snaps[i], (uint64_t)0) != 0) {
            (void)bn_add_seq(&store->clients->n_snaps, UINT64_MAX);
        }
    }
}
