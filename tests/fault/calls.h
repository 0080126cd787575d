/* calls.h - the calls of the system and for memory, wrapped by the linker, and which of them is to fail.
 *
 * Every call is counted. The Nth fails, as it may fail on a machine that is out of something; what it would
 * have done is not done. tests/meson.build lists what is wrapped.
 */
#ifndef BN_TESTS_CALLS_H
#define BN_TESTS_CALLS_H

#include <stdbool.h>

#include "brain.h"

enum calls_mode {
    CALLS_ONCE, /* the Nth */
    CALLS_ON, /* the Nth and all after it, of those that can be used up: memory, room, descriptors */
    CALLS_INTERRUPTED, /* the Nth of those that a signal may interrupt */
    CALLS_LOCKED, /* no call: the Nth time that the lock is taken somebody else has it for too long */
    CALLS_LOCKED_ON /* that time, and from then on */
};

struct calls {
    enum calls_mode mode;
    int fail_at; /* 0: none; counts down */
    int n;       /* in all since it was set to 0 */
    bool has_failed;
    int error;          /* of the last that failed */
    const char *failed; /* its name */
};
extern struct calls calls;

/* Whether the name of the last that failed begins with one of these; NULL ends them. */
bool calls_failed_one_of(const char *const *names);

/* Whose lock it is in the modes of the lock; NULL: nobody's. What a stranger has of it is let go of. */
void calls_watch_lock(struct brain_store *store);

/* For what has to succeed, in between: none fails until calls_resume() is given what this returned. */
int calls_pause(void);
void calls_resume(int fail_at);

#endif
