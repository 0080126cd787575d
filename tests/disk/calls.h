/* calls.h - a child that works under our eyes, from one system call to the next. */
#ifndef BN_TESTS_CALLS_H
#define BN_TESTS_CALLS_H

#include <stdbool.h>
#include <sys/types.h>

#include "brain.h"

/* A child that opens the store at `path`, stops, and then does `work`, and ends. Skips the test where there is no ptrace(). */
pid_t calls_begin(void (*work)(brain_store *), const char *path);

/* Go on to where a call begins: its number; or to where one has ended; or to the end of the child, which ends well. */
#define CALLS_END      (-1)
#define CALLS_RETURNED (-2)
long calls_next(pid_t pid);

/* Arguments 0 to 5 of the call that begins here; and what the one that has ended here returned. */
unsigned long calls_argument(pid_t pid, int i);
long calls_result(pid_t pid);

/* Copy bytes out of the child. */
void calls_copy(pid_t pid, unsigned long from, void *to, size_t size);

/* Kill it where its `n`th stop is. False: it has ended before. */
bool calls_kill_at(pid_t pid, int n);

#endif
