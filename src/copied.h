/* copied.h - small values that are copied, and not pinned.
 *
 * As a seqlock is read (Boehm, MSPC 2012): the word, the slot's gen, the word again; what is there, eight bytes at a
 * time; word and gen once more. The first three: the slot is in the index, its filling behind it. The last two: nothing
 * in between can have been of a later use of its memory, for whoever stores there either fences after storing gen or
 * releases, having left the index before (PAIR refill). Anything else than a committed small value is left to the
 * pinned way (read.c).
 *
 * By a hint: at once, as much as was found there last, and the last two looks: the hint is of a committed use of the
 * slot, and a use never changes.
 * Waits:    never, and never tries again.
 * Bytes:    untrusted: each number is checked before it leads anywhere.
 */
#ifndef BN_COPIED_H
#define BN_COPIED_H

#include "index.h"
#include "slot.h"

/* Where a small value may be copied to, name behind it, instead of being pinned. */
struct bn_copied {
    uint64_t *to;
    size_t room; /* bytes */
    uint32_t size, kind;
    uint64_t version;
    /* Where a look by name found it, for a hint; bn_copied_by_hint() leaves these. */
    uint64_t resolved;
    bn_off place;
    uint64_t word;
    uint32_t gen; /* 0: of no use for a hint */
};

/* Copy what is inline of a slot and may change meanwhile: each word as it was at some moment
 * (relaxed: judged by bn_copied_stood_still()). Up to three more than `n`, but none beyond the line of the
 * last: so that there are few turns. */
BN_INLINE void bn_copied_words(uint64_t *to, const _Atomic uint64_t *from, uint32_t n)
{
    static_assert(BN_LINE == BN_SLOT_HEAD + 3 * 8, "three words are left of the first line");
    uint64_t a = bn_load_relaxed(&from[0]), b = bn_load_relaxed(&from[1]);
    uint64_t c = bn_load_relaxed(&from[2]);
    to[0] = a, to[1] = b, to[2] = c;
    for (uint32_t i = 3; i < n; i += 4) {
        a = bn_load_relaxed(&from[i]), b = bn_load_relaxed(&from[i + 1]);
        to[i] = a, to[i + 1] = b;
        a = bn_load_relaxed(&from[i + 2]), b = bn_load_relaxed(&from[i + 3]);
        to[i + 2] = a, to[i + 3] = b;
    }
}

static inline const _Atomic uint32_t *bn_copied_gen_of(const struct bn_slot_rec *rec)
{
    return (const _Atomic uint32_t *)(const void *)&rec->gen;
}

/* Whether what was copied of a slot is of its use `gen`, the value that `word` stands for at
 * `place`. */
BN_INLINE bool bn_copied_stood_still(const struct bn_slot_rec *rec, uint32_t gen,
                                     const _Atomic uint64_t *place, uint64_t word)
{
    bn_fence_acquire(); /* PAIR refill */
    /* relaxed: behind the acquire of a word that stands again it sees the filling for which it
     * does */
    return bn_load_acquire(place) == word && /* PAIR swing */
           bn_load_relaxed(bn_copied_gen_of(rec)) == gen;
}

/* What in HEAD and LENS keeps a value from being copied. */
#define BN_COPIED_HEAD_FORBIDS (BN_SLOT_BITS(pending) | BN_SLOT_NOT_INLINE)
#define BN_COPIED_LENS_FORBID  (BN_SLOT_BITS(meta_len) | BN_SLOT_BITS(size_high))

/* Whether a value that had to be pinned is one that bn_copied_try() copies: it changed meanwhile, or there was no room.
 * Then no hint says "pin it", which would cost all later gets of it. */
BN_INLINE bool bn_copied_is_allowed(const struct bn_slot_rec *rec)
{
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(const void *)rec;
    /* relaxed: it stands still */
    return (bn_load_relaxed(&word[BN_SLOT_WORD_HEAD]) & BN_COPIED_HEAD_FORBIDS) == 0 &&
           (bn_load_relaxed(&word[BN_SLOT_WORD_LENS]) & BN_COPIED_LENS_FORBID) == 0 &&
           rec->size_low < BN_SLOT_ALIGNED_FROM;
}

/* Copy the value that `word` stands for at `place`. False: it is of another name, not small, not committed, or it
 * changed meanwhile: pin it. `to` may hold anything then. */
BN_INLINE bool bn_copied_try(struct brain_store *store, const struct bn_key *key,
                             const _Atomic uint64_t *place, uint64_t word, struct bn_copied *copied)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, bn_index_slot(word));
    const _Atomic uint64_t *from = (const _Atomic uint64_t *)(const void *)rec;
    uint32_t gen = bn_load_acquire(bn_copied_gen_of(rec)); /* PAIR refill */
    if (bn_load_acquire(place) != word) {                  /* PAIR swing */
        return false;
    }
    /* relaxed: judged by bn_copied_stood_still(). All of them after the look at the word, or what is loaded
     * may be of the use before `gen`: that is stored first. */
    uint64_t head = bn_load_relaxed(&from[BN_SLOT_WORD_HEAD]);
    uint64_t lens = bn_load_relaxed(&from[BN_SLOT_WORD_LENS]);
    uint64_t size_gen = bn_load_relaxed(&from[BN_SLOT_WORD_SIZE_GEN]);
    uint32_t size = (uint32_t)BN_SLOT_FIELD(size_low, size_gen);
    uint32_t name_len = (uint32_t)BN_SLOT_FIELD(name_len, lens);
    uint32_t n = (size + name_len + 7) / 8;
    if ((head & BN_COPIED_HEAD_FORBIDS) != 0 || (lens & BN_COPIED_LENS_FORBID) != 0 ||
        size >= BN_SLOT_ALIGNED_FROM || (n + 3) * 8 > copied->room ||
        n > (BN_INLINE_MAX - BN_SLOT_HEAD) / 8 || name_len != key->name_len ||
        BN_SLOT_FIELD(space, head) != key->space_id) {
        return false;
    }
    copied->version = bn_load_relaxed(&from[0]);
    copied->kind = (uint32_t)BN_SLOT_FIELD(kind, head);
    copied->size = size;
    copied->place = (bn_off)((const uint8_t *)place - store->view);
    copied->word = word;
    copied->gen = gen;
    bn_copied_words(copied->to, &from[BN_SLOT_HEAD / 8], n);
    return bn_copied_stood_still(rec, gen, place, word) &&
           bn_slot_same((const uint8_t *)copied->to + size, key->name, name_len);
}

/* Copy the value of a name whose word is in the first line of its bucket. False: bn_read_get_or_copy(). Whether a
 * bucket is being split need not be looked at: what is found is right wherever it stood, and a miss is not believed
 * here. */
BN_INLINE bool bn_copied_by_name(struct brain_store *store, const struct bn_key *key,
                                 struct bn_copied *copied)
{
    uint64_t bucket[2];
    (void)bn_index_buckets_of(bn_load_acquire(&store->state_view->index_state), key->hash, bucket);
    const struct bn_bucket_rec *line = bn_index_bucket_view(store, bucket[0]);
    if (bn_unlikely(line == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
        uint64_t word = bn_load_acquire(&line->words[i]); /* PAIR swing */
        if (bn_index_matches(word, key->hash)) {
            return bn_slot_exists(store, bn_index_slot(word)) &&
                   bn_copied_try(store, key, &line->words[i], word, copied);
        }
    }
    return false;
}

/* Copy the value that a hint leads to. False: it is not there any more, or not to be copied. A use
 * of a slot is of one name for ever, so neither name nor hash is looked at. */
BN_INLINE bool bn_copied_by_hint(struct brain_store *store, const brain_hint *hint,
                                 struct bn_copied *copied)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, bn_index_slot(hint->word));
    const _Atomic uint64_t *from = (const _Atomic uint64_t *)(const void *)rec;
    const _Atomic uint64_t *place =
        (const _Atomic uint64_t *)(const void *)(store->view + hint->place);
    uint32_t n = (hint->size + 7) / 8;
    if (hint->size >= BN_SLOT_ALIGNED_FROM || (n + 3) * 8 > copied->room) {
        return false;
    }
    bn_copied_words(copied->to, &from[BN_SLOT_HEAD / 8], n);
    copied->version = bn_load_relaxed(&from[0]); /* relaxed: judged below */
    copied->kind = hint->kind;
    copied->size = hint->size;
    return bn_copied_stood_still(rec, hint->gen, place, hint->word);
}

#endif
