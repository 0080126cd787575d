/* index.h - name to slot: linear hashing over cache-line buckets.
 *
 * Source: Witold Litwin, Linear Hashing (VLDB 1980); the fingerprint in the word as in MICA and
 * others.
 */
#ifndef BN_INDEX_H
#define BN_INDEX_H

#include "store.h"

/* Lines in one chain beyond which the store is damaged (a cycle): names cannot be made to
 * collide. */
#define BN_CHAIN_MAX 1000u

/* A name in a namespace that has been resolved. */
struct bn_key {
    const void *name;
    uint32_t name_len;
    uint32_t space_id;
    uint64_t hash;
};

static inline uint64_t bn_index_word(uint64_t hash, uint32_t slot)
{
    return (hash & UINT64_C(0xffffffff00000000)) | slot;
}

static inline uint32_t bn_index_slot(uint64_t word)
{
    return (uint32_t)word;
}

static inline bool bn_index_matches(uint64_t word, uint64_t hash)
{
    return (word ^ hash) >> 32 == 0 && (uint32_t)word != 0;
}

/* Bucket of a hash among `n_buckets` (at least 1). */
static inline uint64_t bn_index_bucket(uint64_t hash, uint64_t n_buckets)
{
    uint64_t high = (uint64_t)1 << bn_log2_floor(n_buckets);
    uint64_t b = hash & 0xffffffff & (2 * high - 1);
    return b < n_buckets ? b : b & (high - 1);
}

/* Where the hash is looked for in state `word`: one bucket, in the middle of a split perhaps
 * two. */
static inline uint32_t bn_index_buckets_of(uint64_t word, uint64_t hash, uint64_t bucket[2])
{
    uint64_t n = word >> 1;
    n = n == 0 ? 1 : n;
    bucket[0] = bn_index_bucket(hash, n);
    bucket[1] = bucket[0];
    if (bn_likely((word & 1) == 0)) {
        return 1;
    }
    bucket[1] = bn_index_bucket(hash, n + 1);
    return bucket[1] == bucket[0] ? 1 : 2;
}

/* ---- reading: lines are untrusted; NULL where a number leads out of backed memory */

const struct bn_bucket_rec *bn_index_bucket_view_slow(struct brain_store *store, uint64_t bucket);

static inline const struct bn_bucket_rec *bn_index_bucket_view(struct brain_store *store,
                                                               uint64_t bucket)
{
    if (bn_likely((bucket + 1) * sizeof(struct bn_bucket_rec) <=
                  bn_load_relaxed(&store->buckets_backed))) { /* relaxed: rises only */
        return (const struct bn_bucket_rec *)(const void *)store->buckets_view + bucket;
    }
    return bn_index_bucket_view_slow(store, bucket);
}

const struct bn_bucket_rec *bn_index_overflow_view(struct brain_store *store, uint64_t line);

/* ---- writing: under the lock */

/* The index word that holds `slot`, whose hash has the low half `hash_low`. NULL: none. */
_Atomic uint64_t *bn_index_find_slot(struct brain_store *store, uint32_t hash_low, uint32_t slot);

/* An empty word where `hash` belongs; a new overflow line is linked where there is none
 * (journalled). 0, BN_AGAIN, FULL, CORRUPT. */
int bn_index_find_room(struct brain_store *store, uint64_t hash, _Atomic uint64_t **word_out);

/* Walk the words in the chain of `hash` that match it: start with `*cursor` zero; NULL at the
 * end. */
struct bn_index_cursor {
    struct bn_bucket_rec *line;
    uint32_t i;
    uint32_t n_lines;
    bool is_broken; /* at the end: the chain leads out of the index, or has no end */
};
_Atomic uint64_t *bn_index_next_match(struct brain_store *store, uint64_t hash,
                                      struct bn_index_cursor *cursor);

/* If there are more names than the buckets are for, and there is memory, split one. Outside of any
 * transaction: the journal must be empty. 0, BN_AGAIN, CORRUPT. */
int bn_index_grow(struct brain_store *store);

/* Complete a split that a dead writer left. The journal must be empty. 0, BN_AGAIN, CORRUPT. */
int bn_index_recover(struct brain_store *store);

/* Bucket `bucket` / overflow line `line` for writing; NULL where it is not backed. */
struct bn_bucket_rec *bn_index_bucket_at(const struct brain_store *store, uint64_t bucket);
struct bn_bucket_rec *bn_index_overflow_at(const struct brain_store *store, uint64_t line);

#endif
