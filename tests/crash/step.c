/* step.c - run another process one machine instruction at a time. */
#include "step.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

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
    *step = (struct step){ .pid = kit_fork() };
    if (step->pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(KIT_SKIPPED);
        }
        child(arg);
        _exit(0);
    }
    if (wait_for_stop(step) != STEP_STOPPED) {
        kit_die("the child ended while it prepared (wait status 0x%x)", (unsigned)step->status);
    }
    kit_must(ptrace(PTRACE_SETOPTIONS, step->pid, NULL, (void *)(uintptr_t)PTRACE_O_EXITKILL) == 0,
             "PTRACE_SETOPTIONS");
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
    kit_must(ptrace(PTRACE_CONT, step->pid, NULL, NULL) == 0, "PTRACE_CONT");
    return wait_for_stop(step);
}

void step_kill(struct step *step)
{
    if (step->pid != 0) {
        kill(step->pid, SIGKILL);
        while (WIFSTOPPED(kit_reap(step->pid))) {
            /* a stop that was under way is reported before the end */
        }
        step->pid = 0;
    }
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
        kill(pid, SIGKILL);
        while (WIFSTOPPED(kit_reap(pid))) {
        }
    }
    return allowed;
#else
    /* Elsewhere a step into a load-exclusive / store-exclusive pair never gets out of it. */
    return false;
#endif
}
