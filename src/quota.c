/* quota.c - how many bytes the values of a namespace may come to.
 *
 * Promise:  a commit that makes a namespace larger leaves it at most as large as its quota, whoever makes it. One that
 *           makes it smaller, or leaves it as large as it is, is never refused: who lowers a quota takes nothing away.
 * Writers:  the quota is one word of the namespace's record, stored under the lock; so whoever has the lock knows it,
 *           and what the namespace holds.
 * Life:     it goes with the namespace: a record that is used anew has none (space.c).
 * Crash:    one store: the old quota or the new one. Of a namespace that is made for it, it is there with the commit.
 */
#include "quota.h"

#include "lock.h"
#include "read.h"
#include "recover.h"
#include "slot.h"
#include "space.h"

/* Under the lock, where it has not been removed since it was resolved. */
static bool store_quota(struct brain_store *store, struct bn_space_ref ref, uint64_t bytes)
{
    struct bn_space_rec *rec = bn_space_at(store, ref.id);
    if (rec == NULL || bn_load_relaxed(&rec->removed) != 0 || /* relaxed: under the lock */
        bn_load_relaxed(&rec->gen) != ref.gen) {
        return false;
    }
    bn_store_release(&rec->quota, bytes);
    return true;
}

int bn_quota_set(struct brain_space *space, uint64_t bytes)
{
    struct brain_store *store = space->store;
    struct bn_gone gone = { .committed = 0 };
    for (;;) {
        struct bn_space_ref ref;
        int err = gone.committed == 0 ? bn_handle_resolve(space, &ref)
                                      : bn_handle_resolve_slow(space, &ref);
        err = err != 0 ? err : bn_recover_enter(store, true);
        if (err != 0) {
            return err;
        }
        bool is_set = store_quota(store, ref, bytes);
        bn_lock_release(store);
        if (is_set) {
            return 0;
        }
        bn_handle_forget(space);
        if (bn_handle_makes_no_sense(store, ref, &gone)) {
            return bn_error_corrupt("%s: the record of a namespace", store->path);
        }
    }
}

int bn_quota_check(struct brain_space *space, uint32_t id, int64_t more, struct bn_refusal *out)
{
    const struct bn_space_rec *rec = bn_space_at(space->store, id);
    if (more <= 0 || bn_space_may_grow(rec, (uint64_t)more)) {
        return 0;
    }
    *out = (struct bn_refusal){ .space = space,
                                .quota = bn_load_relaxed(&rec->quota), /* relaxed: as above */
                                .bytes = bn_load_relaxed(&bn_tally_now(rec->tally)->bytes),
                                .asked = (uint64_t)more };
    return BRAIN_E_QUOTA;
}

int bn_quota_refuse(const struct bn_refusal *refusal)
{
    const struct brain_space *space = refusal->space;
    return bn_error(BRAIN_E_QUOTA,
                    "%s: the namespace %.*s has a quota of %llu bytes: it holds %llu, and "
                    "%llu more were asked "
                    "for. Delete values there, or give it a larger quota",
                    space->store->path, (int)space->name_len, (const char *)space->name,
                    (unsigned long long)refusal->quota, (unsigned long long)refusal->bytes,
                    (unsigned long long)refusal->asked);
}

/* What the name has now, which the change replaces. */
static uint64_t replaced_bytes(struct brain_space *space, const struct bn_change *change)
{
    struct bn_found found;
    if (bn_handle_get(space, change->name, change->name_len, &found) != 0) {
        return 0;
    }
    uint64_t bytes = bn_slot_size(bn_slot_view(space->store, found.slot));
    bn_read_let_go(space->store, found.pin);
    return bytes;
}

/* Damage is left to the commit, which meets it as well. */
int bn_quota_foresee(struct brain_space *space, const struct bn_change *change)
{
    struct bn_space_ref ref;
    uint64_t count, bytes;
    if (!(change->flags & BN_SLOT_EXTENT) || change->holder != 0 ||
        bn_handle_resolve(space, &ref) != 0) {
        return 0;
    }
    const struct bn_space_rec *rec = bn_space_view(space->store, ref.id);
    uint64_t quota = rec != NULL ? bn_load_acquire(&rec->quota) : 0;
    if (bn_likely(quota == 0 || change->size <= quota)) {
        return 0;
    }
    bn_tally_read(space->store, rec->tally, &count, &bytes, NULL);
    if (change->size <= bytes || !bn_handle_stands(space, ref)) {
        return 0;
    }
    uint64_t was = replaced_bytes(space, change);
    return bn_quota_refuse(
        &(struct bn_refusal){ space, quota, bytes, change->size - (was < change->size ? was : 0) });
}
