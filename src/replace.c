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
 *
 * The public functions that put at once or not at all are here, too, so that nothing is called in between.
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
static_assert(BN_SLOT_SMALL_BODY < BRAIN_NAME_MAX && BN_SLOT_SMALL_BODY < BRAIN_META_MAX,
              "what is too long is not small");

/* What few puts have: a version to replace, metadata. */
struct extra {
    uint64_t if_version;
    const uint8_t *meta;
    uint32_t meta_len;
};

/* What is put, and where. In memory, and loaded where it is needed: in registers as much of it would be stored to the
 * stack and loaded again, and each store costs. */
struct put {
    const uint8_t *name, *data;
    const struct extra *extra; /* NULL: nothing, as mostly */
    brain_hint *where; /* what it replaces: the caller's hint, or, found by name, one of our own */
    uint64_t now_ns;
    struct bn_space_ref ref;
    struct bn_space_rec *space;
    struct bn_spares *spares; /* slots of its class */
    uint32_t name_len, size, kind;
    uint64_t hash; /* of the name, where there was no hint */
};

/* The slot that takes its place. */
struct fresh {
    uint32_t slot;
    struct bn_slot_rec *rec;
    struct bn_cold_rec *cold;
};

/* ALIKE: what goes, what comes, and what `fresh` was in limbo are of one size, and the first two have neither
 * metadata nor a condition. Then no sum changes, only the numbers that say what changed last. */
enum likeness {
    OTHER,
    ALIKE
};

/* What changes beside the slots. `of_all` (NULL: the sum stays) and `limbo_bytes` only where sizes differ. */
struct changes {
    _Atomic uint32_t *cell;
    struct bn_tally_rec *of_space, *of_all;
    uint64_t limbo_bytes;
};

/* ---- before the lock */

BN_INLINE _Atomic uint64_t *word_at(const struct brain_store *store, const brain_hint *where)
{
    return bn_atomic64(store->data + where->place);
}

BN_INLINE struct bn_slot_rec *slot_at(const struct brain_store *store, const brain_hint *where)
{
    return bn_slot_at(store, bn_index_slot(where->word));
}

BN_INLINE struct bn_cold_rec *cold_at(const struct brain_store *store, const brain_hint *where)
{
    return (struct bn_cold_rec *)(void *)(store->own_slots + (uint64_t)where->record * 8);
}

/* Where a cold record is, as a hint has it; 0: farther than that can tell. */
BN_INLINE uint32_t record_of(const struct brain_store *store, const struct bn_cold_rec *cold)
{
    uint64_t record = (uint64_t)((const uint8_t *)cold - store->own_slots) / 8;
    return record <= UINT32_MAX ? (uint32_t)record : 0;
}

/* Without a hint: the hash, which takes longer than all else that finds a name, and its bucket. Leaves 0 in
 * where->space: find_by_name() need not hash again. A call: inline it would take registers from the way with a
 * hint. */
BN_NOINLINE static void look_ahead_by_name(struct brain_store *store, struct put *put)
{
    uint64_t n = bn_load_relaxed(&store->state->index_state) >> 1; /* relaxed: a guess */
    put->where->space = 0;
    put->hash = bn_hash_name(store->hash_seed, put->ref.id, put->name, put->name_len);
    bn_prefetch_to_store(bn_index_bucket_at(store, bn_index_bucket(put->hash, n == 0 ? 1 : n)));
}

/* No load begins before an atomic instruction is done. So what the hint leads to is fetched while the clock is asked
 * and the lock taken: three lines at once. */
BN_INLINE void look_ahead(struct brain_store *store, struct put *put)
{
    if (bn_likely(put->where->space == bn_handle_word(put->ref))) {
        bn_prefetch_to_store(word_at(store, put->where));
        bn_prefetch_to_store(slot_at(store, put->where));
        bn_prefetch_to_store(cold_at(store, put->where));
    } else {
        look_ahead_by_name(store, put);
    }
}

/* ---- find */

/* Whether `slot` is a small value of the name. */
static bool is_named(struct brain_store *store, uint32_t slot, const struct put *put)
{
    if (!bn_slot_exists(store, slot)) {
        return false;
    }
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    const uint8_t *body = bn_slot_small_body(rec);
    return rec->space == put->ref.id && rec->name_len == put->name_len && body != NULL &&
           bn_slot_same(body, put->name, put->name_len);
}

/* Where the name's word is, if its value is small. */
static bool find_by_name(struct brain_store *store, const struct put *put)
{
    bool is_known = put->where->space == 0; /* else there was a hint, which was of no use */
    uint64_t hash = is_known
                        ? put->hash
                        : bn_hash_name(store->hash_seed, put->ref.id, put->name, put->name_len);
    struct bn_index_cursor cursor = { 0 };
    put->where->space = 0; /* of no use */
    for (;;) {
        _Atomic uint64_t *place = bn_index_next_match(store, hash, &cursor);
        if (place == NULL) {
            return false;
        }
        uint64_t word = bn_load_relaxed(place); /* relaxed: under the lock */
        if (is_named(store, bn_index_slot(word), put)) {
            *put->where = (brain_hint){ .space = bn_handle_word(put->ref),
                                        .place = (bn_off)((uint8_t *)place - store->data),
                                        .word = word };
            return true;
        }
    }
}

/* Whether the same slot, in the same use, stands where it stood. */
BN_INLINE bool stands(const struct brain_store *store, const struct put *put)
{
    const brain_hint *where = put->where;
    return where->space == bn_handle_word(put->ref) &&
           bn_load_relaxed(word_at(store, where)) == where->word &&
           slot_at(store, where)->gen == where->gen;
}

/* A call, as above. A hint that a get noted does not know the cold record. */
BN_NOINLINE static bool find_slowly(struct brain_store *store, const struct put *put)
{
    if (!stands(store, put) && !find_by_name(store, put)) {
        return false;
    }
    const struct bn_cold_rec *cold = bn_slot_cold(store, bn_index_slot(put->where->word));
    put->where->record = cold != NULL ? record_of(store, cold) : 0;
    return put->where->record != 0;
}

/* What is replaced. False: the namespace is gone, or the name has no value that is small. */
BN_INLINE bool find(struct brain_store *store, const struct put *put)
{
    return bn_load_relaxed(&put->space->removed) == 0 &&
           bn_load_relaxed(&put->space->gen) == put->ref.gen &&
           (bn_likely(stands(store, put) && put->where->record != 0) || find_slowly(store, put)) &&
           bn_names_exists(store, cold_at(store, put->where)->cell);
}

/* ---- what is like what */

/* Whether what is there is like what is put: inline, as large, with a name as long, and nothing else. Fields that
 * share eight bytes are looked at together. */
BN_INLINE bool is_alike(const struct put *put, const struct bn_slot_rec *older)
{
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(const void *)older;
    uint64_t head = bn_load_relaxed(&word[BN_SLOT_WORD_HEAD]); /* relaxed: under the lock */
    uint64_t lens = bn_load_relaxed(&word[BN_SLOT_WORD_LENS]);
    return put->extra == NULL && (head & BN_SLOT_NOT_INLINE) == 0 &&
           lens == BN_SLOT_AS(name_len, put->name_len) && older->size_low == put->size;
}

/* Whether what is there is small, without a description, and of the version that is asked for; and of which class its
 * slot is. */
static bool may_replace(const struct put *put, const struct bn_slot_rec *older, unsigned *class_out)
{
    uint32_t body_len = bn_slot_body_len(older);
    if ((older->flags & (BN_SLOT_TOMB | BN_SLOT_EXTENT | BN_SLOT_AWAY)) != 0 ||
        older->description_len != 0 || older->size_high != 0 || body_len >= BN_SLOT_SMALL_BODY ||
        older->size_low >= BN_SLOT_ALIGNED_FROM) {
        return false;
    }
    *class_out = bn_slot_class(BN_SLOT_HEAD + older->size_low + body_len);
    return put->extra == NULL || put->extra->if_version == BRAIN_ANY_VERSION ||
           put->extra->if_version == older->number;
}

/* ---- the fresh slot */

/* Whether the quota has room where the value is larger than the one that it replaces, and the store where it is larger
 * than the one that its slot had, which limbo_bytes counts. */
static bool has_room(const struct brain_store *store, const struct put *put, uint32_t was,
                     uint32_t had)
{
    return (put->size <= was || bn_space_may_grow(put->space, put->size - was)) &&
           (put->size <= had || bn_txn_has_room(store, put->size - had));
}

BN_NOINLINE static const struct bn_spare *look_for_ready(struct brain_store *store,
                                                         const struct put *put)
{
    bn_reclaim_retired(store, (unsigned)(put->spares - store->spares));
    return bn_ready_last(store, put->spares);
}

/* A slot that nobody can need; it stays among the spares. */
BN_INLINE bool find_fresh(struct brain_store *store, const struct put *put, struct fresh *fresh)
{
    const struct bn_spare *ready = bn_ready_last(store, put->spares);
    if (bn_unlikely(ready == NULL)) {
        ready = look_for_ready(store, put);
        if (ready == NULL) {
            return false;
        }
    }
    *fresh = (struct fresh){ ready->slot, bn_slot_at(store, ready->slot), ready->cold };
    return true;
}

/* ---- publish and note */

/* What changes, noted: three words, and two more where sizes change; counted together with the
 * publish record, before the slot is filled: from here on limbo_bytes counts it with what it
 * had. */
BN_INLINE void publish_and_note(struct brain_store *store, const struct put *put,
                                const struct fresh *fresh, enum likeness likeness, uint64_t number,
                                struct changes *changes)
{
    struct bn_state_rec *state = store->state;
    struct bn_cold_rec *older_cold = cold_at(store, put->where);
    uint32_t was = likeness == ALIKE ? put->size : slot_at(store, put->where)->size_low;
    uint32_t had = likeness == ALIKE ? put->size : fresh->rec->size_low;
    int64_t more = (int64_t)put->size - (int64_t)was;
    uint32_t n = 0;
    BN_STEP(publish_swap, fresh->slot, 0);
    bn_journal_write_publish(store, 0, number,
                             (struct bn_publish_rec){ .fresh = fresh->slot,
                                                      .older = bn_index_slot(put->where->word),
                                                      .flags = BN_PUBLISH_SWAPS,
                                                      .detail = had });
    changes->cell = bn_names_cell(store, older_cold->cell);
    changes->of_space = bn_tally_prepare(put->space->tally, 0, more);
    changes->of_all = NULL;
    bn_journal_write_note(store, n++, number, word_at(store, put->where));
    bn_journal_write_note(store, n++, number, (void *)((uintptr_t)changes->cell & ~(uintptr_t)7));
    bn_journal_write_note(store, n++, number, &changes->of_space->number);
    assert(put->ref.id != BN_ROOT_SPACE); /* bn_read_space_id() */
    if (likeness == OTHER) {
        changes->limbo_bytes = state->limbo_bytes + was - had;
        if (more != 0) {
            changes->of_all = bn_tally_prepare(state->live, 0, more);
            bn_journal_write_note(store, n++, number, &changes->of_all->number);
        }
        if (changes->limbo_bytes != state->limbo_bytes) {
            bn_journal_write_note(store, n++, number, &state->limbo_bytes);
        }
    }
    bn_journal_count(store, 1, n);
}

/* ---- fill */

/* Fields that share eight bytes are stored at once: the release of the lock waits for each
 * store. */
BN_INLINE void fill(struct brain_store *store, const struct put *put, const struct fresh *fresh,
                    enum likeness likeness, uint64_t number)
{
    const struct bn_cold_rec *older_cold = cold_at(store, put->where);
    _Atomic uint64_t *word = bn_atomic64(fresh->rec);
    uint8_t *body = (uint8_t *)fresh->rec + BN_SLOT_HEAD;
    bn_slot_begin_use(store, fresh->rec);
    /* relaxed: the swing publishes all of it */
    bn_store_relaxed(&word[0], number);
    bn_store_relaxed(&word[BN_SLOT_WORD_HEAD], BN_SLOT_AS(pending, 1) |
                                                   BN_SLOT_AS(kind, put->kind) |
                                                   BN_SLOT_AS(space, put->ref.id));
    bn_store_relaxed(&word[2], BN_SLOT_AS(older, bn_index_slot(put->where->word)));
    uint32_t meta_len = likeness == OTHER && put->extra != NULL ? put->extra->meta_len : 0;
    bn_store_relaxed(&word[BN_SLOT_WORD_LENS],
                     BN_SLOT_AS(name_len, put->name_len) | BN_SLOT_AS(meta_len, meta_len));
    if (likeness == OTHER) { /* else it has that size */
        bn_store_relaxed(bn_atomic32(&fresh->rec->size_low), put->size);
    }
    if (bn_likely(put->size == sizeof(uint64_t))) { /* what an int has, and a float */
        uint64_t data;
        __builtin_memcpy(&data, put->data, sizeof data);
        bn_store_relaxed(bn_atomic64(body), data);
    } else {
        bn_copy(body, put->data, put->size);
    }
    bn_copy(body + put->size, put->name, put->name_len);
    if (meta_len != 0) {
        bn_copy(body + put->size + put->name_len, put->extra->meta, meta_len);
    }
    bn_store_relaxed(bn_atomic64(&fresh->cold->created_ns), put->now_ns);
    bn_store_relaxed(bn_atomic64(&fresh->cold->cell),
                     bn_pair(older_cold->cell, older_cold->hash_low));
    if (bn_unlikely(fresh->cold->expiry_s != 0)) {
        fresh->cold->expiry_s = 0;
    }
}

/* ---- swing */

BN_INLINE void swing(struct brain_store *store, const struct put *put, const struct fresh *fresh,
                     enum likeness likeness, uint64_t number, const struct changes *changes)
{
    uint64_t word = bn_index_word(put->where->word, fresh->slot); /* of the same hash */
    bn_store_release(word_at(store, put->where), word);           /* PAIR swing */
    bn_store_release(changes->cell, fresh->slot);
    bn_store_release(&changes->of_space->number, number);
    if (likeness == OTHER) {
        if (changes->of_all != NULL) {
            bn_store_release(&changes->of_all->number, number);
        }
        if (changes->limbo_bytes != store->state->limbo_bytes) {
            bn_store_release(bn_atomic64(&store->state->limbo_bytes), changes->limbo_bytes);
        }
    }
}

/* ---- the transaction */

/* Where the value is now. Namespace and place are as they were; of the rest two fields a store. */
BN_INLINE void note_where(const struct brain_store *store, const struct put *put,
                          const struct fresh *fresh, enum likeness likeness)
{
    brain_hint *where = put->where;
    bool pins = likeness == OTHER && put->extra != NULL && put->extra->meta_len != 0;
    uint32_t size = pins ? BN_HINT_PINS : put->size;
    if (where->size != size || where->kind != put->kind) {
        bn_store_relaxed(bn_atomic64(&where->size), bn_pair(size, put->kind));
    }
    bn_store_relaxed(bn_atomic64(&where->gen),
                     bn_pair(fresh->rec->gen, record_of(store, fresh->cold)));
    where->word = bn_index_word(where->word, fresh->slot);
}

/* Nothing can go wrong from here on. `retired`: where the older slot is remembered if not ALIKE; else it takes the
 * place of the fresh one. Returns the number of the commit. */
BN_INLINE uint64_t transact(struct brain_store *store, const struct put *put,
                            const struct fresh *fresh, enum likeness likeness,
                            struct bn_spares *retired)
{
    uint64_t number = bn_journal_begin(store);
    struct changes changes;
    publish_and_note(store, put, fresh, likeness, number, &changes);
    BN_STEP(fill, fresh->slot, 0);
    fill(store, put, fresh, likeness, number);
    BN_STEP(swing, fresh->slot, 0);
    swing(store, put, fresh, likeness, number, &changes);
    BN_STEP(commit, number, 0);
    bn_store_release(&store->state->committed, number); /* PAIR commit */
    const struct bn_spare older = { bn_index_slot(put->where->word),
                                    slot_at(store, put->where)->gen, cold_at(store, put->where) };
    bn_slot_swap_limbo(store, fresh->slot, fresh->cold, older.slot, older.cold, number);
    bn_journal_clear(store);
    if (likeness == ALIKE) {
        bn_ready_exchange(put->spares, older);
    } else {
        bn_ready_drop(put->spares);
        bn_spares_add(retired, older);
    }
    note_where(store, put, fresh, likeness);
    return number;
}

/* A call: inline it would take registers from what is alike. */
BN_NOINLINE static uint64_t replace_other(struct brain_store *store, const struct put *put)
{
    const struct bn_slot_rec *older = slot_at(store, put->where);
    struct fresh fresh;
    unsigned c;
    bool may = may_replace(put, older, &c) && find_fresh(store, put, &fresh) &&
               has_room(store, put, older->size_low, fresh.rec->size_low);
    return may ? transact(store, put, &fresh, OTHER, &store->spares[c]) : 0;
}

/* Under the lock. Returns the number of the commit. 0: nothing has happened; whatever it is, write.c finds it
 * again, and answers. */
BN_INLINE uint64_t replace(struct brain_store *store, const struct put *put)
{
    struct fresh fresh;
    if (!find(store, put)) {
        return 0;
    }
    if (bn_unlikely(!is_alike(put, slot_at(store, put->where)))) {
        return replace_other(store, put);
    }
    if (!find_fresh(store, put, &fresh)) {
        return 0;
    }
    return bn_likely(fresh.rec->size_low == put->size)
               ? transact(store, put, &fresh, ALIKE, put->spares)
               : replace_other(store, put);
}

/* ---- the whole of it */

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

/* Fill in the rest of `put`, and put it. Returns as replace(). */
BN_INLINE uint64_t put_at_once(struct brain_space *space, struct put *put, uint32_t meta_len)
{
    struct brain_store *store = space->store;
    uint64_t ref = bn_load_relaxed(&space->resolved); /* relaxed: verified under the lock */
    if (!bn_store_writable(store) || ref == 0) {
        return 0;
    }
    put->ref = bn_handle_ref(ref);
    look_ahead(store, put);
    put->space = bn_space_at(store, put->ref.id);
    put->spares =
        &store->spares[bn_slot_class(BN_SLOT_HEAD + put->size + put->name_len + meta_len)];
    put->now_ns = bn_os_wall_ns(); /* a call, and so not under the lock */
    /* relaxed: a guess; n_retired, too, which may wrap: it only tells whose turn a look is */
    uint32_t n = bn_load_relaxed(&put->spares->n);
    if (n == 0 || put->space == NULL || !bn_lock_try(store)) {
        return 0;
    }
    uint32_t n_retired = n - bn_load_relaxed(&put->spares->n_ready);
    uint64_t version = bn_likely(bn_recover_is_in_order(store)) ? replace(store, put) : 0;
    bn_lock_release(store);
    if (bn_unlikely(version == 0)) {
        if (put->where->gen == 0) { /* noted by find_by_name(), and no more */
            put->where->space = 0;
        }
        return 0;
    }
    bn_watch_wake(store, space->key, put->name, put->name_len);
    bool is_turn = n_retired % BN_RECLAIM_LOOK_EVERY == 0;
    if (is_turn || bn_unlikely(bn_reclaim_look_is_due(store))) {
        bn_reclaim_due(store, false, is_turn ? BN_RECLAIM_LOOK_EVERY : 1, false);
    }
    BN_PROBE4(put, put->name, put->name_len, put->size, version);
    struct bn_count_rec *line = bn_count_line(store);
    if (bn_likely(line != NULL)) {
        bn_count_in(line, BRAIN_COUNT_PUTS, 1);
        bn_count_in(line, BRAIN_COUNT_PUT_BYTES, put->size);
    } else {
        tell_put(space, put->name, put->name_len, put->size, version);
    }
    return version;
}

/* Whether data may be aligned so: 0, or a power of two up to 8. */
BN_INLINE bool is_small_align(size_t align)
{
    return align <= 8 && (0x117u >> align & 1) != 0;
}

BN_INLINE bool is_small(const brain_value *value, const void *name, size_t name_len)
{
    const brain_part *part = value->parts;
    uint64_t unusual =
        (uintptr_t)value->description | value->created_ns | value->n_parts >> 1 | value->kind >> 8;
    return unusual == 0 && value->kind != BRAIN_KIND_AWAY && name_len < BN_SLOT_SMALL_BODY &&
           value->meta_len < BN_SLOT_SMALL_BODY - name_len && (name != NULL || name_len == 0) &&
           (value->n_parts == 0 ||
            (is_small_align(part->align) && part->size_bytes < BN_SLOT_ALIGNED_FROM &&
             (part->data != NULL || part->size_bytes == 0)));
}

uint64_t bn_replace(struct brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                    const brain_value *value, uint64_t if_version)
{
    const struct extra extra = { if_version, value->meta, (uint32_t)value->meta_len };
    brain_hint none;
    struct put put;
    if (!is_small(value, name, name_len)) {
        return 0;
    }
    if (hint == NULL) {
        none = (brain_hint){ 0 };
        hint = &none;
    }
    put.name = name;
    put.data = value->n_parts != 0 ? value->parts->data : NULL;
    put.extra = value->meta_len != 0 || if_version != BRAIN_ANY_VERSION ? &extra : NULL;
    put.where = hint;
    put.name_len = (uint32_t)name_len;
    put.size = value->n_parts != 0 ? (uint32_t)value->parts->size_bytes : 0;
    put.kind = value->kind;
    return put_at_once(space, &put, (uint32_t)value->meta_len);
}

/* ---- the public functions that put at once or not at all */

/* Why it was not at once. */
BN_NOINLINE static int not_at_once(const struct brain_store *store)
{
    int err = bn_store_check_writable(store);
    return err != 0 ? err : BRAIN_E_BUSY;
}

int brain_try_put(brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                  const brain_value *value, uint64_t if_version, uint64_t *version_out)
{
    uint64_t number = bn_replace(space, name, name_len, hint, value, if_version);
    if (bn_unlikely(number == 0)) {
        return not_at_once(space->store);
    }
    if (version_out != NULL) {
        *version_out = number;
    }
    return 0;
}

int brain_try_put_small(brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                        uint32_t kind, const void *data, size_t size_bytes)
{
    brain_hint none;
    struct put put;
    if (name == NULL || name_len >= BN_SLOT_SMALL_BODY || data == NULL ||
        size_bytes >= BN_SLOT_ALIGNED_FROM || kind > 255 || kind == BRAIN_KIND_AWAY) {
        return not_at_once(space->store);
    }
    if (hint == NULL) {
        none = (brain_hint){ 0 };
        hint = &none;
    }
    put.name = name;
    put.data = data;
    put.extra = NULL;
    put.where = hint;
    put.name_len = (uint32_t)name_len;
    put.size = (uint32_t)size_bytes;
    put.kind = kind;
    return bn_likely(put_at_once(space, &put, 0) != 0) ? 0 : not_at_once(space->store);
}
