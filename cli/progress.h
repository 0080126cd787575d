/* progress.h - how far a long operation has come, on stderr where that is a terminal.
 *
 * A thread shows it, so that one call of the library that takes long, or waits for another writer, shows that it goes
 * on, too. Of a stderr that is no terminal there is no thread. */
#ifndef BC_PROGRESS_H
#define BC_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Not to be moved between begin and end. */
struct bc_progress {
    const char *what; /* "dumping"; this and all below: under `mutex` */
    int64_t begin_ns;
    uint64_t done_bytes, all_bytes; /* 0 and 0: nothing is known but that it goes on */
    bool is_ended, has_thread;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

/* Begin to show it, when a second has passed, and then ten times a second. */
void bc_progress_begin(struct bc_progress *progress, const char *what);

/* How far it is. all_bytes 0: not known. */
void bc_progress_step(struct bc_progress *progress, uint64_t done_bytes, uint64_t all_bytes);

/* What goes on now is something else; a text that stays. */
void bc_progress_rename(struct bc_progress *progress, const char *what);

/* Take the line away. Before anything is printed, and before another program is run. */
void bc_progress_end(struct bc_progress *progress);

/* The same, of whatever is shown, before the process ends in a handler of a signal. */
void bc_progress_abandon(void);

#endif
