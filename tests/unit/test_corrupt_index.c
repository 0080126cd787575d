/* test_corrupt_index.c - words, chains and splits of the index that are wrong, and names whose hashes are the same. */
#include "index.h"
#include "slot.h"

#include "corrupt.h"

/* ---- calls */

static int get_missing(void)
{
    return get(one, "nobody");
}
static int get_copied(void)
{
    uint64_t buf[64];
    brain_view view;
    return brain_get_or_copy(one, "n9", 2, NULL, buf, sizeof buf, &view);
}
static int put_new_large(void)
{
    return put(one, "nobody", 20000);
}
static int snapshot_missing(void)
{
    return snapshot_get("nobody");
}

/* ---- chains and words */

static void chains_lead_nowhere(void)
{
    each_chain((uint64_t)1 << 50);
}
static void chains_have_no_end(void)
{
    CHECK_OK(bn_store_back(store, BN_REGION_OVERFLOW, BN_PAGE));
    bn_store_release(&bn_index_overflow_at(store, 0)->next, (uint64_t)1);
    state->n_overflow = state->n_overflow > 0 ? state->n_overflow : 1;
    each_chain(1);
}
/* The same, where no word is free, so that a change goes to their end. */
static void chains_without_room_have_no_end(void)
{
    chains_have_no_end();
    for (int i = 0; i < 7; i++) {
        bn_store_release(&bn_index_overflow_at(store, 0)->words[i], (uint64_t)NO_SLOT);
    }
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    for (uint64_t b = 0; b < (n == 0 ? 1 : n); b++) {
        for (int i = 0; i < 7; i++) {
            if (bn_load_relaxed(&bn_index_bucket_at(store, b)->words[i]) == 0) {
                bn_store_release(&bn_index_bucket_at(store, b)->words[i], (uint64_t)NO_SLOT);
            }
        }
    }
}
static void a_split_is_due(void) /* in chains without an end */
{
    chains_have_no_end();
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    state->n_overflow = BN_PAGE / 64;
    state->n_entries = (n == 0 ? 1 : n) * 4;
}
static void a_split_meets_no_slot(void)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    for (int i = 0; i < 7; i++) { /* of the bucket that is split next */
        uint64_t b = n - ((uint64_t)1 << bn_log2_floor(n));
        bn_store_release(&bn_index_bucket_at(store, b)->words[i], (uint64_t)NO_SLOT);
    }
    state->n_entries = n * 4;
}
static void index_counts_too_many_words(void)
{
    state->n_entries = UINT64_MAX / 4;
}
static void index_counts_too_many_lines(void)
{
    state->n_overflow = UINT32_MAX;
    state->n_entries = (uint64_t)1 << 20;
}
static void free_line_leads_nowhere(void)
{
    state->overflow_free = NO_CELL;
    for (uint64_t b = 0; b < 1 || b < bn_load_relaxed(&state->index_state) >> 1; b++) {
        for (int i = 0; i < 7; i++) {
            if (bn_load_relaxed(&bn_index_bucket_at(store, b)->words[i]) == 0) {
                bn_store_release(&bn_index_bucket_at(store, b)->words[i], (uint64_t)NO_SLOT);
            }
        }
    }
}

/* ---- the region is full, as far as this process knows */

static void no_bucket_is_left(void)
{
    region_ends(BN_REGION_BUCKETS);
    uint64_t n = store->region_bytes[BN_REGION_BUCKETS] / sizeof(struct bn_bucket_rec);
    bn_store_release(&state->index_state, n << 1); /* the names are not found, but that is all */
    state->n_entries = n * 5;
}

/* ---- names with the same hash: their words were exchanged */

#define N_NAMES 5
static void exchange_words(const char *const names[N_NAMES])
{
    size_t len = strlen(names[0]);
    for (int i = 0; i < N_NAMES; i++) {
        CHECK_OK(put(one, names[i], 10));
    }
    _Atomic uint64_t *first = word_of(one, names[0]);
    uint64_t high = bn_load_relaxed(first) >> 32 << 32;
    for (int i = 1; i < N_NAMES; i++) {
        uint32_t slot = slot_of(one, names[i]);
        bn_store_release(first, high | slot);
        CHECK_CODE(get(one, names[0]), BRAIN_E_NOT_FOUND);
        CHECK_CODE(brain_delete(one, names[0], len, BRAIN_ANY_VERSION), BRAIN_E_NOT_FOUND);
        CHECK_CODE(brain_wait(one, names[0], len, 0, 0, &high), BRAIN_E_TIMEOUT);
        static const brain_value value = { .kind = BRAIN_KIND_BYTES };
        brain_hint none = { 0 };
        CHECK_CODE(brain_try_put(one, names[0], len, &none, &value, BRAIN_ANY_VERSION, NULL),
                   BRAIN_E_BUSY);
        high = bn_load_relaxed(first) >> 32 << 32;
    }
}
static void words_were_exchanged(void)
{
    static const char *const names[N_NAMES] = {
        "a name of many bytes", "b name of many bytes", "a name of many bytez",
        "a name of Many bytes", "a name Of many bytes",
    };
    exchange_words(names);
}
static void short_words_were_exchanged(void)
{
    static const char *const names[N_NAMES] = { "abc", "xbc", "axc", "abx", "xyz" };
    exchange_words(names);
}

/* ---- checks that nothing but a check looks at */

static void line_is_free_and_in_use(void)
{
    CHECK_OK(bn_store_back(store, BN_REGION_OVERFLOW, BN_PAGE));
    state->n_overflow = 3;
    state->overflow_free = 1;
    bn_store_release(&bn_index_overflow_at(store, 0)->next, (uint64_t)1);
}
static void line_is_not_counted(void)
{
    CHECK_OK(bn_store_back(store, BN_REGION_OVERFLOW, BN_PAGE));
    state->n_overflow = 1;
    bn_store_release(&bn_index_bucket_at(store, 0)->next, (uint64_t)3);
}
static void free_line_is_beyond(void)
{
    state->n_overflow = 1;
    state->overflow_free = NO_CELL;
}
static void a_word_stands_twice(void)
{
    uint64_t word = bn_load_relaxed(word_of(one, "n9"));
    for (int i = 0; i < 7; i++) {
        _Atomic uint64_t *at = &bn_index_bucket_at(store, 0)->words[i];
        if (bn_load_relaxed(at) == 0) {
            bn_store_release(at, word);
            return;
        }
    }
    bn_store_release(&bn_index_bucket_at(store, 1)->words[6], word);
}

/* ---- the table */

static const struct corrupt_case cases[] = {
    CASE(chains_lead_nowhere, get_missing, C, "chains"),
    CASE(chains_lead_nowhere, put_new, C, "chains"),
    CASE(chains_lead_nowhere, check, C, ""),
    CASE(chains_lead_beyond, get_missing, C, "chains"),
    CASE(chains_lead_beyond, put_new, C, "chains"),
    CASE_WITH(chains_lead_beyond, snapshot_missing, C, "chains", take_snapshot),
    CASE(chains_have_no_end, get_missing, C, "no end"),
    CASE(chains_have_no_end, put_new, C, "chains"),
    CASE(chains_have_no_end, check, C, ""),
    CASE_WITH(chains_have_no_end, snapshot_missing, C, "no end", take_snapshot),
    CASE(chains_without_room_have_no_end, get_missing, C, "no end"),
    CASE(a_split_is_due, put_new, C, "chains"),
    CASE(a_split_meets_no_slot, put_new, C, "names slot"),
    CASE(index_counts_too_many_words, put_new, C, "counts its words wrong"),
    CASE(index_counts_too_many_lines, put_new, C, "counts its words wrong"),
    CASE(index_counts_too_many_buckets, put_new, C, ""),
    CASE(word_names_no_slot, get_small, C, "names slot"),
    CASE(word_names_no_slot, get_copied, C, "names slot"),
    CASE(word_names_no_slot, put_over_small, C, "names slot"),
    CASE(word_names_no_slot, delete_small, C, "names slot"),
    CASE(word_names_no_slot, check, C, ""),
    CASE_WITH(word_names_no_slot, snapshot_small, C, "names slot", take_snapshot),
    CASE(free_line_leads_nowhere, put_new, C, "overflow lines"),
    CASE(chains_lead_nowhere, put_new_large, C, "chains"),
    CASE(no_bucket_is_left, put_new, 0, NULL),
    CASE(words_were_exchanged, get_small, 0, NULL),
    CASE(line_is_free_and_in_use, check, C, ""),
    CASE(line_is_not_counted, check, C, ""),
    CASE(free_line_is_beyond, check, C, ""),
    CASE(a_word_stands_twice, check, C, ""),
    CASE(index_counts_too_many_buckets, get_small, C, "chains"),
    CASE(short_words_were_exchanged, get_small, 0, NULL),
};

/* ---- a split that a death left, right after its first step */

static void begin_split(void)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    CHECK_OK(bn_store_back(store, BN_REGION_BUCKETS, (n + 1) * sizeof(struct bn_bucket_rec)));
    bn_store_release(&state->index_state, n << 1 | 1);
}

/* The bucket that is being made, and what fits into neither it nor a line behind it. */
static void fresh_bucket_is_full(void)
{
    struct bn_bucket_rec *fresh =
        bn_index_bucket_at(store, bn_load_relaxed(&state->index_state) >> 1);
    for (int i = 0; i < 7; i++) {
        bn_store_release(&fresh->words[i], (uint64_t)NO_SLOT);
    }
    state->overflow_free = NO_CELL;
}

/* Died between the copy of a word and the clearing of it: all that the split moves is in both. */
static void words_are_in_both(void)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1, high = (uint64_t)1 << bn_log2_floor(n);
    struct bn_bucket_rec *fresh = bn_index_bucket_at(store, n),
                         *old = bn_index_bucket_at(store, n - high);
    int n_moved = 0;
    for (int i = 0; i < 7; i++) {
        uint64_t word = bn_load_relaxed(&old->words[i]);
        const struct bn_cold_rec *cold =
            word != 0 ? bn_slot_cold(store, bn_index_slot(word)) : NULL;
        if (cold != NULL && (cold->hash_low & (2 * high - 1)) == n) {
            bn_store_release(&fresh->words[n_moved++], word);
        }
    }
    CHECK(n_moved > 0);
}

static void run_split(void (*damage)(void), int code, const char *word)
{
    corrupt_open();
    begin_split();
    damage();
    CHECK_CODE(put(one, "nobody", 20), code);
    if (code != 0) {
        CHECK_DETAIL(word);
    } else {
        CHECK_SOUND(store);
    }
    corrupt_close();
}

static void check_splits(void)
{
    run_split(nothing, 0, NULL);
    run_split(words_are_in_both, 0, NULL);
    run_split(fresh_bucket_is_full, C, "overflow lines");
}

int main(void)
{
    corrupt_begin();
    corrupt_run(cases, sizeof cases / sizeof *cases, NULL);
    check_splits();
    return 0;
}
