/* kills_reader.c - a victim that reads, and checks what it sees while others write and die.
 *
 * - A value is whole, stands under its own name, and is never older than what was seen before.
 * - The names of a group, read together, all hold the same id.
 * - The bystanders are there, always.
 * - The bytes of a view stay as they are, whatever happens to the name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kills.h"
#include "kit.h"

#define HELD 12u

struct held {
    brain_view view;
    uint64_t sum;
};

struct kills_reader {
    struct kills_board *board;
    _Atomic uint64_t *n_turns;
    uint64_t seed;
    brain_store *store;
    struct kills_spaces spaces;
    uint64_t versions[KILLS_WRITERS_MAX][KILLS_CELLS]; /* the newest that was seen */
    struct held held[HELD];
};

static uint32_t below(struct kills_reader *r, uint32_t n)
{
    return (uint32_t)(kit_random(&r->seed) % n);
}

static bool refused(struct kills_reader *r, const char *what, int err)
{
    return kills_fail(r->board, "a reader, %s: %s: %s", what, brain_strerror(err),
                      brain_error_detail());
}

/* ---- single names ---------------------------------------------------------------------------- */

static bool note_version(struct kills_reader *r, uint32_t writer, uint32_t cell, uint64_t version)
{
    uint64_t *newest = &r->versions[writer][cell];
    if (version != 0 && version < *newest) {
        return kills_fail(r->board, "a reader saw version %ju of %u/%u after version %ju",
                          (uintmax_t)version, writer, cell, (uintmax_t)*newest);
    }
    *newest = version != 0 ? version : *newest;
    return true;
}

static bool read_cell(struct kills_reader *r)
{
    char name[16];
    kills_id id;
    uint64_t version;
    uint32_t writer = below(r, (uint32_t)r->board->n_writers), cell = below(r, KILLS_CELLS);
    brain_space *space = kills_cell_name(&r->spaces, writer, cell, name);
    return kills_read(r->board, space, name, writer, cell, &id, &version) &&
           note_version(r, writer, cell, version);
}

static bool read_shared(struct kills_reader *r)
{
    char name[16];
    kills_id id;
    uint32_t number = 1 + below(r, KILLS_SHARED - 1);
    snprintf(name, sizeof name, "c%u", number);
    return kills_read(r->board, r->spaces.shared, name, KILLS_OF_SHARED, number, &id, NULL);
}

static bool read_bystander(struct kills_reader *r)
{
    char name[16];
    kills_id id;
    uint32_t number = below(r, KILLS_BYSTANDERS);
    snprintf(name, sizeof name, "b%u", number);
    return kills_read(r->board, r->spaces.bystanders, name, KILLS_OF_BYSTANDERS, number, &id,
                      NULL) &&
           (id != 0 || kills_fail(r->board, "a reader: bystander %u is missing", number));
}

/* ---- many names at one moment ---------------------------------------------------------------- */

/* One id for all: 0 where all are missing. */
static bool compare_group(struct kills_reader *r, uint32_t writer, const kills_id *ids,
                          const char *how)
{
    for (uint32_t i = 1; i < KILLS_GROUP; i++) {
        if (ids[i] != ids[0]) {
            return kills_fail(r->board, "a reader, %s: the group of writer %u holds %jx and %jx",
                              how, writer, (uintmax_t)ids[0], (uintmax_t)ids[i]);
        }
    }
    return true;
}

static bool read_group(struct kills_reader *r)
{
    char names[KILLS_GROUP][16];
    brain_key keys[KILLS_GROUP];
    brain_view views[KILLS_GROUP];
    kills_id ids[KILLS_GROUP] = { 0 };
    uint32_t writer = below(r, (uint32_t)r->board->n_writers);
    bool right = true;
    for (uint32_t i = 0; i < KILLS_GROUP; i++) {
        keys[i].space = kills_cell_name(&r->spaces, writer, KILLS_SINGLES + i, names[i]);
        keys[i].name = names[i];
        keys[i].name_len = strlen(names[i]);
    }
    int err = brain_get_many(r->store, keys, KILLS_GROUP, views, NULL);
    if (err != 0) {
        return refused(r, "brain_get_many", err);
    }
    for (uint32_t i = 0; i < KILLS_GROUP; i++) {
        if (views[i].store != NULL) {
            right = right &&
                    kills_identify(r->board, &views[i], writer, KILLS_SINGLES + i, &ids[i]) &&
                    note_version(r, writer, KILLS_SINGLES + i, views[i].version);
            brain_view_drop(&views[i]);
        }
    }
    return right && compare_group(r, writer, ids, "brain_get_many");
}

static bool snapshot_group(struct kills_reader *r, brain_snapshot *snapshot, uint32_t writer)
{
    kills_id ids[KILLS_GROUP] = { 0 };
    for (uint32_t i = 0; i < KILLS_GROUP; i++) {
        char name[16];
        brain_view view;
        brain_space *space = kills_cell_name(&r->spaces, writer, KILLS_SINGLES + i, name);
        int err = brain_snapshot_get(snapshot, space, name, strlen(name), &view);
        if (err == BRAIN_E_NOT_FOUND) {
            continue;
        }
        if (err != 0) {
            return refused(r, "brain_snapshot_get", err);
        }
        bool right = kills_identify(r->board, &view, writer, KILLS_SINGLES + i, &ids[i]);
        brain_view_drop(&view);
        if (!right) {
            return false;
        }
    }
    return compare_group(r, writer, ids, "a snapshot");
}

/* Through the namespace of a writer: each name once, and each value whole. */
static bool walk_space(struct kills_reader *r, brain_snapshot *snapshot, uint32_t writer)
{
    bool met[KILLS_CELLS] = { false };
    brain_iter *iter;
    const void *name;
    size_t len;
    bool right = true;
    int err = brain_iter_names(r->spaces.own[writer][0], snapshot, &iter);
    if (err != 0) {
        return refused(r, "brain_iter_names", err);
    }
    while (right && (err = brain_iter_next(iter, &name, &len)) == 0) {
        char text[16] = "";
        brain_view view;
        kills_id id;
        memcpy(text, name, len < 15 ? len : 15);
        uint32_t cell =
            (uint32_t)strtoul(text + 1, NULL, 10) + (text[0] == 'g' ? KILLS_SINGLES : 0);
        if (cell >= KILLS_CELLS || met[cell]) {
            right = kills_fail(r->board, "a reader: a walk gave %s again, or out of nothing", text);
            break;
        }
        met[cell] = true;
        err = brain_iter_get(iter, &view);
        if (err != 0) {
            right = refused(r, "brain_iter_get", err);
            break;
        }
        right = kills_identify(r->board, &view, writer, cell, &id);
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    return right && (err == BRAIN_E_NOT_FOUND || refused(r, "brain_iter_next", err));
}

static bool read_snapshot(struct kills_reader *r)
{
    brain_snapshot *snapshot;
    uint32_t writer = below(r, (uint32_t)r->board->n_writers);
    int err = brain_snapshot_open(r->store, &snapshot);
    if (err != 0) {
        return refused(r, "brain_snapshot_open", err);
    }
    bool right = snapshot_group(r, snapshot, writer) && walk_space(r, snapshot, writer);
    brain_snapshot_close(snapshot);
    return right;
}

/* ---- views that are kept --------------------------------------------------------------------- */

/* Look at an old one once more, let go of it, and keep a new one in its place. */
static bool exchange_view(struct kills_reader *r)
{
    char name[16];
    struct held *held = &r->held[below(r, HELD)];
    uint32_t writer = below(r, (uint32_t)r->board->n_writers), cell = below(r, KILLS_CELLS);
    brain_space *space = kills_cell_name(&r->spaces, writer, cell, name);
    if (held->view.store != NULL) {
        bool same = kit_sum(held->view.data, held->view.size_bytes) == held->sum;
        brain_view_drop(&held->view);
        if (!same) {
            return kills_fail(r->board, "a reader: the bytes of a view have changed");
        }
    }
    int err = brain_get(space, name, strlen(name), &held->view);
    if (err != 0) {
        held->view.store = NULL;
        return err == BRAIN_E_NOT_FOUND || refused(r, "brain_get", err);
    }
    held->sum = kit_sum(held->view.data, held->view.size_bytes);
    return true;
}

/* ---- the process ----------------------------------------------------------------------------- */

bool kills_reader_turn(struct kills_reader *r)
{
    uint32_t dice = below(r, 100);
    atomic_fetch_add(r->n_turns, 1);
    return dice < 30   ? read_cell(r)
           : dice < 45 ? read_shared(r)
           : dice < 60 ? read_bystander(r)
           : dice < 80 ? read_group(r)
           : dice < 85 ? read_snapshot(r)
                       : exchange_view(r);
}

struct kills_reader *kills_reader_open(const struct kills_job *job, _Atomic uint64_t *n_turns,
                                       int *status_out)
{
    static struct kills_reader r;
    r = (struct kills_reader){ .board = job->board, .n_turns = n_turns, .seed = job->seed };
    int err = brain_open(job->path, NULL, &r.store);
    if (err == BRAIN_E_FULL || err == BRAIN_E_BUSY) {
        *status_out = KILLS_NO_ROOM;
        return NULL;
    }
    *status_out = 1;
    if (err != 0) {
        refused(&r, "brain_open", err);
        return NULL;
    }
    return kills_spaces_open(r.board, r.store, &r.spaces) ? &r : NULL;
}

brain_store *kills_reader_store(const struct kills_reader *reader)
{
    return reader->store;
}

const struct kills_spaces *kills_reader_spaces(const struct kills_reader *reader)
{
    return &reader->spaces;
}

void kills_reader_close(struct kills_reader *reader)
{
    for (uint32_t i = 0; i < HELD; i++) {
        brain_view_drop(&reader->held[i].view);
    }
    kills_spaces_close(&reader->spaces);
    brain_close(reader->store);
}

int kills_read_on(const struct kills_job *job)
{
    struct kills_reader_board *own = &job->board->readers[job->number];
    int status;
    struct kills_reader *reader = kills_reader_open(job, &own->n_gets, &status);
    bool right = true;
    if (reader == NULL) {
        return status;
    }
    atomic_store(&own->row, kills_own_row(reader->store));
    while (right && kills_goes_on(job->board)) {
        right = kills_reader_turn(reader);
    }
    atomic_store(&own->row, 0);
    kills_reader_close(reader);
    return right ? 0 : 1;
}
