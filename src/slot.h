/* slot.h - the object table: slots, their states, and the sets that hold the unpublished and
 * retired.
 *
 * A slot is in exactly one place: FREE in its slab's list (or in a publish record of the
 * transaction under way); PRIVATE in the private set; LIVE in the index; LIMBO in the limbo set
 * (where a record with BN_PUBLISH_SWAPS may name it as well).
 */
#ifndef BN_SLOT_H
#define BN_SLOT_H

#include "base/step.h"
#include "store.h"

/* ---- reading: slots are untrusted bytes */

/* Where a slot's bytes are, read-only. `slot` must have been checked. */
static inline const struct bn_slot_rec *bn_slot_view(const struct brain_store *store, uint32_t slot)
{
    return (const struct bn_slot_rec *)(const void *)(store->slots_view + (uint64_t)slot * BN_LINE);
}

/* Look again at how far the slots are backed. Whether `slot` lies within. */
bool bn_slot_exists_slow(struct brain_store *store, uint32_t slot);

/* Whether `slot`, with all that it can have inline, lies in backed memory. */
BN_INLINE bool bn_slot_exists(struct brain_store *store, uint32_t slot)
{
    return bn_likely(((uint64_t)slot + BN_SLOT_MAX_LINES) * BN_LINE <=
                     bn_load_relaxed(&store->slots_backed)) || /* relaxed: rises only */
           bn_slot_exists_slow(store, slot);
}

static inline uint64_t bn_slot_size(const struct bn_slot_rec *rec)
{
    return (uint64_t)rec->size_high << 32 | rec->size_low;
}

static inline uint32_t bn_slot_body_len(const struct bn_slot_rec *rec)
{
    return (uint32_t)rec->name_len + rec->meta_len + rec->description_len;
}

#define BN_SLOT_HEAD         sizeof(struct bn_slot_rec)
#define BN_SLOT_ALIGNED_FROM 256u /* data of at least so many bytes is 64-byte aligned */

/* Where data and body (name, metadata, description) lie within a slot, or within its extent. */
struct bn_slot_shape {
    uint64_t data_off;
    uint64_t body_off;
    uint64_t inline_bytes; /* of the slot, its head included */
    uint64_t extent_bytes; /* 0: none */
};

static inline void bn_slot_shape(uint64_t size, uint64_t body_len, uint32_t flags,
                                 struct bn_slot_shape *out)
{
    if (flags & BN_SLOT_EXTENT) {
        bool out_there = (flags & BN_SLOT_BODY_OUT) != 0;
        out->data_off = 0;
        out->body_off = out_there ? bn_align_up(size, BN_LINE) : BN_SLOT_HEAD;
        out->inline_bytes = BN_SLOT_HEAD + (out_there ? 0 : body_len);
        out->extent_bytes = out_there ? out->body_off + body_len : size;
    } else if (size < BN_SLOT_ALIGNED_FROM) {
        out->data_off = BN_SLOT_HEAD;
        out->body_off = BN_SLOT_HEAD + size;
        out->inline_bytes = out->body_off + body_len;
        out->extent_bytes = 0;
    } else {
        out->body_off = BN_SLOT_HEAD;
        out->data_off = bn_align_up(BN_SLOT_HEAD + body_len, BN_LINE);
        out->inline_bytes = out->data_off + size;
        out->extent_bytes = 0;
    }
}

/* Lines of the slot that a value of this shape gets. */
uint32_t bn_slot_lines(uint64_t size, uint64_t body_len, uint32_t flags);

/* EXTENT and BODY_OUT as a value of this size needs them. */
uint32_t bn_slot_flags_for(uint64_t size, uint64_t body_len);

/* Pages of a slot's extent; 0: none. */
static inline uint64_t bn_slot_pages(const struct bn_slot_rec *rec)
{
    struct bn_slot_shape shape;
    if (!(rec->flags & BN_SLOT_EXTENT)) {
        return 0;
    }
    bn_slot_shape(bn_slot_size(rec), bn_slot_body_len(rec), rec->flags, &shape);
    return (shape.extent_bytes + BN_PAGE - 1) / BN_PAGE;
}

/* The slot that line `line` of the SLOTS region is of, its first or another; 0: none. Whether the slot is
 * in use is not said. */
uint32_t bn_slot_of_line(struct brain_store *store, uint64_t line);

/* Data and body of a slot that is pinned, bounds-checked: 0 or CORRUPT. */
int bn_slot_locate(struct brain_store *store, uint32_t slot, const uint8_t **data_out,
                   const uint8_t **body_out);

#define BN_SLOT_VERSION_BYTES 8u /* behind what stands for a value that is away */

/* bn_slot_version() of a slot that is AWAY. */
int bn_slot_version_away(struct brain_store *store, uint32_t slot, uint64_t *version_out);

/* The version that users see of a slot that is pinned, or looked at under the lock: its number, or, where it
 * stands for a value that was moved away, that value's. Whoever tells or compares versions asks here; what is
 * visible to whom goes by the number. 0 or CORRUPT. */
BN_INLINE int bn_slot_version(struct brain_store *store, uint32_t slot, uint64_t *version_out)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    if (bn_unlikely(rec->flags & BN_SLOT_AWAY)) {
        return bn_slot_version_away(store, slot, version_out);
    }
    *version_out = rec->number;
    return 0;
}

/* Fields of a record that share eight bytes, where these are loaded or stored at once: in word HEAD
 * what kind of value it is, in LENS what lies beside it, in SIZE_GEN its size and its use. */
#define BN_SLOT_BITS(field)     BN_BITS(struct bn_slot_rec, field)
#define BN_SLOT_AS(field, x)    ((uint64_t)(x) << BN_SHIFT(struct bn_slot_rec, field))
#define BN_SLOT_FIELD(field, w) BN_FIELD(struct bn_slot_rec, field, w)
enum {
    BN_SLOT_WORD_HEAD = 1,
    BN_SLOT_WORD_LENS = 3,
    BN_SLOT_WORD_SIZE_GEN = 4
};
static_assert(offsetof(struct bn_slot_rec, pending) / 8 == BN_SLOT_WORD_HEAD &&
                  offsetof(struct bn_slot_rec, flags) / 8 == BN_SLOT_WORD_HEAD &&
                  offsetof(struct bn_slot_rec, kind) / 8 == BN_SLOT_WORD_HEAD &&
                  offsetof(struct bn_slot_rec, space) / 8 == BN_SLOT_WORD_HEAD &&
                  offsetof(struct bn_slot_rec, older) / 8 == 2 &&
                  offsetof(struct bn_slot_rec, name_len) / 8 == BN_SLOT_WORD_LENS &&
                  offsetof(struct bn_slot_rec, meta_len) / 8 == BN_SLOT_WORD_LENS &&
                  offsetof(struct bn_slot_rec, description_len) / 8 == BN_SLOT_WORD_LENS &&
                  offsetof(struct bn_slot_rec, size_high) / 8 == BN_SLOT_WORD_LENS &&
                  offsetof(struct bn_slot_rec, size_low) / 8 == BN_SLOT_WORD_SIZE_GEN &&
                  offsetof(struct bn_slot_rec, gen) / 8 == BN_SLOT_WORD_SIZE_GEN,
              "fields that are looked at together share a word");

/* Of HEAD: there is no value, or it is not in the slot. */
#define BN_SLOT_NOT_INLINE BN_SLOT_AS(flags, BN_SLOT_TOMB | BN_SLOT_EXTENT | BN_SLOT_AWAY)

/* Name, metadata and description beside data below BN_SLOT_ALIGNED_FROM that are inline. */
#define BN_SLOT_SMALL_BODY (BN_INLINE_MAX - BN_SLOT_HEAD - BN_SLOT_ALIGNED_FROM)

/* The name of a slot in the commonest shape (small and inline), which needs no more checks than
 * that the slot exists; else NULL: use bn_slot_locate(). */
BN_INLINE const uint8_t *bn_slot_small_body(const struct bn_slot_rec *rec)
{
    bool small = !(rec->flags & (BN_SLOT_EXTENT | BN_SLOT_AWAY)) && rec->size_high == 0 &&
                 rec->size_low < BN_SLOT_ALIGNED_FROM && bn_slot_body_len(rec) < BN_SLOT_SMALL_BODY;
    return bn_likely(small) ? (const uint8_t *)rec + BN_SLOT_HEAD + rec->size_low : NULL;
}

/* Whether two runs of bytes are equal; names are short. */
BN_INLINE bool bn_slot_same(const uint8_t *a, const uint8_t *b, uint32_t n)
{
    uint64_t x, y;
    if (n >= 8) {
        for (; n > 8; n -= 8, a += 8, b += 8) {
            __builtin_memcpy(&x, a, 8);
            __builtin_memcpy(&y, b, 8);
            if (x != y) {
                return false;
            }
        }
        __builtin_memcpy(&x, a + n - 8, 8); /* the last 8, some of them once more */
        __builtin_memcpy(&y, b + n - 8, 8);
        return x == y;
    }
    if (n >= 4) {
        uint32_t v, w;
        __builtin_memcpy(&v, a, 4);
        __builtin_memcpy(&w, b, 4);
        x = v ^ w;
        __builtin_memcpy(&v, a + n - 4, 4);
        __builtin_memcpy(&w, b + n - 4, 4);
        return (x | (v ^ w)) == 0;
    }
    return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

/* ---- writing: under the lock */

static inline struct bn_slot_rec *bn_slot_at(const struct brain_store *store, uint32_t slot)
{
    return (struct bn_slot_rec *)(void *)(store->own_slots + (uint64_t)slot * BN_LINE);
}

/* Slabs by class: as many slots as fit, with their cold records. tests/format has the formula. */
static const struct bn_slab_shape bn_slab_shapes[BN_N_CLASSES] = {
    { 1, 395, 629, 0 }, { 2, 245, 389, 1 }, { 3, 178, 282, 2 }, { 4, 140, 221, 3 },
    { 6, 98, 154, 4 },  { 8, 75, 118, 5 },  { 12, 52, 81, 6 },  { 16, 40, 61, 7 },
    { 24, 27, 41, 8 },  { 32, 21, 31, 9 },
};

/* 65536 / lines rounded up, by class: x / lines == x * inverse >> 16 for x < 1024. */
static const uint32_t bn_slot_inverse[BN_N_CLASSES] = { 65536, 32768, 21846, 16384, 10923,
                                                        8192,  5462,  4096,  2731,  2048 };

/* Of readers of a read-only store too, who only look. */
static inline struct bn_slab_rec *bn_slab_at(const struct brain_store *store, uint32_t slab)
{
    return (struct bn_slab_rec *)(void *)(store->own_slots + (uint64_t)slab * BN_SLAB_BYTES);
}

/* The cold record of a slot: NULL where `slot` is not the number of one (damage). */
BN_INLINE struct bn_cold_rec *bn_slot_cold(struct brain_store *store, uint32_t slot)
{
    uint32_t slab = slot / BN_SLAB_LINES, line = slot % BN_SLAB_LINES;
    if (bn_unlikely(((uint64_t)slab + 1) * BN_SLAB_BYTES > bn_load_relaxed(&store->slots_backed)) &&
        !bn_slot_exists_slow(store, (slab + 1) * BN_SLAB_LINES - 1)) {
        return NULL;
    }
    struct bn_slab_rec *rec = bn_slab_at(store, slab);
    /* relaxed: who drops a view looks without the lock, while the slab may get another class */
    uint64_t is = bn_load_relaxed(bn_atomic64(&rec->shape)), should_be;
    uint32_t c = (uint32_t)BN_FIELD(struct bn_slab_shape, class_idx, is);
    if (bn_unlikely(c >= BN_N_CLASSES)) {
        return NULL;
    }
    __builtin_memcpy(&should_be, &bn_slab_shapes[c], sizeof should_be);
    if (bn_unlikely(is != should_be)) {
        return NULL;
    }
    uint32_t past = line - bn_slab_shapes[c].first_line; /* of a line before: too large by far */
    uint32_t ordinal = past * bn_slot_inverse[c] >> 16;
    if (bn_unlikely(ordinal >= bn_slab_shapes[c].n_slots ||
                    ordinal * bn_slab_shapes[c].lines != past)) {
        return NULL;
    }
    return (struct bn_cold_rec *)(void *)(rec + 1) + ordinal;
}

static inline enum bn_slot_state bn_slot_state(const struct bn_cold_rec *cold)
{
    /* relaxed: under the lock; who drops a view looks without it, and only for a hint */
    return (enum bn_slot_state)(
        bn_load_relaxed(bn_atomic32((void *)(uintptr_t)&cold->state_owner)) & 0xff);
}

static inline uint32_t bn_slot_let_go_mark(const struct brain_store *store, uint32_t slot)
{
    return bn_slot_at(store, slot)->gen | BN_LET_GO;
}

/* The row of who fills a PRIVATE slot; BN_NOBODY where that one has let go of it. */
static inline uint32_t bn_slot_owner(const struct brain_store *store, uint32_t slot,
                                     const struct bn_cold_rec *cold)
{
    uint32_t gone =
        bn_load_acquire(bn_atomic32((void *)(uintptr_t)&cold->value_gone)); /* PAIR abandon */
    return gone == bn_slot_let_go_mark(store, slot) ? BN_NOBODY : cold->state_owner >> 8;
}

/* Let go of a PRIVATE slot of this client, without the lock: no step notes this word while it is PRIVATE. */
static inline void bn_slot_abandon(const struct brain_store *store, uint32_t slot,
                                   struct bn_cold_rec *cold)
{
    bn_store_seq(bn_atomic32(&cold->value_gone), /* PAIR abandon */
                 bn_slot_let_go_mark(store, slot));
}

/* Take a slot of at least `inline_bytes` from its slab's list: 0, BN_AGAIN, FULL, CORRUPT. Its
 * state stays FREE until the caller sets it. Journalled. */
int bn_slot_take(struct brain_store *store, uint64_t inline_bytes, uint32_t *slot_out);

/* Take a slot of one line, though it be the last: the others are refused that, so that memory can
 * be given back (which takes a slot for a moment) when the file system is full. */
int bn_slot_take_spare(struct brain_store *store, uint32_t *slot_out);

/* Put a slot back into its slab's list. Journalled. */
int bn_slot_give(struct brain_store *store, uint32_t slot);

/* Set state and owner row. Not journalled: the steps that do so set it again when they are
 * repeated, or, if they are undone, note the old one themselves. */
static inline void bn_slot_set_state(struct bn_cold_rec *cold, enum bn_slot_state state,
                                     uint32_t owner)
{
    /* PAIR refill: LIVE or PRIVATE is stored behind the filling */
    bn_store_release(bn_atomic32(&cold->state_owner), (uint32_t)state | owner << 8);
}

/* Smallest class of so many lines or more. */
static const uint8_t bn_slot_classes[BN_SLOT_MAX_LINES + 1] = {
    0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, /* up to 16 lines */
    8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9, 9, 9,
};

/* Class of a slot for so many bytes, at most BN_INLINE_MAX. */
static inline unsigned bn_slot_class(uint64_t inline_bytes)
{
    return bn_slot_classes[(inline_bytes + BN_LINE - 1) / BN_LINE];
}

/* ---- sets: dense arrays of slots; a slot's set_idx says where it stands */

enum bn_set {
    BN_SET_LIMBO,
    BN_SET_PRIVATE,
    BN_SET_TOMBS
};

uint32_t bn_set_count(const struct brain_store *store, enum bn_set set);
uint32_t bn_set_get(const struct brain_store *store, enum bn_set set, uint32_t i);

/* Room for `n` more: 0 or BN_AGAIN or FULL. */
int bn_set_room(struct brain_store *store, enum bn_set set, uint32_t n);

/* Add, having asked for room / remove. Journalled. CORRUPT where there is no room after all / the
 * set does not hold it. */
int bn_set_add(struct brain_store *store, enum bn_set set, uint32_t slot, struct bn_cold_rec *cold);
int bn_set_remove(struct brain_store *store, enum bn_set set, uint32_t slot,
                  struct bn_cold_rec *cold);

/* Begin to fill a slot: its gen is never the same twice, a plain counter that no undo sets back.
 * Before anything else is stored there: who copies it without a pin sees from gen that it is
 * another (PAIR refill). */
BN_INLINE void bn_slot_begin_use(struct brain_store *store, struct bn_slot_rec *rec)
{
    uint64_t n = bn_load_relaxed(&store->state->n_uses) + 1; /* relaxed: under the lock */
    bn_store_release(&store->state->n_uses,
                     n); /* PAIR refill: the filling before this one is over */
    bn_store_release(bn_atomic32(&rec->gen), (uint32_t)n);
    bn_fence_release(); /* PAIR refill */
}

/* ---- spares (store.h) */

/* Remember one that was retired. False: there are as many as fit. */
BN_INLINE bool bn_spares_add(struct bn_spares *spares, struct bn_spare spare)
{
    uint32_t n = bn_load_relaxed(&spares->n); /* relaxed: under the lock */
    if (bn_unlikely(n == BN_READY_MAX)) {
        return false;
    }
    spares->of[n] = spare;
    bn_store_release(&spares->n, n + 1);
    return true;
}

/* Remember a small slot of limbo that nobody can need. False: enough of its class are ready, or
 * there is no room beside those that were retired. */
bool bn_ready_add(struct brain_store *store, uint32_t slot, struct bn_cold_rec *cold,
                  uint32_t n_max);

/* Forget all, the retired ones too. */
void bn_ready_clear(struct brain_store *store);

/* How many there are, of both kinds. A guess, without the lock. */
uint32_t bn_ready_count(const struct brain_store *store);

/* Whether it is in limbo still, in the same use. If its slab has another class by now, `cold` is
 * any bytes; but then it is not in limbo. */
BN_INLINE bool bn_spare_stands(const struct brain_store *store, const struct bn_spare *spare)
{
    const uint32_t *limbo = (const uint32_t *)(const void *)bn_region_at(store, BN_REGION_LIMBO);
    uint64_t backed = bn_load_relaxed(&store->state->backed[BN_REGION_LIMBO]);
    uint64_t i = spare->cold->set_idx;
    return bn_slot_at(store, spare->slot)->gen == spare->gen && i < store->state->n_limbo &&
           (i + 1) * sizeof *limbo <= backed && limbo[i] == spare->slot;
}

/* As bn_ready_last(), where the last one does not stand any more: drops all those. NULL: none is left. */
const struct bn_spare *bn_ready_last_standing(const struct brain_store *store,
                                              struct bn_spares *spares);

/* The last slot that is ready; it stays there, and in limbo. NULL: none is. Valid until the spares change. */
BN_INLINE const struct bn_spare *bn_ready_last(const struct brain_store *store,
                                               struct bn_spares *spares)
{
    uint32_t n = bn_load_relaxed(&spares->n_ready); /* relaxed: under the lock */
    if (bn_unlikely(n == 0)) {
        return NULL;
    }
    const struct bn_spare *last = &spares->of[n - 1];
    return bn_likely(bn_spare_stands(store, last)) ? last : bn_ready_last_standing(store, spares);
}

/* `retired` takes the place of the last ready one, which was used. There is one. */
BN_INLINE void bn_ready_exchange(struct bn_spares *spares, struct bn_spare retired)
{
    uint32_t n = bn_load_relaxed(&spares->n_ready) - 1; /* relaxed: under the lock */
    spares->of[n] = retired;
    bn_store_relaxed(&spares->n_ready, n);
}

/* Forget the last ready one; a retired one fills the gap. There is one. */
void bn_ready_drop(struct bn_spares *spares);

/* After a commit: `older`, replaced by commit `number`, takes the place in limbo of `fresh`, which
 * is live. Plain stores that may be repeated: that of the place is found by the set_idx of `fresh`,
 * which stays. Both are small: value_gone is 0. */
BN_INLINE void bn_slot_swap_limbo(struct brain_store *store, uint32_t fresh,
                                  struct bn_cold_rec *fresh_cold, uint32_t older,
                                  struct bn_cold_rec *older_cold, uint64_t number)
{
    uint32_t i = fresh_cold->set_idx;
    uint32_t *limbo = (uint32_t *)(void *)bn_region_at(store, BN_REGION_LIMBO);
    BN_STEP(swap, older, 0);
    bn_store_release(bn_atomic64(&older_cold->stamp), number);
    bn_store_release(bn_atomic32(&limbo[i]), older);
    bn_store_release(bn_atomic64(&older_cold->state_owner),
                     bn_pair(BN_SLOT_LIMBO, i)); /* and set_idx */
    BN_STEP(pending_off, fresh, 0);
    bn_store_release(&bn_slot_at(store, fresh)->pending, (uint8_t)0);
    BN_STEP(live, fresh, 0);
    bn_slot_set_state(fresh_cold, BN_SLOT_LIVE, 0);
}

#endif
