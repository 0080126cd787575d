/* kills_killer.h - kills or stops victims, and counts. */
#ifndef CRASH_KILLS_KILLER_H
#define CRASH_KILLS_KILLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kills.h"
#include "layout.h"

enum kills_role {
    KILLS_WRITER,
    KILLS_READER,
    KILLS_WAITER,
    KILLS_FAMILY,
    KILLS_N_ROLES
};

struct victim {
    enum kills_role role;
    uint32_t number; /* among those of its role */
    pid_t pid;       /* of a family: the parent's, and the number of its process group */
};

#define VICTIMS_MAX (KILLS_WRITERS_MAX + KILLS_READERS_MAX + KILLS_WAITERS_MAX + KILLS_FAMILIES_MAX)

/* On which step of a change a victim was that died with the lock. */
enum killer_step {
    KILLER_STEP_EMPTY,      /* nothing noted in the journal: looking things up, or just done */
    KILLER_STEP_SPLIT,      /* a bucket of the index is being split */
    KILLER_STEP_TAKING,     /* slots and memory */
    KILLER_STEP_PUBLISHING, /* what is to become visible; not committed yet */
    KILLER_STEP_TIDYING,    /* committed */
    KILLER_N_STEPS
};

/* How writers are killed. */
enum killer_mode {
    KILLER_BLIND,   /* one at a random moment */
    KILLER_AIMED,   /* one that the lock word names */
    KILLER_SEVERAL, /* with others of all kinds; half of the times one has the lock */
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
    pid_t zygote; /* the interpreter that forks them, and the pipes to and from it */
    int to_zygote, from_zygote;
    uint64_t seed;
    uint32_t n_waiters, n_families;
    uint32_t n_victims;
    struct victim victims[VICTIMS_MAX]; /* the writers first, by number */
    const struct bn_state_rec *state;
    uint64_t
        unsettled; /* the lock word, where it named a victim that nobody has taken over from yet */
    struct killer_count count[KILLER_N_MODES]; /* of writers */
    uint64_t n_killed[KILLS_N_ROLES];          /* of families: parents, and orphans */
    uint64_t n_families_named;
    uint64_t n_at_once; /* kills of several */
    uint64_t n_at_step[KILLER_N_STEPS];
    uint64_t n_stops;
    uint64_t n_stops_named;
    uint64_t n_gets_while_stopped;
};

/* See the state page of the store at killer->path. */
bool killer_watch(struct killer *killer);

/* Kill somebody at random and start another in his place. */
bool killer_kill(struct killer *killer, bool aimed);

/* Stop a writer at random (`named`: while it holds the lock), see that the readers go on, continue
 * it. */
bool killer_pause(struct killer *killer, bool named);

/* ---- starting and ending: kills_victims.c ---------------------------------------------------- */

/* Ask for the processor before the victims. */
void killer_go_first(void);

/* Start all victims. */
void killer_start(struct killer *killer);

void victim_start(struct killer *killer, struct victim *victim);

/* Replace victims that ended by themselves; false where they should not have. */
bool killer_look_after(struct killer *killer);

/* Let all end in an orderly way; false where one does not. */
bool killer_stop(struct killer *killer);

#endif
