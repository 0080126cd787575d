/* protect.c - what a change asks for, and what it replaces, while room is made for it.
 *
 * Where the mode of the store lets values go (stage.c), one of those may be the one that the change asks for the
 * version of, keeps the description of, or replaces: it is pinned meanwhile. What is only replaced goes when all else
 * is not enough, so that it is rare that its readers find nothing; what is asked for does not go at all. And nothing
 * goes for a change that could not be made.
 * Mode `spill`: nothing is pinned for room in the store. What goes keeps its description and its version where it is.
 * Quotas: all is pinned, in every mode: what is replaced does not count there, so nothing would be gained if it went.
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

/* Those that room is being made for in this thread. */
static _Thread_local struct {
    const struct brain_store *store;
    struct bn_write *writes;
    uint32_t n;
} protected;

static bool is_protected(const struct brain_store *store, uint32_t i)
{
    return protected.writes != NULL && protected.store == store && i < protected.n;
}

/* Let go of the pin: the value may go, after all that was not used since. */
static void let_go_of_older(struct brain_store *store, struct bn_write *write)
{
    bn_hits_note_if_wanted(store, write->older_pinned);
    bn_read_let_go(store, write->older_pin);
    write->has_older_pin = false;
}

/* Pin what a change asks for, keeps something of, or replaces. Nothing goes for what cannot be done: EXISTS, STALE. */
static int protect(struct brain_store *store, struct bn_write *write, bool judges)
{
    const struct bn_change *change = &write->change;
    struct bn_found found;
    int err = bn_handle_get(write->space, change->name, change->name_len, &found);
    if (err != 0) {
        return err != BRAIN_E_NOT_FOUND ? err : judges ? judge_version(write, 0) : 0;
    }
    const struct bn_slot_rec *rec = bn_slot_view(store, found.slot);
    uint64_t version;
    write->older_pin = found.pin;
    write->older_pinned = found.slot;
    write->has_older_pin = true;
    /* A put without a description keeps the old one: it has not been fetched yet, or it has, of `expected_version`. */
    bool keeps = !change->has_description || write->expected_version != 0;
    write->needs_older = change->if_version != BRAIN_ANY_VERSION || write->checks_only ||
                         (keeps && rec->description_len > 0);
    err = bn_slot_version(store, found.slot, &version);
    return err != 0 || !judges ? err : judge_version(write, version);
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
    if (protected.writes == writes) {
        protected.writes = NULL;
    }
}

static int begin(struct brain_store *store, struct bn_write *writes, uint32_t n, bool judges)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = writes[i].makes_only ? 0 : protect(store, &writes[i], judges);
    }
    if (err != 0) {
        bn_protect_end(store, writes, n);
    }
    return err;
}

int bn_protect_begin(struct brain_store *store, struct bn_write *writes, uint32_t n, bool judges)
{
    int err = begin(store, writes, n, judges);
    if (err != 0) {
        return err;
    }
    if (bn_load_relaxed(&store->state->full_mode) == BRAIN_FULL_SPILL) {
        for (uint32_t i = 0; i < n; i++) {
            if (writes[i].has_older_pin) {
                let_go_of_older(store, &writes[i]);
            }
        }
    } else if (protected.writes == NULL) { /* else a change that is part of making room */
        protected.store = store;
        protected.writes = writes;
        protected.n = n;
    }
    return 0;
}

bool bn_protect_yield(struct brain_store *store)
{
    bool was_any = false;
    for (uint32_t i = 0; is_protected(store, i); i++) {
        struct bn_write *write = &protected.writes[i];
        if (write->has_older_pin && !write->needs_older) {
            let_go_of_older(store, write);
            was_any = true;
        }
    }
    return was_any;
}

uint64_t bn_protect_needed(struct brain_store *store)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; is_protected(store, i); i++) {
        const struct bn_write *write = &protected.writes[i];
        sum += write->has_older_pin && write->needs_older
                   ? bn_slot_size(bn_slot_view(store, write->older_pinned))
                   : 0;
    }
    return sum;
}

int bn_protect_overcome(struct brain_store *store, struct bn_write *writes, uint32_t n, int err,
                        struct bn_stage_obstacle *tried)
{
    uint64_t asked = bn_protect_missing(writes, n);
    if (err != BRAIN_E_FULL || bn_load_relaxed(&store->state->full_mode) == BRAIN_FULL_ERROR) {
        return bn_stage_overcome(store, err, asked, tried);
    }
    int protection = bn_protect_begin(store, writes, n, true);
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
        err = begin(store, writes, n, true);
        if (err == 0) {
            err = bn_stage_make_room_in(refusal->space,
                                        refusal->bytes + refusal->asked - refusal->quota, tried);
            bn_protect_end(store, writes, n);
        }
    }
    return err == BRAIN_E_FULL ? bn_quota_refuse(refusal) : err;
}
