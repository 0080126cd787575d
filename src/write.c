/* write.c - changes.
 *
 * A change goes: resolve the namespace (make it where it is missing); large data into an extent of
 * its own, outside the lock; then under the lock one transaction (txn.c). What gets in the way is
 * dealt with outside the lock, and the change tried again: a region without backed room is backed,
 * a description that has to be kept is fetched, a full store is reclaimed, a full file system is
 * trimmed, each before FULL is said. Where the mode of the store lets values go for it, what the change
 * asks for stays (protect.c).
 *
 * Crash: a private slot with its extent is recorded with this client, and freed when it is reaped (or is nobody's by
 *        then: recover.c).
 */
#include "write.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "base/hash.h"
#include "base/probe.h"
#include "count.h"
#include "event.h"
#include "index.h"
#include "lock.h"
#include "pin.h"
#include "protect.h"
#include "quota.h"
#include "reclaim.h"
#include "recover.h"
#include "slot.h"
#include "space.h"
#include "stage.h"
#include "trim.h"
#include "watch.h"

#define SPLITS_PER_HOLDING 64u

/* ---- arguments */

#define SIZE_END ((uint64_t)1 << 47) /* of a value; the record has 48 bits */

static int check_part(const brain_part *part, uint32_t i)
{
    if (part->align > 64 || (part->align & (part->align - 1)) != 0) {
        return bn_error(BRAIN_E_INVAL,
                        "part %u of the value is to be aligned to %zu bytes: give 0, or a power of "
                        "two up to 64",
                        i, part->align);
    }
    if (part->data == NULL && part->size_bytes > 0) {
        return bn_error(BRAIN_E_INVAL,
                        "part %u of the value has %zu bytes, but its `data` is NULL: say where "
                        "they are",
                        i, part->size_bytes);
    }
    return 0;
}

static int data_size(const struct bn_part_list *data, uint64_t *size_out)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < data->n_parts; i++) {
        const brain_part *part = &data->parts[i];
        int err = check_part(part, i);
        if (err != 0) {
            return err;
        }
        at = part->align > 1 ? bn_align_up(at, part->align) : at;
        if (at >= SIZE_END || part->size_bytes >= SIZE_END - at) {
            return bn_error(BRAIN_E_INVAL,
                            "the value has more than %llu bytes, the most that one can have: "
                            "put it in pieces",
                            (unsigned long long)SIZE_END - 1);
        }
        at += part->size_bytes;
    }
    *size_out = at;
    return 0;
}

static int init(struct bn_write *write, struct brain_space *space, const void *name,
                size_t name_len, uint64_t if_version)
{
    if (name_len > BRAIN_NAME_MAX) {
        return bn_handle_name_too_long(name_len);
    }
    if (name == NULL && name_len > 0) {
        return bn_error(BRAIN_E_INVAL, "a name of %zu bytes is at NULL: say where it is", name_len);
    }
    memset(write, 0, sizeof *write);
    write->space = space;
    write->change.name = name_len > 0 ? name : "";
    write->change.name_len = (uint32_t)name_len;
    write->change.if_version = if_version;
    return 0;
}

static void choose_shape(struct bn_change *change)
{
    change->flags = bn_slot_flags_for(change->size, (uint64_t)change->name_len + change->meta_len +
                                                        change->description_len);
}

int bn_write_init(struct bn_write *write, struct brain_space *space, const void *name,
                  size_t name_len, const brain_value *value, uint64_t if_version)
{
    int err = init(write, space, name, name_len, if_version);
    struct bn_change *change = &write->change;
    if (err != 0) {
        return err;
    }
    if (value->kind > 255 || value->meta_len > BRAIN_META_MAX ||
        value->description_len > BRAIN_DESCRIPTION_MAX) {
        return bn_error(BRAIN_E_INVAL,
                        "a value's kind is at most 255, its metadata %u and its "
                        "description %u bytes",
                        BRAIN_META_MAX, BRAIN_DESCRIPTION_MAX);
    }
    if (value->kind == BRAIN_KIND_AWAY) {
        return bn_error(BRAIN_E_INVAL, "a value of kind %u is made by brain_move_away() alone",
                        BRAIN_KIND_AWAY);
    }
    if (value->created_ns > INT64_MAX) {
        return bn_error(BRAIN_E_INVAL,
                        "a value cannot have been put later than 2^63 ns after 1970");
    }
    change->kind = value->kind;
    change->data = (struct bn_part_list){ value->parts, value->n_parts };
    change->meta = value->meta;
    change->meta_len = (uint32_t)value->meta_len;
    change->has_description = value->description != NULL;
    change->description = value->description;
    change->description_len = change->has_description ? (uint32_t)value->description_len : 0;
    change->created_ns = value->created_ns;
    err = data_size(&change->data, &change->size);
    choose_shape(change);
    return err;
}

int bn_write_init_delete(struct bn_write *write, struct brain_space *space, const void *name,
                         size_t name_len, uint64_t if_version)
{
    int err = init(write, space, name, name_len, if_version);
    if (err != 0) {
        return err;
    }
    write->change.is_delete = true;
    choose_shape(&write->change);
    return 0;
}

int bn_write_init_move(struct bn_write *write, struct brain_space *space, const brain_view *view,
                       const brain_part parts[2])
{
    const brain_value value = { .kind = BRAIN_KIND_RAW,
                                .n_parts = 2,
                                .parts = parts,
                                .meta = view->meta,
                                .meta_len = view->meta_len,
                                .description = view->description,
                                .description_len = view->description_len,
                                .created_ns = brain_view_created_ns(view) };
    int err = bn_write_init(write, space, view->name, view->name_len, &value, view->version);
    write->change.kind = BRAIN_KIND_AWAY;
    write->change.has_description = true; /* as it is, if it has one */
    write->change.flags |= BN_SLOT_AWAY;
    write->change.moves = view->object;
    return err;
}

/* ---- what a write owns */

/* The change does not use its extent after all. */
static void give_up_holder(struct brain_store *store, struct bn_write *write)
{
    if (write->change.holder != 0) {
        if (!write->is_borrowed) {
            bn_recover_let_go(store, write->change.holder);
        }
        write->is_borrowed = false; /* what comes next is our own */
        write->change.holder = 0;
    }
}

/* Before an extent is given up for one of another shape: what lies there alone is got out. */
static int keep_data(struct brain_store *store, struct bn_write *write)
{
    struct bn_change *change = &write->change;
    if (!write->is_only_staged || change->holder == 0) {
        return 0;
    }
    write->kept_data = malloc(change->size);
    if (write->kept_data == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory to keep %llu bytes of a batch",
                        (unsigned long long)change->size);
    }
    memcpy(write->kept_data,
           bn_data_at(store, bn_alloc_off(store, bn_slot_at(store, change->holder)->page)),
           change->size);
    write->kept_part = (brain_part){ .data = write->kept_data, .size_bytes = (size_t)change->size };
    change->data = (struct bn_part_list){ &write->kept_part, 1 };
    write->is_only_staged = false;
    return 0;
}

void bn_write_deinit(struct brain_store *store, struct bn_write *write)
{
    give_up_holder(store, write);
    free(write->kept_description);
    write->kept_description = NULL;
    free(write->kept_data);
    write->kept_data = NULL;
}

/* ---- commit */

/* The change of a namespace's own entry in the root space. */
static void init_root_change(struct bn_write *write, struct brain_space *space)
{
    struct bn_change *change = &write->change;
    memset(write, 0, sizeof *write);
    write->space = space;
    change->name = space->name;
    change->name_len = space->name_len;
    change->space_id = BN_ROOT_SPACE;
    change->space_gen = bn_load_relaxed(&bn_space_at(space->store, BN_ROOT_SPACE)->gen);
    change->hash = space->key;
    change->has_description = true; /* of none */
}

/* A change in a namespace that is missing: see that nobody has made it since it was looked for, or
 * a condition would hold here that does not hold at the commit. NOT_FOUND, or BN_SPACE_GONE. */
static int find_no_space(struct brain_store *store, const struct bn_write *write)
{
    struct bn_write entry;
    init_root_change(&entry, write->space); /* it wants the name to be absent */
    int err = bn_txn_find(store, &entry.change);
    return err == 0 ? BRAIN_E_NOT_FOUND : err == BRAIN_E_EXISTS ? BN_SPACE_GONE : err;
}

/* A change in a namespace that it makes: see that nobody else has made it; then nothing is
 * there. */
static int find_nothing(struct brain_store *store, struct bn_write *write)
{
    struct bn_change *change = &write->change;
    int err = write->owns_maker ? bn_txn_find(store, &write->maker->change) : 0;
    if (err != 0) {
        return err == BRAIN_E_EXISTS ? BN_SPACE_GONE : err; /* resolve it anew */
    }
    change->word = NULL;
    change->older = 0;
    change->older_absent = false;
    change->older_version = 0;
    return change->if_version == BRAIN_ANY_VERSION || change->if_version == 0 ? 0 : BRAIN_E_STALE;
}

/* What bn_txn_find() said of a condition without a change: 0, or STALE. */
static int judge_condition(const struct bn_write *write, int err)
{
    bool holds = err == (write->change.if_version == 0 ? BRAIN_E_NOT_FOUND : 0);
    bool is_answer = err == 0 || err == BRAIN_E_NOT_FOUND || err == BRAIN_E_EXISTS;
    return holds ? 0 : is_answer ? BRAIN_E_STALE : err;
}

/* Whether all changes of each namespace together are within its quota; they stand together. One that is
 * made here has none yet. */
static int check_quotas(struct brain_store *store, const struct bn_write *writes, uint32_t n,
                        struct bn_refusal *refusal)
{
    int64_t more = 0;
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        const struct bn_write *write = &writes[i];
        bool is_there = write->maker == NULL && !write->has_no_space;
        more += is_there && !write->change.is_skipped ? bn_txn_growth(store, &write->change) : 0;
        if (i + 1 == n || !bn_write_same_space(write->space, writes[i + 1].space)) {
            err =
                is_there ? bn_quota_check(write->space, write->change.space_id, more, refusal) : 0;
            more = 0;
        }
    }
    return err;
}

/* Look up all that is changed, and whether it fits. Under the lock. */
static int find_all(struct brain_store *store, struct bn_write *writes, uint32_t n, bool lenient,
                    struct bn_refusal *refusal)
{
    uint64_t more = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct bn_change *change = &writes[i].change;
        int err = writes[i].has_no_space    ? find_no_space(store, &writes[i])
                  : writes[i].maker != NULL ? find_nothing(store, &writes[i])
                                            : bn_txn_find(store, change);
        if (err == 0 && writes[i].makes_only) {
            change->is_skipped = true;
            continue;
        }
        if (writes[i].checks_only) {
            change->is_skipped = true;
            err = judge_condition(&writes[i], err);
            if (err != 0) {
                return err;
            }
            continue;
        }
        change->is_skipped = lenient && change->is_delete && err == BRAIN_E_NOT_FOUND &&
                             change->if_version == BRAIN_ANY_VERSION;
        if (err == 0 && writes[i].expected_version != 0 &&
            change->older_version != writes[i].expected_version) {
            err = BN_NEED_DESCRIPTION; /* it has been replaced since its description was fetched */
        }
        if (err != 0 && !change->is_skipped) {
            return err;
        }
        writes[i].older_bytes = change->is_delete && change->older != 0
                                    ? bn_slot_size(bn_slot_at(store, change->older))
                                    : 0;
        writes[i].retires_extent =
            change->older != 0 && (bn_slot_at(store, change->older)->flags & BN_SLOT_EXTENT) != 0;
        /* What stands for a value is smaller than that, and is put where there is no room. */
        more += change->holder == 0 && change->moves == 0 ? change->size : 0;
    }
    int err = check_quotas(store, writes, n, refusal);
    return err != 0 ? err : more == 0 || bn_txn_has_room(store, more) ? 0 : BRAIN_E_FULL;
}

static int take_all(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = writes[i].owns_maker ? bn_txn_take(store, &writes[i].maker->change) : 0;
        if (err == 0 && !writes[i].change.is_skipped) {
            err = bn_txn_take(store, &writes[i].change);
        }
    }
    return err;
}

/* Take the records of new namespaces: after all slots, so that an abort gives them back. Their ids
 * go into slots that nobody can see yet: those of the namespaces and those of what is put there. */
static int make_spaces(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct bn_change *change = &writes[i].change;
        struct bn_write *maker = writes[i].maker;
        if (writes[i].owns_maker) {
            struct bn_space_id_rec id;
            int err = bn_space_take(store, writes[i].made_quota, &id.id, &id.gen);
            if (err != 0) {
                return err;
            }
            bn_copy((uint8_t *)bn_slot_at(store, maker->change.fresh) + BN_SLOT_HEAD, &id,
                    sizeof id);
            maker->made_id = id.id;
            bn_journal_u32(store, &bn_space_at(store, id.id)->entry, maker->change.fresh);
        }
        if (maker != NULL && !change->is_skipped) {
            change->space_id = maker->made_id;
            change->hash =
                bn_hash_name(store->hash_seed, change->space_id, change->name, change->name_len);
            /* relaxed: what it was before may be being copied, and is thrown away (txn.c) */
            bn_store_relaxed(bn_atomic32(&bn_slot_at(store, change->fresh)->space),
                             change->space_id);
            bn_slot_cold(store, change->fresh)->hash_low = (uint32_t)change->hash;
        }
    }
    return 0;
}

static int swing_all(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = writes[i].owns_maker ? bn_txn_swing(store, &writes[i].maker->change) : 0;
        if (err == 0 && !writes[i].change.is_skipped) {
            err = bn_txn_swing(store, &writes[i].change);
        }
    }
    return err;
}

static uint32_t count_makers(const struct bn_write *writes, uint32_t n)
{
    uint32_t n_makers = 0;
    for (uint32_t i = 0; i < n; i++) {
        n_makers += writes[i].owns_maker;
    }
    return n_makers;
}

/* One transaction. Under the lock. */
static int transact(struct brain_store *store, struct bn_write *writes, uint32_t n,
                    uint64_t *number_out)
{
    uint32_t n_makers = count_makers(writes, n);
    int err = bn_txn_begin(store, n + n_makers);
    if (err != 0) {
        return err;
    }
    err = take_all(store, writes, n);
    err = err != 0 || n_makers == 0 ? err : make_spaces(store, writes, n);
    err = err != 0 ? err : swing_all(store, writes, n);
    if (err == 0 && n > 0 && writes[0].wants_pin) {
        err = bn_pin_take(store, writes[0].change.fresh, &writes[0].pin);
        writes[0].has_pin = err == 0;
    }
    if (bn_unlikely(err != 0)) {
        return bn_txn_abort(store, err);
    }
    err = bn_txn_commit(store, number_out);
    for (uint32_t i = 0; i < n; i++) {
        if (!writes[i].change.is_skipped) { /* of a delete that was needless it is still ours */
            writes[i].was_handed_over = writes[i].change.holder != 0;
            writes[i].change.holder = 0;
        }
    }
    return err;
}

#define CELLS_MAX 4096u /* of the ledger, to be looked at under the lock */

/* A look at the pins, if there are not too many: who chose the value has looked before. */
static int check_unused(struct brain_store *store, const struct bn_write *write)
{
    struct bn_pin_set pins;
    bn_fence_seq();
    bool is_used = bn_pin_collect(store, CELLS_MAX, &pins) == 0 &&
                   bn_pin_set_may_hold(&pins, write->change.older);
    return is_used ? BRAIN_E_BUSY : 0;
}

static int try_commit(struct brain_store *store, struct bn_write *writes, uint32_t n, bool lenient,
                      struct bn_refusal *refusal, uint64_t *number_out)
{
    int err = bn_recover_enter(store, true);
    if (bn_unlikely(err != 0)) {
        return err;
    }
    err = bn_index_grow(store);
    err = err != 0 ? err : find_all(store, writes, n, lenient, refusal);
    err = err != 0 || n == 0 || !writes[0].spares_used ? err : check_unused(store, &writes[0]);
    err = err != 0 ? err : transact(store, writes, n, number_out);
    bn_lock_release(store);
    return err;
}

static void forget_makers(struct bn_write *writes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (writes[i].owns_maker) {
            free(writes[i].maker);
        }
        writes[i].maker = NULL;
        writes[i].owns_maker = false;
    }
}

bool bn_write_same_space(const struct brain_space *a, const struct brain_space *b)
{
    return a == b || (a->key == b->key && a->name_len == b->name_len &&
                      memcmp(a->name, b->name, a->name_len) == 0);
}

/* Let change `i` make its namespace; those of one namespace stand together (batch.c sees to it). */
static int add_maker(struct bn_write *writes, uint32_t i)
{
    static const struct bn_space_id_rec none;
    static const brain_part part = { .data = &none, .size_bytes = sizeof none };
    for (uint32_t k = i; k > 0 && bn_write_same_space(writes[k - 1].space, writes[i].space); k--) {
        if (writes[k - 1].maker != NULL) { /* those in between are deletes */
            writes[i].maker = writes[k - 1].maker;
            return 0;
        }
    }
    struct bn_write *maker = malloc(sizeof *maker);
    if (maker == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory to make a namespace");
    }
    init_root_change(maker, writes[i].space);
    maker->change.kind = BRAIN_KIND_SPACE;
    maker->change.size = sizeof none;
    maker->change.data = (struct bn_part_list){ &part, 1 };
    writes[i].maker = maker;
    writes[i].owns_maker = true;
    return 0;
}

/* Find the namespace of one change. Where it is missing a put makes it, and a delete has nothing to
 * do. */
static int resolve(struct brain_store *store, struct bn_write *writes, uint32_t i)
{
    struct bn_change *change = &writes[i].change;
    struct bn_space_ref ref;
    int err = bn_handle_resolve(writes[i].space, &ref);
    writes[i].has_no_space = err == BRAIN_E_NOT_FOUND && change->is_delete;
    if (err == BRAIN_E_NOT_FOUND) {
        return change->is_delete ? 0 : add_maker(writes, i);
    }
    if (err != 0) {
        return err;
    }
    if (writes[i].makes_only) {
        bn_handle_forget(writes[i].space);
        return bn_handle_resolve_slow(writes[i].space, &ref) == 0 ? BRAIN_E_EXISTS
                                                                  : add_maker(writes, i);
    }
    change->space_id = ref.id;
    change->space_gen = ref.gen;
    change->hash = bn_hash_name(store->hash_seed, ref.id, change->name, change->name_len);
    return 0;
}

static int resolve_all(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = resolve(store, writes, i);
    }
    return err;
}

/* Fetch the description that a put has to keep. */
static int fetch_description(struct brain_store *store, struct bn_write *write)
{
    struct bn_change *change = &write->change;
    struct bn_found found;
    brain_view view;
    int err = bn_handle_get(write->space, change->name, change->name_len, &found);
    free(write->kept_description);
    write->kept_description = NULL;
    write->expected_version = 0;
    change->has_description = false;
    change->description_len = 0;
    if (err == 0) {
        err = bn_read_view(store, found.slot, found.pin, &view);
        if (err == 0 && view.description_len > 0) {
            write->kept_description = malloc(view.description_len);
            if (write->kept_description == NULL) {
                err = bn_error(BRAIN_E_NOMEM, "no memory to keep a description");
            } else {
                memcpy(write->kept_description, view.description, view.description_len);
                change->description = write->kept_description;
                change->description_len = view.description_len;
                change->has_description = true;
                write->expected_version = view.version;
            }
        }
        bn_read_let_go(store, found.pin);
    }
    if (err != 0 && err != BRAIN_E_NOT_FOUND) {
        return err;
    }
    uint32_t had = change->flags;
    choose_shape(change);
    if (change->flags == had && !(change->flags & BN_SLOT_BODY_OUT)) {
        return 0;
    }
    err = keep_data(store, write);
    if (err == 0) {
        give_up_holder(store, write);
    }
    return err;
}

static int fetch_descriptions(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        struct bn_change *change = &writes[i].change;
        if (!change->is_delete && (!change->has_description || writes[i].expected_version != 0)) {
            err = fetch_description(store, &writes[i]);
        }
    }
    return err;
}

/* After an abort, an extent with a name in it has gone to limbo with the aborted slot. */
static void forget_aborted(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (writes[i].change.flags & BN_SLOT_BODY_OUT) {
            give_up_holder(store, &writes[i]);
        }
    }
}

/* Large data to where it belongs. In a mode in which something may go for that. */
static int stage_all(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    bool protects = bn_load_relaxed(&store->state->full_mode) != BRAIN_FULL_ERROR &&
                    bn_protect_missing(writes, n) >= BN_INLINE_MAX / 2;
    int err = bn_unlikely(protects) ? bn_protect_begin(store, writes, n, true) : 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = bn_quota_foresee(writes[i].space, &writes[i].change);
        err = err != 0 ? err : bn_stage_data(store, &writes[i].change);
    }
    if (bn_unlikely(protects)) {
        bn_protect_end(store, writes, n);
    }
    return err;
}

/* Everything that can be done about a failed try: 0: try again. */
static int after_failure(struct brain_store *store, struct bn_write *writes, uint32_t n, int err,
                         const struct bn_refusal *refusal, struct bn_stage_obstacle *tried)
{
    forget_aborted(store, writes, n);
    if (!bn_stage_may_try_again(store, tried)) {
        return bn_error_corrupt("%s: a change cannot be made: what it has to look up is not what "
                                "it finds",
                                store->path);
    }
    if (n > 8) {
        (void)bn_reclaim_limbo(store, false, NULL); /* the slots of the failed try */
    }
    if (err == BN_SPACE_GONE) {
        for (uint32_t i = 0; i < n; i++) {
            bn_handle_forget(writes[i].space);
        }
        return 0;
    }
    if (err == BN_NEED_DESCRIPTION) {
        return fetch_descriptions(store, writes, n);
    }
    if (err == BRAIN_E_QUOTA) {
        return bn_protect_overcome_quota(store, writes, n, refusal, tried);
    }
    return bn_protect_overcome(store, writes, n, err, tried);
}

/* Some splits in one holding of the lock. `*more_out`: there was something to split. */
static int grow_some(struct brain_store *store, bool *more_out)
{
    int err = bn_recover_enter(store, true);
    if (err != 0) {
        return err;
    }
    uint64_t before = bn_load_relaxed(&store->state->index_state);
    for (uint32_t i = 0; i < SPLITS_PER_HOLDING && err == 0; i++) {
        err = bn_index_grow(store);
    }
    *more_out = bn_load_relaxed(&store->state->index_state) != before;
    bn_lock_release(store);
    return err;
}

/* Catch up with the splits that a batch left due: it makes one itself, whatever its size. */
static int catch_up(struct brain_store *store)
{
    bool more = true;
    int err = 0;
    while (more && err == 0) {
        err = grow_some(store, &more);
        if (err == BN_AGAIN) {
            err = bn_store_satisfy(store);
            more = true;
        }
    }
    return err;
}

/* A batch asks for all the memory it may need before it begins: a try that fails in the middle
 * sends the slots that it took to limbo. */
static int reserve_all(struct brain_store *store, const struct bn_write *writes, uint32_t n)
{
    uint64_t lines = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct bn_change *change = &writes[i].change;
        lines += bn_slot_lines(change->size,
                               change->name_len + change->meta_len + change->description_len,
                               change->flags);
    }
    /* relaxed, without the lock: a guess */
    struct bn_state_rec *state = store->state;
    uint64_t n_slabs = bn_load_relaxed(bn_atomic32(&state->n_slabs));
    uint64_t n_overflow = bn_load_relaxed(bn_atomic32(&state->n_overflow));
    uint64_t n_spaces = bn_load_relaxed(bn_atomic32(&state->n_spaces));
    uint64_t names_end = bn_load_relaxed(bn_atomic64(&state->names_end));
    uint32_t n_makers = count_makers(writes, n);
    lines += n_makers * (uint64_t)bn_slot_lines(sizeof(struct bn_space_id_rec), BRAIN_SPACE_MAX, 0);
    n += n_makers;
    uint64_t slots = lines * BN_LINE + n * sizeof(struct bn_cold_rec);
    slots += slots / 16 + (uint64_t)BN_N_CLASSES * BN_SLAB_BYTES; /* ends of slabs */
    int err = bn_store_back(store, BN_REGION_SLOTS, n_slabs * BN_SLAB_BYTES + slots);
    err = err != 0 ? err
                   : bn_store_back(store, BN_REGION_OVERFLOW,
                                   (n_overflow + n / 3 + 64) * sizeof(struct bn_bucket_rec));
    err = err != 0 ? err
                   : bn_store_back(store, BN_REGION_SPACES,
                                   (n_spaces + n_makers) * sizeof(struct bn_space_rec));
    /* A new namespace's first segment has 16 cells. */
    return err != 0 ? err
                    : bn_store_back(store, BN_REGION_NAMES,
                                    (names_end + n + n / 8 + 16 * (uint64_t)n_makers + 4096) *
                                        sizeof(uint32_t));
}

/* ---- counts and events */

/* Whether a write is one that counts: of those that were committed, or (`refused`) would have been. */
static bool counts(const struct bn_write *write, bool refused)
{
    return write->change.moves == 0 && !write->spares_used &&
           (refused || !write->change.is_skipped);
}

static void tell_change(struct brain_store *store, const struct bn_write *write, uint64_t number)
{
    const struct bn_change *change = &write->change;
    bool is_delete = change->is_delete;
    bn_event_tell(store, &(brain_event){
                             .kind = is_delete ? BRAIN_EVENT_DELETE : BRAIN_EVENT_PUT,
                             .name = change->name,
                             .name_len = change->name_len,
                             .space = write->space->name,
                             .space_len = write->space->name_len,
                             .version = is_delete ? change->older_version : number,
                             .bytes = is_delete ? write->older_bytes : change->size,
                         });
}

static void tell_committed(struct brain_store *store, const struct bn_write *writes, uint32_t n,
                           uint64_t number)
{
    uint64_t n_puts = 0, n_bytes = 0, n_deletes = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct bn_change *change = &writes[i].change;
        if (!counts(&writes[i], false)) {
            continue;
        }
        if (change->is_delete) {
            n_deletes++;
        } else {
            n_puts++;
            n_bytes += change->size;
            BN_PROBE4(put, change->name, change->name_len, change->size, number);
        }
    }
    if (n_puts > 0) {
        bn_count(store, BRAIN_COUNT_PUTS, n_puts);
        bn_count(store, BRAIN_COUNT_PUT_BYTES, n_bytes);
    }
    if (n_deletes > 0) {
        bn_count(store, BRAIN_COUNT_DELETES, n_deletes);
    }
    if (bn_event_wanted(store, BRAIN_EVENT_PUT | BRAIN_EVENT_DELETE)) {
        for (uint32_t i = 0; i < n; i++) {
            if (counts(&writes[i], false)) {
                tell_change(store, &writes[i], number);
            }
        }
    }
}

static void tell_refused(struct brain_store *store, const struct bn_write *writes, uint32_t n,
                         int err)
{
    uint64_t asked = 0;
    if ((err != BRAIN_E_FULL && err != BRAIN_E_QUOTA) || n == 0 || !counts(&writes[0], true)) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        asked += writes[i].change.is_delete ? 0 : writes[i].change.size;
    }
    bool is_one = n == 1 && !writes[0].makes_only;
    bn_stage_refused(store, writes[0].space, is_one ? writes[0].change.name : NULL,
                     is_one ? writes[0].change.name_len : 0, asked, err);
}

/* ---- the whole of it */

static int commit(struct brain_store *store, struct bn_write *writes, uint32_t n, bool lenient,
                  uint64_t *number_out)
{
    struct bn_stage_obstacle tried = { 0 };
    struct bn_refusal refusal;
    int err = 0;
    while (err == 0) {
        err = resolve_all(store, writes, n);
        err = err != 0 ? err : stage_all(store, writes, n);
        if (bn_unlikely(err != 0)) {
            forget_makers(writes, n);
            return err;
        }
        if (n > 8) {
            err = reserve_all(store, writes, n);
        }
        err = err != 0 ? err : try_commit(store, writes, n, lenient, &refusal, number_out);
        forget_makers(writes, n);
        if (bn_likely(err == 0)) {
            break;
        }
        err = after_failure(store, writes, n, err, &refusal, &tried);
    }
    if (bn_unlikely(err != 0)) {
        return err;
    }
    bool retired_extent = false;
    uint64_t put_bytes = 0; /* with pages of their own */
    for (uint32_t i = 0; i < n; i++) {
        if (bn_likely(writes[i].change.moves == 0)) {
            bn_watch_wake(store, writes[i].space->key, writes[i].change.name,
                          writes[i].change.name_len);
        }
        retired_extent = retired_extent || writes[i].retires_extent;
        put_bytes += writes[i].change.flags & BN_SLOT_EXTENT ? writes[i].change.size : 0;
    }
    bn_reclaim_due(store, retired_extent, n, true);
    bn_trim_after(store, retired_extent || put_bytes > 0, put_bytes);
    if (n > SPLITS_PER_HOLDING) {
        (void)catch_up(store); /* the batch is in; if this fails, later puts split */
    }
    return 0;
}

int bn_write_commit(struct brain_store *store, struct bn_write *writes, uint32_t n, bool lenient,
                    uint64_t *number_out)
{
    int err = commit(store, writes, n, lenient, number_out);
    if (bn_likely(err == 0)) {
        tell_committed(store, writes, n, *number_out);
    } else {
        tell_refused(store, writes, n, err);
    }
    if (n == 0 || counts(&writes[0], true)) { /* else it is part of another call */
        bn_event_tell_noted(store);
    }
    return err;
}

/* ---- namespaces */

int bn_write_make_space(struct brain_space *space, uint64_t quota)
{
    struct bn_write write;
    uint64_t number;
    int err = init(&write, space, "", 0, BRAIN_ANY_VERSION);
    write.makes_only = true;
    write.made_quota = quota;
    return err != 0 ? err : bn_write_commit(space->store, &write, 1, false, &number);
}

/* What went with a namespace. */
struct removed {
    uint64_t n, bytes;
};

/* The transaction that removes a namespace. Under the lock. `*may_leave_out`: as
 * bn_reclaim_may_leave(). */
static int transact_remove(struct brain_store *store, struct bn_write *write, bool *may_leave_out,
                           struct removed *removed)
{
    uint64_t number;
    int err = bn_txn_find(store, &write->change);
    if (err != 0) {
        return err;
    }
    uint32_t id, gen;
    err = bn_read_space_id(store, write->change.older, &id, &gen);
    if (err != 0) {
        return err;
    }
    const struct bn_space_rec *rec = bn_space_at(store, id);
    if (rec == NULL || !bn_space_stands(store, rec, gen)) {
        return bn_error_corrupt("%s: the record of a namespace", store->path);
    }
    *may_leave_out = bn_reclaim_may_leave(store, rec);
    const struct bn_tally_rec *tally = bn_tally_now(rec->tally);
    removed->n = bn_load_relaxed(&tally->count); /* relaxed: under the lock */
    removed->bytes = bn_load_relaxed(&tally->bytes);
    write->change.removes_space = id;
    return transact(store, write, 1, &number);
}

/* What earlier removals have left would lie behind this one in the list of the dead, and wait for the snapshots that
 * this one waits for. */
static void take_apart_before(struct brain_store *store)
{
    if (bn_load_relaxed(bn_atomic32(&store->state->space_dead)) != 0 &&
        bn_load_seq(&store->clients->n_snaps) != 0) {
        (void)bn_reclaim_removed(store, false); /* if that can be had now */
    }
}

int bn_write_remove_space(struct brain_space *space)
{
    struct brain_store *store = space->store;
    struct bn_stage_obstacle tried = { 0 };
    struct bn_write write;
    struct removed removed = { 0, 0 };
    bool may_leave = false;
    int err;
    init_root_change(&write, space);
    write.change.is_delete = true;
    write.change.if_version = BRAIN_ANY_VERSION;
    do {
        take_apart_before(store);
        err = bn_recover_enter(store, true);
        if (err == 0) {
            err = transact_remove(store, &write, &may_leave, &removed);
            bn_lock_release(store);
        }
        if (err == 0) {
            break;
        }
        err = err == BN_SPACE_GONE
                  ? bn_error_corrupt("%s: the record of the root namespace", store->path)
                  : bn_stage_overcome(store, err, 0, &tried);
    } while (err == 0);
    if (err != 0) {
        if (err == BRAIN_E_FULL) {
            bn_stage_refused(store, space, NULL, 0, 0, err);
        }
        bn_event_tell_noted(store);
        return err;
    }
    bn_handle_forget(space);
    bn_watch_wake(store, space->key, "", 0);
    /* Removed it is; later writers reclaim what cannot be now (a snapshot, a busy lock), and what would take long. */
    if (may_leave) {
        bn_reclaim_due(store, false, 1, true);
    } else {
        (void)bn_reclaim_removed(store, true);
        (void)bn_reclaim_limbo(store, true, NULL);
    }
    bn_trim_after(store, !may_leave, 0);
    bn_count(store, BRAIN_COUNT_DELETES, removed.n);
    bn_event_tell(store, &(brain_event){ .kind = BRAIN_EVENT_DELETE,
                                         .space = space->name,
                                         .space_len = space->name_len,
                                         .bytes = removed.bytes });
    bn_event_tell_noted(store);
    return 0;
}
