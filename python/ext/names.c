/* names.c - the methods of Brain about one name, in whatever namespace.
 *
 * What a dict does in one step and the store in two (look, then change) is a loop here: the change
 * is made only if the version is still the one that was looked at, and else all is done again.
 * Somebody else has then made progress, so the loop ends.
 */
#include "arguments.h"
#include "convert.h"

#include <time.h>

/* A clock that nobody sets. */
static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A version as Python has it; false with an exception set. */
static bool read_version(struct bp_brain *self, PyObject *object, uint64_t *version_out)
{
    unsigned long long version = PyLong_AsUnsignedLongLong(object);
    if (version == ULLONG_MAX) {
        if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError)) return false;
        PyErr_Clear();
        bp_errors_format(self->state, BP_VALUE, "%R is no version", object);
        return false;
    }
    *version_out = version;
    return true;
}

/* ---- look, then change ----------------------------------------------------------------------- */

/* As brain_delete(). Like a put, it gives up the GIL only where another writer is at work. */
static int delete_version(struct bp_brain *self, struct bp_space *in, const char *name,
                          size_t name_len, uint64_t version)
{
    if (!bp_brain_is_busy(self)) {
        return brain_delete(in != NULL ? in->space : self->space, name, name_len, version);
    }
    struct bp_space *held = bp_brain_hold(self, in);
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_delete(held->space, name, name_len, version);
    Py_END_ALLOW_THREADS bp_handle_space_drop(held);
    return code;
}

int bp_brain_delete(struct bp_brain *self, struct bp_space *in, PyObject *name)
{
    size_t name_len;
    brain_space *space;
    const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
    if (utf8 == NULL) return -1;
    int code = delete_version(self, in, utf8, name_len, BRAIN_ANY_VERSION);
    if (code == 0) return 1;
    if (code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(self->state, code);
    return bp_brain_failed_delete();
}

/* Decode `view` of `name`, then delete the name if it still has that version: a value that cannot
 * be decoded stays. Returns 0 with `*value_out`, STALE, or BP_RAISED. */
static int take_out(struct bp_brain *self, struct bp_space *in, PyObject *name, brain_view *view,
                    PyObject **value_out)
{
    uint64_t version = view->version;
    size_t name_len;
    brain_space *space;
    PyObject *value = bp_convert_decode(self->state, view, self->pickle);
    if (value == NULL) return BP_RAISED;
    /* What ran while the value was unpickled may have closed this Brain. */
    const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
    int code = utf8 == NULL ? BP_RAISED : delete_version(self, in, utf8, name_len, version);
    if (code == 0) {
        *value_out = value;
        return 0;
    }
    Py_DECREF(value);
    if (code == BRAIN_E_NOT_FOUND || code == BRAIN_E_STALE) return BRAIN_E_STALE;
    if (code != BP_RAISED) {
        bp_errors_raise(self->state, code);
        bp_brain_failed_delete();
    }
    return BP_RAISED;
}

const char bp_names_pop_doc[] =
    "pop($self, name, default=<unrepresentable>, /, *, namespace=None)\n--\n\n"
    "Delete `name` and return its value; where there is none return `default`, or raise\n"
    "BrainNameNotExistError where there is no default either.\n"
    "\n"
    "Of several processes that pop one name, one gets the value.\n"
    "namespace: None is the current one; one that does not exist has no names.\n"
    "Raises as brain[name] does, and BrainRemoveOldNameValueError where it cannot be deleted.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: as brain[name] and del.";

static PyObject *pop(struct bp_brain *self, struct bp_space *in, PyObject *name, PyObject *fallback)
{
    int code = BRAIN_E_STALE;
    PyObject *value = NULL;
    while (code == BRAIN_E_STALE) {
        brain_view view;
        brain_space *space;
        size_t name_len;
        const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
        if (utf8 == NULL) return NULL;
        code = brain_get(space, utf8, name_len, &view);
        if (code == BRAIN_E_NOT_FOUND) {
            return fallback != NULL ? Py_NewRef(fallback) : bp_brain_raise_missing(self, in, name);
        }
        if (code != 0) return bp_errors_raise(self->state, code);
        code = take_out(self, in, name, &view, &value);
    }
    return value;
}

PyObject *bp_names_pop(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "pop(name[, default])", args, n_args, 1, 2, keywords, &in)) {
        return NULL;
    }
    PyObject *value = pop(self, in, args[0], n_args == 2 ? args[1] : NULL);
    bp_handle_space_drop(in);
    return value;
}

/* Any name and its pinned value. Returns 0 with a new str and a view that are the caller's; or the
 * library's code, NOT_FOUND: there is none; or BP_RAISED. */
static int any_name(brain_space *space, PyObject **name_out, brain_view *view_out)
{
    brain_iter *iter;
    const void *name;
    size_t name_len;
    int code = brain_iter_names(space, NULL, &iter);
    if (code != 0) return code;
    code = brain_iter_next(iter, &name, &name_len);
    if (code == 0) {
        *name_out = PyUnicode_DecodeUTF8(name, (Py_ssize_t)name_len, "surrogateescape");
        code = *name_out == NULL ? BP_RAISED : brain_iter_get(iter, view_out);
        if (code != 0) Py_XDECREF(*name_out);
    }
    brain_iter_free(iter);
    return code;
}

/* One try of popitem(). Returns 0 with the pair; STALE: somebody was faster; else as any_name(). */
static int pop_any(struct bp_brain *self, struct bp_space *in, PyObject **pair_out)
{
    brain_view view;
    brain_space *space;
    size_t name_len;
    PyObject *name, *value;
    if (!bp_brain_is_open(self)) return BP_RAISED;
    int code = any_name(in != NULL ? in->space : self->space, &name, &view);
    if (code != 0) return code;
    if (bp_brain_name_in(self, in, name, &name_len, &space) == NULL) {
        brain_view_drop(&view); /* closed, or a program in C has put a name that is no UTF-8 */
        code = BP_RAISED;
    } else {
        code = take_out(self, in, name, &view, &value);
    }
    if (code == 0) *pair_out = Py_BuildValue("(ON)", name, value);
    Py_DECREF(name);
    return code;
}

const char bp_names_popitem_doc[] =
    "popitem($self, /, *, namespace=None)\n--\n\n"
    "Delete some name and return it with its value: `(name, value)`. KeyError where there is "
    "none.\n"
    "\n"
    "Of several processes that do this, each gets names of its own.\n"
    "namespace: None is the current one; one that does not exist has no names.\n"
    "Raises as pop() does.\n"
    "Threads: any. Waits for a writer, up to lock_timeout.";

PyObject *bp_names_popitem(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                           PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    PyObject *result = NULL;
    int code = BRAIN_E_STALE;
    if (!bp_arguments_read(self, "popitem()", args, n_args, 0, 0, keywords, &in)) return NULL;
    while (code == BRAIN_E_STALE)
        code = pop_any(self, in, &result);
    if (code == BRAIN_E_NOT_FOUND) {
        PyErr_SetString(PyExc_KeyError, "popitem(): this namespace is empty");
    } else if (code != 0 && code != BP_RAISED) {
        bp_errors_raise(self->state, code);
    }
    bp_handle_space_drop(in);
    return result;
}

const char bp_names_setdefault_doc[] =
    "setdefault($self, name, default=None, /, *, namespace=None)\n--\n\n"
    "The value of `name`; where there is none, put `default` there and return it.\n"
    "\n"
    "Of several processes that do this at once, one puts its value and all return that one.\n"
    "namespace: None is the current one; one that does not exist is made by the put.\n"
    "Raises as brain[name] = default does.\n"
    "Threads: any. Waits for a writer only where the name is missing.";

static PyObject *set_default(struct bp_brain *self, struct bp_space *in, PyObject *name,
                             PyObject *value)
{
    struct bp_put what = { .in = in, .name = name, .value = value, .if_version = 0 };
    for (;;) {
        brain_view view;
        brain_space *space;
        size_t name_len;
        const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
        if (utf8 == NULL) return NULL;
        int code = brain_get(space, utf8, name_len, &view);
        if (code == 0) return bp_convert_decode(self->state, &view, self->pickle);
        if (code != BRAIN_E_NOT_FOUND) return bp_errors_raise(self->state, code);
        code = bp_brain_put(self, &what, NULL);
        if (code == 0) return Py_NewRef(value);
        if (code == BP_RAISED) return NULL;
    }
}

PyObject *bp_names_setdefault(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                              PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "setdefault(name[, default])", args, n_args, 1, 2, keywords,
                           &in)) {
        return NULL;
    }
    PyObject *value = set_default(self, in, args[0], n_args == 2 ? args[1] : Py_None);
    bp_handle_space_drop(in);
    return value;
}

/* ---- learn and forget ------------------------------------------------------------------------ */

const char bp_names_learn_doc[] =
    "_learn($self, name, value, description, namespace, /)\n--\n\n"
    "Put `value` and its description: bytes, or None to keep the one of what is replaced.";

PyObject *bp_names_learn(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_put what = { .if_version = BRAIN_ANY_VERSION };
    if (n_args != 4)
        return bp_arguments_raise("_learn(name, value, description, namespace)", n_args);
    if (args[2] != Py_None) {
        Py_ssize_t length;
        char *bytes;
        if (PyBytes_AsStringAndSize(args[2], &bytes, &length) != 0) return NULL;
        what.description = bytes;
        what.description_len = (size_t)length;
    }
    if (!bp_arguments_space(self, args[3], &what.in)) return NULL;
    what.name = args[0];
    what.value = args[1];
    int code = bp_brain_put(self, &what, NULL);
    bp_handle_space_drop(what.in);
    return code == 0 ? Py_NewRef(Py_None) : NULL;
}

const char bp_names_forget_doc[] = "_forget($self, name, /, *, namespace=None)\n--\n\n"
                                   "Delete `name`. Returns whether it was there.";

PyObject *bp_names_forget(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                          PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "_forget(name)", args, n_args, 1, 1, keywords, &in)) return NULL;
    int was_there = bp_brain_delete(self, in, args[0]);
    bp_handle_space_drop(in);
    return was_there < 0 ? NULL : PyBool_FromLong(was_there);
}

/* ---- versions -------------------------------------------------------------------------------- */

const char bp_names_version_doc[] =
    "version($self, name, /, *, namespace=None)\n--\n\n"
    "The version of `name`: an int that grows with every change of it; 0 where it is missing.\n"
    "\n"
    "It is the number of the commit that put the value, counted over the whole store.\n"
    "namespace: None is the current one; one that does not exist has no names.\n"
    "Threads: any. Never waits. Cost: a lookup.";

PyObject *bp_names_version(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                           PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    uint64_t version = 0;
    size_t name_len;
    brain_space *space;
    if (!bp_arguments_read(self, "version(name)", args, n_args, 1, 1, keywords, &in)) return NULL;
    const char *utf8 = bp_brain_name_in(self, in, args[0], &name_len, &space);
    int code = utf8 == NULL ? BP_RAISED : brain_exists(space, utf8, name_len, &version);
    bp_handle_space_drop(in);
    if (code == 0 || code == BRAIN_E_NOT_FOUND) return PyLong_FromUnsignedLongLong(version);
    return code == BP_RAISED ? NULL : bp_errors_raise(self->state, code);
}

const char bp_names_replace_if_doc[] =
    "replace_if($self, name, value, version, /, *, namespace=None)\n--\n\n"
    "Put `value` under `name` if its version is still `version`; 0: only if there is no such "
    "name.\n"
    "\n"
    "Returns the new version, or None where the version was another and nothing has changed.\n"
    "namespace: None is the current one; one that does not exist is made by the put.\n"
    "Raises as brain[name] = value does.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: as brain[name] = value.";

PyObject *bp_names_replace_if(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                              PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_put what = { .in = NULL };
    uint64_t new_version = 0;
    if (!bp_arguments_read(self, "replace_if(name, value, version)", args, n_args, 3, 3, keywords,
                           &what.in)) {
        return NULL;
    }
    what.name = args[0];
    what.value = args[1];
    int code = BP_RAISED;
    PyObject *room = bp_brain_room();
    if (room != NULL && read_version(self, args[2], &what.if_version)) {
        code = bp_brain_put(self, &what, &new_version);
    }
    bp_handle_space_drop(what.in);
    if (code == 0) return bp_brain_number(room, new_version);
    Py_XDECREF(room);
    return code == BP_RAISED ? NULL : Py_NewRef(Py_None);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* A wait is cut into pieces of this length: between them it looks whether the Brain was closed, and
 * whether a signal came whose handler ran in another thread. */
#define WAIT_PIECE_NS INT64_C(1000000000)

const char bp_names_wait_doc[] =
    "_wait($self, name, version, timeout_ns, /, *, namespace=None)\n--\n\n"
    "As wait(); -1: for ever. Returns None where the time is up.";

/* One piece. Returns the library's code, or BP_RAISED where a signal handler raised something. */
static int wait_piece(struct bp_space *held, const char *name, size_t name_len, uint64_t version,
                      int64_t piece_ns, uint64_t *version_out)
{
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        brain_wait(held->space, name, name_len, version, piece_ns, version_out);
    Py_END_ALLOW_THREADS if ((code == BRAIN_E_INTR || code == BRAIN_E_TIMEOUT) &&
                             PyErr_CheckSignals() != 0)
    {
        return BP_RAISED;
    }
    return code;
}

/* As wait_piece(), again and again until the time is up or the store is closed. */
static int wait_for_change(struct bp_space *held, const char *name, size_t name_len,
                           uint64_t version, int64_t timeout_ns, uint64_t *version_out)
{
    int64_t begin_ns = clock_ns();
    int code;
    do {
        int64_t left_ns = WAIT_PIECE_NS;
        if (timeout_ns >= 0) {
            int64_t gone_ns = clock_ns() - begin_ns;
            left_ns = gone_ns < timeout_ns ? timeout_ns - gone_ns : 0;
        }
        int64_t piece_ns = left_ns < WAIT_PIECE_NS ? left_ns : WAIT_PIECE_NS;
        code = wait_piece(held, name, name_len, version, piece_ns, version_out);
        if (code == BRAIN_E_TIMEOUT && piece_ns == left_ns && timeout_ns >= 0) break;
    } while ((code == BRAIN_E_INTR || code == BRAIN_E_TIMEOUT) && !held->owner->closed);
    return code;
}

/* The end of a wait in `held`, whose reference it takes over, as an object. */
static PyObject *wait_result(struct bp_brain *self, struct bp_space *held, int code,
                             uint64_t version)
{
    bool closed = held->owner->closed;
    PyObject *result = NULL;
    if (code == 0) {
        result = PyLong_FromUnsignedLongLong(version);
    } else if (code != BP_RAISED && closed) {
        bp_brain_raise_closed(self);
    } else if (code == BRAIN_E_TIMEOUT) {
        result = Py_NewRef(Py_None);
    } else if (code != BP_RAISED) {
        bp_errors_raise(self->state, code);
    }
    bp_handle_space_drop(held);
    return result;
}

PyObject *bp_names_wait(PyObject *op, PyObject *const *args, Py_ssize_t n_args, PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    brain_space *space;
    uint64_t version, new_version = 0;
    size_t name_len;
    if (!bp_arguments_read(self, "_wait(name, version, timeout_ns)", args, n_args, 3, 3, keywords,
                           &in)) {
        return NULL;
    }
    PyObject *result = NULL;
    const char *name = NULL;
    int64_t timeout_ns = PyLong_AsLongLong(args[2]);
    if (!(timeout_ns == -1 && PyErr_Occurred()) && read_version(self, args[1], &version)) {
        name = bp_brain_name_in(self, in, args[0], &name_len, &space);
    }
    if (name != NULL) {
        struct bp_space *held = bp_brain_hold(self, in);
        int code = wait_for_change(held, name, name_len, version, timeout_ns, &new_version);
        result = wait_result(self, held, code, new_version);
    }
    bp_handle_space_drop(in);
    return result;
}
