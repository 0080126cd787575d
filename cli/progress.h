/* progress.h - how far a long operation has come, on stderr where that is a terminal. */
#ifndef BC_PROGRESS_H
#define BC_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct bc_progress {
    const char *what; /* "dumping" */
    int64_t begin_ns, shown_ns;
    bool is_shown;
};

void bc_progress_begin(struct bc_progress *progress, const char *what);

/* Show it, where a second has passed, and then ten times a second. all_bytes 0: not known. */
void bc_progress_step(struct bc_progress *progress, uint64_t done_bytes, uint64_t all_bytes);

/* Take the line away. */
void bc_progress_end(struct bc_progress *progress);

#endif
