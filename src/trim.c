/* trim.c - free memory goes back to the system.
 *
 * Owns:     state.keep_free, decay_ns, decay_bytes; peak_pages and peak_before together with alloc.c.
 * Trim:     a free block with memory is taken private under the lock; outside of it the bits of its pages are cleared
 *           and then the pages punched; under the lock it is given back. Bits first: none promises a page that is gone.
 * Bites:    of a block that is larger than what is to go some pages go, from its end, and it stays warm. Its bits say
 *           which have memory, so the next bite ends where this one began.
 * Decay:    there is no server and no thread. Whoever changes the store looks, after it has released the lock: what
 *           values did not need throughout a period of HALF_LIFE_NS or longer, beyond keep_free, is halved for each
 *           HALF_LIFE_NS of it, and goes in bites. What they need is the most pages that extents had at a time, so a
 *           loop that takes much and gives it back keeps its memory, however seldom it comes round.
 * Crash:    a private block goes with its client's row (or is nobody's by then: recover.c), warm; what was punched of it
 *           has no bit. All else are hints.
 */
#include "trim.h"

#include <sys/stat.h>

#include "alloc.h"
#include "base/os.h"
#include "lock.h"
#include "reclaim.h"
#include "recover.h"
#include "slot.h"
#include "txn.h"

uint64_t bn_trim_backed(const struct brain_store *store, int fd)
{
    struct stat st;
    uint64_t all = fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
    uint64_t rest = BN_STATE_OFF + BN_PAGE;
    for (int i = 0; i < BN_N_REGIONS; i++) {
        rest += i == BN_REGION_VALUES ? 0
                                      : bn_load_relaxed(&store->own_state->backed[i]) +
                                            bn_store_slack((enum bn_region)i);
    }
    return all > rest ? all - rest : 0;
}

/* ---- one block */

/* Which pages of a private block go, from `start` to its end, and how many of them have memory. */
struct bite {
    uint64_t start, n_backed;
    bool is_last; /* the others have none */
};

/* How many pages of a block have memory. Before the one at `*at_out` there are `n_before` of them. */
static uint64_t count_backed(const struct brain_store *store, uint32_t page, uint64_t n_pages,
                             uint64_t n_before, uint64_t *at_out)
{
    uint64_t n_backed = 0;
    for (uint64_t at = 0, n; at < n_pages; at += n) {
        bool backed;
        n = bn_alloc_run(store, page + (uint32_t)at, n_pages - at, &backed);
        if (!backed) {
            continue;
        }
        if (n_before >= n_backed && n_before - n_backed < n) {
            *at_out = at + n_before - n_backed;
        }
        n_backed += n;
    }
    return n_backed;
}

/* So many with memory, from the end, since who takes from the block begins at its front; or all of the block, those too
 * that have memory and no bit. */
static struct bite choose(const struct brain_store *store, uint32_t page, uint64_t n_pages,
                          uint64_t n_max)
{
    uint64_t start = 0, n_backed = count_backed(store, page, n_pages, UINT64_MAX, &start);
    if (n_backed <= n_max) {
        return (struct bite){ 0, n_backed, true };
    }
    (void)count_backed(store, page, n_pages, n_backed - n_max, &start);
    return (struct bite){ start, n_max, false };
}

/* Take a block with memory private. NOT_FOUND: there is none. */
static int take_block(struct brain_store *store, bool wait, uint32_t *slot_out, uint32_t *page_out,
                      uint64_t *n_pages_out)
{
    int err = bn_recover_enter(store, wait);
    if (err != 0) {
        return err;
    }
    err = bn_txn_take_warm(store, slot_out);
    if (err == 0) {
        *page_out = bn_slot_at(store, *slot_out)->page;
        *n_pages_out = bn_slot_cold(store, *slot_out)->stamp;
    }
    bn_lock_release(store);
    return err;
}

/* Give memory of one free block back: that of `n_max` pages, or all. NOT_FOUND: there is no block that has any. */
static int trim_block(struct brain_store *store, bool wait, uint64_t n_max, uint64_t *bytes_out)
{
    uint32_t slot = 0, page = 0;
    uint64_t n_pages = 0;
    *bytes_out = 0;
    int err = take_block(store, wait, &slot, &page, &n_pages);
    if (err != 0) {
        return err;
    }
    struct bite bite = choose(store, page, n_pages, n_max);
    uint32_t from = page + (uint32_t)bite.start;
    uint64_t n_gone = n_pages - bite.start;
    int fd, os = 0;
    err = bn_map_data_fd(store->map, &fd);
    if (err == 0) {
        bn_alloc_set_backed(store, from, n_gone, false);
        os = bn_os_punch(fd, bn_alloc_off(store, from), n_gone * BN_PAGE);
    }
    if (err != 0 || os != 0) {
        bn_recover_let_go(store, slot);
        return err != 0 ? err
                        : bn_error_os(os, "cannot give memory of %s back", store->map->directory);
    }
    *bytes_out = bite.n_backed * BN_PAGE;
    return bn_recover_drop_private(store, slot, !bite.is_last);
}

/* ---- trim */

/* Until so many bytes went: of `n_blocks` blocks at most. Whole ones; or, `in_bites`, no more than that. */
static int trim_blocks(struct brain_store *store, uint64_t bytes, bool in_bites, uint64_t n_blocks,
                       uint64_t *given_out)
{
    int err = 0;
    *given_out = 0;
    for (uint64_t left = n_blocks; err == 0 && left > 0 && *given_out < bytes; left--) {
        uint64_t of_block, n_max = in_bites ? (bytes - *given_out) / BN_PAGE : UINT64_MAX;
        if (n_max == 0) {
            break;
        }
        err = trim_block(store, bytes == BN_TRIM_ALL, n_max, &of_block);
        *given_out += of_block;
        if (err == BN_AGAIN) {
            err = bn_store_satisfy(store);
        }
    }
    if (bn_reclaim_look_is_due(store)) {
        bn_reclaim_last(store);
    }
    return err;
}

int bn_trim(struct brain_store *store, uint64_t bytes)
{
    uint64_t given;
    /* No more blocks than there are pages: lists that were damaged may have no end. */
    int err = trim_blocks(store, bytes, false, (uint64_t)bn_alloc_end(store) + 1, &given);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

#define BLOCKS_PER_BITE 256u

int bn_trim_bite(struct brain_store *store, uint64_t bytes, uint64_t *given_out)
{
    return trim_blocks(store, bytes, true, BLOCKS_PER_BITE, given_out);
}

#define ROUNDS_MAX 8u /* others may let go of something again and again */

static int count_anew(struct brain_store *store)
{
    int err = bn_recover_enter(store, true);
    if (err == 0) {
        uint32_t n = bn_alloc_count_used(store);
        bn_store_relaxed(bn_atomic32(&store->state->used_pages), n); /* relaxed: under the lock */
        bn_store_relaxed(&store->state->peak_pages, n);
        bn_store_relaxed(&store->state->peak_before, n);
        bn_store_relaxed(&store->state->decay_bytes, (uint64_t)0);
        bn_lock_release(store);
    }
    return err;
}

int bn_trim_compact(struct brain_store *store)
{
    int err = 0;
    for (uint32_t round = 0; round < ROUNDS_MAX && err == 0; round++) {
        if (round > 0 && !bn_reclaim_look_is_due(store)) {
            break;
        }
        err = bn_reclaim_all(store);
        err = err != 0 ? err : bn_trim(store, BN_TRIM_ALL);
    }
    return err != 0 ? err : count_anew(store);
}

/* ---- decay */

#define HALF_LIFE_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define KEEP_SHARE   4u /* of the capacity, if nobody said anything else */
/* What a change may give back: a piece that takes less than a millisecond; who put much, twice as much; and where much
 * is due some of that, or it would take for ever where large values are put seldom. */
#define BITE_MIN_BYTES (UINT64_C(2) << 20)
#define BITE_MAX_BYTES (UINT64_C(256) << 20)
#define BITE_SHARE     16u

_Atomic uint64_t bn_trim_ahead_ns;

uint64_t bn_trim_keep_free(const struct brain_store *store)
{
    const struct bn_state_rec *state = store->state_view;
    uint64_t said = bn_load_relaxed(&state->keep_free); /* relaxed: a word by itself */
    return said != 0 ? said - 1 : bn_load_relaxed(&state->capacity_bytes) / KEEP_SHARE;
}

void bn_trim_set_keep_free(struct brain_store *store, uint64_t bytes)
{
    bn_store_seq(&store->state->keep_free, bytes == BRAIN_KEEP_DEFAULT ? 0 : bytes + 1);
}

/* Memory of values beyond what they needed in this period and the one before, and beyond what is to stay. Objects that
 * are filled piece by piece count as filled. */
static uint64_t surplus(struct brain_store *store)
{
    int fd;
    if (bn_map_data_fd(store->map, &fd) != 0) {
        return 0;
    }
    uint64_t now = bn_load_relaxed(&store->state->peak_pages),
             before = bn_load_relaxed(&store->state->peak_before);
    uint64_t needed = (now > before ? now : before) * BN_PAGE, has = bn_trim_backed(store, fd);
    uint64_t keep = bn_trim_keep_free(store);
    return has > needed && has - needed > keep ? has - needed - keep : 0;
}

/* The period that began at `began_ns` is over: what was not needed in it is due, in part. Nothing is where the clock
 * was set back, or this is the first. */
static void begin_period(struct brain_store *store, uint64_t began_ns, uint64_t now_ns)
{
    struct bn_state_rec *state = store->state;
    if (!bn_cas_seq(&state->decay_ns, &began_ns, now_ns)) {
        return; /* somebody else does it */
    }
    /* relaxed: hints. Where the lock holder raises the peak just now, it may be lost */
    bn_store_relaxed(&state->peak_before, bn_load_relaxed(&state->peak_pages));
    bn_store_relaxed(&state->peak_pages, bn_load_relaxed(bn_atomic32(&state->used_pages)));
    uint64_t n_halves = began_ns != 0 && now_ns > began_ns ? (now_ns - began_ns) / HALF_LIFE_NS : 0;
    uint64_t much = n_halves != 0 ? surplus(store) : 0;
    bn_store_relaxed(&state->decay_bytes, much - (much >> (n_halves < 63 ? n_halves : 63)));
}

static uint64_t bite_bytes(uint64_t due, bool large, uint64_t put_bytes)
{
    uint64_t bytes = due / BITE_SHARE;
    bytes = bytes > put_bytes * 2 ? bytes : put_bytes * 2;
    bytes = bytes < BITE_MAX_BYTES ? bytes : BITE_MAX_BYTES;
    bytes = large && bytes > BITE_MIN_BYTES ? bytes : BITE_MIN_BYTES;
    return bytes < due ? bytes : due;
}

void bn_trim_due(struct brain_store *store, bool large, uint64_t put_bytes)
{
    struct bn_state_rec *state = store->state;
    uint64_t now_ns = bn_os_wall_ns() + bn_load_relaxed(&bn_trim_ahead_ns);
    uint64_t began_ns = bn_load_relaxed(&state->decay_ns);
    if (bn_unlikely(now_ns - began_ns >= HALF_LIFE_NS)) { /* or before it */
        begin_period(store, began_ns, now_ns);
    }
    uint64_t due = bn_load_relaxed(&state->decay_bytes);
    if (bn_likely(due == 0)) {
        return;
    }
    uint64_t most = surplus(store), given = 0;
    due = due < most ? due : most; /* else it is needed by now */
    int err = bn_trim_bite(store, bite_bytes(due, large, put_bytes), &given);
    due = err == BRAIN_E_NOT_FOUND || given > due ? 0 : due - given;
    bn_store_relaxed(&state->decay_bytes, due < BN_PAGE ? 0 : due);
}
