/* replace.c - the commonest change: another small value under a name that has one.
 *
 * Slots:    the fresh one is a slot of limbo that this process found to be needed by nobody (reclaim.c); the
 *           one that is replaced takes its place there. So no slab and no set changes, and a put that is
 *           followed by another costs no more than the words that readers look at.
 * Limbo:    is looked through when no slot is ready, once in some dozens of puts.
 */
#include "replace.h"

#include "base/hash.h"
#include "journal.h"
#include "lock.h"
#include "reclaim.h"
#include "recover.h"
#include "slot.h"
#include "txn.h"
#include "watch.h"

#define LOOK_EVERY 16u /* puts; a power of two */

static bool is_small(const brain_value *value, size_t name_len)
{
    return value->n_parts <= 1 && value->description == NULL && value->kind <= 255 &&
           name_len <= BRAIN_NAME_MAX && value->meta_len <= BRAIN_META_MAX &&
           (value->n_parts == 0 ||
            (value->parts->align <= 8 && value->parts->size_bytes < BN_SLOT_ALIGNED_FROM &&
             (value->parts->data != NULL || value->parts->size_bytes == 0))) &&
           name_len + value->meta_len < BN_INLINE_MAX - BN_SLOT_HEAD - BN_SLOT_ALIGNED_FROM;
}

/* Field by field: to clear them all first would cost as much as the lookup. */
static void describe(const struct brain_space *space, const struct bn_space_ref *ref, const void *name,
                     uint32_t name_len, const brain_value *value, struct bn_change *change)
{
    change->name = name;
    change->hash = bn_hash_name(space->store->hash_seed, ref->id, name, name_len);
    change->name_len = name_len;
    change->space_id = ref->id;
    change->space_gen = ref->gen;
    change->is_delete = false;
    change->removes_space = 0;
    change->data = (struct bn_part_list){ value->parts, value->n_parts };
    change->size = value->n_parts != 0 ? value->parts->size_bytes : 0;
    change->holder = 0;
    change->flags = 0;
    change->kind = value->kind;
    change->meta = value->meta;
    change->meta_len = (uint32_t)value->meta_len;
    change->description = NULL;
    change->description_len = 0;
    change->has_description = false;
    change->is_skipped = false;
}

/* Whether what is there may be replaced here: a small value without a description. */
static bool may_replace(struct brain_store *store, const struct bn_change *change)
{
    if (change->older == 0) {
        return false;
    }
    const struct bn_slot_rec *rec = bn_slot_at(store, change->older);
    return (rec->flags & (BN_SLOT_TOMB | BN_SLOT_EXTENT)) == 0 && rec->description_len == 0;
}

/* Under the lock. */
static int replace(struct brain_store *store, struct bn_change *change, uint64_t *number_out)
{
    if (bn_txn_find(store, change) != 0 || !may_replace(store, change)) {
        return BN_SLOWLY; /* whatever it is, write.c finds it again, and answers */
    }
    bn_journal_begin(store);
    if (!bn_txn_take_ready(store, change)) {
        return BN_SLOWLY;
    }
    int err = bn_txn_swing(store, change);
    return bn_unlikely(err != 0) ? bn_txn_abort(store, err) : bn_txn_commit_swap(store, change, number_out);
}

int bn_replace(struct brain_space *space, const void *name, size_t name_len, const brain_value *value,
               uint64_t if_version, uint64_t *number_out)
{
    struct brain_store *store = space->store;
    struct bn_space_ref ref;
    if (!is_small(value, name_len) || bn_handle_resolve(space, &ref) != 0) {
        return BN_SLOWLY;
    }
    struct bn_change change;
    describe(space, &ref, name, (uint32_t)name_len, value, &change);
    change.if_version = if_version;
    uint64_t body_len = change.name_len + change.meta_len;
    const struct bn_ready *ready =
        &store->ready[bn_slot_class(BN_SLOT_HEAD + change.size + body_len)];
    uint32_t n_ready = bn_load_relaxed(&ready->n); /* relaxed: a guess */
    if (n_ready == 0 || bn_recover_enter(store, false) != 0) {
        return BN_SLOWLY;
    }
    int err = replace(store, &change, number_out);
    bn_lock_release(store);
    if (bn_likely(err == 0)) {
        bn_watch_wake(store, space->key, name, name_len);
        if (n_ready % LOOK_EVERY == 1) {
            bn_reclaim_due(store, false, LOOK_EVERY);
        }
    }
    return err;
}
