/* replace.c - the commonest change: another small value under a name that has one.
 *
 * A transaction as any other (txn.c), with the same records, but of one change whose steps are
 * known beforehand, so that they can be written down one after the other:
 *
 *   find      everything that can go wrong comes first, and is left to write.c
 *   publish   the fresh slot becomes the transaction's: one that lies in limbo and is ready
 *             (store.h)
 *   fill
 *   note      all words that will change, counted by one store
 *   swing     index word, cell, the tallies' numbers
 *   commit    one store
 *   swap      the slot that was replaced takes the place in limbo of the fresh one
 *
 * Ordering: as in txn.c. The commit is a release: nothing is looked at before the lock is released,
 *           which is the full barrier that the looks at pins, registrations and sleepers need (PAIR
 *           commit).
 * Crash:    txn.c recovers it; BN_PUBLISH_SWAPS says that the fresh slot never left limbo.
 */
#include "replace.h"

#include "base/hash.h"
#include "base/os.h"
#include "index.h"
#include "journal.h"
#include "lock.h"
#include "names.h"
#include "reclaim.h"
#include "recover.h"
#include "slot.h"
#include "space.h"
#include "txn.h"
#include "watch.h"

static_assert(sizeof(struct bn_cold_rec) % 8 == 0,
              "cold records are counted in words (brain_hint)");

/* What is put, and where. */
struct put {
    const uint8_t *name, *data, *meta;
    const brain_hint *hint; /* NULL: there is none that is of use */
    uint64_t hash, if_version;
    uint32_t name_len, size, meta_len, kind;
    struct bn_space_ref space;
    unsigned class_idx;
};

/* What is found there. */
struct found {
    struct bn_space_rec *space;
    _Atomic uint64_t *word;
    uint32_t older, fresh;
    struct bn_cold_rec *older_cold, *fresh_cold;
    uint32_t had; /* bytes of `fresh` in limbo */
    uint64_t new_word;
};

BN_INLINE bool is_small(const brain_value *value, const void *name, size_t name_len)
{
    const brain_part *part = value->parts;
    return value->n_parts <= 1 && value->description == NULL && value->kind <= 255 &&
           (name != NULL || name_len == 0) && name_len <= BRAIN_NAME_MAX &&
           value->meta_len <= BRAIN_META_MAX &&
           name_len + value->meta_len < BN_INLINE_MAX - BN_SLOT_HEAD - BN_SLOT_ALIGNED_FROM &&
           (value->n_parts == 0 || (part->align <= 8 && (part->align & (part->align - 1)) == 0 &&
                                    part->size_bytes < BN_SLOT_ALIGNED_FROM &&
                                    (part->data != NULL || part->size_bytes == 0)));
}

/* ---- find */

/* Whether `slot` is a small value of the name. */
BN_INLINE bool is_named(struct brain_store *store, const struct put *put, uint32_t slot)
{
    if (!bn_slot_exists(store, slot)) {
        return false;
    }
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    const uint8_t *body = bn_slot_small_body(rec);
    return rec->space == put->space.id && rec->name_len == put->name_len && body != NULL &&
           bn_slot_same(body, put->name, put->name_len);
}

/* Whether what is there is small, without a description, and of the version that is asked for. */
BN_INLINE bool may_replace(const struct put *put, const struct bn_slot_rec *rec)
{
    return (rec->flags & (BN_SLOT_TOMB | BN_SLOT_EXTENT)) == 0 && rec->description_len == 0 &&
           (put->if_version == BRAIN_ANY_VERSION || put->if_version == rec->number);
}

/* The word that a hint leads to: the same slot, in the same use, stands where it stood. */
BN_INLINE bool find_hinted(struct brain_store *store, const brain_hint *hint, struct found *found)
{
    _Atomic uint64_t *place = bn_atomic64(store->data + hint->place);
    uint32_t slot = bn_index_slot(hint->word);
    if (bn_load_relaxed(place) != hint->word || bn_slot_at(store, slot)->gen != hint->gen) {
        return false;
    }
    found->word = place;
    found->older = slot;
    found->older_cold =
        hint->record == 0
            ? NULL
            : (struct bn_cold_rec *)(void *)(store->own_slots + (uint64_t)hint->record * 8);
    return true;
}

/* The name's word, if it stands in the first line of its chain. */
BN_INLINE bool find_word(struct brain_store *store, struct put *put, struct found *found)
{
    put->hash = bn_hash_name(store->hash_seed, put->space.id, put->name, put->name_len);
    uint64_t n = bn_load_relaxed(&store->state->index_state) >> 1; /* relaxed: under the lock */
    struct bn_bucket_rec *line =
        bn_index_bucket_at(store, bn_index_bucket(put->hash, n == 0 ? 1 : n));
    for (uint32_t i = 0; line != NULL && i < BN_BUCKET_WORDS; i++) {
        uint64_t word = bn_load_relaxed(&line->words[i]);
        if (bn_index_matches(word, put->hash) && is_named(store, put, bn_index_slot(word))) {
            found->word = &line->words[i];
            found->older = bn_index_slot(word);
            found->older_cold = NULL;
            return true;
        }
    }
    return false;
}

BN_INLINE bool find(struct brain_store *store, struct put *put, struct found *found)
{
    found->space = bn_space_at(store, put->space.id);
    if (found->space == NULL || bn_load_relaxed(&found->space->removed) != 0 ||
        bn_load_relaxed(&found->space->gen) != put->space.gen ||
        !((put->hint != NULL && find_hinted(store, put->hint, found)) ||
          find_word(store, put, found)) ||
        !may_replace(put, bn_slot_at(store, found->older))) {
        return false;
    }
    if (found->older_cold == NULL) {
        found->older_cold = bn_slot_cold(store, found->older);
    }
    if (found->older_cold == NULL || !bn_names_exists(store, found->older_cold->cell)) {
        return false;
    }
    found->new_word = bn_index_word(bn_load_relaxed(found->word), 0); /* of the same hash */
    return true;
}

static uint32_t take_after_look(struct brain_store *store, unsigned c,
                                struct bn_cold_rec **cold_out)
{
    bn_reclaim_retired(store, c);
    return bn_ready_take(store, c, cold_out);
}

/* A slot that is ready, if the larger of two values still fits. */
BN_INLINE bool take_ready(struct brain_store *store, const struct put *put, struct found *found)
{
    found->fresh = bn_ready_take(store, put->class_idx, &found->fresh_cold);
    if (bn_unlikely(found->fresh == 0)) {
        found->fresh = take_after_look(store, put->class_idx, &found->fresh_cold);
        if (found->fresh == 0) {
            return false;
        }
    }
    found->new_word |= found->fresh;
    found->had = bn_slot_at(store, found->fresh)->size_low; /* it is small: bn_ready_add() */
    return put->size <= found->had || bn_txn_has_room(store, put->size - found->had);
}

/* ---- fill */

/* Eight bytes at a time: fields that share a word are put together first, or the stores alone would
 * take as long as the rest. Offsets: layout.h pins them. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PENDING                       0x01000000u
#define KIND_SHIFT                    8
#define NAME_META(name_len, meta_len) ((name_len) << 16 | (meta_len))
#else
#define PENDING                       0x01u
#define KIND_SHIFT                    16
#define NAME_META(name_len, meta_len) ((meta_len) << 16 | (name_len))
#endif

BN_INLINE void fill(struct brain_store *store, const struct put *put, const struct found *found,
                    uint64_t number)
{
    struct bn_slot_rec *rec = bn_slot_at(store, found->fresh);
    struct bn_cold_rec *cold = found->fresh_cold;
    uint8_t *body = (uint8_t *)rec + BN_SLOT_HEAD;
    _Atomic uint64_t *word = bn_atomic64(rec);
    bn_slot_begin_use(store, rec);
    rec->number = number;
    /* relaxed: the swing publishes all of it */
    bn_store_relaxed(&word[1], bn_pair(PENDING | put->kind << KIND_SHIFT, put->space.id));
    bn_store_relaxed(&word[2], bn_pair(found->older, 0)); /* and page */
    bn_store_relaxed(&word[3], bn_pair(NAME_META(put->name_len, put->meta_len), 0));
    bn_store_relaxed(bn_atomic32(&rec->size_low), put->size);
    bn_copy(body, put->data, put->size);
    bn_copy(body + put->size, put->name, put->name_len);
    bn_copy(body + put->size + put->name_len, put->meta, put->meta_len);
    cold->stamp = 0;
    cold->created_ns = bn_os_wall_ns();
    bn_store_relaxed(bn_atomic64(&cold->cell),
                     bn_pair(found->older_cold->cell, found->older_cold->hash_low));
    bn_store_relaxed(bn_atomic64(&cold->expiry_s), (uint64_t)0); /* and value_gone */
}

/* ---- note and swing */

/* Five words at most. The last two change only where sizes do. */
BN_INLINE void swing(struct brain_store *store, const struct put *put, const struct found *found,
                     uint64_t number)
{
    struct bn_state_rec *state = store->state;
    uint64_t older_size = bn_slot_size(bn_slot_at(store, found->older));
    int64_t more = (int64_t)put->size - (int64_t)older_size;
    _Atomic uint32_t *cell = bn_names_cell(store, found->older_cold->cell);
    struct bn_tally_rec *of_space = bn_tally_prepare(found->space->tally, 0, more);
    struct bn_tally_rec *of_all = bn_unlikely(more != 0 && put->space.id != BN_ROOT_SPACE)
                                      ? bn_tally_prepare(state->live, 0, more)
                                      : NULL;
    uint64_t limbo_bytes = state->limbo_bytes + older_size - found->had;
    uint32_t n = 0;
    bn_journal_write_note(store, n++, number, found->word);
    bn_journal_write_note(store, n++, number, (void *)((uintptr_t)cell & ~(uintptr_t)7));
    bn_journal_write_note(store, n++, number, &of_space->number);
    if (of_all != NULL) {
        bn_journal_write_note(store, n++, number, &of_all->number);
    }
    if (limbo_bytes != state->limbo_bytes) {
        bn_journal_write_note(store, n++, number, &state->limbo_bytes);
    }
    bn_journal_count_notes(store, n);

    bn_store_release(found->word, found->new_word); /* PAIR swing */
    bn_store_release(cell, found->fresh);
    bn_store_release(&of_space->number, number);
    if (of_all != NULL) {
        bn_store_release(&of_all->number, number);
    }
    bn_store_release(bn_atomic64(&state->limbo_bytes), limbo_bytes);
}

/* ---- */

/* Under the lock. False: nothing has happened; whatever it is, write.c finds it again, and
 * answers. */
BN_INLINE bool replace(struct brain_store *store, struct put *put, brain_hint *hint,
                       uint64_t *number_out)
{
    struct found found;
    if (!find(store, put, &found) || !take_ready(store, put, &found)) {
        return false;
    }
    bn_journal_begin(store);
    uint64_t number = bn_load_relaxed(&store->state->txn_number);
    struct bn_publish_rec rec = {
        .fresh = found.fresh, .older = found.older, .flags = BN_PUBLISH_SWAPS, .detail = found.had
    };
    /* Before it is filled: from here on limbo_bytes counts it with what it had. */
    bn_journal_publish(store, rec);
    fill(store, put, &found, number);
    swing(store, put, &found, number);
    bn_store_release(&store->state->committed, number); /* PAIR commit */
    bn_slot_swap_limbo(store, found.fresh, found.fresh_cold, found.older, found.older_cold, number);
    bn_journal_clear(store);
    const struct bn_slot_rec *older = bn_slot_at(store, found.older);
    unsigned c = bn_slot_class(BN_SLOT_HEAD + older->size_low + bn_slot_body_len(older));
    bn_spares_add(&store->retired[c], found.older, older->gen, found.older_cold);
    *number_out = number;
    if (hint != NULL) {
        *hint = (brain_hint){
            .space = bn_handle_word(put->space),
            .place = (bn_off)((const uint8_t *)found.word - store->data),
            .word = found.new_word,
            .gen = bn_slot_at(store, found.fresh)->gen,
            .record = (uint32_t)(((uint8_t *)found.fresh_cold - store->own_slots) / 8),
            .size = put->meta_len == 0 ? put->size : BN_SLOT_ALIGNED_FROM,
            .kind = put->kind
        };
    }
    return true;
}

int bn_replace(struct brain_space *space, const void *name, size_t name_len, brain_hint *hint,
               const brain_value *value, uint64_t if_version, uint64_t *number_out)
{
    struct brain_store *store = space->store;
    struct put put;
    if (!is_small(value, name, name_len) || bn_handle_resolve(space, &put.space) != 0) {
        return BN_SLOWLY;
    }
    put.name = name;
    put.name_len = (uint32_t)name_len;
    put.data = value->n_parts != 0 ? value->parts->data : NULL;
    put.size = value->n_parts != 0 ? (uint32_t)value->parts->size_bytes : 0;
    put.meta = value->meta;
    put.meta_len = (uint32_t)value->meta_len;
    put.kind = value->kind;
    put.if_version = if_version;
    put.hint = hint != NULL && hint->space == bn_handle_word(put.space) ? hint : NULL;
    put.class_idx = bn_slot_class(BN_SLOT_HEAD + put.size + put.name_len + put.meta_len);

    /* relaxed: a guess */
    uint32_t n_ready = bn_load_relaxed(&store->ready[put.class_idx].n);
    uint32_t n_retired = bn_load_relaxed(&store->retired[put.class_idx].n);
    if (n_ready + n_retired == 0 || !bn_lock_try(store)) {
        return BN_SLOWLY;
    }
    bool done = bn_recover_is_in_order(store) && replace(store, &put, hint, number_out);
    bn_lock_release(store);
    if (bn_unlikely(!done)) {
        return BN_SLOWLY;
    }
    bn_watch_wake(store, space->key, name, name_len);
    if (n_retired % BN_RECLAIM_LOOK_EVERY == 0) {
        bn_reclaim_due(store, false, BN_RECLAIM_LOOK_EVERY, false);
    }
    return 0;
}
