/* replace.c - the commonest change: another small value under a name that has one.
 *
 * A transaction as any other (txn.c), with the same records, but of one change whose steps are
 * known beforehand, so that they can be written down one after the other:
 *
 *   find      everything that can go wrong comes first, and is left to write.c
 *   publish   the fresh slot becomes the transaction's: one that lies in limbo and is ready
 *             (store.h); with it go the notes of all words that will change, counted by one store
 *   fill
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
#include "base/probe.h"
#include "count.h"
#include "event.h"
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
static_assert(offsetof(brain_hint, gen) % 8 == 0 && offsetof(brain_hint, size) % 8 == 0,
              "hints are noted two fields at a time");

/* What is put, and where. */
struct put {
    const brain_value *value;
    const uint8_t *name;
    brain_hint *hint; /* or NULL */
    uint64_t if_version, now_ns;
    uint64_t space; /* bn_handle_word() */
    uint32_t name_len, size, meta_len;
    unsigned class_idx;
};

/* What is found there. */
struct found {
    struct bn_space_rec *space;
    _Atomic uint64_t *word;
    uint32_t older, fresh;
    struct bn_cold_rec *older_cold, *fresh_cold;
    uint32_t older_size; /* of its data */
    unsigned older_class;
    uint32_t had; /* bytes of `fresh` in limbo */
    uint64_t new_word;
};

/* What changes beside the slots. */
struct changes {
    _Atomic uint32_t *cell;
    struct bn_tally_rec *of_space, *of_all; /* of_all NULL: no size changes */
    uint64_t limbo_bytes;
};

static_assert(BN_SLOT_SMALL_BODY < BRAIN_NAME_MAX && BN_SLOT_SMALL_BODY < BRAIN_META_MAX,
              "what is too long is not small");

BN_INLINE bool is_small(const brain_value *value, const void *name, size_t name_len)
{
    const brain_part *part = value->parts;
    return value->n_parts <= 1 && value->description == NULL && value->created_ns == 0 &&
           value->kind <= 255 && name_len < BN_SLOT_SMALL_BODY &&
           value->meta_len < BN_SLOT_SMALL_BODY - name_len && (name != NULL || name_len == 0) &&
           (value->n_parts == 0 || (part->align <= 8 && (part->align & (part->align - 1)) == 0 &&
                                    part->size_bytes < BN_SLOT_ALIGNED_FROM &&
                                    (part->data != NULL || part->size_bytes == 0)));
}

/* ---- find */

/* Whether what is there is small, without a description, and of the version that is asked for.
 * Fields that share eight bytes are looked at together. */
BN_INLINE bool may_replace(const struct put *put, const struct bn_slot_rec *rec,
                           struct found *found)
{
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(const void *)rec;
    uint64_t head = bn_load_relaxed(&word[BN_SLOT_WORD_HEAD]); /* relaxed: under the lock */
    uint64_t lens = bn_load_relaxed(&word[BN_SLOT_WORD_LENS]);
    uint64_t body_len = BN_SLOT_FIELD(name_len, lens) + BN_SLOT_FIELD(meta_len, lens);
    found->older_size = rec->size_low;
    if ((head & BN_SLOT_NOT_INLINE) != 0 ||
        (lens & (BN_SLOT_BITS(description_len) | BN_SLOT_BITS(size_high))) != 0 ||
        body_len >= BN_SLOT_SMALL_BODY || found->older_size >= BN_SLOT_ALIGNED_FROM) {
        return false;
    }
    found->older_class = bn_slot_class(BN_SLOT_HEAD + found->older_size + body_len);
    return put->if_version == BRAIN_ANY_VERSION || put->if_version == rec->number;
}

/* A word of the index, and what it was when it was looked at. place NULL: there is none. */
struct seen {
    _Atomic uint64_t *place;
    uint64_t word;
};

/* The word that a hint leads to, if the same slot, in the same use, stands where it stood. */
BN_INLINE struct seen find_hinted(struct brain_store *store, const struct put *put)
{
    const brain_hint *hint = put->hint;
    if (hint == NULL || hint->space != put->space) {
        return (struct seen){ NULL, 0 };
    }
    _Atomic uint64_t *place = bn_atomic64(store->data + hint->place);
    bool stands = bn_load_relaxed(place) == hint->word &&
                  bn_slot_at(store, bn_index_slot(hint->word))->gen == hint->gen;
    return (struct seen){ bn_likely(stands) ? place : NULL, hint->word };
}

/* Whether `slot` is a small value of the name. */
static bool is_named(struct brain_store *store, uint32_t slot, uint32_t space, const uint8_t *name,
                     uint32_t name_len)
{
    if (!bn_slot_exists(store, slot)) {
        return false;
    }
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    const uint8_t *body = bn_slot_small_body(rec);
    return rec->space == space && rec->name_len == name_len && body != NULL &&
           bn_slot_same(body, name, name_len);
}

/* The name's word, if it stands in the first line of its chain, and its value is small. The two here
 * are calls: inline they would take registers from the way with a hint. */
BN_NOINLINE static struct seen find_word(struct brain_store *store, uint32_t space,
                                         const uint8_t *name, uint32_t name_len)
{
    uint64_t hash = bn_hash_name(store->hash_seed, space, name, name_len);
    uint64_t n = bn_load_relaxed(&store->state->index_state) >> 1; /* relaxed: under the lock */
    struct bn_bucket_rec *line = bn_index_bucket_at(store, bn_index_bucket(hash, n == 0 ? 1 : n));
    for (uint32_t i = 0; line != NULL && i < BN_BUCKET_WORDS; i++) {
        uint64_t word = bn_load_relaxed(&line->words[i]);
        if (bn_index_matches(word, hash) &&
            is_named(store, bn_index_slot(word), space, name, name_len)) {
            return (struct seen){ &line->words[i], word };
        }
    }
    return (struct seen){ NULL, 0 };
}

BN_NOINLINE static struct bn_cold_rec *find_cold(struct brain_store *store, uint32_t slot)
{
    return bn_slot_cold(store, slot);
}

BN_INLINE bool find(struct brain_store *store, const struct put *put, struct found *found)
{
    struct bn_space_ref ref = bn_handle_ref(put->space);
    uint32_t record = 0;
    found->space = bn_space_at(store, ref.id);
    if (found->space == NULL || bn_load_relaxed(&found->space->removed) != 0 ||
        bn_load_relaxed(&found->space->gen) != ref.gen) {
        return false;
    }
    struct seen seen = find_hinted(store, put);
    if (bn_likely(seen.place != NULL)) {
        record = put->hint->record;
    } else {
        if (put->hint != NULL) {
            put->hint->space = 0; /* of no use */
        }
        seen = find_word(store, ref.id, put->name, put->name_len);
        if (seen.place == NULL) {
            return false;
        }
    }
    found->word = seen.place;
    found->older = bn_index_slot(seen.word);
    found->new_word = bn_index_word(seen.word, 0); /* of the same hash */
    if (!may_replace(put, bn_slot_at(store, found->older), found) ||
        (put->size > found->older_size &&
         !bn_space_may_grow(found->space, put->size - found->older_size))) {
        return false;
    }
    found->older_cold =
        bn_likely(record != 0)
            ? (struct bn_cold_rec *)(void *)(store->own_slots + (uint64_t)record * 8)
            : find_cold(store, found->older);
    return found->older_cold != NULL && bn_names_exists(store, found->older_cold->cell);
}

BN_NOINLINE static const struct bn_spare *take_after_look(struct brain_store *store, unsigned c)
{
    bn_reclaim_retired(store, c);
    return bn_ready_take(store, c);
}

/* A slot that is ready, if the larger of two values still fits. */
BN_INLINE bool take_ready(struct brain_store *store, const struct put *put, struct found *found)
{
    const struct bn_spare *ready = bn_ready_take(store, put->class_idx);
    if (bn_unlikely(ready == NULL)) {
        ready = take_after_look(store, put->class_idx);
        if (ready == NULL) {
            return false;
        }
    }
    found->fresh = ready->slot;
    found->fresh_cold = ready->cold;
    found->new_word |= found->fresh;
    found->had = bn_slot_at(store, found->fresh)->size_low; /* it is small: bn_ready_add() */
    return put->size <= found->had || bn_txn_has_room(store, put->size - found->had);
}

/* ---- publish and note */

/* What changes, noted: three words, and two more where sizes change; counted together with the
 * publish record, before the slot is filled: from here on limbo_bytes counts it with what it
 * had. */
BN_INLINE void publish_and_note(struct brain_store *store, const struct put *put,
                                const struct found *found, uint64_t number, struct changes *changes)
{
    struct bn_state_rec *state = store->state;
    int64_t more = (int64_t)put->size - (int64_t)found->older_size;
    uint32_t n = 0;
    BN_STEP(publish_swap, found->fresh, 0);
    bn_journal_write_publish(store, 0, number,
                             (struct bn_publish_rec){ .fresh = found->fresh,
                                                      .older = found->older,
                                                      .flags = BN_PUBLISH_SWAPS,
                                                      .detail = found->had });
    changes->cell = bn_names_cell(store, found->older_cold->cell);
    changes->of_space = bn_tally_prepare(found->space->tally, 0, more);
    changes->of_all = NULL;
    changes->limbo_bytes = state->limbo_bytes + found->older_size - found->had;
    bn_journal_write_note(store, n++, number, found->word);
    bn_journal_write_note(store, n++, number, (void *)((uintptr_t)changes->cell & ~(uintptr_t)7));
    bn_journal_write_note(store, n++, number, &changes->of_space->number);
    assert(bn_handle_ref(put->space).id != BN_ROOT_SPACE); /* bn_read_space_id() */
    if (bn_unlikely(more != 0)) {
        changes->of_all = bn_tally_prepare(state->live, 0, more);
        bn_journal_write_note(store, n++, number, &changes->of_all->number);
    }
    if (bn_unlikely(changes->limbo_bytes != state->limbo_bytes)) {
        bn_journal_write_note(store, n++, number, &state->limbo_bytes);
    }
    bn_journal_count(store, 1, n);
}

/* ---- fill */

/* Fields that share eight bytes are stored at once: the release of the lock waits for each
 * store. */
BN_INLINE void fill(struct brain_store *store, const struct put *put, const struct found *found,
                    uint64_t number)
{
    struct bn_slot_rec *rec = bn_slot_at(store, found->fresh);
    struct bn_cold_rec *cold = found->fresh_cold;
    uint8_t *body = (uint8_t *)rec + BN_SLOT_HEAD;
    _Atomic uint64_t *word = bn_atomic64(rec);
    bn_slot_begin_use(store, rec);
    /* relaxed: the swing publishes all of it */
    bn_store_relaxed(&word[0], number);
    bn_store_relaxed(&word[BN_SLOT_WORD_HEAD], BN_SLOT_AS(pending, 1) |
                                                   BN_SLOT_AS(kind, put->value->kind) |
                                                   BN_SLOT_AS(space, bn_handle_ref(put->space).id));
    bn_store_relaxed(&word[2], BN_SLOT_AS(older, found->older));
    bn_store_relaxed(&word[BN_SLOT_WORD_LENS],
                     BN_SLOT_AS(name_len, put->name_len) | BN_SLOT_AS(meta_len, put->meta_len));
    bn_store_relaxed(bn_atomic32(&rec->size_low), put->size);
    if (put->size != 0) {
        bn_copy(body, put->value->parts->data, put->size);
    }
    bn_copy(body + put->size, put->name, put->name_len);
    bn_copy(body + put->size + put->name_len, put->value->meta, put->meta_len);
    bn_store_relaxed(bn_atomic64(&cold->created_ns), put->now_ns);
    bn_store_relaxed(bn_atomic64(&cold->cell),
                     bn_pair(found->older_cold->cell, found->older_cold->hash_low));
    if (bn_unlikely(cold->expiry_s != 0)) {
        cold->expiry_s = 0;
    }
}

/* ---- swing */

BN_INLINE void swing(struct brain_store *store, const struct found *found, uint64_t number,
                     const struct changes *changes)
{
    bn_store_release(found->word, found->new_word); /* PAIR swing */
    bn_store_release(changes->cell, found->fresh);
    bn_store_release(&changes->of_space->number, number);
    if (bn_unlikely(changes->of_all != NULL)) {
        bn_store_release(&changes->of_all->number, number);
    }
    if (bn_unlikely(changes->limbo_bytes != store->state->limbo_bytes)) {
        bn_store_release(bn_atomic64(&store->state->limbo_bytes), changes->limbo_bytes);
    }
}

/* ---- */

/* Where the value is now. Namespace and place are as they were where the hint was of use; for the
 * rest, two fields a store. */
BN_INLINE void note_where(const struct brain_store *store, const struct put *put,
                          const struct found *found)
{
    brain_hint *hint = put->hint;
    uint64_t record = (uint64_t)((uint8_t *)found->fresh_cold - store->own_slots) / 8;
    uint32_t size = put->meta_len == 0 ? put->size : BN_HINT_PINS;
    if (bn_unlikely(hint->space == 0)) {
        hint->space = put->space;
        hint->place = (bn_off)((const uint8_t *)found->word - store->data);
    }
    hint->word = found->new_word;
    bn_store_relaxed(bn_atomic64(&hint->gen), bn_pair(bn_slot_at(store, found->fresh)->gen,
                                                      record <= UINT32_MAX ? (uint32_t)record : 0));
    bn_store_relaxed(bn_atomic64(&hint->size), bn_pair(size, put->value->kind));
}

/* Under the lock. False: nothing has happened; whatever it is, write.c finds it again, and
 * answers. */
BN_INLINE bool replace(struct brain_store *store, const struct put *put, uint64_t *version)
{
    struct found found;
    if (!find(store, put, &found) || !take_ready(store, put, &found)) {
        return false;
    }
    uint64_t number = bn_journal_begin(store);
    struct changes changes;
    publish_and_note(store, put, &found, number, &changes);
    BN_STEP(fill, found.fresh, 0);
    fill(store, put, &found, number);
    BN_STEP(swing, found.fresh, 0);
    swing(store, &found, number, &changes);
    BN_STEP(commit, number, 0);
    bn_store_release(&store->state->committed, number); /* PAIR commit */
    bn_slot_swap_limbo(store, found.fresh, found.fresh_cold, found.older, found.older_cold, number);
    bn_journal_clear(store);
    bn_spares_add(&store->retired[found.older_class],
                  (struct bn_spare){ found.older, bn_slot_at(store, found.older)->gen,
                                     found.older_cold });
    *version = number;
    if (put->hint != NULL) {
        note_where(store, put, &found);
    }
    return true;
}

/* Somebody is to be told, or this thread counts for the first time. */
BN_NOINLINE static void tell_put(struct brain_space *space, const void *name, size_t name_len,
                                 uint32_t size, uint64_t version)
{
    struct brain_store *store = space->store;
    bn_count_slow(store, BRAIN_COUNT_PUTS, 1);
    bn_count_slow(store, BRAIN_COUNT_PUT_BYTES, size);
    bn_event_tell(store, &(brain_event){ .kind = BRAIN_EVENT_PUT,
                                         .name = name,
                                         .name_len = (uint32_t)name_len,
                                         .space = space->name,
                                         .space_len = space->name_len,
                                         .version = version,
                                         .bytes = size });
    bn_event_tell_noted(store);
}

int bn_replace(struct brain_space *space, const void *name, size_t name_len, brain_hint *hint,
               const brain_value *value, uint64_t if_version, uint64_t *version_out)
{
    struct brain_store *store = space->store;
    uint64_t ref = bn_load_relaxed(&space->resolved); /* relaxed: verified under the lock */
    if (!is_small(value, name, name_len) || ref == 0) {
        return BN_SLOWLY;
    }
    uint32_t size = value->n_parts != 0 ? (uint32_t)value->parts->size_bytes : 0;
    const struct put put = { .value = value,
                             .name = name,
                             .hint = hint,
                             .if_version = if_version,
                             .now_ns =
                                 bn_os_wall_ns(), /* before the lock is taken, since it is a call */
                             .name_len = (uint32_t)name_len,
                             .size = size,
                             .meta_len = (uint32_t)value->meta_len,
                             .space = ref,
                             .class_idx =
                                 bn_slot_class(BN_SLOT_HEAD + size + name_len + value->meta_len) };

    /* relaxed: a guess */
    uint32_t n_ready = bn_load_relaxed(&store->ready[put.class_idx].n);
    uint32_t n_retired = bn_load_relaxed(&store->retired[put.class_idx].n);
    if (n_ready + n_retired == 0 || !bn_lock_try(store)) {
        return BN_SLOWLY;
    }
    uint64_t version = 0; /* gcc does not see at every level that it is set where `done` is */
    bool done = bn_recover_is_in_order(store) && replace(store, &put, &version);
    bn_lock_release(store);
    if (bn_unlikely(!done)) {
        return BN_SLOWLY;
    }
    bn_watch_wake(store, space->key, name, name_len);
    bool every = n_retired % BN_RECLAIM_LOOK_EVERY == 0;
    if (every || bn_unlikely(bn_reclaim_look_is_due(store))) {
        bn_reclaim_due(store, false, every ? BN_RECLAIM_LOOK_EVERY : 1, false);
    }
    if (version_out != NULL) {
        *version_out = version;
    }
    BN_PROBE4(put, name, name_len, size, version);
    struct bn_count_rec *line = bn_count_line(store);
    if (bn_unlikely(line == NULL)) {
        tell_put(space, name, name_len, size, version);
        return 0;
    }
    bn_count_in(line, BRAIN_COUNT_PUTS, 1);
    bn_count_in(line, BRAIN_COUNT_PUT_BYTES, size);
    return 0;
}
