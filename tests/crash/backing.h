/* backing.h - a record of which pages of a store's files were asked for and given back.
 *
 * A page that was backed by fallocate() and never touched looks like a hole to SEEK_DATA, so the
 * files alone do not say all that a copy of them must repeat. The programs that contain this module
 * have a fallocate() of their own, which the library calls; it writes down each call before it
 * makes it.
 */
#ifndef CRASH_BACKING_H
#define CRASH_BACKING_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#define BACKING_MAX 8192u

enum backing_step {
    BACKING_ASKED,
    BACKING_DONE,
    BACKING_REFUSED
};

struct backing_call {
    ino_t inode;
    int mode;
    off_t off;
    off_t len;
    _Atomic uint32_t step; /* enum backing_step */
    uint32_t applied;      /* the watcher's: it saw that the file has changed */
};

/* Shared between the process that is watched and the one that watches. */
struct backing_log {
    int fd; /* of this memory, the same in children and in what they exec */
    _Atomic uint32_t n;
    struct backing_call calls[BACKING_MAX];
};

/* A new, empty log, shared with the children that are forked later. */
struct backing_log *backing_log_new(void);
void backing_log_free(struct backing_log *log);

/* The log behind a descriptor, in another program. */
struct backing_log *backing_log_open(int fd);

/* From here on this process's calls are written to `log`; NULL: nowhere. */
void backing_log_use(struct backing_log *log);

#endif
