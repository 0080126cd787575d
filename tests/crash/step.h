/* step.h - run another process one machine instruction at a time.
 *
 *     struct step step;
 *     step_start(&step, child, arg);         child() prepares, and raises SIGSTOP
 *     while (step_once(&step) == STEP_RAN) { ... look at what it did ... }
 *     step_kill(&step);
 *
 * A system call is one step. The child dies with the process that steps it. Where it forks itself, one
 * of the two is stepped further; the other stands still from then on: its child before the first
 * instruction, itself behind the system call. They are killed together.
 */
#ifndef CRASH_STEP_H
#define CRASH_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct step {
    pid_t pid;
    pid_t other;           /* the other side of a fork, which stands still; 0: there was none */
    bool goes_on_in_child; /* after a fork: the parent stands still, and not the child */
    uint64_t n;            /* instructions so far */
    int status;            /* the wait status that ended it */
};

enum step_event {
    STEP_RAN,     /* one instruction more */
    STEP_STOPPED, /* it raised SIGSTOP: the operation is over */
    STEP_DIED,    /* it ended, or a signal is about to end it: `status` says how */
};

/* Fork a child that runs child(arg), and wait until it raises SIGSTOP. What the child does up to
 * there runs at full speed. */
void step_start(struct step *step, void (*child)(void *arg), void *arg);

/* Let it run one instruction. */
enum step_event step_once(struct step *step);

/* Let it run until it enters or leaves a system call. */
enum step_event step_system_call(struct step *step);

/* Let it run freely until it raises SIGSTOP. */
enum step_event step_through(struct step *step);

/* Kill it where it stands, with SIGKILL, and the other side of its fork; wait until they are gone. */
void step_kill(struct step *step);

/* Whether this machine lets one process step another. */
bool step_allowed(void);

#endif
