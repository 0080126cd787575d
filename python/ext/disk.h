/* disk.h - what dumps and loads share: how far a call has come, who stops it, and what went wrong. */
#ifndef BP_DISK_H
#define BP_DISK_H

#include "errors.h"
#include "state.h"

#include <brain_disk.h>

/* A call of libbrain_disk without the GIL. The context of its callbacks begins with it. */
struct bp_disk_call {
    struct bp_state *state;
    PyThreadState *thread; /* of the caller, while it does not have the GIL */
    PyObject *progress;    /* a callable, or Py_None; borrowed from the caller */
    int64_t told_ns;       /* when the GIL was last taken; 0: not yet */
    bool was_checking;     /* at that time */
    bool raised;           /* an exception is set, by a signal's handler or by `progress` */
    bool stops;            /* the call has to end for a reason of the caller's */
};

/* Give up the GIL for a call / get it back. In between the call has bp_disk_progress(). */
void bp_disk_begin(struct bp_disk_call *call);
void bp_disk_end(struct bp_disk_call *call);

/* What to give as brain_progress_fn: lets handlers of signals run, and calls `progress` with bytes done, all bytes,
 * names done, all names, and whether this is the pass that checks a file; ten times a second, when that pass is over,
 * and at the end. */
int bp_disk_progress(void *call, const brain_progress *progress);

/* What a call works on: the argument `target` as a path, or, where `*path_out` is NULL, as a descriptor. False with an
 * exception set. */
bool bp_disk_target(PyObject *target, const char **path_out, int *fd_out);

/* Raise `error`, or what a call that returned `code` stands for, with its own words, `path` before them where they do
 * not say it themselves (NULL: no path), and `more` behind them. To be called in the thread of the call, before its
 * next one. Always return NULL. */
PyObject *bp_disk_raise(struct bp_state *state, int code, const char *path, const char *more);
PyObject *bp_disk_raise_as(struct bp_state *state, enum bp_error error, const char *path,
                           const char *more);

#endif
