/* protect.c - what a change asks for stays while room is made for it.
 *
 * Where the mode of the store lets values go (stage.c), one of those may be the one whose version the change asks for,
 * or whose description it keeps: it is pinned meanwhile. And nothing goes for a change that could not be made.
 *
 * Crash: the pins go with the process.
 */
#include "protect.h"

#include "hits.h"
#include "read.h"
#include "slot.h"

uint64_t bn_protect_missing(const struct bn_write *writes, uint32_t n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += writes[i].change.holder == 0 ? writes[i].change.size : 0;
    }
    return sum;
}

/* Whether the condition of a put holds for the version that is there; 0: absent. */
static int judge_version(const struct bn_write *write, uint64_t version)
{
    uint64_t if_version = write->change.if_version;
    if (write->change.is_delete || if_version == BRAIN_ANY_VERSION || if_version == version) {
        return 0;
    }
    return if_version == 0 && !write->checks_only ? BRAIN_E_EXISTS : BRAIN_E_STALE;
}

/* What a change asks for, or keeps something of, does not make room for it: a pin sees to that. All else that is about
 * to be replaced goes last. Nothing goes for what cannot be done: EXISTS, STALE. */
static int protect(struct brain_store *store, struct bn_write *write)
{
    const struct bn_change *change = &write->change;
    struct bn_found found;
    int err = bn_handle_get(write->space, change->name, change->name_len, &found);
    if (err != 0) {
        return err == BRAIN_E_NOT_FOUND ? judge_version(write, 0) : err;
    }
    const struct bn_slot_rec *rec = bn_slot_view(store, found.slot);
    uint64_t version;
    write->older_pin = found.pin;
    /* A put without a description keeps the old one: it has not been fetched yet, or it has, of `expected_version`. */
    bool keeps = !change->has_description || write->expected_version != 0;
    write->has_older_pin = change->if_version != BRAIN_ANY_VERSION || write->checks_only ||
                           (keeps && rec->description_len > 0);
    err = bn_slot_version(store, found.slot, &version);
    err = err != 0 ? err : judge_version(write, version);
    if (!write->has_older_pin) {
        bn_hits_note_if_wanted(store, found.slot);
        bn_read_let_go(store, found.pin);
    }
    return err;
}

void bn_protect_end(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (writes[i].has_older_pin) {
            bn_read_let_go(store,
                           writes[i].older_pin); /* or what it replaces would stay in limbo */
            writes[i].has_older_pin = false;
        }
    }
}

int bn_protect_begin(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = writes[i].makes_only ? 0 : protect(store, &writes[i]);
    }
    if (err != 0) {
        bn_protect_end(store, writes, n);
    }
    return err;
}

int bn_protect_overcome(struct brain_store *store, struct bn_write *writes, uint32_t n, int err,
                        struct bn_stage_obstacle *tried)
{
    uint64_t asked = bn_protect_missing(writes, n);
    if (err != BRAIN_E_FULL || bn_load_relaxed(&store->state->full_mode) == BRAIN_FULL_ERROR) {
        return bn_stage_overcome(store, err, asked, tried);
    }
    int protection = bn_protect_begin(store, writes, n);
    if (protection != 0) {
        return protection;
    }
    err = bn_stage_overcome(store, err, asked, tried);
    bn_protect_end(store, writes, n);
    return err;
}

int bn_protect_overcome_quota(struct brain_store *store, struct bn_write *writes, uint32_t n,
                              const struct bn_refusal *refusal, struct bn_stage_obstacle *tried)
{
    int err = BRAIN_E_FULL;
    if (bn_load_relaxed(&store->state->full_mode) != BRAIN_FULL_ERROR &&
        refusal->asked <= refusal->quota) {
        err = bn_protect_begin(store, writes, n);
        if (err == 0) {
            err = bn_stage_make_room_in(refusal->space,
                                        refusal->bytes + refusal->asked - refusal->quota, tried);
            bn_protect_end(store, writes, n);
        }
    }
    return err == BRAIN_E_FULL ? bn_quota_refuse(refusal) : err;
}
