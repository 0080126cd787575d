/* snapshot.c - the store as of one commit: snapshots, walks, and gets of many names.
 *
 * A snapshot is a registration (snap.c). A walk goes through the cells of a namespace's list: a
 * cell stays in its place as long as its name exists, and while the registration stands so does
 * everything that was there at its moment, so each name of that moment is met exactly once.
 *
 * The list may end with what a transaction under way has linked. That may be undone, and the memory be anything else
 * of the lists while the walk is there. So nothing of a segment counts, neither a name nor damage, unless the list
 * still leads there afterwards; with the first name of the moment that was found there it is known to stay.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "handle.h"
#include "name.h"
#include "names.h"
#include "pin.h"
#include "slot.h"
#include "snap.h"
#include "space.h"

#define GET_MANY_TRIES 3

struct brain_snapshot {
    struct brain_store *store;
    uint64_t number;
    uint32_t cell;
    uint32_t n_forks; /* of who registered: in a child it is its parent's */
};

int brain_snapshot_open(brain_store *store, brain_snapshot **snapshot_out)
{
    int err = bn_store_check_usable(store);
    struct brain_snapshot *snapshot = err == 0 ? malloc(sizeof *snapshot) : NULL;
    if (snapshot == NULL) {
        return err != 0 ? err : bn_error(BRAIN_E_NOMEM, "no memory for a snapshot");
    }
    snapshot->store = store;
    snapshot->n_forks = store->n_forks;
    err = bn_snap_register(store, &snapshot->cell, &snapshot->number);
    if (err != 0) {
        free(snapshot);
        return err;
    }
    *snapshot_out = snapshot;
    return 0;
}

/* Whether limbo has values with pages of their own: for certain, if it has more bytes than its slots could. */
static bool limbo_is_large(const struct brain_store *store)
{
    const struct bn_state_rec *state = store->state_view;
    /* relaxed, without the lock: behind the fence of who closes, else a guess */
    uint64_t n = bn_load_relaxed(bn_atomic32((void *)(uintptr_t)&state->n_limbo));
    return bn_load_relaxed(bn_atomic64((void *)(uintptr_t)&state->limbo_bytes)) > n * BN_INLINE_MAX;
}

void brain_snapshot_close(brain_snapshot *snapshot)
{
    struct brain_store *store = snapshot != NULL ? snapshot->store : NULL;
    if (store == NULL) {
        return;
    }
    if (bn_load_relaxed(store->mark) == 1 && snapshot->n_forks == store->n_forks) {
        bn_snap_leave(store, snapshot->cell);
        /* PAIR snap: who looks (reclaim_limbo()) has a barrier between what it retired and the registrations:
         * it sees us gone, or we see what it left. */
        bn_fence_seq();
        /* What was replaced meanwhile may have stayed for it. */
        if (store->data != NULL && limbo_is_large(store) &&
            bn_load_acquire(&store->state_view->committed) != snapshot->number) {
            bn_store_ask_for_look(store);
        }
    }
    free(snapshot);
}

uint64_t brain_snapshot_number(const brain_snapshot *snapshot)
{
    return snapshot->number;
}

static int check_snapshot(const struct brain_snapshot *snapshot)
{
    int err = bn_store_check_usable(snapshot->store);
    if (err == 0 && snapshot->n_forks != snapshot->store->n_forks) {
        err = bn_error(BRAIN_E_FORKED,
                       "this snapshot (or walk) belongs to the process that took it, of which "
                       "this one is a child: take one here (here it can only be closed)");
    }
    return err;
}

/* The id of a namespace as of the snapshot. */
static int space_as_of(struct brain_space *space, uint64_t number, uint32_t *id_out)
{
    return bn_read_space_as_of(space->store, space->name, space->name_len, space->key, number,
                               id_out);
}

static int view_as_of(struct brain_snapshot *snapshot, struct brain_space *space, const void *name,
                      size_t name_len, brain_view *view_out)
{
    struct brain_store *store = snapshot->store;
    struct bn_key key = { .name = name, .name_len = (uint32_t)name_len };
    uint32_t slot;
    int err = check_snapshot(snapshot);
    if (err == 0 && name_len > BRAIN_NAME_MAX) {
        err = bn_handle_name_too_long(name_len);
    }
    err = err != 0 ? err : space_as_of(space, snapshot->number, &key.space_id);
    if (err != 0) {
        return err;
    }
    key.hash = bn_hash_name(store->hash_seed, key.space_id, name, name_len);
    err = bn_read_as_of(store, &key, snapshot->number, &slot);
    return err != 0 ? err : bn_read_pin_view(store, slot, view_out);
}

int brain_snapshot_get(brain_snapshot *snapshot, brain_space *space, const void *name,
                       size_t name_len, brain_view *view_out)
{
    int err = view_as_of(snapshot, space, name, name_len, view_out);
    if (err == 0 || err == BRAIN_E_NOT_FOUND) {
        bn_name_got(snapshot->store, space, name, name_len, err == 0 ? view_out : NULL);
    }
    return bn_error_expected(err);
}

/* ---- many names */

static void drop_views(brain_view *views, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
}

/* As of one commit if `committed` did not move while all were got. BN_AGAIN: it did. */
static int try_get_many(struct brain_store *store, const brain_key *keys, size_t n,
                        brain_view *views, uint64_t *number_out)
{
    BN_STEP(many_number, 0, 0);
    uint64_t number = bn_load_seq(&store->state_view->committed); /* PAIR commit */
    size_t i = 0;
    int err = 0;
    for (; i < n && err == 0; i++) {
        views[i].store = NULL;
        err = brain_get_again(keys[i].space, keys[i].name, keys[i].name_len, &views[i]);
        err = err == BRAIN_E_NOT_FOUND ? 0 : err;
    }
    bn_fence_seq();
    BN_STEP(many_again, number, 0);
    if (err == 0 && bn_load_seq(&store->state_view->committed) != number) { /* PAIR commit */
        err = BN_AGAIN;
    }
    if (err != 0) {
        drop_views(views, i);
    }
    *number_out = number;
    return err;
}

static int get_many_as_of(struct brain_store *store, const brain_key *keys, size_t n,
                          brain_view *views, uint64_t *number_out)
{
    brain_snapshot *snapshot;
    int err = brain_snapshot_open(store, &snapshot);
    size_t i = 0;
    if (err != 0) {
        return err;
    }
    for (; i < n && err == 0; i++) {
        views[i].store = NULL;
        err = view_as_of(snapshot, keys[i].space, keys[i].name, keys[i].name_len, &views[i]);
        err = err == BRAIN_E_NOT_FOUND ? 0 : err;
    }
    *number_out = snapshot->number;
    brain_snapshot_close(snapshot);
    if (err != 0) {
        drop_views(views, i);
    }
    return err;
}

int brain_get_many(brain_store *store, const brain_key *keys, size_t n_keys, brain_view *views_out,
                   uint64_t *number_out)
{
    uint64_t number = 0;
    int err = bn_store_check_usable(store);
    brain_view *views = err == 0 ? calloc(n_keys + 1, sizeof *views) : NULL;
    if (views == NULL) {
        return err != 0 ? err : bn_error(BRAIN_E_NOMEM, "no memory for %zu views", n_keys);
    }
    err = BN_AGAIN;
    for (int i = 0; i < GET_MANY_TRIES && err == BN_AGAIN; i++) {
        err = try_get_many(store, keys, n_keys, views, &number);
    }
    if (err == BN_AGAIN) {
        err = get_many_as_of(store, keys, n_keys, views, &number);
    }
    if (err == 0) {
        memcpy(views_out, views, n_keys * sizeof *views);
        for (size_t i = 0; i < n_keys; i++) {
            bn_name_got(store, keys[i].space, keys[i].name, keys[i].name_len,
                        views[i].store != NULL ? &views[i] : NULL);
        }
        if (number_out != NULL) {
            *number_out = number;
        }
    }
    free(views);
    return err;
}

/* ---- walks */

struct brain_iter {
    struct brain_store *store;
    brain_snapshot *snapshot;
    bool owns_snapshot;
    uint32_t space_id;
    uint32_t segment; /* 0: at the end */
    uint32_t i;
    uint32_t sure;    /* the last segment that is known to stay; 0: none yet */
    uint64_t n_since; /* links from there to `segment` */
    uint32_t slot;    /* of the name given last; 0: none */
    uint64_t n_segments;
    uint32_t mark; /* the last 2^k-th segment: met again, the list has no end (Brent) */
};

static int make_iter(struct brain_store *store, brain_snapshot *snapshot,
                     struct brain_iter **iter_out)
{
    int err = snapshot != NULL ? check_snapshot(snapshot) : bn_store_check_usable(store);
    struct brain_iter *iter = err == 0 ? calloc(1, sizeof *iter) : NULL;
    if (iter == NULL) {
        return err != 0 ? err : bn_error(BRAIN_E_NOMEM, "no memory for a walk");
    }
    iter->store = store;
    iter->snapshot = snapshot;
    iter->owns_snapshot = snapshot == NULL;
    if (snapshot == NULL && (err = brain_snapshot_open(store, &iter->snapshot)) != 0) {
        free(iter);
        return err;
    }
    *iter_out = iter;
    return 0;
}

static int begin(struct brain_iter *iter, uint32_t space_id)
{
    const struct bn_space_rec *space = bn_space_view(iter->store, space_id);
    if (space == NULL) {
        return bn_error_corrupt("%s: there is no namespace %u", iter->store->path, space_id);
    }
    iter->space_id = space_id;
    iter->segment = bn_load_acquire(&space->first_segment);
    iter->n_since = 1;
    return 0;
}

int brain_iter_names(brain_space *space, brain_snapshot *snapshot, brain_iter **iter_out)
{
    struct brain_iter *iter = NULL;
    uint32_t id;
    int err = make_iter(space->store, snapshot, &iter);
    if (err != 0) {
        return err;
    }
    err = space_as_of(space, iter->snapshot->number, &id);
    if (err == 0) {
        err = begin(iter, id);
    } else if (err == BRAIN_E_NOT_FOUND) {
        err = 0; /* no namespace, no names */
    }
    if (err != 0) {
        brain_iter_free(iter);
        return err;
    }
    *iter_out = iter;
    return 0;
}

int brain_iter_spaces(brain_store *store, brain_snapshot *snapshot, brain_iter **iter_out)
{
    struct brain_iter *iter = NULL;
    int err = make_iter(store, snapshot, &iter);
    if (err != 0) {
        return err;
    }
    err = begin(iter, BN_ROOT_SPACE);
    if (err != 0) {
        brain_iter_free(iter);
        return err;
    }
    *iter_out = iter;
    return 0;
}

/* The version, as of the snapshot, of what a cell holds: 0 in `*slot_out` where there is none. */
static int judge_cell(struct brain_iter *iter, uint32_t slot, uint32_t *slot_out)
{
    *slot_out = 0;
    if (slot == 0 || (slot & BN_CELL_HOLE)) {
        return 0;
    }
    if (!bn_slot_exists(iter->store, slot)) {
        return bn_error_corrupt("%s: a list of names holds slot %u, which is none",
                                iter->store->path, slot);
    }
    if (bn_slot_view(iter->store, slot)->space != iter->space_id) {
        return 0; /* a segment that is another namespace's by now */
    }
    return bn_read_version(iter->store, slot, iter->snapshot->number, slot_out);
}

/* Go to the next segment of the list. */
static int next_segment(struct brain_iter *iter, const struct bn_segment_rec *segment)
{
    iter->segment = bn_load_acquire(&segment->next);
    iter->i = 0;
    iter->n_since++;
    iter->n_segments++;
    if ((iter->n_segments & (iter->n_segments - 1)) == 0) {
        iter->mark = iter->segment;
    } else if (iter->segment != 0 && iter->segment == iter->mark) {
        return bn_error_corrupt("%s: a list of names has no end", iter->store->path);
    }
    return 0;
}

/* The next name in the segment: iter->slot; 0: there is none, and the next segment is to be looked at. */
static int look_on(struct brain_iter *iter)
{
    uint32_t n_cells;
    const struct bn_segment_rec *segment =
        bn_names_walk_segment(iter->store, iter->segment, &n_cells);
    iter->slot = 0;
    if (segment == NULL) {
        return bn_error_corrupt("%s: a list of names", iter->store->path);
    }
    while (iter->i < n_cells) {
        uint32_t slot = bn_load_acquire(&bn_names_cells_view(segment)[iter->i++]); /* PAIR swing */
        int err = judge_cell(iter, slot, &iter->slot);
        if (err != 0 || iter->slot != 0) {
            return err;
        }
    }
    return next_segment(iter, segment);
}

/* The segment behind another; 0: behind the record of the namespace. */
static uint32_t link_behind(const struct brain_iter *iter, uint32_t segment)
{
    uint32_t n_cells;
    if (segment == 0) {
        const struct bn_space_rec *space = bn_space_view(iter->store, iter->space_id);
        return space != NULL ? bn_load_acquire(&space->first_segment) : 0;
    }
    const struct bn_segment_rec *rec = bn_names_walk_segment(iter->store, segment, &n_cells);
    return rec != NULL ? bn_load_acquire(&rec->next) : 0;
}

/* Whether the list leads to where the walk is. If not, the walk came by a link that was undone since, and what was
 * there at its moment lies before that. */
static bool leads_here(const struct brain_iter *iter)
{
    uint32_t at = iter->sure;
    bn_fence_acquire(); /* what was looked at here was loaded before these links are */
    for (uint64_t n = 0; n < iter->n_since && (n == 0 || at != 0); n++) {
        at = link_behind(iter, at);
    }
    return at == iter->segment;
}

int brain_iter_next(brain_iter *iter, const void **name_out, size_t *name_len_out)
{
    int err = check_snapshot(iter->snapshot);
    while (err == 0 && iter->segment != 0) {
        const uint8_t *data, *body;
        err = look_on(iter);
        if (err == 0 && iter->slot == 0) {
            continue;
        }
        if (iter->n_since != 0 && !leads_here(iter)) {
            iter->segment = iter->slot = 0;
            return bn_error_expected(BRAIN_E_NOT_FOUND);
        }
        err = err != 0 ? err : bn_slot_locate(iter->store, iter->slot, &data, &body);
        if (err == 0) {
            iter->sure = iter->segment;
            iter->n_since = 0;
            *name_out = body;
            *name_len_out = bn_slot_view(iter->store, iter->slot)->name_len;
            return 0;
        }
    }
    iter->slot = 0;
    return err != 0 ? err : bn_error_expected(BRAIN_E_NOT_FOUND);
}

int brain_iter_get(brain_iter *iter, brain_view *view_out)
{
    int err = check_snapshot(iter->snapshot);
    if (err != 0 || iter->slot == 0) {
        return err != 0 ? err : bn_error_expected(BRAIN_E_NOT_FOUND);
    }
    return bn_read_pin_view(iter->store, iter->slot, view_out);
}

void brain_iter_free(brain_iter *iter)
{
    if (iter != NULL) {
        if (iter->owns_snapshot) {
            brain_snapshot_close(iter->snapshot);
        }
        free(iter);
    }
}
