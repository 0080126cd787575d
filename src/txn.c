/* txn.c - one commit point.
 *
 * Owns:     the order of steps that makes a change atomic; state.committed.
 * Steps:    take: slots are taken and filled; each becomes the transaction's with its publish
 *           record. swing: index words and list cells name the fresh slots, which are pending:
 *           readers follow `older` instead. commit: one store. tidy: pending marks, older slots to
 *           limbo.
 * Ordering: PAIR swing: the release store of an index word publishes the slot's fields.
 *           PAIR commit: the sequentially consistent store of `committed`; readers of pending slots
 *           load it. It is also the full barrier before the looks at registrations (PAIR snap),
 *           pins (PAIR pin-retire) and sleepers (PAIR wake).
 * Crash:    state.counts and state.committed tell what to do: bn_txn_recover(). A live writer that
 *           gives up calls the same.
 */
#include "txn.h"

#include <string.h>

#include "alloc.h"
#include "base/os.h"
#include "index.h"
#include "journal.h"
#include "names.h"
#include "slot.h"
#include "snap.h"
#include "space.h"

#define UNDO_PER_CHANGE 24u

static uint64_t txn_number(const struct brain_store *store)
{
    return bn_load_relaxed(&store->state->txn_number); /* relaxed: under the lock */
}

int bn_txn_begin(struct brain_store *store, uint32_t n_changes)
{
    int err = 0;
    if (bn_unlikely(n_changes > 8)) {
        err = bn_journal_room(store, n_changes * UNDO_PER_CHANGE + BN_JOURNAL_STEP, n_changes);
    }
    /* What follows the commit must not fail: a change may send two slots to limbo. */
    err = err != 0 ? err : bn_set_room(store, BN_SET_LIMBO, 2 * n_changes);
    err = err != 0 ? err : bn_set_room(store, BN_SET_TOMBS, n_changes);
    if (bn_likely(err == 0)) {
        bn_journal_begin(store);
    }
    return err;
}

/* ---- find */

/* Whether `slot` is a version of the name: 1, 0 or CORRUPT. */
static int is_named(struct brain_store *store, uint32_t slot, const struct bn_change *change,
                    struct bn_cold_rec **cold_out)
{
    const uint8_t *data, *body;
    *cold_out = bn_slot_cold(store, slot);
    if (bn_unlikely(*cold_out == NULL || !bn_slot_exists(store, slot))) {
        return bn_error_corrupt("%s: the index names slot %u, which is none", store->path, slot);
    }
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    if (rec->space != change->space_id || rec->name_len != change->name_len) {
        return 0;
    }
    body = bn_slot_small_body(rec);
    int err = body == NULL ? bn_slot_locate(store, slot, &data, &body) : 0;
    return err != 0 ? err : bn_slot_same(body, change->name, change->name_len);
}

static int find_word(struct brain_store *store, struct bn_change *change)
{
    struct bn_index_cursor cursor = { 0 };
    _Atomic uint64_t *word;
    while ((word = bn_index_next_match(store, change->hash, &cursor)) != NULL) {
        uint32_t slot = bn_index_slot(bn_load_relaxed(word));
        int named = is_named(store, slot, change, &change->older_cold);
        if (named < 0) {
            return named;
        }
        if (named) {
            const struct bn_slot_rec *rec = bn_slot_at(store, slot);
            change->word = word;
            change->older = slot;
            change->older_absent = (rec->flags & BN_SLOT_TOMB) != 0;
            change->older_version = 0;
            return change->older_absent ? 0 : bn_slot_version(store, slot, &change->older_version);
        }
    }
    change->word = NULL;
    change->older = 0;
    change->older_absent = false;
    change->older_version = 0;
    return cursor.is_broken ? bn_error_corrupt("%s: the chains of the index", store->path) : 0;
}

int bn_txn_find(struct brain_store *store, struct bn_change *change)
{
    const struct bn_space_rec *space = bn_space_at(store, change->space_id);
    if (space == NULL || bn_load_relaxed(&space->removed) != 0 || /* relaxed: under the lock */
        bn_load_relaxed(&space->gen) != change->space_gen) {
        return BN_SPACE_GONE;
    }
    int err = find_word(store, change);
    if (err != 0) {
        return err;
    }
    uint64_t version = change->older_version;
    if (change->if_version != BRAIN_ANY_VERSION && change->if_version != version) {
        return change->if_version == 0             ? BRAIN_E_EXISTS
               : change->is_delete && version == 0 ? BRAIN_E_NOT_FOUND
                                                   : BRAIN_E_STALE;
    }
    if (change->is_delete) {
        return version == 0 ? BRAIN_E_NOT_FOUND : 0;
    }
    if (change->moves != 0 && change->moves != change->older) {
        return BRAIN_E_STALE; /* of the same version: somebody has moved it already */
    }
    bool keeps = !change->has_description && version != 0 &&
                 bn_slot_at(store, change->older)->description_len != 0;
    return keeps ? BN_NEED_DESCRIPTION : 0;
}

/* ---- take */

bool bn_txn_has_room(const struct brain_store *store, uint64_t more)
{
    const struct bn_state_rec *state = store->state;
    uint64_t live = bn_load_relaxed(&bn_tally_now(state->live)->bytes);
    uint64_t capacity = bn_load_relaxed(&state->capacity_bytes);
    return more <= capacity && live + state->limbo_bytes + state->private_bytes <= capacity - more;
}

void bn_txn_copy_parts(const struct bn_part_list *data, uint8_t *to)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < data->n_parts; i++) {
        const brain_part *part = &data->parts[i];
        uint64_t start = part->align > 1 ? bn_align_up(at, part->align) : at;
        if (bn_unlikely(start > at)) {
            memset(to + at, 0, start - at);
        }
        bn_copy(to + start, part->data, part->size_bytes);
        at = start + part->size_bytes;
    }
}

static void fill_inline(struct bn_slot_rec *rec, const struct bn_change *change,
                        const struct bn_slot_shape *shape)
{
    if (!(change->flags & BN_SLOT_EXTENT)) {
        bn_txn_copy_parts(&change->data, (uint8_t *)rec + shape->data_off);
    }
    if (!(change->flags & BN_SLOT_BODY_OUT)) {
        uint8_t *body = (uint8_t *)rec + shape->body_off;
        bn_copy(body, change->name, change->name_len);
        bn_copy(body + change->name_len, change->meta, change->meta_len);
        bn_copy(body + change->name_len + change->meta_len, change->description,
                change->description_len);
    }
}

/* All fields of a slot that is ours alone. */
static void fill(struct brain_store *store, const struct bn_change *change,
                 const struct bn_slot_shape *shape, struct bn_slot_rec *rec)
{
    uint32_t flags = change->flags | (change->is_delete ? BN_SLOT_TOMB : 0u) |
                     (change->older_absent ? BN_SLOT_OLDER_ABSENT : 0u);
    uint32_t page = change->holder != 0 ? bn_slot_at(store, change->holder)->page : 0;
    _Atomic uint64_t *word = bn_atomic64(rec);
    bn_slot_begin_use(store, rec);
    /* relaxed: the swing publishes all of it. By words, as who copies without a pin loads them. */
    bn_store_relaxed(&word[0], txn_number(store));
    bn_store_relaxed(&word[BN_SLOT_WORD_HEAD], BN_SLOT_AS(pending, 1) | BN_SLOT_AS(flags, flags) |
                                                   BN_SLOT_AS(kind, (uint8_t)change->kind) |
                                                   BN_SLOT_AS(space, change->space_id));
    bn_store_relaxed(&word[2], BN_SLOT_AS(older, change->older) | BN_SLOT_AS(page, page));
    bn_store_relaxed(&word[BN_SLOT_WORD_LENS],
                     BN_SLOT_AS(name_len, change->name_len) |
                         BN_SLOT_AS(meta_len, change->meta_len) |
                         BN_SLOT_AS(description_len, change->description_len) |
                         BN_SLOT_AS(size_high, change->size >> 32));
    bn_store_relaxed(bn_atomic32(&rec->size_low), (uint32_t)change->size);
    fill_inline(rec, change, shape);
}

static void fill_cold(const struct bn_change *change, struct bn_cold_rec *cold)
{
    uint64_t created_ns = change->created_ns != 0 ? change->created_ns : bn_os_wall_ns();
    /* relaxed: who looks without the lock throws away what is torn (look.c) */
    bn_store_relaxed(bn_atomic64(&cold->stamp), (uint64_t)0);
    bn_store_relaxed(bn_atomic64(&cold->created_ns), created_ns);
    cold->hash_low = (uint32_t)change->hash;
    cold->expiry_s = 0;
    bn_store_relaxed(bn_atomic32(&cold->value_gone), 0u);
}

int bn_txn_take(struct brain_store *store, struct bn_change *change)
{
    struct bn_slot_shape shape;
    bn_slot_shape(change->size, change->name_len + change->meta_len + change->description_len,
                  change->flags, &shape);
    /* A delete gives memory back in the end: it may have the last slot, if its name is short. */
    bool spare = change->is_delete && shape.inline_bytes <= BN_LINE;
    int err = spare ? bn_slot_take_spare(store, &change->fresh)
                    : bn_slot_take(store, shape.inline_bytes, &change->fresh);
    if (bn_unlikely(err != 0)) {
        return err;
    }
    change->fresh_cold = bn_slot_cold(store, change->fresh);
    BN_STEP(fill, change->fresh, 0);
    fill(store, change, &shape, bn_slot_at(store, change->fresh));
    fill_cold(change, change->fresh_cold);
    struct bn_publish_rec rec = { .fresh = change->fresh,
                                  .older = change->older,
                                  .holder = change->holder,
                                  .flags = change->removes_space != 0 ? BN_PUBLISH_REMOVES : 0,
                                  .detail = change->removes_space };
    /* Before: the slab has the slot again after a crash. After: it is ours, and goes to limbo. */
    BN_STEP(publish, change->fresh, 0);
    bn_journal_publish(store, rec);
    return 0;
}

/* ---- swing */

/* Index word and list cell of a name that has none yet. */
static int new_places(struct brain_store *store, struct bn_change *change,
                      struct bn_space_rec *space, uint32_t *cell_out)
{
    int err = bn_index_find_room(store, change->hash, &change->word);
    err = err != 0 ? err : bn_names_take(store, space, change->space_id, cell_out);
    if (err == 0) {
        bn_journal_u64(store, &store->state->n_entries, store->state->n_entries + 1);
    }
    return err;
}

int64_t bn_txn_growth(const struct brain_store *store, const struct bn_change *change)
{
    bool was = change->older_version != 0;
    return (int64_t)change->size -
           (was ? (int64_t)bn_slot_size(bn_slot_at(store, change->older)) : 0);
}

static void count(struct brain_store *store, const struct bn_change *change,
                  struct bn_space_rec *space)
{
    int64_t names = (int64_t)!change->is_delete - (int64_t)(change->older_version != 0);
    int64_t bytes = bn_txn_growth(store, change);
    if (change->moves != 0) {
        bn_space_note_move(store, space);
    }
    bn_tally_add(store, space->tally, names, bytes); /* its number tells who waits: always */
    if (change->space_id != BN_ROOT_SPACE && (names != 0 || bytes != 0)) {
        bn_tally_add(store, store->state->live, names, bytes);
    }
    if (change->removes_space != 0) {
        struct bn_space_rec *gone = bn_space_at(store, change->removes_space);
        const struct bn_tally_rec *had = bn_tally_now(gone->tally);
        bn_journal_u64(store, &gone->removed, txn_number(store));
        bn_tally_add(store, store->state->live, -(int64_t)bn_load_relaxed(&had->count),
                     -(int64_t)bn_load_relaxed(&had->bytes));
    }
}

int bn_txn_swing(struct brain_store *store, struct bn_change *change)
{
    struct bn_space_rec *space = bn_space_at(store, change->space_id);
    uint32_t cell = 0;
    if (change->older != 0) {
        cell = change->older_cold->cell;
        if (bn_unlikely(!bn_names_exists(store, cell))) {
            return bn_error_corrupt("%s: slot %u has no place in a list of names", store->path,
                                    change->older);
        }
    } else {
        int err = new_places(store, change, space, &cell);
        if (err != 0) {
            return err;
        }
    }
    bn_store_release(bn_atomic32(&change->fresh_cold->cell), cell);
    if (change->holder != 0) { /* the extent changes hands; the undo gives it back */
        const struct bn_slot_rec *rec = bn_slot_at(store, change->fresh);
        if (bn_unlikely(rec->page >= bn_alloc_end(store))) {
            return bn_error_corrupt("%s: slot %u has an extent at page %u, where none is",
                                    store->path, change->holder, rec->page);
        }
        bn_journal_u32(store, (void *)(uintptr_t)&bn_alloc_record(store, rec->page)->owner,
                       change->fresh);
    }
    uint64_t word = bn_index_word(change->hash, change->fresh);
    _Atomic uint64_t *place = change->word;
    BN_STEP(note_word, change->fresh, 0);
    bn_journal_note(store, place);
    BN_STEP(swing, change->fresh, 0);
    bn_store_release(place, word); /* PAIR swing */
    bn_journal_u32(store, bn_names_cell(store, cell), change->fresh);
    count(store, change, space);
    return 0;
}

/* ---- limbo */

/* Whether a slot's extent, if it has one, is its own. */
static bool owns_extent(const struct brain_store *store, uint32_t slot,
                        const struct bn_slot_rec *rec)
{
    return rec->page < bn_alloc_end(store) && bn_alloc_record(store, rec->page)->owner == slot &&
           bn_alloc_record(store, rec->page)->state == BN_BLOCK_USED;
}

uint64_t bn_txn_limbo_size(const struct brain_store *store, uint32_t slot)
{
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    return (rec->flags & BN_SLOT_EXTENT) && !owns_extent(store, slot, rec) ? 0 : bn_slot_size(rec);
}

/* A slot that has left the index (or an aborted one) goes to limbo. Journalled, but for what stands
 * before the state says that it matters. */
static int to_limbo(struct brain_store *store, uint32_t slot, struct bn_cold_rec *cold,
                    uint64_t stamp, bool counts)
{
    struct bn_slot_rec *rec = bn_slot_at(store, slot);
    BN_STEP(to_limbo, slot, stamp);
    bn_store_release(bn_atomic64(&cold->stamp), stamp);
    bn_store_release(bn_atomic32(&cold->value_gone), 0u);
    if (rec->flags & BN_SLOT_EXTENT) {
        /* PAIR pin-retire. seq: by the words of C11 the fences of a get that passes by and of who drops the last
         * view do not order what a third stores. */
        bn_store_seq(&rec->retired, (uint8_t)1);
    }
    bn_slot_set_state(cold, BN_SLOT_LIMBO, 0);
    int err = bn_set_add(store, BN_SET_LIMBO, slot, cold);
    if (err == 0 && counts) {
        bn_journal_u64(store, &store->state->limbo_bytes,
                       store->state->limbo_bytes + bn_txn_limbo_size(store, slot));
    }
    return err;
}

/* ---- tidy */

/* Take a tombstone's word out of the index and its cell out of the list. A word that holds
 * something else by now was cleared before. */
static void clear_places(struct brain_store *store, uint32_t slot, const struct bn_cold_rec *cold,
                         bool give_cell)
{
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    _Atomic uint64_t *word = bn_index_find_slot(store, cold->hash_low, slot);
    struct bn_space_rec *space = bn_space_at(store, rec->space);
    if (word != NULL) {
        BN_STEP(clear_word, slot, 0);
        bn_journal_u64(store, word, 0);
        bn_journal_u64(store, &store->state->n_entries, store->state->n_entries - 1);
    }
    if (space != NULL && bn_names_exists(store, cold->cell) &&
        bn_load_relaxed(bn_names_cell(store, cold->cell)) == slot) {
        if (give_cell) {
            bn_names_give(store, space, cold->cell);
        } else {
            bn_journal_u32(store, bn_names_cell(store, cold->cell), 0);
        }
    }
}

/* Both slots of a record that replace.c made. */
static int tidy_swap(struct brain_store *store, const struct bn_publish_rec *rec)
{
    struct bn_cold_rec *fresh = bn_slot_cold(store, rec->fresh),
                       *older = bn_slot_cold(store, rec->older);
    if (fresh == NULL || older == NULL) {
        return bn_error_corrupt("%s: the journal names slot %u or %u, which is none", store->path,
                                rec->fresh, rec->older);
    }
    uint32_t i = fresh->set_idx;
    uint32_t there = i < bn_set_count(store, BN_SET_LIMBO) ? bn_set_get(store, BN_SET_LIMBO, i) : 0;
    if (there == 0 || (there != rec->fresh && there != rec->older)) {
        return bn_error_corrupt("%s: slot %u says it is at %u of limbo", store->path, rec->fresh,
                                i);
    }
    bn_slot_swap_limbo(store, rec->fresh, fresh, rec->older, older, txn_number(store));
    return 0;
}

/* The fresh slot of a record: it stays, unless it is a tombstone that nobody needs. */
static int tidy_fresh(struct brain_store *store, uint32_t slot)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    struct bn_slot_rec *rec = bn_slot_at(store, slot);
    if (cold == NULL) {
        return bn_error_corrupt("%s: the journal names slot %u, which is none", store->path, slot);
    }
    BN_STEP(pending_off, slot, 0);
    bn_store_release(&rec->pending, (uint8_t)0);
    if (!(rec->flags & BN_SLOT_TOMB)) {
        BN_STEP(live, slot, 0);
        bn_slot_set_state(cold, BN_SLOT_LIVE, 0);
    } else if (bn_snap_oldest(store) < rec->number) { /* looked after the commit */
        BN_STEP(tomb_stays, slot, 0);
        bn_slot_set_state(cold, BN_SLOT_LIVE, 0);
        return bn_set_add(store, BN_SET_TOMBS, slot, cold);
    } else {
        clear_places(store, slot, cold, true);
        return to_limbo(store, slot, cold, bn_load_relaxed(&store->state->committed) + 1, true);
    }
    return 0;
}

/* The slot that was replaced. */
static int tidy_older(struct brain_store *store, uint32_t slot)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold == NULL) {
        return bn_error_corrupt("%s: the journal names slot %u, which is none", store->path, slot);
    }
    if (bn_slot_at(store, slot)->flags & BN_SLOT_TOMB) { /* it had to stay until now */
        BN_STEP(tomb_leaves, slot, 0);
        int err = bn_set_remove(store, BN_SET_TOMBS, slot, cold);
        if (err != 0) {
            return err;
        }
        bn_journal_note(
            store, &cold->state_owner); /* and set_idx, by which it is found if this is undone */
    }
    return to_limbo(store, slot, cold, txn_number(store), true);
}

/* The slot that held the extent while it was filled: the extent is the fresh slot's now. */
static int tidy_holder(struct brain_store *store, uint32_t slot)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold == NULL) {
        return bn_error_corrupt("%s: the journal names slot %u, which is none", store->path, slot);
    }
    int err = bn_set_remove(store, BN_SET_PRIVATE, slot, cold);
    if (err != 0) {
        return err;
    }
    bn_journal_u64(store, &store->state->private_bytes,
                   store->state->private_bytes - bn_slot_size(bn_slot_at(store, slot)));
    return bn_slot_give(store, slot);
}

static void tidy_removed(struct brain_store *store, uint32_t space_id)
{
    struct bn_space_rec *space = bn_space_at(store, space_id);
    if (space != NULL) {
        bn_journal_u64(store, &store->state->limbo_bytes,
                       store->state->limbo_bytes +
                           bn_load_relaxed(&bn_tally_now(space->tally)->bytes));
        bn_space_bury(store, space_id);
    }
}

static int tidy_record(struct brain_store *store, const struct bn_publish_rec *rec)
{
    if (rec->flags & BN_PUBLISH_SWAPS) {
        return tidy_swap(store, rec);
    }
    int err = rec->older == 0 ? 0 : tidy_older(store, rec->older);
    err = err != 0 ? err : tidy_fresh(store, rec->fresh);
    err = err != 0 || rec->holder == 0 ? err : tidy_holder(store, rec->holder);
    if (err == 0 && (rec->flags & BN_PUBLISH_REMOVES)) {
        tidy_removed(store, rec->detail);
    }
    return err;
}

/* `trusted`: the records are this process's own of a moment ago. */
static int tidy(struct brain_store *store, bool trusted)
{
    struct bn_journal_counts counts = bn_journal_counts(store);
    int err = 0;
    for (uint32_t i = counts.n_tidied; i < counts.n_publish && err == 0; i++) {
        struct bn_publish_rec rec;
        err = bn_journal_get_publish(store, i, trusted, &rec);
        err = err != 0 ? err : tidy_record(store, &rec);
        if (err == 0 && i + 1 < counts.n_publish) {
            bn_journal_tidied(store); /* of the last, clearing says so */
        }
    }
    if (bn_likely(err == 0)) {
        bn_journal_clear(store);
    }
    return err;
}

int bn_txn_commit(struct brain_store *store, uint64_t *number_out)
{
    uint64_t number = txn_number(store);
    BN_STEP(commit, number, 0);
    bn_store_seq(&store->state->committed, number); /* PAIR commit */
    bn_journal_tidying(store);
    *number_out = number;
    return tidy(store, true);
}

/* ---- abort and recovery */

/* A reader that met an aborted slot may still compare its name; where that lies in the extent, the
 * extent has to go through limbo too, with the slot, instead of back to its holder. */
static void keep_name(struct brain_store *store, const struct bn_publish_rec *rec)
{
    const struct bn_slot_rec *fresh = bn_slot_at(store, rec->fresh);
    if (rec->holder != 0 && (fresh->flags & BN_SLOT_BODY_OUT) &&
        owns_extent(store, rec->holder, fresh)) {
        bn_journal_u32(store, (void *)(uintptr_t)&bn_alloc_record(store, fresh->page)->owner,
                       rec->fresh);
    }
}

/* A slot that came from limbo has never left it; but it may have another size by now. */
static void stays_in_limbo(struct brain_store *store, const struct bn_publish_rec *rec,
                           struct bn_cold_rec *cold)
{
    BN_STEP(stays_in_limbo, rec->fresh, txn_number(store));
    bn_store_release(bn_atomic64(&cold->stamp), txn_number(store));
    bn_store_release(bn_atomic32(&cold->value_gone), 0u);
    bn_journal_u64(store, &store->state->limbo_bytes,
                   store->state->limbo_bytes + bn_slot_size(bn_slot_at(store, rec->fresh)) -
                       rec->detail);
}

/* The fresh slots of a transaction that did not commit: a reader may have seen them. */
static int discard(struct brain_store *store)
{
    struct bn_journal_counts counts = bn_journal_counts(store);
    for (uint32_t i = counts.n_tidied; i < counts.n_publish; i++) {
        struct bn_publish_rec rec;
        int err = bn_journal_get_publish(store, i, false, &rec);
        struct bn_cold_rec *cold = err == 0 ? bn_slot_cold(store, rec.fresh) : NULL;
        if (cold == NULL) {
            return err != 0
                       ? err
                       : bn_error_corrupt("%s: the journal names slot %u", store->path, rec.fresh);
        }
        if (rec.flags & BN_PUBLISH_SWAPS) {
            stays_in_limbo(store, &rec, cold);
        } else {
            keep_name(store, &rec);
            err = to_limbo(store, rec.fresh, cold, txn_number(store), true);
            if (err != 0) {
                return err;
            }
        }
        bn_journal_tidied(store);
    }
    bn_journal_clear(store);
    return 0;
}

int bn_txn_recover(struct brain_store *store)
{
    struct bn_journal_counts counts = bn_journal_counts(store);
    if (bn_journal_is_empty(store)) {
        return 0;
    }
    bool committed = bn_load_seq(&store->state->committed) >= txn_number(store);
    if (committed && !counts.tidying) {
        bn_journal_tidying(store); /* died right after the commit: its notes must not be undone */
    } else {
        int err = bn_journal_undo(store);
        if (err != 0) {
            return err;
        }
    }
    return committed ? tidy(store, false) : discard(store);
}

int bn_txn_abort(struct brain_store *store, int err)
{
    int undo = bn_txn_recover(store);
    return undo != 0 ? undo : err;
}

/* ---- steps without a commit */

static int end_step(struct brain_store *store, int err)
{
    if (err != 0) {
        return bn_txn_abort(store, err);
    }
    bn_journal_clear(store);
    return 0;
}

/* A slot of one line in the private set, whose extent `take` provides. */
static int take_holder(struct brain_store *store, uint64_t size, bool spare, uint32_t *slot_out)
{
    int err =
        spare ? bn_slot_take_spare(store, slot_out) : bn_slot_take(store, BN_SLOT_HEAD, slot_out);
    if (err != 0) {
        return err;
    }
    struct bn_slot_rec *rec = bn_slot_at(store, *slot_out);
    struct bn_cold_rec *cold = bn_slot_cold(store, *slot_out);
    _Atomic uint64_t *word = bn_atomic64(rec);
    bn_slot_begin_use(store, rec);
    /* relaxed: what it was before may be being copied, and is thrown away (as in fill()) */
    bn_store_relaxed(&word[0], (uint64_t)0);
    bn_store_relaxed(&word[BN_SLOT_WORD_HEAD], BN_SLOT_AS(flags, BN_SLOT_EXTENT));
    bn_store_relaxed(&word[2], (uint64_t)0);
    bn_store_relaxed(&word[BN_SLOT_WORD_LENS], BN_SLOT_AS(size_high, size >> 32));
    bn_store_relaxed(bn_atomic32(&rec->size_low), (uint32_t)size);
    bn_store_relaxed(bn_atomic32(&cold->value_gone), 0u);
    err = bn_set_add(store, BN_SET_PRIVATE, *slot_out,
                     cold); /* notes the state too: it is in the same word */
    if (err != 0) {
        return err;
    }
    bn_slot_set_state(cold, BN_SLOT_PRIVATE, store->row);
    bn_journal_u64(store, &store->state->private_bytes, store->state->private_bytes + size);
    return 0;
}

static void set_page(struct brain_store *store, uint32_t slot, uint32_t page)
{
    bn_store_relaxed(bn_atomic32(&bn_slot_at(store, slot)->page), page); /* relaxed: as above */
}

/* Of a PRIVATE slot the stamp is how many pages its extent has. */
static void set_pages(struct brain_store *store, uint32_t slot, uint64_t n_pages)
{
    bn_store_relaxed(bn_atomic64(&bn_slot_cold(store, slot)->stamp),
                     n_pages); /* relaxed: as above */
}

int bn_txn_take_private(struct brain_store *store, uint64_t extent_bytes, uint64_t size,
                        uint32_t *slot_out)
{
    int err = bn_set_room(store, BN_SET_PRIVATE, 1);
    if (err != 0) {
        return err;
    }
    bn_journal_begin(store);
    err = take_holder(store, size, false, slot_out);
    uint32_t page = 0;
    err = err != 0 ? err : bn_alloc_take(store, bn_alloc_pages(extent_bytes), *slot_out, &page);
    if (err == 0) {
        set_page(store, *slot_out, page);
        set_pages(store, *slot_out, bn_alloc_pages(extent_bytes));
    }
    return end_step(store, err);
}

int bn_txn_take_warm(struct brain_store *store, uint32_t *slot_out)
{
    uint64_t n_pages = 0;
    uint32_t page = 0;
    int err = bn_set_room(store, BN_SET_PRIVATE, 1);
    if (err != 0) {
        return err;
    }
    bn_journal_begin(store);
    err = take_holder(store, 0, true, slot_out);
    err = err != 0 ? err : bn_alloc_take_warm(store, *slot_out, &page, &n_pages);
    if (err == 0) {
        set_page(store, *slot_out, page);
        set_pages(store, *slot_out, n_pages);
    }
    return end_step(store, err);
}

int bn_txn_drop_private(struct brain_store *store, uint32_t slot, uint32_t row, bool warm)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold == NULL || bn_slot_state(cold) != BN_SLOT_PRIVATE ||
        bn_slot_owner(store, slot, cold) != row) {
        return bn_error_corrupt("%s: slot %u is not being written by client %u", store->path, slot,
                                row);
    }
    struct bn_slot_rec *rec = bn_slot_at(store, slot);
    bn_journal_begin(store);
    int err = bn_set_remove(store, BN_SET_PRIVATE, slot, cold);
    if (err == 0 && owns_extent(store, slot, rec)) {
        err = bn_alloc_give(store, rec->page, cold->stamp, warm);
    }
    bn_journal_u64(store, &store->state->private_bytes,
                   store->state->private_bytes - bn_slot_size(rec));
    err = err != 0 ? err : bn_slot_give(store, slot);
    return end_step(store, err);
}

int bn_txn_free_limbo(struct brain_store *store, uint32_t slot, bool value_only)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold == NULL) {
        return bn_error_corrupt("%s: limbo names slot %u, which is none", store->path, slot);
    }
    struct bn_slot_rec *rec = bn_slot_at(store, slot);
    uint64_t bytes = bn_txn_limbo_size(store, slot);
    bool owns = (rec->flags & BN_SLOT_EXTENT) && owns_extent(store, slot, rec);
    int err = 0;
    bn_journal_begin(store);
    if (value_only) {
        BN_STEP(value_goes, slot, 0);
    } else {
        BN_STEP(give, slot, 0);
    }
    if (owns) {
        err = bn_alloc_give(store, rec->page, bn_slot_pages(rec), true);
    }
    if (err == 0 && (owns || !value_only)) {
        bn_journal_u64(store, &store->state->limbo_bytes, store->state->limbo_bytes - bytes);
    }
    if (err == 0 && !value_only) {
        err = bn_set_remove(store, BN_SET_LIMBO, slot, cold);
        err = err != 0 ? err : bn_slot_give(store, slot);
    } else if (err == 0) {
        bn_journal_u32(store, &cold->value_gone, 1);
    }
    return end_step(store, err);
}

int bn_txn_unlink(struct brain_store *store, uint32_t slot, bool of_dead_space)
{
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold == NULL || bn_slot_state(cold) != BN_SLOT_LIVE) {
        return bn_error_corrupt("%s: slot %u is not in the index", store->path, slot);
    }
    /* A list that was damaged may name anybody's. */
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    if (of_dead_space ? rec->space != store->state->space_dead : !(rec->flags & BN_SLOT_TOMB)) {
        return bn_error_corrupt("%s: slot %u is none to be taken out of the index", store->path,
                                slot);
    }
    int err = bn_set_room(store, BN_SET_LIMBO, 1);
    if (err != 0) {
        return err;
    }
    bn_journal_begin(store);
    if (rec->flags & BN_SLOT_TOMB) {
        BN_STEP(tomb_leaves, slot, 0);
        err = bn_set_remove(store, BN_SET_TOMBS, slot, cold);
    }
    if (err == 0) {
        clear_places(store, slot, cold, !of_dead_space);
        bn_journal_note(store, &cold->state_owner); /* and set_idx: this step may be undone */
        /* The bytes of a dead space went to limbo with the commit that removed it. */
        err = to_limbo(store, slot, cold, bn_load_relaxed(&store->state->committed) + 1,
                       !of_dead_space);
    }
    return end_step(store, err);
}

int bn_txn_give_dead(struct brain_store *store)
{
    struct bn_space_rec *space = bn_space_at(store, store->state->space_dead);
    if (space == NULL) {
        return bn_error_corrupt("%s: the list of removed namespaces", store->path);
    }
    bn_journal_begin(store);
    int err = 0;
    if (bn_load_relaxed(&space->first_segment) != 0) {
        err = bn_names_give_segment(store, space);
    } else {
        bn_space_give_dead(store);
    }
    return end_step(store, err);
}
