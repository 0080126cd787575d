/* worker.h - what a process of the recorder does: calls at random, each written down. */
#ifndef HISTORY_WORKER_H
#define HISTORY_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "brain.h"
#include "history.h"

#define WORKER_CALLS_MAX 8192u

/* What one thread writes down. */
struct worker_log {
    _Atomic uint64_t row; /* of the process in the client table, + 1: as the lock word has it */
    _Atomic uint64_t n;   /* records whose call has begun */
    struct history_record records[WORKER_CALLS_MAX];
};

/* What all share. */
struct worker_board {
    _Atomic uint64_t stop;
    _Atomic uint64_t failed; /* somebody saw what must not be; `text` says what */
    uint64_t committed;      /* after the names were removed */
    uint64_t n_recoveries;
    char text[512];
};

struct worker_job {
    struct worker_board *board;
    struct worker_log *log;
    uint64_t client; /* its number in the history */
    uint64_t seed;
};

/* Say what must not be. The first one counts. Always false. */
bool worker_fail(struct worker_board *board, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The namespaces that the names are in; false where the store refuses. */
bool worker_spaces_open(struct worker_board *board, brain_store *store,
                        brain_space *spaces[HISTORY_SPACES]);

/* The name, for which `name` has room, and its length. */
size_t worker_name(uint64_t group, uint64_t number, char name[16]);

/* Whether a log ends with a change that has not returned. */
bool worker_is_changing(struct worker_log *log);

#define WORKER_THREADS_MAX 8u

/* Call until the board says stop or the log is full: `n_jobs` threads over one store. */
bool worker_run(const char *path, const struct worker_job *jobs, uint32_t n_jobs);

#endif
