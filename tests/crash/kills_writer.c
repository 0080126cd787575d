/* kills_writer.c - a victim that writes.
 *
 * Every change of cells is a flight: book() notes which cells are about to get which ids,
 * take_off() that the change begins, land() that it is done. The order of these notes around the
 * call is what makes a kill judgeable, so they are sequentially consistent stores.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kills.h"
#include "kit.h"
#include "trim.h"

struct writer {
    struct kills_board *board;
    struct kills_writer_board *own;
    uint32_t number;
    uint64_t seed;
    brain_store *store;
    struct kills_spaces spaces;
    uint32_t n_booked;
};

static uint32_t below(struct writer *w, uint32_t n)
{
    return (uint32_t)(kit_random(&w->seed) % n);
}

/* ---- flights --------------------------------------------------------------------------------- */

static kills_id done(const struct writer *w, uint32_t cell)
{
    return atomic_load(&w->own->done[cell]);
}

static void book(struct writer *w, uint32_t cell, kills_id id)
{
    uint32_t i = w->n_booked++;
    atomic_store(&w->own->flight_cell[i], cell);
    atomic_store(&w->own->flight_old[i], done(w, cell));
    atomic_store(&w->own->flight_new[i], id);
}

static void take_off(struct writer *w)
{
    atomic_store(&w->own->flight_n, w->n_booked);
}

/* `err`: of the call. A change that was refused must have changed nothing; the next look at the
 * cells shows it. */
static bool land(struct writer *w, int err, const char *what)
{
    for (uint32_t i = 0; err == 0 && i < w->n_booked; i++) {
        atomic_store(&w->own->done[w->own->flight_cell[i]], w->own->flight_new[i]);
    }
    atomic_store(&w->own->flight_n, 0);
    w->n_booked = 0;
    if (err == BRAIN_E_FULL) {
        atomic_fetch_add(&w->own->n_full, 1);
        return true;
    }
    return err == 0 || kills_fail(w->board, "writer %u, %s: %s: %s", w->number, what,
                                  brain_strerror(err), brain_error_detail());
}

/* All or nothing of a flight. */
static bool settle_flight(struct kills_board *board, uint32_t writer, const kills_id *found)
{
    struct kills_writer_board *own = &board->writers[writer];
    uint64_t n = atomic_load(&own->flight_n), n_old = 0, n_new = 0;
    for (uint64_t i = 0; i < n; i++) {
        kills_id is = found[own->flight_cell[i]];
        n_old += is == own->flight_old[i];
        n_new += is == own->flight_new[i];
    }
    if (n_old != n && n_new != n) {
        return kills_fail(board,
                          "writer %u: of %ju changes in flight %ju are there and %ju not; the "
                          "first "
                          "was %jx, should become %jx and is %jx",
                          writer, (uintmax_t)n, (uintmax_t)n_new, (uintmax_t)n_old,
                          (uintmax_t)own->flight_old[0], (uintmax_t)own->flight_new[0],
                          (uintmax_t)found[own->flight_cell[0]]);
    }
    for (uint64_t i = 0; i < n; i++) {
        atomic_store(&own->done[own->flight_cell[i]], found[own->flight_cell[i]]);
    }
    atomic_store(&own->flight_n, 0);
    return true;
}

bool kills_settle(struct kills_board *board, const struct kills_spaces *spaces, uint32_t writer)
{
    struct kills_writer_board *own = &board->writers[writer];
    kills_id found[KILLS_CELLS];
    for (uint32_t cell = 0; cell < KILLS_CELLS; cell++) {
        char name[16];
        brain_space *space = kills_cell_name(spaces, writer, cell, name);
        if (!kills_read(board, space, name, writer, cell, &found[cell], NULL)) {
            return false;
        }
    }
    if (!settle_flight(board, writer, found)) {
        return false;
    }
    for (uint32_t cell = 0; cell < KILLS_CELLS; cell++) {
        if (found[cell] != atomic_load(&own->done[cell])) {
            return kills_fail(board, "writer %u, cell %u: is id %jx, but %jx was done last", writer,
                              cell, (uintmax_t)found[cell],
                              (uintmax_t)atomic_load(&own->done[cell]));
        }
    }
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

static uint64_t some_size(struct writer *w)
{
    return kills_some_size(&w->seed);
}

static kills_id new_id(struct writer *w, uint64_t size)
{
    return kills_new_id(&w->own->sequence, size);
}

static brain_value bytes_value(brain_part *part, uint32_t owner, uint32_t number, kills_id id)
{
    *part = (brain_part){ kills_value(owner, number, id), id & KILLS_SIZE_MAX, 0 };
    return (brain_value){ .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = part };
}

static int put_cell(struct writer *w, uint32_t cell, kills_id id, uint64_t if_version)
{
    char name[16];
    brain_part part;
    brain_space *space = kills_cell_name(&w->spaces, w->number, cell, name);
    brain_value value = bytes_value(&part, w->number, cell, id);
    return brain_put(space, name, strlen(name), &value, if_version, NULL);
}

/* ---- changes of one cell --------------------------------------------------------------------- */

static bool put_single(struct writer *w)
{
    uint32_t cell = below(w, KILLS_SINGLES);
    kills_id id = new_id(w, some_size(w));
    book(w, cell, id);
    take_off(w);
    return land(w, put_cell(w, cell, id, BRAIN_ANY_VERSION), "put");
}

/* Nobody else changes the name, so the version cannot be stale. */
static bool put_if(struct writer *w)
{
    char name[16];
    uint32_t cell = below(w, KILLS_SINGLES);
    kills_id id = new_id(w, some_size(w));
    uint64_t version = 0;
    brain_space *space = kills_cell_name(&w->spaces, w->number, cell, name);
    int err = brain_exists(space, name, strlen(name), &version);
    if (err != 0 && err != BRAIN_E_NOT_FOUND) {
        return land(w, err, "exists");
    }
    book(w, cell, id);
    take_off(w);
    return land(w, put_cell(w, cell, id, version), "put if version");
}

static bool delete_single(struct writer *w)
{
    char name[16];
    uint32_t cell = below(w, KILLS_SINGLES);
    brain_space *space = kills_cell_name(&w->spaces, w->number, cell, name);
    bool there = done(w, cell) != 0;
    book(w, cell, 0);
    take_off(w);
    int err = brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION);
    return land(w, !there && err == BRAIN_E_NOT_FOUND ? 0 : err, "delete");
}

/* All of an object; of a streamed one by two appends. */
static int fill(brain_object *object, const uint8_t *bytes, size_t size)
{
    if (brain_object_data(object) != NULL) {
        memcpy(brain_object_data(object), bytes, size);
        return 0;
    }
    int err = brain_object_append(object, bytes, size / 3);
    return err != 0 ? err : brain_object_append(object, bytes + size / 3, size - size / 3);
}

/* Write a value in place; now and then think better of it. */
static bool create(struct writer *w)
{
    static int (*const creates[])(brain_store *, uint64_t,
                                  brain_object **) = { brain_create, brain_create_in_place,
                                                       brain_create_streamed };
    char name[16];
    uint32_t cell = below(w, KILLS_SINGLES);
    kills_id id = new_id(w, some_size(w));
    brain_space *space = kills_cell_name(&w->spaces, w->number, cell, name);
    brain_value value = { .kind = BRAIN_KIND_BYTES };
    brain_object *object;
    int err = creates[below(w, 3)](w->store, id & KILLS_SIZE_MAX, &object);
    if (err != 0) {
        return land(w, err, "create");
    }
    err = fill(object, kills_value(w->number, cell, id), id & KILLS_SIZE_MAX);
    if (err == 0 && below(w, 3) != 0) {
        book(w, cell, id);
        take_off(w);
        err = brain_object_seal(object, space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL);
    }
    brain_object_release(object);
    return land(w, err, "seal");
}

/* ---- changes of many ------------------------------------------------------------------------- */

/* Puts (`there`) or deletes of cells first to end, in one batch. */
static int batch(struct writer *w, uint32_t first, uint32_t end, kills_id id)
{
    brain_batch *changes;
    int err = brain_batch_new(w->store, &changes);
    for (uint32_t cell = first; err == 0 && cell < end; cell++) {
        char name[16];
        brain_part part;
        brain_space *space = kills_cell_name(&w->spaces, w->number, cell, name);
        if (id == 0) {
            err = brain_batch_delete(changes, space, name, strlen(name));
        } else {
            brain_value value = bytes_value(&part, w->number, cell, id);
            err = brain_batch_put(changes, space, name, strlen(name), &value);
        }
        book(w, cell, id);
    }
    if (err == 0) {
        take_off(w);
        err = brain_batch_commit(changes, NULL);
    }
    brain_batch_free(changes);
    return err;
}

/* All names of the group get the same id, or go. */
static bool change_group(struct writer *w)
{
    kills_id id = below(w, 5) == 0 ? 0 : new_id(w, some_size(w));
    return land(w, batch(w, KILLS_SINGLES, KILLS_SINGLES + KILLS_GROUP, id), "batch");
}

/* A namespace that comes with names in it and is removed with them. */
static bool change_guests(struct writer *w)
{
    uint32_t first = KILLS_SINGLES + KILLS_GROUP;
    if (done(w, first) == 0) {
        kills_id id = new_id(w, KILLS_SIZE_MIN + below(w, 24)); /* all in slots of one size */
        return land(w, batch(w, first, KILLS_CELLS, id), "batch of guests");
    }
    for (uint32_t cell = first; cell < KILLS_CELLS; cell++) {
        book(w, cell, 0);
    }
    take_off(w);
    return land(w, brain_space_remove(w->spaces.own[w->number][2]), "removal of a namespace");
}

/* ---- what all writers change ----------------------------------------------------------------- */

static struct kills_hand hand_of(struct writer *w)
{
    return (struct kills_hand){ w->spaces.shared, &w->seed, &w->own->sequence, &w->own->n_counted };
}

static bool change_shared(struct writer *w)
{
    struct kills_hand hand = hand_of(w);
    return land(w, kills_change_shared(&hand), "change of a shared name");
}

static bool count(struct writer *w)
{
    struct kills_hand hand = hand_of(w);
    return land(w, kills_count(&hand), "raising the counter");
}

/* All that is free; or what the next puts find due, for which it is later than the clock says. */
static bool trim(struct writer *w)
{
    int err;
    switch (below(w, 3)) {
    case 0:
        return land(w, brain_trim(w->store, NULL), "trim");
    case 1:
        return land(w, brain_compact(w->store, NULL), "compact");
    default:
        bn_trim_ahead_ns += UINT64_C(10) * 1000 * 1000 * 1000;
        err = brain_set_keep_free(w->store, below(w, 2) == 0 ? 0 : BRAIN_KEEP_DEFAULT);
        return land(w, err, "keeping less");
    }
}

/* The next commits have later numbers; nothing else changes. */
static bool advance(struct writer *w)
{
    brain_stat stat = { .struct_size = sizeof stat };
    int err = brain_stat_get(w->store, &stat);
    return land(w, err != 0 ? err : brain_advance(w->store, stat.committed + below(w, 4)),
                "advance");
}

/* ---- the process ----------------------------------------------------------------------------- */

static bool change_something(struct writer *w)
{
    static const struct {
        uint32_t weight;
        bool (*change)(struct writer *w);
    } changes[] = {
        { 29, put_single },   { 10, put_if },       { 10, delete_single }, { 12, create },
        { 14, change_group }, { 6, change_guests }, { 10, change_shared }, { 7, count },
        { 1, trim },          { 1, advance },
    };
    uint32_t dice = below(w, 100), i = 0;
    while (dice >= changes[i].weight) {
        dice -= changes[i++].weight;
    }
    bool right = changes[i].change(w);
    atomic_fetch_add(&w->own->n_ops, 1);
    return right;
}

/* Returns the exit status, 0 to go on. */
static int open_writer(struct writer *w, const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(path, &options, &w->store);
    if (err == BRAIN_E_FULL || err == BRAIN_E_BUSY) {
        return KILLS_NO_ROOM;
    }
    if (err != 0) {
        kills_fail(w->board, "writer %u cannot open: %s: %s", w->number, brain_strerror(err),
                   brain_error_detail());
        return 1;
    }
    bool right = kills_spaces_open(w->board, w->store, &w->spaces) &&
                 kills_settle(w->board, &w->spaces, w->number);
    return right ? 0 : 1;
}

int kills_write(const struct kills_job *job)
{
    struct writer w = { .board = job->board,
                        .own = &job->board->writers[job->number],
                        .number = job->number,
                        .seed = job->seed };
    int status = open_writer(&w, job->path);
    if (status != 0) {
        return status;
    }
    atomic_store(&w.own->row, kills_own_row(w.store));
    bool right = true;
    while (right && kills_goes_on(job->board)) {
        right = change_something(&w);
    }
    right = right && kills_settle(w.board, &w.spaces, w.number);
    atomic_store(&w.own->row, 0);
    kills_spaces_close(&w.spaces);
    brain_close(w.store);
    return right ? 0 : 1;
}
