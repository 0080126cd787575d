/* stepped_writer.h - the writer beside a stepped reader: what it does to the store between two
 * of the reader's instructions, and what it says it has done.
 *
 *     step_start(&step, writer_run, board);       opens the store, and raises SIGSTOP
 *     board->act = scene->act;
 *     step_through(&step)                         it has done that, and stands still again
 *
 * All tries are about one name. The writer notes each value that it puts under it, and each time
 * that it takes it away; so an answer can be judged that a reader got in between.
 */
#ifndef CRASH_STEPPED_WRITER_H
#define CRASH_STEPPED_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "brain.h"
#include "kit.h"

#define WRITER_NAME_LEN 8u
#define WRITER_HISTORY  4096u /* commits that are remembered */

struct writer;
typedef void writer_act(struct writer *writer);

struct writer_commit {
    uint64_t version;
    uint64_t serial; /* what was put follows from it: writer_value_of() */
};

/* What the writer is told, and what it notes. Lies in memory that all processes of a proof
 * share; each changes it only while the others stand still. */
struct writer_board {
    /* The prover's. */
    char path[KIT_PATH_MAX];    /* of the store */
    char name[WRITER_NAME_LEN]; /* what the tries are about, unless the scene chooses another */
    writer_act *act;            /* what is to be done next */

    /* The reader's: where it has found the value, before the call that is tried. */
    brain_hint found;

    /* The writer's. */
    char twin[WRITER_NAME_LEN]; /* in one scene only: a name with the same word in the index */
    uint64_t data;              /* where it has mapped the store */
    uint64_t n_commits;         /* of the name, from the beginning */
    struct writer_commit history[WRITER_HISTORY]; /* the last of them */
    uint64_t n_absences;                          /* times that it took the name away */
    uint64_t serial;                              /* the last that it gave to a value */
    bool is_back;                                 /* its last act brought about what it was to */
};

/* ---- scenes ---------------------------------------------------------------------------------- */

/* Where the writer stands still while the reader goes on. */
enum writer_stops {
    WRITER_RUNS,       /* nowhere: it acts while the reader stands still */
    WRITER_STOPS_ONCE, /* then it puts, and stops in the middle, until the reader has returned */
    WRITER_BOTH_STOP,  /* the same, until the reader has gone on by some instructions */
};

struct writer_scene {
    const char *name;
    enum writer_stops stops;
    writer_act *act;     /* NULL: nothing before the put in the middle of which it stops */
    writer_act *prepare; /* NULL: nothing; then the value is put */
    writer_act *restore; /* puts the value in any case */
    bool comes_back;     /* it is about something that must come about in some of the tries:
                          * board->is_back, or where the writer stops, another gen in the slot */
};

extern const struct writer_scene writer_scenes[];
extern const uint32_t n_writer_scenes;

/* Put the next value under the name. */
void writer_put(struct writer *writer);

/* The child of a step_start(), with the board: prepares, and then does board->act again and
 * again. It raises SIGSTOP before each. */
void writer_run(void *board);

/* The store of the board, and a namespace of it, as the writer opens them: the name is in
 * "space". They give up where that fails. */
brain_store *writer_open_store(const struct writer_board *board);
brain_space *writer_open_space(brain_store *store, const char *name);

/* ---- what was put ---------------------------------------------------------------------------- */

/* The newest commit of the name; there is one. */
const struct writer_commit *writer_last_commit(const struct writer_board *board);

/* The commit with this version, or NULL. */
const struct writer_commit *writer_find_commit(const struct writer_board *board, uint64_t version);

/* What the value of a serial number consists of. */
struct writer_value {
    uint32_t kind;
    uint32_t size_bytes;
    uint64_t seed; /* of its bytes */
};

struct writer_value writer_value_of(uint64_t serial);

/* Whether these are the first bytes of it. */
bool writer_is_value(const struct writer_value *value, const void *data, uint32_t n_bytes);

#endif
