/* index.c - name to slot.
 *
 * Owns:     the BUCKETS and OVERFLOW regions; index_state, n_entries, n_overflow, overflow_free.
 * Growth:   one bucket is split when names outnumber the buckets by more than LOAD. index_state is
 *           odd from before the first word moves until after the last one. A word is in its new
 *           place before it leaves the old one.
 * Readers:  a miss is believed only if index_state stood still. While it is odd, hashes of the new
 *           bucket are looked for in the old one first, then in the new: words move only that way.
 *           So nobody waits for a split, not even for one whose writer is stopped.
 * Crash:    an odd index_state: bn_index_recover() does the split of that bucket again. A word that
 *           is in the new chain already is not added twice. Overflow lines are taken and linked in
 *           a journalled step of its own; an empty line in a chain harms nobody.
 * Memory:   a line that was a bucket or an overflow line is never anything else, so a reader that
 *           follows a stale link still reads index words, whose slots it checks.
 */
#include "index.h"

#include "journal.h"
#include "slot.h"

#define LOAD_NAMES   7u /* names in 2 buckets: 3.5 of 7 words */
#define LOAD_BUCKETS 2u

/* ---- lines */

/* A line of a region, if it is backed as far as `seen` or, after another look, the watermark
 * says. */
static const struct bn_bucket_rec *line_view(struct brain_store *store, enum bn_region region,
                                             _Atomic uint64_t *seen, uint64_t i)
{
    uint64_t end = (i + 1) * sizeof(struct bn_bucket_rec);
    if (i >= (uint64_t)1 << 40) {
        return NULL;
    }
    if (bn_unlikely(end > bn_load_relaxed(seen))) { /* relaxed: rises only */
        uint64_t backed = bn_load_acquire(&store->state_view->backed[region]);
        backed = backed < store->region_bytes[region] ? backed : store->region_bytes[region];
        bn_store_relaxed(seen, backed);
        if (end > backed) {
            return NULL;
        }
    }
    return (const struct bn_bucket_rec *)(const void *)bn_region_view(store, region) + i;
}

const struct bn_bucket_rec *bn_index_bucket_view_slow(struct brain_store *store, uint64_t bucket)
{
    return line_view(store, BN_REGION_BUCKETS, &store->buckets_backed, bucket);
}

const struct bn_bucket_rec *bn_index_overflow_view(struct brain_store *store, uint64_t line)
{
    return line_view(store, BN_REGION_OVERFLOW, &store->overflow_backed, line);
}

static struct bn_bucket_rec *line_at(const struct brain_store *store, enum bn_region region,
                                     uint64_t i)
{
    if (i >= (uint64_t)1 << 40 ||
        (i + 1) * sizeof(struct bn_bucket_rec) > bn_load_relaxed(&store->state->backed[region])) {
        return NULL;
    }
    return (struct bn_bucket_rec *)(void *)bn_region_at(store, region) + i;
}

struct bn_bucket_rec *bn_index_bucket_at(const struct brain_store *store, uint64_t bucket)
{
    return line_at(store, BN_REGION_BUCKETS, bucket);
}

struct bn_bucket_rec *bn_index_overflow_at(const struct brain_store *store, uint64_t line)
{
    return line_at(store, BN_REGION_OVERFLOW, line);
}

/* The line behind `line`, or NULL. */
static struct bn_bucket_rec *next_line(const struct brain_store *store, struct bn_bucket_rec *line)
{
    uint64_t next = bn_load_relaxed(&line->next);
    return next == 0 ? NULL : bn_index_overflow_at(store, next - 1);
}

static uint64_t n_buckets(const struct brain_store *store)
{
    uint64_t n = bn_load_relaxed(&store->state->index_state) >> 1; /* relaxed: under the lock */
    return n == 0 ? 1 : n;
}

/* ---- chains */

_Atomic uint64_t *bn_index_next_match(struct brain_store *store, uint64_t hash,
                                      struct bn_index_cursor *cursor)
{
    if (cursor->line == NULL) {
        cursor->line = bn_index_bucket_at(store, bn_index_bucket(hash, n_buckets(store)));
        cursor->i = 0;
        cursor->n_lines = 0;
    }
    while (cursor->line != NULL && cursor->n_lines < BN_CHAIN_MAX) {
        while (cursor->i < BN_BUCKET_WORDS) {
            _Atomic uint64_t *word = &cursor->line->words[cursor->i++];
            if (bn_index_matches(bn_load_relaxed(word), hash)) {
                return word;
            }
        }
        if (bn_load_relaxed(&cursor->line->next) == 0) {
            return NULL;
        }
        cursor->line = next_line(store, cursor->line);
        cursor->i = 0;
        cursor->n_lines++;
    }
    cursor->is_broken = true;
    return NULL;
}

/* The word equal to `wanted` (whatever its hash), or the first empty one for 0, in the chain of a
 * bucket; the last line, if asked for. */
static _Atomic uint64_t *find_in_chain(struct brain_store *store, uint64_t bucket, uint64_t wanted,
                                       uint64_t mask, struct bn_bucket_rec **last_out)
{
    struct bn_bucket_rec *line = bn_index_bucket_at(store, bucket);
    for (uint32_t n = 0; line != NULL && n < BN_CHAIN_MAX; n++) {
        for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
            if ((bn_load_relaxed(&line->words[i]) & mask) == wanted) {
                return &line->words[i];
            }
        }
        if (last_out != NULL) {
            *last_out = line;
        }
        line = next_line(store, line);
    }
    return NULL;
}

_Atomic uint64_t *bn_index_find_slot(struct brain_store *store, uint32_t hash_low, uint32_t slot)
{
    uint64_t bucket = bn_index_bucket(hash_low, n_buckets(store));
    return find_in_chain(store, bucket, slot, 0xffffffff, NULL);
}

/* Link a new overflow line behind `last`. Journalled. */
static int add_line(struct brain_store *store, struct bn_bucket_rec *last,
                    _Atomic uint64_t **word_out)
{
    struct bn_state_rec *state = store->state;
    uint32_t i;
    if (last == NULL) {
        return bn_error_corrupt("%s: the chains of the index", store->path);
    }
    if (state->overflow_free != 0) {
        i = state->overflow_free - 1;
    } else {
        i = state->n_overflow;
        int err = bn_store_need(store, BN_REGION_OVERFLOW,
                                ((uint64_t)i + 1) * sizeof(struct bn_bucket_rec));
        if (err != 0) {
            return err;
        }
    }
    struct bn_bucket_rec *line = bn_index_overflow_at(store, i);
    if (line == NULL) {
        return bn_error_corrupt("%s: the list of overflow lines", store->path);
    }
    if (state->overflow_free != 0) {
        bn_journal_u32(store, &state->overflow_free, (uint32_t)bn_load_relaxed(&line->next));
    } else {
        bn_journal_u32(store, &state->n_overflow, i + 1);
    }
    bn_journal_u64(store, &line->next, 0);
    bn_journal_u64(store, &last->next, (uint64_t)i + 1);
    *word_out = &line->words[0];
    return 0;
}

static int room_in_bucket(struct brain_store *store, uint64_t bucket, _Atomic uint64_t **word_out)
{
    struct bn_bucket_rec *last = NULL;
    *word_out = find_in_chain(store, bucket, 0, UINT64_MAX, &last);
    return *word_out != NULL ? 0 : add_line(store, last, word_out);
}

int bn_index_find_room(struct brain_store *store, uint64_t hash, _Atomic uint64_t **word_out)
{
    return room_in_bucket(store, bn_index_bucket(hash, n_buckets(store)), word_out);
}

/* ---- splitting */

/* Move one word to the bucket `to`. The line that it may need is a journalled step of its own; from
 * then on the words themselves are stored plainly, and repeating the move changes nothing. A crash
 * after the copy: the word is in both; recovery finds it in the new chain and only clears. */
static int move_word(struct brain_store *store, _Atomic uint64_t *from, uint64_t to)
{
    uint64_t word = bn_load_relaxed(from);
    _Atomic uint64_t *place = NULL;
    if (find_in_chain(store, to, word, UINT64_MAX, NULL) == NULL) {
        bn_journal_begin(store);
        int err = room_in_bucket(store, to, &place);
        if (err != 0) {
            int undo = bn_journal_undo(store);
            return undo != 0 ? undo : err;
        }
        bn_journal_clear(store);
        bn_store_release(place, word);
    }
    bn_store_release(from, (uint64_t)0);
    return 0;
}

/* Move what belongs to the new bucket out of the old one. */
static int move_words(struct brain_store *store, uint64_t old, uint64_t fresh, uint64_t mask)
{
    struct bn_bucket_rec *line = bn_index_bucket_at(store, old);
    for (uint32_t n = 0; line != NULL && n < BN_CHAIN_MAX; n++) {
        for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
            uint64_t word = bn_load_relaxed(&line->words[i]);
            if (word == 0) {
                continue;
            }
            struct bn_cold_rec *cold = bn_slot_cold(store, bn_index_slot(word));
            if (cold == NULL) {
                return bn_error_corrupt("%s: the index names slot %u, which is none", store->path,
                                        bn_index_slot(word));
            }
            int err =
                (cold->hash_low & mask) == fresh ? move_word(store, &line->words[i], fresh) : 0;
            if (err != 0) {
                return err;
            }
        }
        line = next_line(store, line);
    }
    return 0;
}

static bool is_empty(const struct bn_bucket_rec *line)
{
    for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
        if (bn_load_relaxed(&line->words[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Give empty lines at the end of a chain back. Only there: a reader that stands on the line has
 * seen the whole chain, and reads on in vain; from one in the middle it would be led away from the
 * rest. */
static void drop_empty_tail(struct brain_store *store, uint64_t bucket)
{
    for (;;) {
        struct bn_bucket_rec *before = NULL, *line = bn_index_bucket_at(store, bucket), *next;
        for (uint32_t n = 0; (next = next_line(store, line)) != NULL && n < BN_CHAIN_MAX; n++) {
            before = line;
            line = next;
        }
        if (before == NULL || next != NULL || !is_empty(line)) {
            return;
        }
        uint64_t number = bn_load_relaxed(&before->next);
        bn_journal_begin(store);
        bn_journal_u64(store, &before->next, 0);
        bn_journal_u64(store, &line->next, store->state->overflow_free);
        bn_journal_u32(store, &store->state->overflow_free, (uint32_t)number);
        bn_journal_clear(store);
    }
}

/* Steps 2 and 3 of a split; index_state is odd. */
static int finish_split(struct brain_store *store, uint64_t n)
{
    uint64_t high = (uint64_t)1 << bn_log2_floor(n);
    if (bn_index_bucket_at(store, n) == NULL) { /* the old one's number is lower */
        return bn_error_corrupt("%s: the index says that it has %llu buckets", store->path,
                                (unsigned long long)n);
    }
    int err = move_words(store, n - high, n, 2 * high - 1);
    if (err != 0) {
        return err;
    }
    drop_empty_tail(store, n - high);
    bn_store_seq(&store->state->index_state, (n + 1) << 1);
    return 0;
}

int bn_index_grow(struct brain_store *store)
{
    uint64_t n = n_buckets(store);
    if (bn_likely(store->state->n_entries * LOAD_BUCKETS <= n * LOAD_NAMES)) {
        return 0;
    }
    /* Or each change would split on, until there is no memory. (Lines are counted once they are
     * backed.) */
    if (store->state->n_entries > (n + store->state->n_overflow) * BN_BUCKET_WORDS ||
        n > bn_load_relaxed(&store->state->backed[BN_REGION_BUCKETS]) /
                sizeof(struct bn_bucket_rec) ||
        store->state->n_overflow > bn_load_relaxed(&store->state->backed[BN_REGION_OVERFLOW]) /
                                       sizeof(struct bn_bucket_rec)) {
        return bn_error_corrupt("%s: the index counts its words wrong", store->path);
    }
    if ((n + 1) * sizeof(struct bn_bucket_rec) > store->region_bytes[BN_REGION_BUCKETS]) {
        return 0; /* as large as it gets: chains grow instead */
    }
    int err = bn_store_want(store, BN_REGION_BUCKETS, (n + 1) * sizeof(struct bn_bucket_rec));
    /* Whatever the split may need is there before it begins: it cannot be undone. */
    err = err != 0 ? err
                   : bn_store_want(store, BN_REGION_OVERFLOW,
                                   ((uint64_t)store->state->n_overflow + 16) *
                                       sizeof(struct bn_bucket_rec));
    if (err != 0) {
        return err == BRAIN_E_FULL
                   ? 0
                   : err; /* no memory: chains grow, and deletes go on, until there is */
    }
    /* 1. From here readers look in both buckets, and believe no miss that began before. */
    bn_store_seq(&store->state->index_state, n << 1 | 1);
    return finish_split(store, n);
}

int bn_index_recover(struct brain_store *store)
{
    uint64_t word = bn_load_relaxed(&store->state->index_state);
    return (word & 1) == 0 ? 0 : finish_split(store, n_buckets(store));
}
