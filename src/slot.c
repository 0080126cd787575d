/* slot.c - the object table.
 *
 * Owns:     the SLOTS region (slabs) and the three sets.
 * Slabs:    64 KiB of slots of one size; a slab with free slots is in the list of its class, one
 *           without any slot in use in `slab_free`, for any class. Only the head of a list is taken
 *           from.
 * Crash:    all journalled. Slot bytes need no journal: while a slot is FREE, or in limbo and
 *           needed by nobody, they mean nothing.
 */
#include "slot.h"

#include <assert.h>
#include <string.h>

#include "alloc.h"
#include "journal.h"

/* ---- shapes and bounds */

uint32_t bn_slot_lines(uint64_t size, uint64_t body_len, uint32_t flags)
{
    struct bn_slot_shape shape;
    bn_slot_shape(size, body_len, flags, &shape);
    return bn_slab_shapes[bn_slot_class(shape.inline_bytes)].lines;
}

uint32_t bn_slot_flags_for(uint64_t size, uint64_t body_len)
{
    struct bn_slot_shape shape;
    bn_slot_shape(size, body_len, 0, &shape);
    if (shape.inline_bytes <= BN_INLINE_MAX) {
        return 0;
    }
    return BN_SLOT_HEAD + body_len <= BN_INLINE_MAX ? BN_SLOT_EXTENT
                                                    : BN_SLOT_EXTENT | BN_SLOT_BODY_OUT;
}

bool bn_slot_exists_slow(struct brain_store *store, uint32_t slot)
{
    uint64_t backed = bn_load_acquire(&store->state_view->backed[BN_REGION_SLOTS]);
    uint64_t room = store->region_bytes[BN_REGION_SLOTS];
    backed = backed < room ? backed : room;
    bn_store_relaxed(&store->slots_backed, backed);
    /* A slot of fewer lines may end the last slab; what can be inline of it still lies within
     * that. */
    return ((uint64_t)slot + 1) * BN_LINE <= backed;
}

uint32_t bn_slot_of_line(struct brain_store *store, uint64_t line)
{
    assert(line <= UINT32_MAX); /* of the region: regions_add_up() */
    if (!bn_slot_exists(store, (uint32_t)line)) {
        return 0;
    }
    uint32_t slab = (uint32_t)line / BN_SLAB_LINES, in_slab = (uint32_t)line % BN_SLAB_LINES;
    uint64_t shape =
        bn_load_relaxed(bn_atomic64(&bn_slab_at(store, slab)->shape)); /* relaxed: a hint */
    unsigned c = (unsigned)BN_FIELD(struct bn_slab_shape, class_idx, shape);
    if (c >= BN_N_CLASSES || in_slab < bn_slab_shapes[c].first_line) {
        return 0;
    }
    uint32_t past = in_slab - bn_slab_shapes[c].first_line;
    uint32_t slot = (uint32_t)line - past % bn_slab_shapes[c].lines;
    return bn_slot_cold(store, slot) != NULL ? slot : 0;
}

int bn_slot_locate(struct brain_store *store, uint32_t slot, const uint8_t **data_out,
                   const uint8_t **body_out)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    const uint8_t *base = (const uint8_t *)rec;
    struct bn_slot_shape shape;
    bn_slot_shape(bn_slot_size(rec), bn_slot_body_len(rec), rec->flags, &shape);
    if (bn_likely(!(rec->flags & BN_SLOT_EXTENT))) {
        uint64_t end = (uint64_t)slot * BN_LINE + shape.inline_bytes;
        if (bn_unlikely(end > bn_load_relaxed(&store->slots_backed))) {
            (void)bn_slot_exists_slow(store, slot);
        }
        if (bn_unlikely(shape.inline_bytes > BN_INLINE_MAX ||
                        end > bn_load_relaxed(&store->slots_backed))) {
            return bn_error_corrupt("%s: slot %u is longer than slots are", store->path, slot);
        }
        *data_out = base + shape.data_off;
        *body_out = base + shape.body_off;
        return 0;
    }
    if (shape.inline_bytes > BN_INLINE_MAX) {
        return bn_error_corrupt("%s: slot %u is longer than slots are", store->path, slot);
    }
    int err = bn_store_map_values(store, (uint64_t)rec->page * BN_PAGE + shape.extent_bytes);
    if (err != 0) {
        return err;
    }
    const uint8_t *extent = store->view + bn_alloc_off(store, rec->page);
    *data_out = extent;
    *body_out = (rec->flags & BN_SLOT_BODY_OUT) ? extent + shape.body_off : base + shape.body_off;
    return 0;
}

int bn_slot_version_away(struct brain_store *store, uint32_t slot, uint64_t *version_out)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    const uint8_t *data, *body;
    uint64_t size = bn_slot_size(rec), version = 0;
    int err = bn_slot_locate(store, slot, &data, &body);
    if (err == 0 && size > BN_SLOT_VERSION_BYTES) {
        memcpy(&version, data + size - BN_SLOT_VERSION_BYTES, sizeof version);
    }
    if (err == 0 && (version == 0 || version >= rec->number)) {
        err = bn_error_corrupt("%s: slot %u does not say which version it stands for", store->path,
                               slot);
    }
    if (err == 0) {
        *version_out = version;
    }
    return err;
}

/* ---- slabs */

#define FREE_HEAD(word) ((uint32_t)((word) & 0xffff))
#define N_FREE(word)    ((uint32_t)((word) >> 16 & 0xffff))
#define N_VIRGIN(word)  ((uint32_t)((word) >> 32 & 0xffff))

static uint64_t free_word(uint32_t head, uint32_t n_free, uint32_t n_virgin)
{
    return head | (uint64_t)n_free << 16 | (uint64_t)n_virgin << 32;
}

/* Whether what a list names, slab + 1 or 0, may be looked at. */
static bool may_link(const struct brain_store *store, uint32_t link)
{
    return (uint64_t)link * BN_SLAB_BYTES <=
           bn_load_relaxed(&store->state->backed[BN_REGION_SLOTS]);
}

static int bad_list(const struct brain_store *store)
{
    return bn_error_corrupt("%s: the lists of slabs", store->path);
}

/* Put a slab at the head of a list; `head` is a word of the state. */
static int link_slab(struct brain_store *store, uint32_t *head, uint32_t slab)
{
    uint32_t first = *head;
    if (bn_unlikely(!may_link(store, first))) {
        return bad_list(store);
    }
    bn_journal_u64(store, &bn_slab_at(store, slab)->next, first); /* next = first, prev = 0 */
    if (first != 0) {
        bn_journal_u32(store, &bn_slab_at(store, first - 1)->prev, slab + 1);
    }
    bn_journal_u32(store, head, slab + 1);
    return 0;
}
static_assert(offsetof(struct bn_slab_rec, next) == 16, "next and prev share a word");

static int unlink_slab(struct brain_store *store, uint32_t *head, uint32_t slab)
{
    struct bn_slab_rec *rec = bn_slab_at(store, slab);
    if (bn_unlikely(!may_link(store, rec->next) || !may_link(store, rec->prev))) {
        return bad_list(store);
    }
    if (rec->next != 0) {
        bn_journal_u32(store, &bn_slab_at(store, rec->next - 1)->prev, rec->prev);
    }
    if (rec->prev != 0) {
        bn_journal_u32(store, &bn_slab_at(store, rec->prev - 1)->next, rec->next);
    } else {
        bn_journal_u32(store, head, rec->next);
    }
    return 0;
}

/* Give a slab without slots in use the class `c`. */
static void format_slab(struct brain_store *store, uint32_t slab, unsigned c)
{
    struct bn_slab_rec *rec = bn_slab_at(store, slab);
    uint64_t shape;
    memcpy(&shape, &bn_slab_shapes[c], sizeof shape);
    /* First: who looks without the lock and sees the shape sees that no slot was ever taken (look.c). */
    bn_journal_u64(store, &rec->free_word,
                   free_word(0, bn_slab_shapes[c].n_slots, bn_slab_shapes[c].n_slots));
    bn_journal_u64(store, &rec->shape, shape);
}

/* A slab of class `c` at the head of its list. */
static int provide_slab(struct brain_store *store, unsigned c)
{
    struct bn_state_rec *state = store->state;
    uint32_t slab;
    int err;
    if (state->slab_free != 0) {
        static const struct bn_slab_shape none;
        slab = state->slab_free - 1;
        if (!may_link(store, state->slab_free) ||
            memcmp(&bn_slab_at(store, slab)->shape, &none, sizeof none) != 0) {
            return bn_error_corrupt("%s: the list of free slabs", store->path);
        }
        err = unlink_slab(store, &state->slab_free, slab);
        if (err != 0) {
            return err;
        }
    } else {
        slab = state->n_slabs;
        err = bn_store_need(store, BN_REGION_SLOTS, ((uint64_t)slab + 1) * BN_SLAB_BYTES);
        if (err != 0) {
            return err;
        }
        bn_journal_u32(store, &state->n_slabs, slab + 1);
    }
    format_slab(store, slab, c);
    return link_slab(store, &state->slab_partial[c], slab);
}

/* The first free slot of the first slab in the list of class `c`. */
static int take_from_list(struct brain_store *store, unsigned c, uint32_t *slot_out)
{
    uint32_t slab = store->state->slab_partial[c] - 1;
    struct bn_slab_rec *rec = bn_slab_at(store, slab);
    if (bn_unlikely(!may_link(store, slab + 1) ||
                    memcmp(&rec->shape, &bn_slab_shapes[c], sizeof rec->shape) != 0)) {
        return bn_error_corrupt("%s: the list of slabs of class %u", store->path, c);
    }
    uint64_t word = rec->free_word;
    uint32_t head = FREE_HEAD(word), n_free = N_FREE(word), n_virgin = N_VIRGIN(word), ordinal;
    if (bn_unlikely(n_free == 0 || n_free > rec->shape.n_slots || n_virgin > n_free ||
                    head > rec->shape.n_slots)) {
        return bn_error_corrupt("%s: slab %u counts its slots wrong", store->path, slab);
    }
    struct bn_cold_rec *cold = (struct bn_cold_rec *)(void *)(rec + 1);
    if (head != 0) {
        ordinal = head - 1;
        head = cold[ordinal].set_idx;
    } else {
        ordinal = rec->shape.n_slots - n_virgin;
        n_virgin--;
        if (bn_likely(ordinal <
                      rec->shape.n_slots)) { /* the slab may have been another class's: any bytes */
            bn_slot_set_state(&cold[ordinal], BN_SLOT_FREE, 0);
        }
    }
    if (bn_unlikely(head > rec->shape.n_slots || ordinal >= rec->shape.n_slots ||
                    bn_slot_state(&cold[ordinal]) != BN_SLOT_FREE)) {
        return bn_error_corrupt("%s: the free slots of slab %u", store->path, slab);
    }
    BN_STEP(take, slab * BN_SLAB_LINES + rec->shape.first_line + ordinal * rec->shape.lines, 0);
    bn_journal_u64(store, &rec->free_word, free_word(head, n_free - 1, n_virgin));
    int err = n_free == 1 ? unlink_slab(store, &store->state->slab_partial[c], slab) : 0;
    *slot_out = slab * BN_SLAB_LINES + rec->shape.first_line + ordinal * rec->shape.lines;
    return err;
}

/* Whether the only free slot of the smallest class is left: it is kept for bn_slot_take_spare(). */
static bool is_down_to_spare(const struct brain_store *store)
{
    uint32_t head = store->state->slab_partial[0];
    return head != 0 && may_link(store, head) && bn_slab_at(store, head - 1)->next == 0 &&
           N_FREE(bn_slab_at(store, head - 1)->free_word) == 1;
}

int bn_slot_take(struct brain_store *store, uint64_t inline_bytes, uint32_t *slot_out)
{
    unsigned c = bn_slot_class(inline_bytes);
    if (store->state->slab_partial[c] == 0 || (c == 0 && bn_unlikely(is_down_to_spare(store)))) {
        int err = provide_slab(store, c);
        if (err != 0) {
            return err;
        }
    }
    return take_from_list(store, c, slot_out);
}

int bn_slot_take_spare(struct brain_store *store, uint32_t *slot_out)
{
    if (store->state->slab_partial[0] == 0) {
        int err = provide_slab(store, 0);
        if (err != 0) {
            return err;
        }
    }
    return take_from_list(store, 0, slot_out);
}

static_assert(offsetof(struct bn_cold_rec, set_idx) ==
                      offsetof(struct bn_cold_rec, state_owner) + 4 &&
                  offsetof(struct bn_cold_rec, state_owner) % 8 == 0,
              "state and set_idx share a word");

int bn_slot_give(struct brain_store *store, uint32_t slot)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold == NULL) {
        return bn_error_corrupt("%s: there is no slot %u", store->path, slot);
    }
    uint32_t slab = slot / BN_SLAB_LINES;
    struct bn_slab_rec *rec = bn_slab_at(store, slab);
    uint32_t *partial = &store->state->slab_partial[rec->shape.class_idx];
    uint64_t word = rec->free_word;
    if (bn_unlikely(N_FREE(word) >= rec->shape.n_slots)) {
        return bn_error_corrupt("%s: slab %u counts its slots wrong", store->path, slab);
    }
    uint32_t ordinal = (slot % BN_SLAB_LINES - rec->shape.first_line) / rec->shape.lines;
    bn_journal_u64(store, &cold->state_owner, BN_SLOT_FREE | (uint64_t)FREE_HEAD(word) << 32);
    bn_journal_u64(store, &rec->free_word,
                   free_word(ordinal + 1, N_FREE(word) + 1, N_VIRGIN(word)));
    int err = 0;
    if (N_FREE(word) == 0) {
        err = link_slab(store, partial, slab);
    } else if (N_FREE(word) + 1 == rec->shape.n_slots && (rec->next != 0 || rec->prev != 0)) {
        /* Nothing in it is in use, and its class has another: let any class have it. It has none
         * until then: if the step that gives it one is undone, its free list may be overwritten. */
        err = unlink_slab(store, partial, slab);
        err = err != 0 ? err : link_slab(store, &store->state->slab_free, slab);
        bn_journal_u64(store, &rec->shape, 0);
    }
    return err;
}

/* ---- sets */

static const enum bn_region set_region[] = { BN_REGION_LIMBO, BN_REGION_PRIVATE, BN_REGION_TOMBS };

static uint32_t *set_count(const struct brain_store *store, enum bn_set set)
{
    struct bn_state_rec *state = store->state;
    return set == BN_SET_LIMBO     ? &state->n_limbo
           : set == BN_SET_PRIVATE ? &state->n_private
                                   : &state->n_tombs;
}

static uint32_t *set_cells(const struct brain_store *store, enum bn_set set)
{
    return (uint32_t *)(void *)bn_region_at(store, set_region[set]);
}

uint32_t bn_set_count(const struct brain_store *store, enum bn_set set)
{
    const _Atomic uint64_t *backed = store->state->backed;
    uint64_t room = bn_load_relaxed(&backed[set_region[set]]) / sizeof(uint32_t);
    uint64_t n_slots = bn_load_relaxed(&backed[BN_REGION_SLOTS]) / BN_LINE;
    uint32_t n = *set_count(store, set);
    /* A damaged count must not lead out of the region, nor through more cells than there are slots:
     * each is in a set once at most. */
    room = room < n_slots ? room : n_slots;
    return n < room ? n : (uint32_t)room;
}

uint32_t bn_set_get(const struct brain_store *store, enum bn_set set, uint32_t i)
{
    return set_cells(store, set)[i];
}

int bn_set_room(struct brain_store *store, enum bn_set set, uint32_t n)
{
    return bn_store_need(store, set_region[set],
                         ((uint64_t)*set_count(store, set) + n) * sizeof(uint32_t));
}

int bn_set_add(struct brain_store *store, enum bn_set set, uint32_t slot, struct bn_cold_rec *cold)
{
    uint32_t n = *set_count(store, set);
    if (bn_unlikely(((uint64_t)n + 1) * sizeof(uint32_t) >
                    bn_load_relaxed(&store->state->backed[set_region[set]]))) {
        return bn_error_corrupt("%s: set %d counts %u slots, more than it has room for",
                                store->path, (int)set, n);
    }
    /* Beyond the count a cell means nothing and needs no note; but the step that adds a tombstone
     * may have removed the last one before. set_idx means nothing but in the state that the caller
     * sets; but the step that takes a private slot may be undone, and then it is the link of a free
     * one. */
    if (set == BN_SET_TOMBS) {
        bn_journal_note(store, (void *)((uintptr_t)&set_cells(store, set)[n] & ~(uintptr_t)7));
    }
    if (set == BN_SET_PRIVATE) {
        bn_journal_note(store, (void *)((uintptr_t)&cold->set_idx & ~(uintptr_t)7));
    }
    bn_store_release(bn_atomic32(&set_cells(store, set)[n]), slot);
    bn_store_release(bn_atomic32(&cold->set_idx), n);
    bn_journal_u32(store, set_count(store, set), n + 1);
    return 0;
}

int bn_set_remove(struct brain_store *store, enum bn_set set, uint32_t slot,
                  struct bn_cold_rec *cold)
{
    uint32_t n = bn_set_count(store, set), i = cold->set_idx, *cells = set_cells(store, set);
    if (i >= n || cells[i] != slot) {
        return bn_error_corrupt("%s: slot %u says it is at %u of the %u in set %d", store->path,
                                slot, i, n, (int)set);
    }
    uint32_t last = cells[n - 1];
    if (last != slot) {
        struct bn_cold_rec *moved = bn_slot_cold(store, last);
        if (moved == NULL) {
            return bn_error_corrupt("%s: there is no slot %u", store->path, last);
        }
        bn_journal_u32(store, &cells[i], last);
        bn_journal_u32(store, &moved->set_idx, i);
    }
    bn_journal_u32(store, set_count(store, set), n - 1);
    return 0;
}

/* ---- ready slots */

bool bn_ready_add(struct brain_store *store, uint32_t slot, struct bn_cold_rec *cold,
                  uint32_t n_max)
{
    unsigned c = bn_slab_at(store, slot / BN_SLAB_LINES)->shape.class_idx;
    struct bn_spares *spares = &store->spares[c];
    /* relaxed, here and below: under the lock */
    uint32_t n_ready = bn_load_relaxed(&spares->n_ready), n = bn_load_relaxed(&spares->n);
    if (n_ready >= n_max || n == BN_READY_MAX) {
        return false;
    }
    spares->of[n] = spares->of[n_ready]; /* the first retired one makes room */
    spares->of[n_ready] = (struct bn_spare){ slot, bn_slot_at(store, slot)->gen, cold };
    bn_store_relaxed(&spares->n, n + 1);
    bn_store_relaxed(&spares->n_ready, n_ready + 1);
    return true;
}

void bn_ready_drop(struct bn_spares *spares)
{
    uint32_t n_ready = bn_load_relaxed(&spares->n_ready) - 1, n = bn_load_relaxed(&spares->n) - 1;
    bn_store_relaxed(&spares->n_ready, n_ready);
    spares->of[n_ready] = spares->of[n]; /* a retired one into the gap */
    bn_store_relaxed(&spares->n, n);
}

const struct bn_spare *bn_ready_last_standing(const struct brain_store *store,
                                              struct bn_spares *spares)
{
    for (;;) {
        uint32_t n = bn_load_relaxed(&spares->n_ready);
        if (n == 0 || bn_spare_stands(store, &spares->of[n - 1])) {
            return n == 0 ? NULL : &spares->of[n - 1];
        }
        bn_ready_drop(spares);
    }
}

void bn_ready_clear(struct brain_store *store)
{
    for (unsigned c = 0; c < BN_N_CLASSES; c++) {
        bn_store_relaxed(&store->spares[c].n_ready, 0u);
        bn_store_relaxed(&store->spares[c].n, 0u);
    }
}

uint32_t bn_ready_count(const struct brain_store *store)
{
    uint32_t n = 0;
    for (unsigned c = 0; c < BN_N_CLASSES; c++) {
        n += bn_load_relaxed(&store->spares[c].n);
    }
    return n;
}
