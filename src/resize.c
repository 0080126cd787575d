/* resize.c - the capacity of a store.
 *
 * Owns:     state.capacity_bytes, from the moment that the store is made.
 * Promise:  what is live, in limbo and being written never comes to more than the capacity. Whoever needs more of it
 *           asks under the lock (bn_txn_has_room()), and under the lock it is made smaller, if all that fits.
 * Readers:  are not concerned: no value moves, and none goes.
 * Crash:    one store of one word: before it the capacity is the old one, after it the new one. Memory that was not
 *           given back by then is warm, as any other.
 */
#include "resize.h"

#include "lock.h"
#include "reclaim.h"
#include "recover.h"
#include "space.h"
#include "stage.h"
#include "trim.h"

/* What a capacity has to have room for. Under the lock. */
struct in_use {
    uint64_t live, limbo, private_bytes;
};

static struct in_use look(const struct brain_store *store)
{
    const struct bn_state_rec *state = store->state;
    return (struct in_use){ bn_load_relaxed(&bn_tally_now(state->live)->bytes), state->limbo_bytes,
                            state->private_bytes };
}

static uint64_t sum(struct in_use use)
{
    return use.live + use.limbo + use.private_bytes;
}

/* FULL: it does not fit, and what there is is in `*use_out`. */
static int try_resize(struct brain_store *store, uint64_t capacity_bytes, bool *shrank_out,
                      struct in_use *use_out)
{
    int err = bn_recover_enter(store, true);
    if (err != 0) {
        return err;
    }
    uint64_t now = bn_load_relaxed(&store->state->capacity_bytes); /* relaxed: under the lock */
    *use_out = look(store);
    *shrank_out = capacity_bytes < now;
    if (capacity_bytes >= now || sum(*use_out) <= capacity_bytes) {
        bn_store_seq(&store->state->capacity_bytes, capacity_bytes);
    } else {
        err = BRAIN_E_FULL;
    }
    bn_lock_release(store);
    return err;
}

static int refuse(struct brain_store *store, uint64_t capacity_bytes, struct in_use use)
{
    char holder[BN_STAGE_HOLDER_TEXT] = "";
    if (use.limbo > 0) {
        bn_stage_describe_holder(store, holder, sizeof holder);
    }
    return bn_error(BRAIN_E_FULL,
                    "%s cannot be made as small as %llu bytes: %llu are in use (live %llu, in "
                    "limbo %llu, being "
                    "written %llu)%s. Delete values, let go of views, or leave it larger",
                    store->path, (unsigned long long)capacity_bytes, (unsigned long long)sum(use),
                    (unsigned long long)use.live, (unsigned long long)use.limbo,
                    (unsigned long long)use.private_bytes, holder);
}

int bn_resize(struct brain_store *store, uint64_t capacity_bytes)
{
    struct in_use use;
    bool shrank = false;
    int err = try_resize(store, capacity_bytes, &shrank, &use);
    if (err ==
        BRAIN_E_FULL) { /* what the dead have, and what nobody needs any more, is in nobody's way */
        err = bn_reclaim_all(store);
        err = err != 0 ? err : try_resize(store, capacity_bytes, &shrank, &use);
    }
    if (err == BRAIN_E_FULL) {
        return refuse(store, capacity_bytes, use);
    }
    if (err == 0 && shrank) {
        /* It is smaller, whatever comes of this: who cannot leaves it to the next who trims. */
        (void)bn_trim(store, BN_TRIM_ALL);
    }
    return err;
}
