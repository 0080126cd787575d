/* kills_killer.c - kills or stops victims.
 *
 * A kill is blind, at a random moment, or aimed: the killer watches the lock word and fires when it
 * names the victim. In both cases, what counts is what the word says when the victim is dead.
 * Others may take the lock over from it before its death is reported here: these are counted apart.
 */
#include "kills_killer.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

#define LOCK_OWNER       UINT64_C(0x7fff)
#define LOCK_WAITERS     UINT64_C(0x8000)
#define AIM_S            0.05 /* how long to wait for the word to name a victim */
#define END_S            60.0 /* how long readers may take to go on */
#define BLIND_LONGEST_US 1000u
#define LONGEST_LOOKS    2000u /* of some nanoseconds each */
#define AT_ONCE_MAX      8u

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

/* At what to fire: the lock word names a writer, and goes on naming it for `n_looks` more, and the
 * journal has notes, where `in_change` says so.
 *
 * A lock is held for a microsecond, and a signal takes longer than that to arrive. So whoever fires
 * at the first sight mostly hits a writer that has done, or one of those many names at once;
 * whoever looks a little longer, one that the scheduler has put to sleep in the middle, at any of
 * its instructions. */
struct aim {
    uint32_t n_looks;
    bool in_change;
};

static struct aim some_aim(struct killer *killer)
{
    uint32_t n_looks = 1 + below(killer, 4) * below(killer, LONGEST_LOOKS);
    return (struct aim){ n_looks, below(killer, 2) == 0 };
}

/* The writer who is in sight now, or -1. */
static int in_sight(const struct killer *killer, struct aim aim)
{
    uint64_t word = lock_word(killer);
    for (uint32_t i = 0; i < aim.n_looks; i++) {
        if ((word & LOCK_OWNER) == 0 || lock_word(killer) != word) {
            return -1;
        }
    }
    bool changes = atomic_load(&killer->state->counts) != 0;
    return changes || !aim.in_change ? writer_of(killer, word & LOCK_OWNER) : -1;
}

/* A writer that has the lock; any, where none is seen in time. */
static struct victim *wait_for_owner(struct killer *killer)
{
    struct aim aim = some_aim(killer);
    double start = kit_seconds();
    do {
        for (uint32_t i = 0; i < 2000; i++) {
            int writer = in_sight(killer, aim);
            if (writer >= 0) {
                return &killer->victims[writer];
            }
        }
    } while (kit_seconds() - start < AIM_S);
    return &killer->victims[below(killer, (uint32_t)killer->board->n_writers)];
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

/* Somebody who was killed, until it is dead. */
struct burial {
    struct victim *victim;
    uint64_t row; /* + 1, of a writer */
    struct sight last;
    bool dead;
};

/* Kill a process of ours. It dies when it runs next, and there are more of them than processors:
 * so it comes before the others, where that is allowed. What it has done by then is done. */
static void fire(pid_t pid)
{
    struct sched_param first = { .sched_priority = 1 };
    kill(pid, SIGKILL);
    (void)sched_setscheduler(pid, SCHED_FIFO, &first);
}

static void count_writer(struct killer *killer, const struct burial *burial,
                         struct killer_count *count, int64_t n_recoveries)
{
    struct sight now;
    look_at_lock(killer, burial->row, &now);
    if (now.named) {
        count->n_named++;
        killer->n_at_step[now.step]++;
        killer->unsettled = now.word;
    } else if (burial->last.named && n_recoveries >= 0 &&
               (int64_t)atomic_load(&killer->state->n_recoveries) > n_recoveries) {
        count->n_taken_over++;
        killer->n_at_step[burial->last.step]++;
    }
}

static void look_again(const struct killer *killer, struct burial *burials, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        struct sight now;
        look_at_lock(killer, burials[i].row, &now);
        burials[i].last = now.named ? now : burials[i].last;
    }
}

/* Wait for the ends of those that were killed, with a close look at the lock word. `n_recoveries`:
 * how many there were before, or -1 where one is due that is not theirs. */
static void bury(struct killer *killer, struct burial *burials, uint32_t n, enum killer_mode mode,
                 int64_t n_recoveries)
{
    for (uint32_t n_left = n; n_left > 0;) {
        for (uint32_t i = 0; i < n; i++) {
            struct burial *burial = &burials[i];
            int status;
            if (burial->dead) {
                continue;
            }
            if (waitpid(burial->victim->pid, &status, WNOHANG) == 0) {
                look_again(killer, burial, 1);
                continue;
            }
            burial->dead = true;
            n_left--;
            killer->n_killed[burial->victim->role]++;
            if (burial->victim->role == KILLS_WRITER) {
                killer->count[mode].n++;
                count_writer(killer, burial, &killer->count[mode], n_recoveries);
            }
        }
    }
}

/* Not of families: these have more than one process. */
static void kill_all_of(struct killer *killer, struct victim *const *victims, uint32_t n,
                        enum killer_mode mode)
{
    struct burial burials[AT_ONCE_MAX];
    int64_t n_recoveries =
        recovery_is_due(killer) ? -1 : (int64_t)atomic_load(&killer->state->n_recoveries);
    for (uint32_t i = 0; i < n; i++) {
        bool writes = victims[i]->role == KILLS_WRITER;
        uint64_t row = writes ? atomic_load(&killer->board->writers[victims[i]->number].row) : 0;
        burials[i] = (struct burial){ .victim = victims[i], .row = row };
    }
    for (uint32_t i = 0; i < n; i++) {
        fire(victims[i]->pid);
        look_again(killer, burials, i + 1);
    }
    bury(killer, burials, n, mode, n_recoveries);
    for (uint32_t i = 0; i < n; i++) {
        victim_start(killer, victims[i]);
    }
}

/* Up to AT_ONCE_MAX at once, whoever they are; half of the times the first of them has the lock. */
static void kill_several(struct killer *killer)
{
    struct victim *chosen[AT_ONCE_MAX], *first = &killer->victims[below(killer, killer->n_victims)];
    uint32_t n = 0, n_wanted = 2 + below(killer, AT_ONCE_MAX - 1);
    if (below(killer, 2) == 0) {
        wait_blindly(killer);
    } else {
        first = wait_for_owner(killer);
    }
    for (uint32_t i = 0; n < n_wanted && i < killer->n_victims; i++) {
        struct victim *victim = &killer->victims[(first - killer->victims + i) % killer->n_victims];
        if (victim->role != KILLS_FAMILY) {
            chosen[n++] = victim;
        }
    }
    kill_all_of(killer, chosen, n, KILLER_SEVERAL);
    killer->n_at_once++;
}

/* ---- families -------------------------------------------------------------------------------- */

/* The child of a family, whose number belongs to nobody else as long as it is on the board: so what
 * was opened before a second look at the board is the child. */
static void kill_child(struct killer *killer, const struct victim *family)
{
    _Atomic uint64_t *child = &killer->board->families[family->number].child;
    uint64_t pid = atomic_load(child);
    int fd = pid == 0 ? -1 : (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd >= 0) {
        if (atomic_load(child) == pid) {
            (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0); /* the parent counts it */
        }
        close(fd);
    }
}

/* The parent; then, at once or after a while, whoever is left of its process group. Until the
 * parent is reaped, no other group has that number. */
static void kill_parent(struct killer *killer, struct victim *family, bool at_once)
{
    const struct kills_family_board *board = &killer->board->families[family->number];
    siginfo_t info;
    struct sight sight[2];
    int status;
    if (at_once) {
        kill(-family->pid, SIGKILL);
    }
    fire(family->pid);
    kit_must(waitid(P_PID, (id_t)family->pid, &info, WEXITED | WNOWAIT) == 0, "waitid");
    if (!at_once) {
        wait_blindly(killer);
        kill(-family->pid, SIGKILL);
    }
    (void)kit_reap(family->pid);
    killer->n_killed[KILLS_FAMILY]++;
    while (waitpid(-family->pid, &status, 0) > 0) {
        killer->n_killed[KILLS_FAMILY] += WIFSIGNALED(status);
    }
    for (int i = 0; i < 2; i++) {
        look_at_lock(killer, atomic_load(&board->row[i]), &sight[i]);
        if (sight[i].named) {
            killer->n_families_named++;
            killer->n_at_step[sight[i].step]++;
            killer->unsettled = sight[i].word;
        }
    }
    victim_start(killer, family);
}

static void kill_family(struct killer *killer, struct victim *family)
{
    uint32_t dice = below(killer, 3);
    wait_blindly(killer);
    if (dice == 0) {
        kill_child(killer, family);
    } else {
        kill_parent(killer, family, dice == 1);
    }
}

/* ---- whom ------------------------------------------------------------------------------------ */

static struct victim *some_victim(struct killer *killer)
{
    bool writes = below(killer, 2) == 0;
    return &killer->victims[below(killer,
                                  writes ? (uint32_t)killer->board->n_writers : killer->n_victims)];
}

static void kill_one(struct killer *killer, struct victim *victim, enum killer_mode mode)
{
    kill_all_of(killer, &victim, 1, mode);
}

bool killer_kill(struct killer *killer, bool aimed)
{
    struct victim *victim = some_victim(killer);
    if (!killer_look_after(killer)) {
        return false;
    }
    if (aimed) {
        kill_one(killer, wait_for_owner(killer), KILLER_AIMED);
    } else if (below(killer, 4) == 0) {
        kill_several(killer);
    } else if (victim->role == KILLS_FAMILY) {
        kill_family(killer, victim);
    } else {
        wait_blindly(killer);
        kill_one(killer, victim, KILLER_BLIND);
    }
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
    struct victim *victim = &killer->victims[below(killer, (uint32_t)killer->board->n_writers)];
    struct sight sight;
    int status;
    if (!killer_look_after(killer)) {
        return false;
    }
    if (named) {
        victim = wait_for_owner(killer);
    } else {
        wait_blindly(killer);
    }
    pid_t pid = victim->pid;
    kill(pid, SIGSTOP);
    if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) {
        return kills_fail(killer->board, "a writer ended by itself, wait status 0x%x",
                          (unsigned)status);
    }
    look_at_lock(killer, atomic_load(&killer->board->writers[victim->number].row), &sight);
    bool right = readers_go_on(killer);
    killer->n_stops++;
    killer->n_stops_named += sight.named;
    kill(pid, SIGCONT);
    return right;
}
