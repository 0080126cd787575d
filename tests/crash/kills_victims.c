/* kills_victims.c - starts the victims, and lets them end. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kills_killer.h"
#include "kit.h"

#define KILLER_NICE (-8)
#define END_S       60.0 /* how long a victim may take to end */

/* Before the killer is one among as many as it kills for the processor, where that is allowed. */
void killer_go_first(void)
{
    (void)setpriority(PRIO_PROCESS, 0, KILLER_NICE);
}

/* What ends the killer early, by a terminal for all of the group, is not for its victims: it lets
 * them end. */
static void be_victim(void)
{
    (void)setpriority(PRIO_PROCESS, 0, 0);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
}

/* ---- Python ---------------------------------------------------------------------------------- */

/* An interpreter takes a hundred times as long to start as to change something. So one is started,
 * which imports the package and then forks a writer for each line that it is sent: see
 * random_kills.py. */
static void start_zygote(struct killer *killer)
{
    char fd_text[16], killer_text[16];
    int down[2], up[2];
    kit_must(pipe2(down, O_CLOEXEC) == 0 && pipe2(up, O_CLOEXEC) == 0, "pipe2");
    snprintf(fd_text, sizeof fd_text, "%d", killer->board_fd);
    snprintf(killer_text, sizeof killer_text, "%d", getpid());
    killer->zygote = kit_fork();
    if (killer->zygote == 0) {
        be_victim();
        dup2(down[0], STDIN_FILENO);
        dup2(up[1], STDOUT_FILENO);
        execlp(killer->python, killer->python, killer->script, fd_text, killer->path, killer_text,
               (char *)NULL);
        fprintf(stderr, "cannot run %s\n", killer->python);
        _exit(1);
    }
    close(down[0]);
    close(up[1]);
    killer->to_zygote = down[1];
    killer->from_zygote = up[0];
}

/* What is as short as these lines and answers arrives whole. */
static pid_t start_python(struct killer *killer, uint32_t number, uint64_t seed)
{
    char line[64];
    int32_t pid;
    if (killer->zygote == 0) {
        start_zygote(killer);
    }
    int n = snprintf(line, sizeof line, "%u %ju\n", number, (uintmax_t)(seed >> 1));
    if (write(killer->to_zygote, line, (size_t)n) != n ||
        read(killer->from_zygote, &pid, sizeof pid) != sizeof pid) {
        kit_die("%s with %s ended", killer->python, killer->script);
    }
    return pid;
}

/* ---- starting -------------------------------------------------------------------------------- */

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

static int live(enum kills_role role, const struct kills_job *job)
{
    switch (role) {
    case KILLS_WRITER:
        return kills_write(job);
    case KILLS_READER:
        return kills_read_on(job);
    case KILLS_WAITER:
        return kills_wait_on(job);
    default:
        return kills_live_on(job);
    }
}

static void clear_rows(struct kills_board *board, const struct victim *victim)
{
    struct kills_family_board *family = &board->families[victim->number];
    switch (victim->role) {
    case KILLS_WRITER:
        atomic_store(&board->writers[victim->number].row, 0);
        break;
    case KILLS_READER:
        atomic_store(&board->readers[victim->number].row, 0);
        break;
    case KILLS_FAMILY:
        atomic_store(&family->row[0], 0);
        atomic_store(&family->row[1], 0);
        atomic_store(&family->child, 0);
        break;
    default:
        break;
    }
}

void victim_start(struct killer *killer, struct victim *victim)
{
    struct kills_job job = { killer->board, killer->path, victim->number,
                             kit_random(&killer->seed) };
    clear_rows(killer->board, victim);
    if (victim->role == KILLS_WRITER && killer->python != NULL) {
        victim->pid = start_python(killer, victim->number, job.seed);
        return;
    }
    pid_t pid = killer->new_pid_namespaces ? fork_apart() : kit_fork();
    if (pid == 0) {
        be_victim();
        if (victim->role == KILLS_FAMILY) {
            kit_must(setpgid(0, 0) == 0, "setpgid");
        }
        _exit(live(victim->role, &job));
    }
    if (victim->role == KILLS_FAMILY) {
        (void)setpgid(pid, pid); /* whichever of the two comes first */
    }
    victim->pid = pid;
}

void killer_start(struct killer *killer)
{
    const struct kills_board *board = killer->board;
    const uint32_t n_of[KILLS_N_ROLES] = { (uint32_t)board->n_writers, (uint32_t)board->n_readers,
                                           killer->n_waiters, killer->n_families };
    atomic_store(&killer->board->stop, 0);
    killer->n_victims = 0;
    for (enum kills_role role = 0; role < KILLS_N_ROLES; role++) {
        for (uint32_t i = 0; i < n_of[role]; i++) {
            struct victim *victim = &killer->victims[killer->n_victims++];
            *victim = (struct victim){ .role = role, .number = i };
            victim_start(killer, victim);
        }
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

bool killer_look_after(struct killer *killer)
{
    bool right = atomic_load(&killer->board->failed) == 0;
    for (uint32_t i = 0; i < killer->n_victims; i++) {
        if (has_ended(killer, killer->victims[i].pid, &right)) {
            victim_start(killer, &killer->victims[i]);
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
    for (uint32_t i = 0; i < killer->n_victims; i++) {
        right &= await_end(killer, killer->victims[i].pid);
    }
    killer->n_victims = 0;
    return right && atomic_load(&killer->board->failed) == 0;
}
