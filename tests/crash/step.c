/* step.c - run another process one machine instruction at a time. */
#include "step.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

/* It has forked: one of the two goes on. */
static void note_fork(struct step *step)
{
    unsigned long child = 0;
    kit_must(ptrace(PTRACE_GETEVENTMSG, step->pid, NULL, &child) == 0, "PTRACE_GETEVENTMSG");
    kit_must(step->other == 0, "a second fork");
    (void)kit_reap((pid_t)child); /* its first stop */
    step->other = step->goes_on_in_child ? step->pid : (pid_t)child;
    step->pid = step->goes_on_in_child ? (pid_t)child : step->pid;
}

static enum step_event wait_for_stop(struct step *step)
{
    step->status = kit_reap(step->pid);
    while (WIFSTOPPED(step->status) && WSTOPSIG(step->status) == SIGCHLD) {
        /* a child of its own has ended, while it prepared */
        kit_must(ptrace(PTRACE_CONT, step->pid, NULL, NULL) == 0, "PTRACE_CONT");
        step->status = kit_reap(step->pid);
    }
    if (!WIFSTOPPED(step->status)) {
        step->pid = 0;
        return STEP_DIED;
    }
    if (step->status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8)) {
        note_fork(step);
        return STEP_RAN;
    }
    switch (WSTOPSIG(step->status)) {
    case SIGTRAP:
        return STEP_RAN;
    case SIGSTOP:
        return STEP_STOPPED;
    default:
        return STEP_DIED; /* it hangs before the signal, which step_kill() spares it */
    }
}

void step_start(struct step *step, void (*child)(void *arg), void *arg)
{
    *step = (struct step){ .pid = kit_fork(), .goes_on_in_child = step->goes_on_in_child };
    if (step->pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(KIT_SKIPPED);
        }
        child(arg);
        _exit(0);
    }
    enum step_event event = wait_for_stop(step);
    while (event == STEP_RAN) { /* another program begins */
        kit_must(ptrace(PTRACE_CONT, step->pid, NULL, NULL) == 0, "PTRACE_CONT");
        event = wait_for_stop(step);
    }
    if (event != STEP_STOPPED) {
        kit_die("the child ended while it prepared (wait status 0x%x)", (unsigned)step->status);
    }
    uintptr_t options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK;
    kit_must(ptrace(PTRACE_SETOPTIONS, step->pid, NULL, (void *)options) == 0, "PTRACE_SETOPTIONS");
}

enum step_event step_once(struct step *step)
{
    kit_must(ptrace(PTRACE_SINGLESTEP, step->pid, NULL, NULL) == 0, "PTRACE_SINGLESTEP");
    step->n++;
    return wait_for_stop(step);
}

enum step_event step_system_call(struct step *step)
{
    kit_must(ptrace(PTRACE_SYSCALL, step->pid, NULL, NULL) == 0, "PTRACE_SYSCALL");
    step->n++;
    return wait_for_stop(step);
}

enum step_event step_through(struct step *step)
{
    enum step_event event;
    do { /* until it is more than a fork that stops it */
        kit_must(ptrace(PTRACE_CONT, step->pid, NULL, NULL) == 0, "PTRACE_CONT");
        event = wait_for_stop(step);
    } while (event == STEP_RAN);
    return event;
}

static void kill_one(pid_t pid)
{
    kill(pid, SIGKILL);
    while (WIFSTOPPED(kit_reap(pid))) {
        /* a stop that was under way is reported before the end */
    }
}

void step_kill(struct step *step)
{
    if (step->pid != 0) {
        kill_one(step->pid);
    }
    if (step->other != 0) {
        kill_one(step->other);
    }
    step->pid = step->other = 0;
}

bool step_allowed(void)
{
#if defined(__x86_64__)
    pid_t pid = kit_fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(1);
        }
        raise(SIGSTOP);
        _exit(0);
    }
    int status = kit_reap(pid);
    bool allowed = WIFSTOPPED(status) && ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0;
    if (WIFSTOPPED(status)) {
        kill_one(pid);
    }
    return allowed;
#else
    /* Elsewhere a step into a load-exclusive / store-exclusive pair never gets out of it. */
    return false;
#endif
}
