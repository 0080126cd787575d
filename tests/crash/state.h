/* state.h - all that can be seen of a store at one moment, read in three ways, and compared.
 *
 * A catalogue lists every name and every namespace that a store of a scene ever has; a state says
 * for each of them whether it is there, and with what. Two states are equal where every name is
 * missing in both, or there in both with the same version, kind, size, bytes, metadata and
 * description, and where capacity and quotas are the same.
 */
#ifndef CRASH_STATE_H
#define CRASH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "brain.h"

#define STATE_NAMES_MAX  2048u
#define STATE_SPACES_MAX 16u

struct state_name {
    uint32_t space;
    uint32_t name_len;
    size_t name_at; /* in `text` */
};

/* Text that tells what went wrong. */
#define STATE_TEXT_MAX 512

/* Lies in memory that is shared with the processes that read stores: they add what they find. */
struct state_catalogue {
    uint32_t n_names;
    uint32_t n_spaces;
    struct state_name names[STATE_NAMES_MAX];
    char spaces[STATE_SPACES_MAX][64];
    size_t text_len;
    char text[256 << 10];
    bool leaves_notes;                            /* the notes of values are no part of a state */
    bool (*look)(brain_store *store, char *text); /* NULL, or what must hold beside */
};

struct state_seen {
    uint64_t version; /* 0: missing */
    uint64_t sum;     /* of data, metadata, description, kind and size */
    uint64_t note;    /* beside it; where it counts */
};

struct state {
    uint64_t bytes;          /* of all values */
    uint64_t capacity_bytes; /* state_read() alone reads it, and the quotas */
    bool space_there[STATE_SPACES_MAX];
    uint64_t space_count[STATE_SPACES_MAX];
    uint64_t space_quota[STATE_SPACES_MAX];
    struct state_seen seen[STATE_NAMES_MAX];
};

struct state_catalogue *state_catalogue_new(void);
void state_catalogue_free(struct state_catalogue *catalogue);

/* Add all names and namespaces of a store to the catalogue. These and the functions below return
 * true, or false with a text. */
bool state_collect(struct state_catalogue *catalogue, brain_store *store, char *text);

/* A reader: spaces opened once, so that reading itself does nothing else. */
struct state_reader {
    const struct state_catalogue *catalogue;
    brain_store *store;
    brain_space *spaces[STATE_SPACES_MAX];
    brain_key *keys;
    brain_view *views;
};

void state_reader_open(struct state_reader *reader, const struct state_catalogue *catalogue,
                       brain_store *store);
void state_reader_close(struct state_reader *reader);

/* One brain_get() for each name. */
bool state_by_get(struct state_reader *reader, struct state *state, char *text);
/* One brain_get_many() for all. */
bool state_by_many(struct state_reader *reader, struct state *state, char *text);
/* Through a snapshot: a walk over the namespaces and their names, which must give each once. */
bool state_by_snapshot(struct state_reader *reader, brain_snapshot *snapshot, struct state *state,
                       char *text);
/* All three, the last with a snapshot of now, and a walk over the object table. They must agree: nobody changes the
 * store meanwhile. And what the catalogue says must hold. */
bool state_read(struct state_reader *reader, struct state *state, char *text);

/* Of a snapshot: a note is what it is now, whichever moment the value is looked at as of, and capacity and quotas
 * are no part of it. */
void state_forget_passing(struct state *state);

/* Compare; where they differ, `text` names the first difference. */
bool state_equal(const struct state_catalogue *catalogue, const struct state *a,
                 const struct state *b, char *text);

#endif
