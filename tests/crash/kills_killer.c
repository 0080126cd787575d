/* kills_killer.c - starts the victims, and kills or stops them.
 *
 * A kill is blind, at a random moment, or aimed: the killer watches the lock word and fires when it
 * names the victim. In both cases, what counts is what the word says when the victim is dead.
 * Others may take the lock over from it before its death is reported here: these are counted apart.
 */
#include "kills_killer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

#define LOCK_OWNER       UINT64_C(0x7fff)
#define LOCK_WAITERS     UINT64_C(0x8000)
#define AIM_S            0.05 /* how long to wait for the word to name a victim */
#define END_S            60.0 /* how long a victim may take to end, or to go on */
#define BLIND_LONGEST_US 3000u
#define LONGEST_LOOKS    2000u /* of some nanoseconds each */

static uint32_t below(struct killer *killer, uint32_t n)
{
    return (uint32_t)(kit_random(&killer->seed) % n);
}

bool killer_watch(struct killer *killer)
{
    char path[KIT_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/data", killer->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    void *at = mmap(NULL, BN_PAGE, PROT_READ, MAP_SHARED, fd, (off_t)BN_STATE_OFF);
    kit_must(at != MAP_FAILED, "mmap");
    killer->state = at;
    close(fd);
    return true;
}

/* ---- starting -------------------------------------------------------------------------------- */

static void run_python(const struct killer *killer, uint32_t number, uint64_t seed)
{
    char fd_text[16], number_text[16], seed_text[32];
    snprintf(fd_text, sizeof fd_text, "%d", killer->board_fd);
    snprintf(number_text, sizeof number_text, "%u", number);
    snprintf(seed_text, sizeof seed_text, "%ju", (uintmax_t)(seed >> 1));
    execlp(killer->python, killer->python, killer->script, fd_text, number_text, seed_text,
           killer->path, (char *)NULL);
    fprintf(stderr, "cannot run %s\n", killer->python);
    _exit(1);
}

/* A process in a PID namespace of its own, where it is number 1. */
static pid_t fork_apart(void)
{
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
    kit_must(pid >= 0, "clone");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    return pid;
}

static pid_t start(struct killer *killer, bool writes, uint32_t number)
{
    struct kills_job job = { killer->board, killer->path, number, kit_random(&killer->seed) };
    pid_t pid = killer->new_pid_namespaces ? fork_apart() : kit_fork();
    if (pid == 0) {
        if (writes && killer->python != NULL) {
            run_python(killer, number, job.seed);
        }
        _exit(writes ? kills_write(&job) : kills_read_on(&job));
    }
    return pid;
}

static void start_writer(struct killer *killer, uint32_t number)
{
    atomic_store(&killer->board->writers[number].row, 0);
    killer->writers[number] = start(killer, true, number);
}

static void start_reader(struct killer *killer, uint32_t number)
{
    atomic_store(&killer->board->readers[number].row, 0);
    killer->readers[number] = start(killer, false, number);
}

void killer_start(struct killer *killer)
{
    atomic_store(&killer->board->stop, 0);
    for (uint32_t i = 0; i < killer->board->n_writers; i++) {
        start_writer(killer, i);
    }
    for (uint32_t i = 0; i < killer->board->n_readers; i++) {
        start_reader(killer, i);
    }
}

/* ---- ending ---------------------------------------------------------------------------------- */

/* Whether a victim ended; how, if it was not killed by us. */
static bool has_ended(struct killer *killer, pid_t pid, bool *right)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) != pid) {
        return false;
    }
    bool no_room = WIFEXITED(status) && WEXITSTATUS(status) == KILLS_NO_ROOM;
    if (status != 0 && !no_room) {
        *right = kills_fail(killer->board, "a victim ended by itself, wait status 0x%x",
                            (unsigned)status);
    }
    return true;
}

/* Replace victims that ended by themselves; false where they should not have. */
static bool look_after(struct killer *killer)
{
    bool right = atomic_load(&killer->board->failed) == 0;
    for (uint32_t i = 0; i < killer->board->n_writers; i++) {
        if (has_ended(killer, killer->writers[i], &right)) {
            start_writer(killer, i);
        }
    }
    for (uint32_t i = 0; i < killer->board->n_readers; i++) {
        if (has_ended(killer, killer->readers[i], &right)) {
            start_reader(killer, i);
        }
    }
    return right;
}

static bool await_end(struct killer *killer, pid_t pid)
{
    bool right = true;
    for (double start = kit_seconds(); !has_ended(killer, pid, &right); usleep(200)) {
        if (kit_seconds() - start > END_S) {
            right = kills_fail(killer->board, "a victim does not end");
            kill(pid, SIGKILL);
        }
    }
    return right;
}

bool killer_stop(struct killer *killer)
{
    bool right = true;
    atomic_store(&killer->board->stop, 1);
    for (uint32_t i = 0; i < killer->board->n_writers; i++) {
        right &= await_end(killer, killer->writers[i]);
    }
    for (uint32_t i = 0; i < killer->board->n_readers; i++) {
        right &= await_end(killer, killer->readers[i]);
    }
    return right && atomic_load(&killer->board->failed) == 0;
}

/* ---- aiming ---------------------------------------------------------------------------------- */

static uint64_t lock_word(const struct killer *killer)
{
    return atomic_load(&killer->state->lock_word);
}

/* The writer whose row (+ 1) it is; -1: none of them. */
static int writer_of(const struct killer *killer, uint64_t row)
{
    for (uint32_t i = 0; row != 0 && i < killer->board->n_writers; i++) {
        if (atomic_load(&killer->board->writers[i].row) == row) {
            return (int)i;
        }
    }
    return -1;
}

/* Watch the lock word until it names a writer, and go on naming it for `n_looks` more; that writer,
 * or -1.
 *
 * A lock is held for a microsecond, and a signal takes longer than that to arrive. So whoever fires
 * at the first sight mostly hits a writer that has done, or one of those many names at once;
 * whoever looks a little longer, one that the scheduler has put to sleep in the middle, at any of
 * its instructions. */
static int wait_for_name(const struct killer *killer, uint32_t n_looks)
{
    double start = kit_seconds();
    do {
        for (uint32_t i = 0; i < 2000; i++) {
            uint64_t word = lock_word(killer);
            uint32_t same = 0;
            while (same < n_looks && (word & LOCK_OWNER) != 0 && lock_word(killer) == word) {
                same++;
            }
            int writer = same == n_looks ? writer_of(killer, word & LOCK_OWNER) : -1;
            if (writer >= 0) {
                return writer;
            }
        }
    } while (kit_seconds() - start < AIM_S);
    return -1;
}

/* At first sight, or after up to some microseconds of looking. */
static uint32_t some_patience(struct killer *killer)
{
    return 1 + below(killer, 4) * below(killer, LONGEST_LOOKS);
}

static void wait_blindly(struct killer *killer)
{
    usleep(below(killer, BLIND_LONGEST_US));
}

/* ---- killing --------------------------------------------------------------------------------- */

/* What the state page says of a victim that is dead or about to be. */
struct sight {
    bool named;
    uint64_t word;
    enum killer_step step;
};

/* `row`: + 1. */
static void look_at_lock(const struct killer *killer, uint64_t row, struct sight *sight)
{
    uint64_t word = lock_word(killer);
    uint64_t counts = atomic_load(&killer->state->counts);
    uint64_t committed = atomic_load(&killer->state->committed);
    uint64_t number = atomic_load(&killer->state->txn_number);
    sight->named = row != 0 && (word & LOCK_OWNER) == row && lock_word(killer) == word;
    if (sight->named) {
        uint64_t n_publish = counts >> 22 & 0x1fffff;
        sight->word = word;
        bool splits = (atomic_load(&killer->state->index_state) & 1) != 0;
        sight->step = splits               ? KILLER_STEP_SPLIT
                      : counts == 0        ? KILLER_STEP_EMPTY
                      : n_publish == 0     ? KILLER_STEP_TAKING
                      : committed < number ? KILLER_STEP_PUBLISHING
                                           : KILLER_STEP_TIDYING;
    }
}

/* Whether the lock word names somebody who was killed before, so that a recovery is due anyhow. */
static bool recovery_is_due(const struct killer *killer)
{
    return killer->unsettled != 0 && ((lock_word(killer) ^ killer->unsettled) & ~LOCK_WAITERS) == 0;
}

/* Wait for the end of a victim that was killed, with a close look at the lock word. `n_recoveries`:
 * how many there were before, or -1 where one is due that is not the victim's. */
static void bury(struct killer *killer, pid_t pid, uint64_t row, int64_t n_recoveries,
                 struct killer_count *count)
{
    struct sight last = { .named = false }, now;
    int status;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        look_at_lock(killer, row, &now);
        last = now.named ? now : last;
    }
    look_at_lock(killer, row, &now);
    if (now.named) {
        count->n_named++;
        killer->n_at_step[now.step]++;
        killer->unsettled = now.word;
    } else if (last.named && n_recoveries >= 0 &&
               (int64_t)atomic_load(&killer->state->n_recoveries) > n_recoveries) {
        count->n_taken_over++;
        killer->n_at_step[last.step]++;
    }
}

static bool kill_reader(struct killer *killer)
{
    uint32_t number = below(killer, (uint32_t)killer->board->n_readers);
    wait_blindly(killer);
    kill(killer->readers[number], SIGKILL);
    (void)kit_reap(killer->readers[number]);
    killer->n_readers_killed++;
    start_reader(killer, number);
    return true;
}

static void kill_writer(struct killer *killer, uint32_t number, enum killer_mode mode)
{
    struct killer_count *count = &killer->count[mode];
    int64_t n_recoveries =
        recovery_is_due(killer) ? -1 : (int64_t)atomic_load(&killer->state->n_recoveries);
    uint64_t row = atomic_load(&killer->board->writers[number].row);
    kill(killer->writers[number], SIGKILL);
    count->n++;
    bury(killer, killer->writers[number], row, n_recoveries, count);
    start_writer(killer, number);
}

bool killer_kill(struct killer *killer, enum killer_mode mode)
{
    uint32_t number = below(killer, (uint32_t)killer->board->n_writers);
    if (!look_after(killer)) {
        return false;
    }
    if (mode == KILLER_BLIND) {
        if (below(killer, 6) == 0 && killer->board->n_readers > 0) {
            return kill_reader(killer);
        }
        wait_blindly(killer);
    } else {
        int named = wait_for_name(killer, some_patience(killer));
        number = named >= 0 ? (uint32_t)named : number;
    }
    kill_writer(killer, number, mode);
    return true;
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* All readers must get on while a writer stands still. */
static bool readers_go_on(struct killer *killer)
{
    uint64_t before[KILLS_READERS_MAX];
    double start = kit_seconds();
    for (uint32_t i = 0; i < killer->board->n_readers; i++) {
        before[i] = atomic_load(&killer->board->readers[i].n_gets);
    }
    for (uint32_t i = 0; i < killer->board->n_readers; i++) {
        uint64_t n;
        while ((n = atomic_load(&killer->board->readers[i].n_gets) - before[i]) < 100) {
            if (kit_seconds() - start > END_S || atomic_load(&killer->board->failed) != 0) {
                return kills_fail(killer->board,
                                  "reader %u does not go on while a writer is stopped", i);
            }
            usleep(100);
        }
        killer->n_gets_while_stopped += n;
    }
    return true;
}

bool killer_pause(struct killer *killer, bool named)
{
    uint32_t number = below(killer, (uint32_t)killer->board->n_writers);
    struct sight sight;
    int status;
    if (!look_after(killer)) {
        return false;
    }
    if (named) {
        int writer = wait_for_name(killer, some_patience(killer));
        number = writer >= 0 ? (uint32_t)writer : number;
    } else {
        wait_blindly(killer);
    }
    pid_t pid = killer->writers[number];
    kill(pid, SIGSTOP);
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
        return kills_fail(killer->board, "a writer ended by itself, wait status 0x%x",
                          (unsigned)status);
    }
    look_at_lock(killer, atomic_load(&killer->board->writers[number].row), &sight);
    bool right = readers_go_on(killer);
    killer->n_stops++;
    killer->n_stops_named += sight.named;
    kill(pid, SIGCONT);
    return right;
}
