/* disk.c - what dumps and loads share: how far a call has come, who stops it, and what went wrong.
 *
 * GIL:      given up during a call. Its callbacks run in the thread of the caller, and take it back for a moment: not
 *           at each call of theirs, since other threads may keep it for milliseconds each time.
 */
#include "disk.h"

#include "events.h"

#include <string.h>
#include <time.h>

#define TELL_EVERY_NS INT64_C(100000000)

static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bp_disk_begin(struct bp_disk_call *call)
{
    call->thread = PyEval_SaveThread();
}

void bp_disk_end(struct bp_disk_call *call)
{
    PyEval_RestoreThread(call->thread);
}

/* Handlers of signals, and who wants to know. False with an exception set: the call is to end. */
static bool tell(struct bp_disk_call *call, const brain_progress *progress)
{
    if (PyErr_CheckSignals() != 0) return false;
    PyObject *told = bp_events_end(call->state, Py_NewRef(Py_None));
    if (told == NULL) return false;
    Py_DECREF(told);
    if (call->progress == Py_None) return true;
    PyObject *result =
        PyObject_CallFunction(call->progress, "KKKKO", (unsigned long long)progress->done_bytes,
                              (unsigned long long)progress->all_bytes,
                              (unsigned long long)progress->done_names,
                              (unsigned long long)progress->all_names,
                              progress->is_checking ? Py_True : Py_False);
    Py_XDECREF(result);
    return result != NULL;
}

int bp_disk_progress(void *context, const brain_progress *progress)
{
    struct bp_disk_call *call = context;
    if (call->stops) return 1;
    bool is_end = !progress->is_checking && progress->all_names != 0 &&
                  progress->done_names == progress->all_names &&
                  progress->done_bytes == progress->all_bytes;
    bool is_other_pass = call->was_checking && !progress->is_checking;
    int64_t now_ns = clock_ns();
    if (!is_end && !is_other_pass && now_ns - call->told_ns < TELL_EVERY_NS) return 0;
    call->told_ns = now_ns;
    call->was_checking = progress->is_checking != 0;
    bp_disk_end(call);
    call->raised = !tell(call, progress);
    bp_disk_begin(call);
    return call->raised;
}

bool bp_disk_target(PyObject *target, const char **path_out, int *fd_out)
{
    *path_out = NULL;
    if (PyLong_Check(target)) {
        *fd_out = PyObject_AsFileDescriptor(target);
        return *fd_out >= 0;
    }
    char *path;
    if (PyBytes_AsStringAndSize(target, &path, NULL) != 0)
        return false; /* also where it has a NUL */
    *path_out = path;
    return true;
}

PyObject *bp_disk_raise_as(struct bp_state *state, enum bp_error error, const char *path,
                           const char *more)
{
    const char *detail = brain_disk_error_detail();
    bool says_path = path == NULL || strstr(detail, path) != NULL;
    /* A text about a path or a name may have bytes that are no UTF-8. */
    PyObject *words = PyUnicode_DecodeUTF8(detail, (Py_ssize_t)strlen(detail), "backslashreplace");
    PyObject *place = says_path ? PyUnicode_FromString("") : PyUnicode_DecodeFSDefault(path);
    if (words != NULL && place != NULL) {
        bp_errors_format(state, error, "%U%s%U%s", place, says_path ? "" : ": ", words, more);
    }
    Py_XDECREF(words);
    Py_XDECREF(place);
    return NULL;
}

PyObject *bp_disk_raise(struct bp_state *state, int code, const char *path, const char *more)
{
    return bp_disk_raise_as(state, bp_errors_of_code(code), path, more);
}
