/* id.c - values by id, in whatever namespace they are.
 *
 * Id:       8 bytes of the store's own random id, slot, gen, low half of the commit number: a use
 *           of a slot, which is one version of one name for ever.
 * Get:      an id says nothing that has to be true. So its slot is pinned first, and looked at as
 *           any bytes: it may be no slot, free, retired, or just being filled. What seems to be
 *           name and namespace there is then looked up as any get does; only if that leads to this
 *           very use of the slot was it the value. So a misread name costs a miss, and a value that
 *           stood all the while is not misread: its slot does not change.
 * Extents:  the name of a large value may lie in its extent, whose pages may be given back, and to
 *           look at those would ask the kernel for memory. It is looked at only if the slot is
 *           committed and not retired: whoever retires it now sees the pin (PAIR pin-retire). And
 *           only if the extent is recorded as its: what seems to be a slot may be somebody's data.
 * Space:    a value's slot says the record, the record the slot of its entry in the root space, and
 *           that the name. Each may be another's by now; so the name is looked up, and what is
 *           found has to lead to the record, and to have been there before the value.
 * Waits:    never.
 */
#include "id.h"

#include <string.h>

#include "alloc.h"
#include "base/hash.h"
#include "handle.h"
#include "hits.h"
#include "name.h"
#include "pin.h"
#include "read.h"
#include "slot.h"
#include "space.h"

struct id {
    uint8_t store[8];
    uint32_t slot;
    uint32_t gen;
    uint32_t number;
};
static_assert(sizeof(struct id) == BRAIN_ID_BYTES, "ids are part of the format");

static const uint8_t *store_id(const struct brain_store *store)
{
    const struct bn_super_rec *super = (const void *)(store->view + BN_SUPER_OFF);
    return super->store_id;
}

void brain_store_id(const brain_store *store, uint8_t id_out[BRAIN_STORE_ID_BYTES])
{
    memcpy(id_out, store_id(store), BRAIN_STORE_ID_BYTES);
}

void brain_view_id(const brain_view *view, uint8_t id_out[BRAIN_ID_BYTES])
{
    struct id id = { .slot = 0 };
    if (view->store != NULL) {
        memcpy(id.store, store_id(view->store), sizeof id.store);
        id.slot = view->object;
        id.gen = bn_slot_view(view->store, view->object)->gen;
        id.number = (uint32_t)bn_slot_view(view->store, view->object)->number;
    }
    memcpy(id_out, &id, sizeof id);
}

/* ---- get */

/* The name that a slot seems to have, and its namespace. */
struct suspect {
    struct bn_key key;
    uint64_t words[BN_INLINE_MAX / sizeof(uint64_t)]; /* what lies in the slot, copied */
};

static bool is_use(const struct bn_slot_rec *rec, const struct id *id)
{
    return rec->gen == id->gen && (uint32_t)rec->number == id->number;
}

/* Copy the head of a slot that is in use as the id says, and committed. False: it is not. */
static bool copy_head(struct brain_store *store, const struct id *id, struct bn_slot_rec *rec)
{
    const _Atomic uint64_t *from =
        (const _Atomic uint64_t *)(const void *)bn_slot_view(store, id->slot);
    uint64_t words[sizeof *rec / sizeof(uint64_t)];
    words[BN_SLOT_WORD_SIZE_GEN] = bn_load_acquire(&from[BN_SLOT_WORD_SIZE_GEN]); /* PAIR refill */
    words[0] = bn_load_acquire(&from[0]);
    if (BN_SLOT_FIELD(gen, words[BN_SLOT_WORD_SIZE_GEN]) != id->gen ||
        words[0] > bn_load_seq(&store->state_view->committed)) { /* PAIR commit: it is filled */
        return false;
    }
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = bn_load_relaxed(&from[i]); /* relaxed: judged below */
    }
    bn_fence_acquire(); /* PAIR refill */
    memcpy((void *)rec, words, sizeof words);
    return is_use(rec, id) && bn_load_relaxed(&from[0]) == words[0] &&
           bn_load_relaxed(&from[BN_SLOT_WORD_SIZE_GEN]) == words[BN_SLOT_WORD_SIZE_GEN] &&
           !(rec->flags & BN_SLOT_TOMB) && rec->space != BN_ROOT_SPACE;
}

bool bn_id_owns_extent(const struct brain_store *store, uint32_t slot, uint32_t page)
{
    uint64_t end = ((uint64_t)page + 1) * sizeof(struct bn_block_rec);
    if (end > bn_load_acquire(&store->state_view->backed[BN_REGION_BLOCKS]) ||
        end > store->region_bytes[BN_REGION_BLOCKS]) {
        return false;
    }
    const uint8_t *word = bn_region_view(store, BN_REGION_BLOCKS) + end - sizeof(uint64_t);
    uint64_t owned = bn_load_relaxed((const _Atomic uint64_t *)(const void *)word);
    return BN_FIELD(struct bn_block_rec, owner, owned) == slot &&
           BN_FIELD(struct bn_block_rec, state, owned) == BN_BLOCK_USED;
}
static_assert(offsetof(struct bn_block_rec, owner) == 8 &&
                  offsetof(struct bn_block_rec, state) == 12,
              "owner and state are in the second word");

/* Copy the name that lies in a slot with this head, if it lies there. */
static bool copy_name(struct brain_store *store, uint32_t slot, const struct bn_slot_rec *rec,
                      const struct bn_slot_shape *shape, struct suspect *out)
{
    const _Atomic uint64_t *words =
        (const _Atomic uint64_t *)(const void *)bn_slot_view(store, slot);
    uint64_t end = (shape->body_off + rec->name_len + 7) / sizeof(uint64_t);
    if (end > BN_INLINE_MAX / sizeof(uint64_t) ||
        (uint64_t)slot * BN_LINE + end * sizeof(uint64_t) >
            bn_load_relaxed(&store->slots_backed)) { /* relaxed: rises only */
        return false;
    }
    for (uint64_t i = shape->body_off / sizeof(uint64_t); i < end; i++) {
        out->words[i] = bn_load_relaxed(&words[i]); /* relaxed: the look-up judges */
    }
    out->key.name = (const uint8_t *)out->words + shape->body_off;
    return true;
}

/* Find the name: 0, NOT_FOUND, NOMEM. */
static int find_name(struct brain_store *store, const struct id *id, const struct bn_slot_rec *rec,
                     struct suspect *out)
{
    struct bn_slot_shape shape;
    bn_slot_shape(bn_slot_size(rec), bn_slot_body_len(rec), rec->flags, &shape);
    if (!(rec->flags & BN_SLOT_EXTENT) || !(rec->flags & BN_SLOT_BODY_OUT)) {
        return copy_name(store, id->slot, rec, &shape, out) ? 0 : BRAIN_E_NOT_FOUND;
    }
    if (bn_load_seq(&bn_slot_view(store, id->slot)->retired) != 0 || /* PAIR pin-retire */
        !bn_id_owns_extent(store, id->slot, rec->page)) {
        return BRAIN_E_NOT_FOUND;
    }
    int err = bn_store_map_values(store, (uint64_t)rec->page * BN_PAGE + shape.extent_bytes);
    out->key.name = store->view + bn_alloc_off(store, rec->page) + shape.body_off;
    return err == BRAIN_E_CORRUPT ? BRAIN_E_NOT_FOUND : err; /* of an id, not of the store */
}

/* What a pinned slot would be found by: 0, NOT_FOUND, NOMEM. */
static int suspect(struct brain_store *store, const struct id *id, struct suspect *out)
{
    struct bn_slot_rec rec;
    if (!copy_head(store, id, &rec)) {
        return BRAIN_E_NOT_FOUND;
    }
    int err = find_name(store, id, &rec, out);
    if (err == 0) {
        out->key.name_len = rec.name_len;
        out->key.space_id = rec.space;
        out->key.hash = bn_hash_name(store->hash_seed, rec.space, out->key.name, out->key.name_len);
    }
    return err;
}

/* Look up what the slot says: 0 with a pin, or NOT_FOUND, ... */
static int look_up(struct brain_store *store, const struct id *id, struct bn_found *found)
{
    struct suspect its;
    int err = suspect(store, id, &its);
    const struct bn_space_rec *space = err == 0 ? bn_space_view(store, its.key.space_id) : NULL;
    if (space == NULL) {
        return err != 0 ? err : BRAIN_E_NOT_FOUND;
    }
    uint32_t gen = bn_load_acquire(&space->gen);
    err = bn_read_get(store, &its.key, found);
    if (err != 0) {
        return err;
    }
    /* Its names leave the index before the record of a namespace is used again: so if it still
     * stands as before, what stood in the index was in it. */
    if (found->slot != id->slot || !is_use(bn_slot_view(store, found->slot), id) ||
        !bn_space_stands(store, space, gen)) {
        bn_read_let_go(store, found->pin);
        return BRAIN_E_NOT_FOUND;
    }
    return 0;
}

/* A view of that use of a slot, if it is the value of its name: 0, NOT_FOUND, ... */
static int get(struct brain_store *store, const struct id *id, brain_view *view_out)
{
    struct bn_found found;
    uint32_t pin;
    if (id->slot == 0 || !bn_slot_exists(store, id->slot)) {
        return BRAIN_E_NOT_FOUND;
    }
    int err = bn_pin_take(store, id->slot, &pin);
    if (err != 0) {
        return err;
    }
    err = look_up(store, id, &found);
    if (err == 0) {
        err = bn_read_view(store, found.slot, found.pin, view_out);
        if (err != 0) {
            bn_read_let_go(store, found.pin);
        }
    }
    bn_read_let_go(store, pin);
    return err;
}

int brain_get_by_id(brain_store *store, const uint8_t bytes[BRAIN_ID_BYTES], brain_view *view_out)
{
    struct id id;
    int err = bn_store_check_usable(store);
    memcpy(&id, bytes, sizeof id);
    if (err == 0 && memcmp(id.store, store_id(store), sizeof id.store) != 0) {
        err = BRAIN_E_NOT_FOUND;
    }
    err = err != 0 ? err : get(store, &id, view_out);
    if (err == 0) {
        bn_hits_note_if_wanted(store, id.slot);
        bn_name_got(store, NULL, view_out->name, view_out->name_len, view_out);
    } else if (err == BRAIN_E_NOT_FOUND) {
        bn_name_got(store, NULL, NULL, 0, NULL);
    }
    return bn_error_expected(err);
}

int bn_id_view(struct brain_store *store, struct bn_use use, brain_view *view_out)
{
    struct id id = { .slot = use.slot, .gen = use.gen, .number = (uint32_t)use.number };
    return get(store, &id, view_out);
}

/* ---- the namespace of a value */

/* Fill `key` with the name that a namespace's entry seems to have. */
static bool suspect_entry(struct brain_store *store, uint32_t slot, struct suspect *out)
{
    struct bn_slot_rec rec;
    struct bn_slot_shape shape;
    uint64_t words[sizeof rec / sizeof(uint64_t)];
    if (slot == 0 || !bn_slot_exists(store, slot)) {
        return false;
    }
    const _Atomic uint64_t *from =
        (const _Atomic uint64_t *)(const void *)bn_slot_view(store, slot);
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = bn_load_relaxed(&from[i]); /* relaxed: the look-up judges */
    }
    memcpy((void *)&rec, words, sizeof rec);
    bn_slot_shape(bn_slot_size(&rec), bn_slot_body_len(&rec), rec.flags, &shape);
    out->key.name_len = rec.name_len;
    return rec.name_len > 0 && rec.name_len <= BRAIN_SPACE_MAX && !(rec.flags & BN_SLOT_EXTENT) &&
           copy_name(store, slot, &rec, &shape, out);
}

/* A record of a namespace that a value was seen in. */
struct whose {
    struct bn_space_ref ref;
    uint64_t version; /* of the value */
};

/* Internal: the record is another namespace's by now. */
#define ANOTHERS (-130)

/* Open the namespace `name` if its entry in the root space leads to the record: 0, NOT_FOUND, ...;
 * or ANOTHERS, where that was made after the value. */
static int open_if(struct brain_store *store, const struct whose *whose, const void *name,
                   uint32_t name_len, brain_space **space_out)
{
    struct bn_space_ref ref;
    struct bn_found found;
    struct bn_key key = { .name = name,
                          .name_len = name_len,
                          .space_id = BN_ROOT_SPACE,
                          .hash = bn_hash_name(store->hash_seed, BN_ROOT_SPACE, name, name_len) };
    int err = bn_read_get(store, &key, &found);
    if (err != 0) {
        return err;
    }
    err = bn_read_space_id(store, found.slot, &ref.id, &ref.gen);
    if (err == 0 && (ref.id != whose->ref.id || ref.gen != whose->ref.gen)) {
        err = BRAIN_E_NOT_FOUND;
    } else if (err == 0 && bn_slot_view(store, found.slot)->number > whose->version) {
        err = ANOTHERS;
    }
    bn_pin_drop(store, found.pin);
    err = err != 0 ? err : brain_space_open(store, name, name_len, space_out);
    if (err == 0) {
        bn_store_relaxed(&(*space_out)->resolved, bn_handle_word(ref));
    }
    return err;
}

/* The same by a walk over all namespaces. */
static int open_by_walk(struct brain_store *store, const struct whose *whose,
                        brain_space **space_out)
{
    brain_iter *iter;
    const void *name;
    size_t name_len;
    int err = brain_iter_spaces(store, NULL, &iter);
    if (err != 0) {
        return err;
    }
    do {
        err = brain_iter_next(iter, &name, &name_len);
        if (err != 0) {
            break;
        }
        err = open_if(store, whose, name, (uint32_t)name_len, space_out);
    } while (err == BRAIN_E_NOT_FOUND);
    brain_iter_free(iter);
    return err;
}

int brain_view_space(const brain_view *view, brain_space **space_out, const void **name_out,
                     size_t *name_len_out)
{
    struct brain_store *store = view->store;
    struct suspect its;
    brain_space *space = NULL;
    if (store == NULL) {
        return bn_error(BRAIN_E_INVAL,
                        "a view that was dropped, or shows a copy, is of no namespace");
    }
    int err = bn_store_check_usable(store);
    if (err != 0) {
        return err;
    }
    uint32_t id = bn_slot_view(store, view->object)->space;
    const struct bn_space_rec *rec = bn_space_view(store, id);
    if (rec == NULL) {
        return bn_error_corrupt("%s: the record of a namespace", store->path);
    }
    struct whose whose = { { id, bn_load_acquire(&rec->gen) }, view->version };
    if (id == BN_ROOT_SPACE || !bn_space_stands(store, rec, whose.ref.gen)) {
        return bn_error_expected(BRAIN_E_NOT_FOUND);
    }
    err = suspect_entry(store, bn_load_acquire(&rec->entry), &its)
              ? open_if(store, &whose, its.key.name, its.key.name_len, &space)
              : BRAIN_E_NOT_FOUND;
    if (err == BRAIN_E_NOT_FOUND && bn_space_stands(store, rec, whose.ref.gen)) {
        err = open_by_walk(store, &whose, &space);
    }
    err = err == ANOTHERS ? BRAIN_E_NOT_FOUND : err;
    if (err == 0 && !bn_handle_stands(space, whose.ref)) {
        brain_space_close(space);
        err = BRAIN_E_NOT_FOUND;
    }
    if (err == 0) {
        *space_out = space;
        if (name_out != NULL) {
            *name_out = space->name;
        }
        if (name_len_out != NULL) {
            *name_len_out = space->name_len;
        }
    }
    return bn_error_expected(err);
}
