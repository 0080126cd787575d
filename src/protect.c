/* protect.c - what a change asks for, and what it replaces, while room is made for it.
 *
 * Where the mode of the store lets values go (stage.c), one of those may be the one that the change asks for the
 * version of, or keeps the description of: it is pinned meanwhile, and does not go at all. What is only replaced goes
 * when all else is not enough, so that it is rare that its readers find nothing. It is not pinned: a pin would keep it
 * from others who make room, and a child that is forked meanwhile would have the pin for good. Who makes room in this
 * thread leaves it out. And nothing goes for a change that could not be made.
 * Mode `spill`: nothing is pinned for room in the store. What goes keeps its description and its version where it is.
 * Quotas: what is replaced does not count there, so nothing would be gained if it went, and it does not.
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

/* So many changes of one commit at most have what they replace go last: each that may go is looked for in them. */
#define SPARED_MAX 256u

/* Those that room is being made for in this thread. */
static _Thread_local struct {
    const struct brain_store *store;
    const struct bn_write *writes;
    uint32_t n;
    bool spares; /* what they replace */
} protected;

/* What room is made in. */
enum within {
    THE_STORE,
    A_QUOTA
};

/* Pin what a change asks for, or keeps something of. Nothing goes for what cannot be done: EXISTS, STALE. */
static int protect(struct brain_store *store, struct bn_write *write, enum within within,
                   bool judges)
{
    const struct bn_change *change = &write->change;
    struct bn_found found;
    int err = bn_handle_get(write->space, change->name, change->name_len, &found);
    if (err != 0) {
        return err != BRAIN_E_NOT_FOUND ? err : judges ? judge_version(write, 0) : 0;
    }
    const struct bn_slot_rec *rec = bn_slot_view(store, found.slot);
    uint64_t version;
    /* A put without a description keeps the old one: it has not been fetched yet, or it has, of `expected_version`. */
    bool keeps = !change->is_delete && (!change->has_description || write->expected_version != 0);
    bool needs = change->if_version != BRAIN_ANY_VERSION || write->checks_only ||
                 (keeps && rec->description_len > 0);
    bool moves =
        within == THE_STORE && bn_load_relaxed(&store->state->full_mode) == BRAIN_FULL_SPILL;
    write->older_pin = found.pin;
    write->older_slot = found.slot;
    write->older_size = bn_slot_size(rec);
    write->has_older_pin = needs && !moves;
    write->spares_older = !needs;
    err = bn_slot_version(store, found.slot, &version);
    if (!write->has_older_pin) {
        bn_hits_note_if_wanted(store, found.slot);
        bn_read_let_go(store, found.pin);
    }
    return err != 0 || !judges ? err : judge_version(write, version);
}

void bn_protect_end(struct brain_store *store, struct bn_write *writes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (writes[i].has_older_pin) {
            bn_read_let_go(store,
                           writes[i].older_pin); /* or what it replaces would stay in limbo */
        }
        writes[i].has_older_pin = writes[i].spares_older = false;
    }
    if (protected.writes == writes) {
        protected.writes = NULL;
    }
}

static int begin(struct brain_store *store, struct bn_write *writes, uint32_t n, enum within within,
                 bool judges)
{
    int err = 0;
    for (uint32_t i = 0; i < n && err == 0; i++) {
        err = writes[i].makes_only ? 0 : protect(store, &writes[i], within, judges);
    }
    if (err != 0) {
        bn_protect_end(store, writes, n);
    } else if (protected.writes == NULL) { /* else a change that is part of making room */
        protected.store = store;
        protected.writes = writes;
        protected.n = n;
        protected.spares = n <= SPARED_MAX;
    }
    return err;
}

int bn_protect_begin(struct brain_store *store, struct bn_write *writes, uint32_t n, bool judges)
{
    return begin(store, writes, n, THE_STORE, judges);
}

/* How many of them there are, for who makes room in `store`. */
static uint32_t n_protected(const struct brain_store *store)
{
    return protected.writes != NULL && protected.store == store ? protected.n : 0;
}

bool bn_protect_spares(const struct brain_store *store, uint32_t slot)
{
    uint32_t n = protected.spares ? n_protected(store) : 0, i = 0;
    while (i < n && !(protected.writes[i].spares_older && protected.writes[i].older_slot == slot)) {
        i++;
    }
    return i < n;
}

uint64_t bn_protect_spared(const struct brain_store *store)
{
    uint32_t n = protected.spares ? n_protected(store) : 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += protected.writes[i].spares_older ? protected.writes[i].older_size : 0;
    }
    return sum;
}

bool bn_protect_yield(const struct brain_store *store)
{
    bool spared_any = bn_protect_spared(store) > 0;
    protected.spares = protected.spares && !spared_any;
    return spared_any;
}

uint64_t bn_protect_needed(const struct brain_store *store)
{
    uint32_t n = n_protected(store);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += protected.writes[i].has_older_pin ? protected.writes[i].older_size : 0;
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
        err = begin(store, writes, n, A_QUOTA, true);
        if (err == 0) {
            err = bn_stage_make_room_in(refusal->space,
                                        refusal->bytes + refusal->asked - refusal->quota, tried);
            bn_protect_end(store, writes, n);
        }
    }
    return err == BRAIN_E_FULL ? bn_quota_refuse(refusal) : err;
}
