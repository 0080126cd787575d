/* reclaim.c - from limbo to free.
 *
 * Before:   extents that are nobody's go first (recover.c).
 * Limbo:    suspects are collected under the lock; registrations and then pins are looked at
 *           without it; those that nobody needs are freed under the lock, if they are still the
 *           same slots in limbo. A slot in limbo can get no new valid pin, so what the looks said
 *           does not age.
 * Rules:    a record is freed if no living registration is below its stamp and no pin stands; the
 *           extent already if no registration lies in [number, stamp) and no pin stands, unless the
 *           name lies in it, which a registered reader may still compare.
 * Crash:    each slot is freed in a journalled step of its own (txn.c).
 */
#include "reclaim.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "lock.h"
#include "names.h"
#include "pin.h"
#include "recover.h"
#include "slot.h"
#include "snap.h"
#include "space.h"
#include "txn.h"

#define FREE_PER_HOLDING 128u
#define BITE             64u
#define DUE_AT           64u
#define READY_MIN        32u
#define CELLS_PER_SLOT   16u /* of the ledger, that may be looked at for each slot that is gained */

/* ---- limbo */

#define FROM_THE_END UINT32_MAX

/* The suspects of one round: those of the limbo set below position `*from`, which goes down.
 * Whoever frees one puts the last of the set in its place, which was looked at before; upwards it
 * would not be looked at at all. */
static int collect(struct brain_store *store, bool wait, uint32_t *from,
                   struct bn_suspects *suspects)
{
    int err = bn_recover_enter(store, wait);
    if (err != 0) {
        return err;
    }
    uint32_t n = bn_set_count(store, BN_SET_LIMBO);
    bn_suspects_clear(suspects);
    if (*from == FROM_THE_END) {
        bn_ready_clear(store); /* those that are still there are among the suspects */
    }
    uint32_t end = *from < n ? *from : n;
    *from = end > BN_SUSPECTS_MAX ? end - BN_SUSPECTS_MAX : 0;
    for (uint32_t i = *from; i < end; i++) {
        uint32_t slot = bn_set_get(store, BN_SET_LIMBO, i);
        if (bn_slot_exists(store, slot)) {
            BN_STEP(collect, slot, 0);
            bn_suspects_add(suspects, slot, bn_slot_at(store, slot)->gen);
        }
    }
    bn_lock_release(store);
    return 0;
}

/* How many slots of a class are kept ready: few, so that they stay in the processor's first cache,
 * but enough for a look at all pins to be worth it (bn_reclaim_retired()). */
static uint32_t n_ready_max(const struct brain_store *store)
{
    uint64_t n = bn_load_relaxed(&store->n_cells_seen) / CELLS_PER_SLOT + READY_MIN / 2;
    return n < READY_MIN ? READY_MIN : n < BN_READY_MAX ? (uint32_t)n : BN_READY_MAX;
}

/* Free suspect `i` if it may be. Under the lock. Adds to `*n_freed` where the slot left limbo. */
static int free_suspect(struct brain_store *store, const struct bn_suspects *suspects, uint32_t i,
                        const struct bn_snaps *snaps, bool keeps, uint32_t *n_freed)
{
    uint32_t slot = suspects->slot[i];
    struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (suspects->kept[i] || cold == NULL || bn_slot_state(cold) != BN_SLOT_LIMBO ||
        bn_slot_at(store, slot)->gen != suspects->gen[i]) {
        return 0;
    }
    if (snaps->oldest >= cold->stamp) {
        if (keeps && !(bn_slot_at(store, slot)->flags & BN_SLOT_EXTENT) &&
            bn_slot_size(bn_slot_at(store, slot)) < BN_INLINE_MAX &&
            bn_ready_add(store, slot, cold, n_ready_max(store))) {
            return 0;
        }
        int err = bn_txn_free_limbo(store, slot, false);
        *n_freed += err == 0;
        return err;
    }
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    bool bare = (rec->flags & (BN_SLOT_EXTENT | BN_SLOT_BODY_OUT)) == BN_SLOT_EXTENT;
    return bare && !cold->value_gone && !bn_snap_needs(snaps, rec->number, cold->stamp)
               ? bn_txn_free_limbo(store, slot, true)
               : 0;
}

static int free_suspects(struct brain_store *store, bool wait, const struct bn_suspects *suspects,
                         const struct bn_snaps *snaps, bool keeps, uint32_t *n_freed)
{
    int err = 0;
    /* From the end: the last of the set leaves it without another having to move into its place. */
    for (uint32_t i = suspects->n; i > 0 && err == 0;) {
        err = bn_recover_enter(store, wait);
        if (err != 0) {
            return err;
        }
        uint32_t end = i > FREE_PER_HOLDING ? i - FREE_PER_HOLDING : 0;
        while (i > end && err == 0) {
            err = free_suspect(store, suspects, --i, snaps, keeps, n_freed);
        }
        bn_lock_release(store);
    }
    return err;
}

/* Look through limbo. `keeps`: of the small slots that may be freed some stay, ready for our next
 * puts. BUSY: not all of it, since somebody else has the lock, or pins moved. */
static int reclaim_limbo(struct brain_store *store, bool wait, bool keeps, uint64_t *n_out)
{
    struct bn_suspects *suspects = malloc(sizeof *suspects);
    uint64_t n_all = 0, n_cells = 0, n_looks_due = bn_load_seq(&store->own_state->n_looks_due);
    uint32_t from = FROM_THE_END;
    bool whole = true;
    int err = suspects == NULL ? bn_error(BRAIN_E_NOMEM, "no memory to reclaim") : 0;
    if (err == 0) {
        err = bn_recover_drop_abandoned(store, wait);
        whole = err != BRAIN_E_BUSY; /* limbo is gone through all the same */
        err = whole ? err : 0;
    }
    while (err == 0 && from > 0) {
        struct bn_snaps snaps;
        uint32_t n_freed = 0;
        err = collect(store, wait, &from, suspects);
        if (err != 0 || suspects->n == 0) {
            continue;
        }
        bn_fence_seq(); /* PAIR snap, PAIR pin-retire: what we look at left the index before */
        bn_snap_look(store, &snaps); /* registrations before pins: who leaves pins first */
        if (bn_pin_mark(store, suspects, &n_cells) == 0) {
            err = free_suspects(store, wait, suspects, &snaps, keeps, &n_freed);
        } else {
            whole = false;
        }
        n_all += n_freed;
    }
    free(suspects);
    bn_store_relaxed(&store->n_cells_seen, n_cells);
    if (err == 0 && whole) {
        bn_store_relaxed(&store->state->n_looks_done, n_looks_due);
    }
    if (n_out != NULL) {
        *n_out = n_all;
    }
    return err == 0 && !whole && !wait ? BRAIN_E_BUSY : err;
}

int bn_reclaim_limbo(struct brain_store *store, bool wait, uint64_t *n_out)
{
    return reclaim_limbo(store, wait, false, n_out);
}

/* ---- tombstones and removed namespaces */

static int clear_tombs(struct brain_store *store, uint64_t oldest)
{
    int err = 0;
    uint32_t n = bn_set_count(store, BN_SET_TOMBS);
    for (uint32_t i = n, done = 0; i-- > 0 && done < BITE && err == 0;) {
        uint32_t slot = bn_set_get(store, BN_SET_TOMBS, i);
        if (bn_slot_cold(store, slot) != NULL && bn_slot_at(store, slot)->number <= oldest) {
            err = bn_txn_unlink(store, slot, false);
            done++;
        }
    }
    return err;
}

/* The steps of one call. */
struct removed {
    bool has_more;     /* there is more that may be done */
    bool tombs_stay;   /* those that are left are needed: not to be gone through again */
    bool freed_extent; /* a value with pages of its own went to limbo */
};

/* Take up to BITE names of the first segment of a dead space out of the index; where those were all, give the segment
 * back; with no segment left, the record. */
static int bite(struct brain_store *store, struct removed *work)
{
    const struct bn_space_rec *space = bn_space_at(store, store->state->space_dead);
    uint32_t first = space == NULL ? 0 : bn_load_relaxed(&space->first_segment), done = 0;
    const struct bn_segment_rec *segment = first != 0 ? bn_names_segment_view(store, first) : NULL;
    if (first != 0 && segment == NULL) {
        return bn_error_corrupt("%s: the list of names of a removed namespace", store->path);
    }
    for (uint32_t i = 0; segment != NULL && i < segment->n_cells; i++) {
        uint32_t slot = bn_load_relaxed(bn_names_cell(store, first + BN_SEGMENT_HEAD_CELLS + i));
        if (slot != 0 && !(slot & BN_CELL_HOLE)) {
            int err = bn_txn_unlink(store, slot, true);
            if (err != 0) {
                return err;
            }
            work->freed_extent |= (bn_slot_at(store, slot)->flags & BN_SLOT_EXTENT) != 0;
            if (++done == BITE) {
                return 0;
            }
        }
    }
    return bn_txn_give_dead(store); /* the segment is empty, or there is none */
}

/* One step of each kind. Under the lock. */
static int removed_step(struct brain_store *store, struct removed *work)
{
    uint64_t oldest = bn_snap_oldest(store);
    uint32_t n_tombs = bn_set_count(store, BN_SET_TOMBS), dead = store->state->space_dead;
    int err = work->tombs_stay ? 0 : clear_tombs(store, oldest);
    work->tombs_stay = err == 0 && bn_set_count(store, BN_SET_TOMBS) == n_tombs;
    work->has_more = !work->tombs_stay;
    if (err == 0 && dead != 0) {
        const struct bn_space_rec *space = bn_space_at(store, dead);
        if (space == NULL || bn_load_relaxed(&space->removed) == 0) {
            return bn_error_corrupt("%s: the list of removed namespaces", store->path);
        }
        if (oldest >= bn_load_relaxed(&space->removed)) {
            work->has_more = true;
            return bite(store, work);
        }
    }
    return err;
}

/* More steps than all that is listed can take: a list that was damaged may have no end. Who gives
 * up after so many leaves the rest, if there is one, to later writers. */
static uint64_t steps_max(const struct brain_store *store)
{
    const _Atomic uint64_t *backed = store->own_state->backed;
    return 1000 + 2 * (bn_load_relaxed(&backed[BN_REGION_NAMES]) / BN_LINE +
                       bn_load_relaxed(&backed[BN_REGION_SPACES]) / sizeof(struct bn_space_rec) +
                       bn_load_relaxed(&backed[BN_REGION_TOMBS]) / sizeof(uint32_t) / BITE);
}

/* At most so many steps. BUSY: not waited for. `*freed_extent_out`: whether a value with pages of its own went to
 * limbo, on an error too. */
static int reclaim_removed(struct brain_store *store, bool wait, uint64_t n_steps_max,
                           bool *freed_extent_out)
{
    struct removed work = { .has_more = true };
    int err = 0;
    for (uint64_t left = n_steps_max; work.has_more && err == 0 && left > 0; left--) {
        err = bn_recover_enter(store, wait);
        if (err != 0) {
            break;
        }
        err = removed_step(store, &work);
        bn_lock_release(store);
        if (err == BN_AGAIN) { /* limbo is full: empty it before it is made larger */
            uint64_t n_freed = 0;
            err = bn_reclaim_limbo(store, wait, &n_freed);
            err = err != 0 || n_freed > 0 ? err : bn_store_satisfy(store);
            work.has_more = true;
        }
    }
    *freed_extent_out = work.freed_extent;
    return err;
}

int bn_reclaim_removed(struct brain_store *store, bool wait)
{
    bool freed_extent;
    return reclaim_removed(store, wait, steps_max(store), &freed_extent);
}

/* What removals may leave: little beside what a store has, and no longer a list than may be gone through under the
 * lock. */
#define LEFT_SHARE      64u /* of the capacity */
#define LEFT_BYTES_MAX  (UINT64_C(16) << 20)
#define LEFT_SPACES_MAX 32u
#define LEFT_LINES_MAX  4u   /* of a slot */
#define NAME_BYTES      256u /* beside its value: more than a name of such a slot takes, as a rule */

/* What a removed namespace keeps until it is taken apart. */
static uint64_t kept_bytes(const struct bn_tally_rec *tally)
{
    return bn_load_relaxed(&tally->bytes) + bn_load_relaxed(&tally->count) * NAME_BYTES;
}

/* What earlier removals have left; UINT64_MAX: too many to be counted, or a list that was damaged. */
static uint64_t left_bytes(const struct brain_store *store)
{
    uint64_t sum = 0;
    uint32_t n_spaces = 0;
    for (uint32_t id = store->state->space_dead; id != 0; n_spaces++) {
        const struct bn_space_rec *rec = bn_space_at(store, id);
        if (rec == NULL || n_spaces == LEFT_SPACES_MAX) {
            return UINT64_MAX;
        }
        sum += kept_bytes(bn_tally_now(rec->tally));
        id = rec->next;
    }
    return sum;
}

/* Whether names and values are small, by the dozen of the first segment: who has none of them large there has few
 * elsewhere, as a rule. */
static bool looks_small(struct brain_store *store, const struct bn_space_rec *space)
{
    uint32_t first = bn_load_relaxed(&space->first_segment);
    const struct bn_segment_rec *segment = first != 0 ? bn_names_segment_view(store, first) : NULL;
    for (uint32_t i = 0; segment != NULL && i < segment->n_cells; i++) {
        uint32_t slot = bn_load_relaxed(bn_names_cell(store, first + BN_SEGMENT_HEAD_CELLS + i));
        if (slot == 0 || (slot & BN_CELL_HOLE) || !bn_slot_exists(store, slot)) {
            continue;
        }
        const struct bn_slot_rec *rec = bn_slot_at(store, slot);
        uint64_t body_len = (uint64_t)rec->name_len + rec->meta_len + rec->description_len;
        if ((rec->flags & BN_SLOT_EXTENT) ||
            bn_slot_lines(bn_slot_size(rec), body_len, rec->flags) > LEFT_LINES_MAX) {
            return false;
        }
    }
    return segment != NULL;
}

bool bn_reclaim_may_leave(struct brain_store *store, const struct bn_space_rec *space)
{
    const struct bn_tally_rec *tally = bn_tally_now(space->tally);
    uint64_t count = bn_load_relaxed(&tally->count);
    if (count <= BITE || bn_load_relaxed(&tally->bytes) > count * LEFT_LINES_MAX * BN_LINE ||
        !looks_small(store, space)) {
        return false; /* little to do, or much to be had */
    }
    uint64_t bound = bn_load_relaxed(&store->state->capacity_bytes) / LEFT_SHARE;
    bound = bound < LEFT_BYTES_MAX ? bound : LEFT_BYTES_MAX;
    uint64_t left = left_bytes(store);
    return left <= bound && kept_bytes(tally) <= bound - left;
}

/* ---- ready slots */

static_assert(BN_READY_MAX * CELLS_PER_SLOT * 8 <= BN_PIN_SET_BITS,
              "few slots are taken for pinned");

void bn_reclaim_retired(struct brain_store *store, unsigned c)
{
    struct bn_spares *spares = &store->spares[c];
    /* relaxed: under the lock */
    uint32_t n_ready = bn_load_relaxed(&spares->n_ready), n = bn_load_relaxed(&spares->n);
    struct bn_pin_set pins;
    struct bn_snaps snaps;
    bn_store_relaxed(&spares->n, n_ready);
    /* They left the index before the lock was taken, a full barrier: PAIR snap, PAIR pin-retire. */
    if (!bn_snap_look_briefly(store, &snaps) ||
        bn_pin_collect(store, (n - n_ready) * CELLS_PER_SLOT, &pins) != 0) {
        return;
    }
    if (bn_likely(snaps.oldest == UINT64_MAX && pins.n_pins == 0)) {
        n_ready = n; /* all of them */
    }
    for (uint32_t i = n_ready; i < n; i++) {
        struct bn_spare spare = spares->of[i];
        if (snaps.oldest >= spare.cold->stamp && !bn_pin_set_may_hold(&pins, spare.slot)) {
            spares->of[n_ready++] = spare;
        }
    }
    bn_store_release(&spares->n, n_ready);
    bn_store_release(&spares->n_ready, n_ready);
}

/* ---- when */

/* Looks may become due again and again while one looks; what comes later is for the next change. */
#define TURNS_MAX 3

/* Look through limbo; and again, if looks became due meanwhile. `tells`: where somebody else has
 * the lock, say that a look is due, and try once more, for it may have been released in between
 * (PAIR looks); if not, whoever has it looks afterwards. */
static int look_or_leave(struct brain_store *store, bool wait, bool keeps, bool tells)
{
    int err = 0;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        err = reclaim_limbo(store, wait, keeps, NULL);
        if (err == BRAIN_E_BUSY && tells) {
            bn_add_seq(&store->state->n_looks_due, 1);
            bn_fence_seq(); /* PAIR looks: the next look at the lock comes after */
            tells = false;
        } else if (err != 0 || !bn_reclaim_look_is_due(store)) {
            break;
        }
    }
    return err;
}

/* Without the lock: a guess that is wrong now is right next time. */
static uint32_t count_limbo(const struct brain_store *store)
{
    return bn_load_relaxed(bn_atomic32((void *)(uintptr_t)&store->own_state->n_limbo));
}

#define STEPS_A_LOOK 4u

/* What removals have left, and tombstones that had to stay, if it is time: all where a look `is_due`, since a snapshot
 * or a death may have kept these, else some. Whether a value with pages of its own went to limbo by that. */
static bool reclaim_removed_due(struct brain_store *store, bool is_due, uint32_t n_puts,
                                bool may_wait)
{
    uint32_t before = bn_add_seq(&store->n_since_removed_look, n_puts), n = before + n_puts;
    bool freed_extent = false;
    if (!is_due && n / BN_RECLAIM_LOOK_EVERY == before / BN_RECLAIM_LOOK_EVERY) {
        return false;
    }
    /* What 16 puts made takes fewer steps than this, so what is left grows shorter. Not waited for at first; but it
     * must not pile up behind a busy lock. */
    uint64_t n_steps = n_puts / BN_RECLAIM_LOOK_EVERY + STEPS_A_LOOK;
    bool waits = may_wait && n >= 4 * BN_RECLAIM_LOOK_EVERY;
    int err = reclaim_removed(store, waits, is_due ? steps_max(store) : n_steps, &freed_extent);
    if (err != BRAIN_E_BUSY) {
        bn_store_relaxed(&store->n_since_removed_look, 0u);
    }
    return freed_extent;
}

void bn_reclaim_due(struct brain_store *store, bool retired_extent, uint32_t n_puts, bool may_wait)
{
    const struct bn_state_rec *state = store->state;
    if (bn_unlikely(bn_load_relaxed(bn_atomic32((void *)(uintptr_t)&state->n_tombs)) != 0 ||
                    bn_load_relaxed(bn_atomic32((void *)(uintptr_t)&state->space_dead)) != 0)) {
        bool is_due = retired_extent || bn_reclaim_look_is_due(store);
        retired_extent = reclaim_removed_due(store, is_due, n_puts, may_wait) || retired_extent;
    }
    /* What has just come to limbo is this change's to give back. */
    uint32_t n_limbo = count_limbo(store);
    uint64_t due = DUE_AT + bn_load_relaxed(&store->n_cells_seen) / 4 +
                   2 * (uint64_t)bn_load_relaxed(&store->n_kept);
    if (retired_extent || bn_unlikely(bn_reclaim_look_is_due(store)) ||
        bn_unlikely(n_limbo >= due && n_limbo >= due + bn_ready_count(store))) {
        /* Not waited for, unless the lock was busy so often that limbo grows without bound. */
        int err = look_or_leave(store, may_wait && n_limbo >= 4 * due, true, retired_extent);
        /* What stays after a whole round is pinned: do not look at it again at every put. */
        uint32_t left = count_limbo(store);
        uint32_t ready = bn_ready_count(store);
        if (err == 0) {
            bn_store_relaxed(&store->n_kept, left > ready ? left - ready : 0);
        }
    }
}

void bn_reclaim_last(struct brain_store *store)
{
    if (store->data != NULL) {
        (void)look_or_leave(store, false, false, true);
    }
}

int bn_reclaim_all(struct brain_store *store)
{
    int err = bn_recover_reap(store, true, NULL);
    err = err != 0 ? err : bn_reclaim_removed(store, true);
    return err != 0 ? err : bn_reclaim_limbo(store, true, NULL);
}
