/* kills.h - random kills: the board on which the victims write down what they do, and its names.
 *
 * Each writer owns a fixed set of cells, that is names that only it changes; a shared name may be
 * changed by all. Before a change the writer notes on the board what it is about to do (the
 * flight), and after it that it is done. So after a kill each cell holds what was done last, or,
 * all of them together, what was in flight.
 *
 * The board lies in memory of the harness, not in the store. Writers may also be Python processes,
 * which find it as a file: so it consists of 64-bit words alone, and random_kills.py knows their
 * order.
 */
#ifndef CRASH_KILLS_H
#define CRASH_KILLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "brain.h"

#define KILLS_WRITERS_MAX  40u
#define KILLS_READERS_MAX  40u
#define KILLS_WAITERS_MAX  4u
#define KILLS_FAMILIES_MAX 4u

/* The cells of a writer: names in three namespaces of its own. */
#define KILLS_SINGLES    16u /* in "w<writer>": changed one at a time */
#define KILLS_GROUP      8u  /* half in "w<writer>", half in "x<writer>": always changed together */
#define KILLS_GUESTS     200u /* in "t<writer>": made in one batch, gone with their namespace */
#define KILLS_CELLS      (KILLS_SINGLES + KILLS_GROUP + KILLS_GUESTS)

#define KILLS_SHARED     12u  /* names in "shared" that every writer changes */
#define KILLS_BYSTANDERS 120u /* names in "bystanders" that nobody changes */

/* What a name holds. 0: it is missing; else a sequence number of its writer << 24 | bytes. */
typedef uint64_t kills_id;
#define KILLS_SIZE_MAX ((UINT64_C(1) << 23) - 1)
#define KILLS_PLAIN    (UINT64_C(1) << 23) /* the pattern that Python makes */

struct kills_writer_board {
    _Atomic uint64_t row; /* + 1, in the client table; 0: not ready */
    _Atomic uint64_t n_ops;
    _Atomic uint64_t n_full;    /* changes refused for want of memory */
    _Atomic uint64_t sequence;  /* of ids */
    _Atomic uint64_t n_counted; /* times that it raised the shared counter, at least */
    _Atomic uint64_t flight_n;  /* cells in flight */
    _Atomic uint64_t flight_cell[KILLS_CELLS];
    _Atomic uint64_t flight_old[KILLS_CELLS];
    _Atomic uint64_t flight_new[KILLS_CELLS];
    _Atomic uint64_t done[KILLS_CELLS];
};

struct kills_reader_board {
    _Atomic uint64_t row;
    _Atomic uint64_t n_gets;
};

struct kills_waiter_board {
    _Atomic uint64_t n_waits;
    _Atomic uint64_t n_late; /* waits that slept on although there was a change */
};

/* Parent and child: two, one of which comes and goes. */
struct kills_family_board {
    _Atomic uint64_t row[2]; /* as of a writer */
    _Atomic uint64_t
        child; /* its process id, from its first steps until it is about to be reaped */
    _Atomic uint64_t n_turns;
    _Atomic uint64_t n_forks;
    _Atomic uint64_t n_children_killed; /* that the parent found so */
    _Atomic uint64_t n_counted[2];
    _Atomic uint64_t sequence[2];
};

struct kills_board {
    _Atomic uint64_t stop;   /* all shall end in an orderly way */
    _Atomic uint64_t failed; /* somebody saw what must not be; `text` says what */
    uint64_t n_writers;
    uint64_t n_readers;
    struct kills_writer_board writers[KILLS_WRITERS_MAX];
    struct kills_reader_board readers[KILLS_READERS_MAX];
    char text[1024];
    /* Python knows nothing of what follows. */
    uint64_t killer; /* its process id */
    struct kills_waiter_board waiters[KILLS_WAITERS_MAX];
    struct kills_family_board families[KILLS_FAMILIES_MAX];
};

/* Say what must not be. The first one counts. Always false. */
bool kills_fail(struct kills_board *board, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- names and values ------------------------------------------------------------------------ */

/* All namespaces of one process. */
struct kills_spaces {
    brain_space *own[KILLS_WRITERS_MAX][3]; /* w x t */
    brain_space *shared;
    brain_space *bystanders;
};

/* False where the store refuses. */
bool kills_spaces_open(struct kills_board *board, brain_store *store, struct kills_spaces *spaces);
void kills_spaces_close(struct kills_spaces *spaces);

/* The space of a cell, and its name, for which `name` has room. */
brain_space *kills_cell_name(const struct kills_spaces *spaces, uint32_t writer, uint32_t cell,
                             char name[16]);

/* Who a value belongs to. Cells of writers have their number; others: */
#define KILLS_OF_SHARED     1000u /* + number of the name */
#define KILLS_OF_BYSTANDERS 2000u /* + number of the name */

#define KILLS_SIZE_MIN      24u /* the head of a value */

/* The bytes of the value `id` of `owner`/`number`: valid until the next call. */
const void *kills_value(uint32_t owner, uint32_t number, kills_id id);

/* The id that a view holds, after a look at all its bytes; false where they are not what they
 * should be. */
bool kills_identify(struct kills_board *board, const brain_view *view, uint32_t owner,
                    uint32_t number, kills_id *id_out);

/* As kills_identify(), of a name; a missing name is id 0. `version_out` may be NULL. */
bool kills_read(struct kills_board *board, brain_space *space, const char *name, uint32_t owner,
                uint32_t number, kills_id *id_out, uint64_t *version_out);

/* The client row of this process, + 1; 0 where it is not to be found. */
uint64_t kills_own_row(brain_store *store);

/* Mostly small; sometimes an extent; rarely one that is written with system calls. */
uint64_t kills_some_size(uint64_t *seed);
kills_id kills_new_id(_Atomic uint64_t *sequence, uint64_t size);

/* ---- what everybody changes ------------------------------------------------------------------ */

/* Whose changes of the namespace "shared" these are. */
struct kills_hand {
    brain_space *shared;
    uint64_t *seed;
    _Atomic uint64_t *sequence;
    _Atomic uint64_t *n_counted;
};

/* Put or delete a name; raise the counter "c0" by compare-and-set until it works. 0 or BRAIN_E_*. */
int kills_change_shared(const struct kills_hand *hand);
int kills_count(const struct kills_hand *hand);

/* ---- the processes --------------------------------------------------------------------------- */

struct kills_job {
    struct kills_board *board;
    const char *path;
    uint32_t number;
    uint64_t seed;
};

/* A reader that somebody else leads: `n_turns` counts what it reads. NULL where it could not open;
 * then `*status_out` is what to exit with. There is one in a process. */
struct kills_reader;
struct kills_reader *kills_reader_open(const struct kills_job *job, _Atomic uint64_t *n_turns,
                                       int *status_out);
bool kills_reader_turn(struct kills_reader *reader);
brain_store *kills_reader_store(const struct kills_reader *reader);
const struct kills_spaces *kills_reader_spaces(const struct kills_reader *reader);
void kills_reader_close(struct kills_reader *reader);

/* What a victim exits with where there was no memory for it to begin. */
#define KILLS_NO_ROOM 5

/* What the victims do until the board says stop. They return the exit status. */
int kills_write(const struct kills_job *job);
int kills_read_on(const struct kills_job *job);
int kills_wait_on(const struct kills_job *job);
int kills_live_on(const struct kills_job *job); /* a family: becomes two processes */

bool kills_goes_on(const struct kills_board *board);

/* Compare the cells of a writer with its board, after its death or its end; note what was found as
 * done. */
bool kills_settle(struct kills_board *board, const struct kills_spaces *spaces, uint32_t writer);

/* ---- the audit ------------------------------------------------------------------------------- */

/* Make the store and its bystanders. */
bool kills_audit_found(struct kills_board *board, const char *path, uint64_t capacity_bytes);

/* While nobody uses the store: every invariant, every name, every byte. `n_kills`: since the last
 * time. */
bool kills_audit(struct kills_board *board, const char *path, uint64_t n_kills);

/* Remove all but the bystanders, trim. */
bool kills_audit_clear(struct kills_board *board, const char *path, brain_stat *stat_out);

/* Remove the bystanders, too, and trim. */
bool kills_audit_empty(struct kills_board *board, const char *path, brain_stat *stat_out);

#endif
