/* journal.h - undo until the commit, tidy after it: the only way to change a shared metadata word.
 *
 * Everything here needs the writer lock. state.counts holds the three lengths; each step below ends
 * in one store of it.
 *
 *   begin         txn_number; the journal is empty
 *   u64, u32      note the old word, count the note, change the word
 *   settle        the notes so far are forgotten: what was changed stays (an allocation)
 *   publish       a fresh slot becomes the transaction's; forgets the notes as settle does
 *   ... commit (txn.c) ...
 *   tidying       the commit's notes are forgotten, not undone: readers have seen the new state
 *   tidied        one more publish record is done with; forgets the notes
 *   clear         the transaction is over
 */
#ifndef BN_JOURNAL_H
#define BN_JOURNAL_H

#include "base/step.h"
#include "store.h"

/* Notes that every step may make without asking for room. */
#define BN_JOURNAL_STEP 512u

struct bn_journal_counts {
    uint32_t n_undo;
    uint32_t n_publish;
    uint32_t n_tidied;
    bool tidying; /* the commit is behind us: the notes are those of the tidying */
};

static inline struct bn_journal_counts bn_journal_counts(const struct brain_store *store)
{
    uint64_t word = bn_load_relaxed(&store->state->counts);
    return (struct bn_journal_counts){ (uint32_t)(word & 0x3fffff),
                                       (uint32_t)(word >> 22 & 0xfffff),
                                       (uint32_t)(word >> 42 & 0xfffff), word >> 63 };
}

static inline bool bn_journal_is_empty(const struct brain_store *store)
{
    return bn_load_relaxed(&store->state->counts) == 0; /* relaxed: under the lock */
}

/* Ask for room for `n_undo` notes and `n_publish` records: 0 or BN_AGAIN or FULL. Not needed for
 * fewer than BN_JOURNAL_STEP notes and 100 records. */
int bn_journal_room(struct brain_store *store, uint32_t n_undo, uint32_t n_publish);

/* Begin a transaction. Returns its number. */
static inline uint64_t bn_journal_begin(struct brain_store *store)
{
    assert(bn_journal_is_empty(store));
    uint64_t number = bn_load_relaxed(&store->state->committed) + 1;
    BN_STEP(begin, number, 0);
    bn_store_release(&store->state->txn_number, number);
    return number;
}

#define BN_JOURNAL_OFF_BITS    40
#define BN_JOURNAL_OFF_MASK    (((uint64_t)1 << BN_JOURNAL_OFF_BITS) - 1)
#define BN_JOURNAL_UNDO_MASK   ((uint64_t)0x3fffff)
#define BN_JOURNAL_ONE_PUBLISH ((uint64_t)1 << 22)

static inline struct bn_undo_rec *bn_journal_undo_at(const struct brain_store *store, uint32_t i)
{
    return (struct bn_undo_rec *)(void *)bn_region_at(store, BN_REGION_UNDO) + i;
}

static inline uint64_t bn_journal_undo_check(bn_off off, uint64_t old, uint64_t number)
{
    uint64_t h = (old ^ off ^ number << 7) * UINT64_C(0x9E3779B97F4A7C15);
    return (h >> BN_JOURNAL_OFF_BITS) << BN_JOURNAL_OFF_BITS;
}

/* Write the 8 bytes at `word` as note `i` of transaction `number`. The caller counts it. */
BN_INLINE void bn_journal_write_note(struct brain_store *store, uint32_t i, uint64_t number,
                                     void *word)
{
    bn_off off = (bn_off)((const uint8_t *)word - store->data);
    uint64_t old = bn_load_relaxed(bn_atomic64(word));
    struct bn_undo_rec *rec = bn_journal_undo_at(store, i);
    assert((off & 7) == 0 &&
           (i + 1) * sizeof *rec <= bn_load_relaxed(&store->state->backed[BN_REGION_UNDO]));
    bn_store_release(bn_atomic64(&rec->off_check), off | bn_journal_undo_check(off, old, number));
    bn_store_release(bn_atomic64(&rec->old), old);
}

/* Count the transaction's first publish records and notes, which are written, by one store: a death
 * leaves all of them or none. */
BN_INLINE void bn_journal_count(struct brain_store *store, uint32_t n_publish, uint32_t n_undo)
{
    assert(bn_journal_is_empty(store));
    bn_store_release(&store->state->counts, n_publish * BN_JOURNAL_ONE_PUBLISH + n_undo);
}

/* Note the 8 bytes at `word`. */
static inline void bn_journal_note(struct brain_store *store, void *word)
{
    uint64_t counts = bn_load_relaxed(&store->state->counts);
    bn_journal_write_note(store, (uint32_t)(counts & BN_JOURNAL_UNDO_MASK),
                          bn_load_relaxed(&store->state->txn_number), word);
    bn_store_release(&store->state->counts, counts + 1);
}

static inline void bn_journal_u64(struct brain_store *store, void *word, uint64_t value)
{
    bn_journal_note(store, word);
    bn_store_release(bn_atomic64(word), value);
}

static inline void bn_journal_u32(struct brain_store *store, void *word, uint32_t value)
{
    bn_journal_note(store, (void *)((uintptr_t)word & ~(uintptr_t)7));
    bn_store_release(bn_atomic32(word), value);
}

static inline struct bn_publish_rec *bn_journal_publish_at(const struct brain_store *store,
                                                           uint32_t i)
{
    return (struct bn_publish_rec *)(void *)bn_region_at(store, BN_REGION_PUBLISH) + i;
}

static inline uint32_t bn_journal_publish_check(struct bn_publish_rec rec, uint64_t number)
{
    uint64_t h =
        ((uint64_t)rec.fresh << 32 ^ rec.older ^ number << 9) * UINT64_C(0x9E3779B97F4A7C15);
    h ^= (uint64_t)rec.holder << 32 ^ rec.detail ^ (uint64_t)rec.flags << 48;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(h >> 32);
}

/* Write publish record `i` of transaction `number`. The caller counts it. */
BN_INLINE void bn_journal_write_publish(struct brain_store *store, uint32_t i, uint64_t number,
                                        struct bn_publish_rec rec)
{
    _Atomic uint64_t *word = bn_atomic64(bn_journal_publish_at(store, i));
    rec.check = bn_journal_publish_check(rec, number);
    /* relaxed: counted by a release */
    bn_store_relaxed(&word[0], bn_pair(rec.fresh, rec.older));
    if (bn_load_relaxed(&word[1]) != bn_pair(rec.holder, rec.flags)) { /* mostly there already */
        bn_store_relaxed(&word[1], bn_pair(rec.holder, rec.flags));
    }
    bn_store_relaxed(&word[2], bn_pair(rec.detail, rec.check));
}

static inline void bn_journal_publish(struct brain_store *store, struct bn_publish_rec rec)
{
    uint64_t counts = bn_load_relaxed(&store->state->counts);
    bn_journal_write_publish(store, bn_journal_counts(store).n_publish,
                             bn_load_relaxed(&store->state->txn_number), rec);
    bn_store_release(&store->state->counts,
                     (counts & ~BN_JOURNAL_UNDO_MASK) + BN_JOURNAL_ONE_PUBLISH);
}

void bn_journal_settle(struct brain_store *store);
void bn_journal_tidying(struct brain_store *store);
void bn_journal_tidied(struct brain_store *store);

static inline void bn_journal_clear(struct brain_store *store)
{
    BN_STEP(clear, 0, 0);
    bn_store_release(&store->state->counts, (uint64_t)0);
}

/* Publish record `i`: 0, or CORRUPT where its check fails; `trusted` ones are not checked. */
int bn_journal_get_publish(const struct brain_store *store, uint32_t i, bool trusted,
                           struct bn_publish_rec *rec_out);

/* Restore all noted words, newest first: 0, or CORRUPT where a note's check fails (then none is
 * restored). */
int bn_journal_undo(struct brain_store *store);

#endif
