/* journal.c - undo until the commit, tidy after it.
 *
 * Owns:     the UNDO and PUBLISH regions, state.counts, state.txn_number.
 * Promise:  at every instruction, recovery can tell from state.counts and state.committed what to
 *           do.
 * Ordering: note, count, change: each a release store, so a death after any of them leaves the ones
 * before.
 * Checks:   each record carries a hash of itself and the transaction's number; recovery
 *           undoes nothing where the hash of one of them is wrong.
 */
#include "journal.h"

#define ONE_TIDIED ((uint64_t)1 << 42)
#define TIDYING    ((uint64_t)1 << 63)

static uint64_t number_of(const struct brain_store *store)
{
    return bn_load_relaxed(&store->state->txn_number); /* relaxed: under the lock */
}

int bn_journal_room(struct brain_store *store, uint32_t n_undo, uint32_t n_publish)
{
    int err = bn_store_need(store, BN_REGION_UNDO, (uint64_t)n_undo * sizeof(struct bn_undo_rec));
    return err != 0 ? err
                    : bn_store_need(store, BN_REGION_PUBLISH,
                                    (uint64_t)n_publish * sizeof(struct bn_publish_rec));
}

void bn_journal_settle(struct brain_store *store)
{
    uint64_t counts = bn_load_relaxed(&store->state->counts);
    bn_store_release(&store->state->counts, counts & ~BN_JOURNAL_UNDO_MASK);
}

void bn_journal_tidying(struct brain_store *store)
{
    BN_STEP(tidying, 0, 0);
    uint64_t counts = bn_load_relaxed(&store->state->counts);
    bn_store_release(&store->state->counts, (counts & ~BN_JOURNAL_UNDO_MASK) | TIDYING);
}

void bn_journal_tidied(struct brain_store *store)
{
    BN_STEP(tidied, 0, 0);
    uint64_t counts = bn_load_relaxed(&store->state->counts);
    bn_store_release(&store->state->counts, (counts & ~BN_JOURNAL_UNDO_MASK) + ONE_TIDIED);
}

int bn_journal_get_publish(const struct brain_store *store, uint32_t i, bool trusted,
                           struct bn_publish_rec *rec_out)
{
    if (bn_likely(trusted)) {
        *rec_out = *bn_journal_publish_at(store, i);
        return 0;
    }
    if ((i + 1) * sizeof *rec_out > bn_load_relaxed(&store->state->backed[BN_REGION_PUBLISH])) {
        return bn_error_corrupt("%s: the journal's length is wrong", store->path);
    }
    *rec_out = *bn_journal_publish_at(store, i);
    if (rec_out->check != bn_journal_publish_check(*rec_out, number_of(store))) {
        return bn_error_corrupt("%s: record %u of the journal has a wrong checksum", store->path,
                                i);
    }
    return 0;
}

/* Whether `off` is a word that the journal may ever have noted: of the state page behind the
 * journal's own words, or of a metadata region that is backed there. */
static bool may_restore(const struct brain_store *store, bn_off off)
{
    if (off >= BN_STATE_OFF + offsetof(struct bn_state_rec, live) &&
        off < BN_STATE_OFF + sizeof(struct bn_state_rec)) {
        return (off & 7) == 0;
    }
    for (int r = BN_REGION_SLOTS; r < BN_REGION_BACKED; r++) {
        uint64_t in = off - store->region_off[r];
        if (off >= store->region_off[r] && in < store->region_bytes[r]) {
            return (off & 7) == 0 && in + 8 <= bn_load_relaxed(&store->state->backed[r]);
        }
    }
    return false;
}

/* Note `i` of the journal, as it is now: false where its check fails. */
static bool read_note(const struct brain_store *store, uint32_t i, struct bn_undo_rec *rec_out)
{
    _Atomic uint64_t *rec = bn_atomic64(bn_journal_undo_at(store, i));
    /* relaxed: under the lock. Copied: what was checked is what is used, though somebody writes
     * there */
    rec_out->off_check = bn_load_relaxed(&rec[0]);
    rec_out->old = bn_load_relaxed(&rec[1]);
    bn_off off = rec_out->off_check & BN_JOURNAL_OFF_MASK;
    return (rec_out->off_check & ~BN_JOURNAL_OFF_MASK) ==
               bn_journal_undo_check(off, rec_out->old, number_of(store)) &&
           may_restore(store, off);
}

static int wrong_note(const struct brain_store *store)
{
    return bn_error_corrupt("%s: a record of the journal has a wrong checksum", store->path);
}

/* Before anything is undone: half of a change is worse than the whole of it. */
static int check_notes(const struct brain_store *store, uint32_t n)
{
    struct bn_undo_rec rec;
    if (n * sizeof rec > bn_load_relaxed(&store->state->backed[BN_REGION_UNDO])) {
        return bn_error_corrupt("%s: the journal's length is wrong", store->path);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!read_note(store, i, &rec)) {
            return wrong_note(store);
        }
    }
    return 0;
}

int bn_journal_undo(struct brain_store *store)
{
    uint64_t counts = bn_load_relaxed(&store->state->counts);
    int err = check_notes(store, (uint32_t)(counts & BN_JOURNAL_UNDO_MASK));
    BN_STEP(undo, 0, 0);
    while (err == 0 && (counts & BN_JOURNAL_UNDO_MASK) != 0) {
        struct bn_undo_rec rec;
        if (!read_note(store, (uint32_t)(counts & BN_JOURNAL_UNDO_MASK) - 1, &rec)) {
            return wrong_note(store);
        }
        bn_store_release(bn_atomic64(bn_data_at(store, rec.off_check & BN_JOURNAL_OFF_MASK)),
                         rec.old);
        bn_store_release(&store->state->counts, --counts);
    }
    return err;
}
