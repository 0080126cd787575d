/* evict.c - mode lru.
 *
 * Owns:     nothing.
 * Removal:  an ordinary delete, if the value is still the one that was chosen: so what holds for a delete does, for
 *           views, snapshots, sleepers, and a death in the middle of it.
 * Choice:   the coldest of a sample (cold.c), a quarter of it; then another sample. Not those that are much smaller
 *           than what is asked for, unless there are no others: a large array is not worth a million of numbers.
 * Amount:   what is asked for, or a 64th of what there is if that is more and few values make it, so that not each put
 *           has to look for some. (Of the capacity it would be too much where it is the file system that is full.)
 * Last:     what the change itself replaces goes only where all else that may go is not enough, and not for a quota
 *           (protect.c).
 * Refusal:  where all that may go would not be enough, nothing goes.
 */
#include "evict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cold.h"
#include "event.h"
#include "protect.h"
#include "reclaim.h"
#include "stage.h"
#include "write.h"

#define SHARE       64u  /* of what there is */
#define MOST_MORE   256u /* values that go beyond what is asked for */
#define PARTS       256u /* what is asked for is not made of more of them, where there are large ones */
#define OF_A_SAMPLE 4u

struct round {
    struct brain_store *store;
    struct brain_space *space;
    uint64_t bytes, goal;    /* what is asked for, and what is wanted */
    uint64_t n_gone, gained; /* so far */
};

/* ---- one value */

/* Delete what a view has shown, unless somebody else has one. */
static int delete_unused(brain_space *space, const void *name, size_t name_len, uint64_t version)
{
    struct bn_write write;
    uint64_t number;
    int err = bn_write_init_delete(&write, space, name, name_len, version);
    if (err == 0) {
        write.spares_used = true;
        err = bn_write_commit(space->store, &write, 1, false, &number);
        bn_write_deinit(space->store, &write);
    }
    return err;
}

static void tell_evicted(struct brain_store *store, brain_space *space, const void *name,
                         size_t name_len, uint64_t version, uint64_t bytes)
{
    size_t space_len;
    brain_event event = { .kind = BRAIN_EVENT_EVICTED,
                          .name = name,
                          .name_len = (uint32_t)name_len,
                          .version = version,
                          .bytes = bytes };
    event.space = brain_space_name(space, &space_len);
    event.space_len = (uint32_t)space_len;
    bn_event_tell(store, &event);
}

/* Delete what `view` shows, if its name still has it; the view is dropped. NOT_FOUND, STALE, BUSY: it has changed, or
 * is in use. */
static int delete_shown(brain_view *view)
{
    struct brain_store *store = view->store;
    brain_space *space;
    uint64_t version = view->version, bytes = view->size_bytes;
    size_t name_len = view->name_len;
    void *name = malloc(name_len + 1);
    int err = name == NULL ? bn_error(BRAIN_E_NOMEM, "no memory to remove a value")
                           : brain_view_space(view, &space, NULL, NULL);
    if (err == 0) {
        memcpy(name, view->name, name_len);
    }
    brain_view_drop(view); /* or the value would stay in limbo */
    if (err == 0) {
        err = delete_unused(space, name, name_len, version);
        if (err == 0) {
            tell_evicted(store, space, name, name_len, version, bytes);
        }
        brain_space_close(space);
    }
    free(name);
    return err;
}

static int evict(struct round *round, const struct bn_cold_value *value)
{
    struct bn_state_rec *state = round->store->state;
    brain_view view;
    int err = bn_id_view(round->store, value->use, &view);
    err = err != 0 ? err : delete_shown(&view);
    if (err == 0) {
        round->n_gone++;
        round->gained += value->size;
        (void)bn_add_seq(&state->n_evicted, (uint64_t)1);
        (void)bn_add_seq(&state->evicted_bytes, value->size);
    }
    return err == BRAIN_E_NOT_FOUND || err == BRAIN_E_STALE || err == BRAIN_E_BUSY ? 0 : err;
}

/* ---- a round */

static bool is_done(const struct round *round)
{
    return round->gained >= round->goal ||
           (round->gained >= round->bytes && round->n_gone >= MOST_MORE);
}

/* Of one sample. `*n_out`: how many went. */
static int evict_some(struct round *round, uint64_t min_bytes, uint64_t *n_out)
{
    struct bn_cold_sample *sample = malloc(sizeof *sample);
    uint64_t before = round->n_gone;
    *n_out = 0;
    if (sample == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory to look for values that may be removed");
    }
    int err = bn_cold_find(round->store, round->space, min_bytes, sample);
    uint32_t n = err != 0         ? 0
                 : sample->is_all ? sample->n
                                  : (sample->n + OF_A_SAMPLE - 1) / OF_A_SAMPLE;
    for (uint32_t i = 0; i < n && err == 0 && !is_done(round); i++) {
        if (!bn_protect_spares(round->store, sample->of[i].use.slot)) {
            err = evict(round, &sample->of[i]);
        }
    }
    free(sample);
    *n_out = round->n_gone - before;
    return err;
}

static int evict_until_done(struct round *round)
{
    uint64_t min_bytes = round->bytes / PARTS + 1, n = 0;
    int err = 0;
    while (err == 0 && !is_done(round)) {
        err = evict_some(round, min_bytes, &n);
        if (err == 0 && n == 0) {
            if (min_bytes == 1) {
                break;
            }
            min_bytes = min_bytes / 16 + 1;
        }
    }
    return err;
}

/* ---- whether it is worth it */

static int refuse(const struct brain_store *store, const struct bn_cold_bytes *of)
{
    char needed[256] = "";
    uint64_t bytes = bn_protect_needed(store);
    if (bytes > 0) {
        snprintf(needed, sizeof needed,
                 "%llu bytes are of what this put itself needs, since it keeps the description of "
                 "that (put it "
                 "with another, or delete it first), or asks for its version (put it without "
                 "that); ",
                 (unsigned long long)bytes);
    }
    return bn_error(BRAIN_E_FULL,
                    "there is not enough that may be removed: %s%llu bytes are of values that "
                    "somebody has a view of, %llu are needed by snapshots, %llu are the library's "
                    "own",
                    needed, (unsigned long long)(of->pinned > bytes ? of->pinned - bytes : 0),
                    (unsigned long long)of->needed, (unsigned long long)of->own);
}

/* Whether what the change replaces is to go, too. */
static bool takes_spared(const struct round *round)
{
    return round->space == NULL && bn_protect_yield(round->store);
}

/* How much is to go. FULL where all that may go is less than what is asked for. */
static int plan(struct round *round)
{
    struct bn_cold_bytes of;
    int err;
    do {
        err = bn_cold_count(round->store, round->space, &of);
        if (err != 0) {
            return err;
        }
        round->goal = round->bytes > of.live / SHARE ? round->bytes : of.live / SHARE;
        if (of.live >=
            of.needed + of.pinned + of.own + bn_protect_spared(round->store) + round->bytes) {
            return 0;
        }
    } while (takes_spared(round));
    return refuse(round->store, &of);
}

/* The library's own namespaces. */
static bool is_own(const brain_space *space)
{
    size_t len;
    const uint8_t *name = space != NULL ? brain_space_name(space, &len) : NULL;
    return name != NULL && name[0] == BN_COLD_OWN_MARK;
}

int bn_evict_make_room(void *context, brain_store *store, brain_space *space, uint64_t bytes)
{
    (void)context;
    if (is_own(space)) {
        return bn_error(BRAIN_E_FULL, "nothing of the library's own is removed");
    }
    struct round round = { .store = store, .space = space, .bytes = bytes > 0 ? bytes : 1 };
    int err;
    do {
        err = plan(&round);
        err = err != 0 ? err : evict_until_done(&round);
    } while (err == 0 && round.n_gone == 0 && takes_spared(&round));
    err = err != 0 ? err : bn_reclaim_limbo(store, true, NULL);
    if (err != 0 || round.n_gone > 0) {
        return err;
    }
    return bn_error(BRAIN_E_FULL, "%s",
                    "none of the values that may be removed could be: snapshots need them, or "
                    "somebody has taken "
                    "views of them meanwhile");
}
