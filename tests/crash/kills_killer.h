/* kills_killer.h - starts the victims, and kills or stops them. */
#ifndef CRASH_KILLS_KILLER_H
#define CRASH_KILLS_KILLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kills.h"
#include "layout.h"

/* On which step of a change a victim was that died with the lock. */
enum killer_step {
    KILLER_STEP_EMPTY,      /* nothing noted in the journal: looking things up, or just done */
    KILLER_STEP_SPLIT,      /* a bucket of the index is being split */
    KILLER_STEP_TAKING,     /* slots and memory */
    KILLER_STEP_PUBLISHING, /* what is to become visible; not committed yet */
    KILLER_STEP_TIDYING,    /* committed */
    KILLER_N_STEPS
};

enum killer_mode {
    KILLER_BLIND,
    KILLER_AIMED,
    KILLER_N_MODES
};

struct killer_count {
    uint64_t n;
    uint64_t n_named;      /* after the death the lock word named the victim */
    uint64_t n_taken_over; /* it did, but somebody took over before the death was reported */
};

struct killer {
    struct kills_board *board;
    int board_fd; /* for victims that find the board as a file */
    char path[512];
    bool new_pid_namespaces;
    const char *python; /* the interpreter that runs writers; NULL: they are children of ours */
    const char *script;
    uint64_t seed;
    pid_t writers[KILLS_WRITERS_MAX];
    pid_t readers[KILLS_READERS_MAX];
    const struct bn_state_rec *state;
    uint64_t
        unsettled; /* the lock word, where it named a victim that nobody has taken over from yet */
    struct killer_count count[KILLER_N_MODES];
    uint64_t n_readers_killed;
    uint64_t n_at_step[KILLER_N_STEPS];
    uint64_t n_stops;
    uint64_t n_stops_named;
    uint64_t n_gets_while_stopped;
};

/* See the state page of the store at killer->path. */
bool killer_watch(struct killer *killer);

/* Start all victims. */
void killer_start(struct killer *killer);

/* Let all end in an orderly way; false where one does not. */
bool killer_stop(struct killer *killer);

/* Kill one at random and start another in its place. */
bool killer_kill(struct killer *killer, enum killer_mode mode);

/* Stop a writer at random (`named`: while it holds the lock), see that the readers go on, continue
 * it. */
bool killer_pause(struct killer *killer, bool named);

#endif
