/* names.c - the methods of Brain about one name, and about many at once.
 *
 * What a dict does in one step and the store in two (look, then change) is a loop here: the change
 * is made only if the version is still the one that was looked at, and else all is done again.
 * Somebody else has then made progress, so the loop ends.
 */
#include "brainobject.h"
#include "convert.h"

#include <time.h>

/* A clock that nobody sets. */
static int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static PyObject *wrong_arguments(const char *usage, Py_ssize_t n_args)
{
    PyErr_Format(PyExc_TypeError, "%s: %zd arguments were given", usage, n_args);
    return NULL;
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
static int delete_version(struct bp_brain *self, const char *name, size_t name_len,
                          uint64_t version)
{
    if (!bp_brain_is_busy(self)) {
        return brain_delete(self->space, name, name_len, version);
    }
    struct bp_space *held = bp_handle_space_take(self->current);
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_delete(held->space, name, name_len, version);
    Py_END_ALLOW_THREADS bp_handle_space_drop(held);
    return code;
}

/* Decode `view` of `name`, then delete the name if it still has that version: a value that cannot
 * be decoded stays. Returns 0 with `*value_out`, STALE, or BP_RAISED. */
static int take_out(struct bp_brain *self, const char *name, size_t name_len, brain_view *view,
                    PyObject **value_out)
{
    uint64_t version = view->version;
    PyObject *value = bp_convert_decode(self->state, view, self->pickle);
    if (value == NULL) return BP_RAISED;
    if (!bp_brain_is_open(self)) { /* closed by what ran while the value was unpickled */
        Py_DECREF(value);
        return BP_RAISED;
    }
    int code = delete_version(self, name, name_len, version);
    if (code == 0) {
        *value_out = value;
        return 0;
    }
    Py_DECREF(value);
    if (code == BRAIN_E_NOT_FOUND || code == BRAIN_E_STALE) return BRAIN_E_STALE;
    bp_errors_raise(self->state, code);
    return BP_RAISED;
}

const char bp_names_pop_doc[] =
    "pop($self, name, default=<unrepresentable>, /)\n--\n\n"
    "Delete `name` and return its value: of several processes that pop a name, one gets it.\n"
    "\n"
    "Where the name is missing, return `default`; without one raise KeyError.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: as brain[name] and del.";

PyObject *bp_names_pop(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (n_args < 1 || n_args > 2) return wrong_arguments("pop(name[, default])", n_args);
    int code = BRAIN_E_STALE;
    PyObject *value = NULL;
    while (code == BRAIN_E_STALE) {
        brain_view view;
        size_t name_len;
        const char *name = bp_brain_name(self, args[0], &name_len);
        if (name == NULL) return NULL;
        code = brain_get(self->space, name, name_len, &view);
        if (code == 0) {
            code = take_out(self, name, name_len, &view, &value);
        } else if (code == BRAIN_E_NOT_FOUND) {
            return n_args == 2 ? Py_NewRef(args[1]) : bp_brain_raise_missing(self, args[0]);
        } else {
            return bp_errors_raise(self->state, code);
        }
    }
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

const char bp_names_popitem_doc[] =
    "popitem($self, /)\n--\n\n"
    "Delete some name and return it with its value: `(name, value)`. KeyError where there is "
    "none.\n"
    "\n"
    "Of several processes that do this, each gets names of its own.\n"
    "Threads: any. Waits for a writer, up to lock_timeout.";

PyObject *bp_names_popitem(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    int code = BRAIN_E_STALE;
    PyObject *result = NULL;
    while (code == BRAIN_E_STALE) {
        brain_view view;
        size_t name_len;
        PyObject *name, *value;
        if (!bp_brain_is_open(self)) return NULL;
        code = any_name(self->space, &name, &view);
        if (code != 0) break;
        const char *utf8 = bp_brain_name(self, name, &name_len);
        if (utf8 == NULL) { /* a program in C has put a name that is no UTF-8 */
            Py_DECREF(name);
            brain_view_drop(&view);
            return NULL;
        }
        code = take_out(self, utf8, name_len, &view, &value);
        if (code == 0) result = Py_BuildValue("(ON)", name, value);
        Py_DECREF(name);
    }
    if (code == BRAIN_E_NOT_FOUND) {
        PyErr_SetString(PyExc_KeyError, "popitem(): this namespace is empty");
    } else if (code != 0 && code != BP_RAISED) {
        bp_errors_raise(self->state, code);
    }
    return result;
}

const char bp_names_setdefault_doc[] =
    "setdefault($self, name, default=None, /)\n--\n\n"
    "The value of `name`; where there is none, put `default` there and return it.\n"
    "\n"
    "Of several processes that do this at once, one puts its value and all return that one.\n"
    "Raises as brain[name] = default does.\n"
    "Threads: any. Waits for a writer only where the name is missing.";

PyObject *bp_names_setdefault(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (n_args < 1 || n_args > 2) return wrong_arguments("setdefault(name[, default])", n_args);
    PyObject *value = n_args == 2 ? args[1] : Py_None;
    for (;;) {
        brain_view view;
        size_t name_len;
        const char *name = bp_brain_name(self, args[0], &name_len);
        if (name == NULL) return NULL;
        int code = brain_get(self->space, name, name_len, &view);
        if (code == 0) return bp_convert_decode(self->state, &view, self->pickle);
        if (code == BRAIN_E_NOT_FOUND) code = bp_brain_put(self, args[0], value, 0, NULL);
        if (code == 0) return Py_NewRef(value);
        if (code == BP_RAISED) return NULL;
        if (code != BRAIN_E_EXISTS && code != BRAIN_E_STALE) {
            return bp_errors_raise(self->state, code);
        }
    }
}

/* ---- versions -------------------------------------------------------------------------------- */

const char bp_names_version_doc[] =
    "version($self, name, /)\n--\n\n"
    "The version of `name`: an int that grows with every change of it; 0 where it is missing.\n"
    "\n"
    "It is the number of the commit that put the value, counted over the whole store.\n"
    "Threads: any. Never waits. Cost: a lookup.";

PyObject *bp_names_version(PyObject *op, PyObject *name)
{
    struct bp_brain *self = (struct bp_brain *)op;
    uint64_t version = 0;
    size_t name_len;
    const char *utf8 = bp_brain_name(self, name, &name_len);
    if (utf8 == NULL) return NULL;
    int code = brain_exists(self->space, utf8, name_len, &version);
    if (code != 0 && code != BRAIN_E_NOT_FOUND) return bp_errors_raise(self->state, code);
    return PyLong_FromUnsignedLongLong(version);
}

const char bp_names_replace_if_doc[] =
    "replace_if($self, name, value, version, /)\n--\n\n"
    "Put `value` under `name` if its version is still `version`; 0: only if there is no such "
    "name.\n"
    "\n"
    "Returns the new version, or None where the version was another and nothing has changed.\n"
    "Raises as brain[name] = value does.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: as brain[name] = value.";

PyObject *bp_names_replace_if(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    uint64_t version, new_version = 0;
    if (n_args != 3) return wrong_arguments("replace_if(name, value, version)", n_args);
    if (!read_version(self, args[2], &version)) return NULL;
    int code = bp_brain_put(self, args[0], args[1], version, &new_version);
    if (code == 0) return PyLong_FromUnsignedLongLong(new_version);
    if (code == BP_RAISED) return NULL;
    if (code == BRAIN_E_EXISTS || code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND) {
        Py_RETURN_NONE;
    }
    return bp_errors_raise(self->state, code);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* A wait is cut into pieces of this length: between them it looks whether the Brain was closed, and
 * whether a signal came whose handler ran in another thread. */
#define WAIT_PIECE_NS INT64_C(1000000000)

const char bp_names_wait_doc[] = "_wait($self, name, version, timeout_ns, /)\n--\n\n"
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

PyObject *bp_names_wait(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    uint64_t version, new_version = 0;
    size_t name_len;
    if (n_args != 3) return wrong_arguments("_wait(name, version, timeout_ns)", n_args);
    int64_t timeout_ns = PyLong_AsLongLong(args[2]);
    if (timeout_ns == -1 && PyErr_Occurred()) return NULL;
    if (!read_version(self, args[1], &version)) return NULL;
    const char *name = bp_brain_name(self, args[0], &name_len);
    if (name == NULL) return NULL;

    struct bp_space *held = bp_handle_space_take(self->current);
    int code = wait_for_change(held, name, name_len, version, timeout_ns, &new_version);
    bool closed = held->owner->closed;
    PyObject *result = NULL;
    if (code == 0) {
        result = PyLong_FromUnsignedLongLong(new_version);
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

/* ---- many names ------------------------------------------------------------------------------ */

/* Add one change to `batch`. */
static int batch_put(struct bp_brain *self, struct bp_space *held, brain_batch *batch,
                     PyObject *name, PyObject *value)
{
    struct bp_encoded encoded;
    size_t name_len;
    const char *utf8 = bp_brain_name(self, name, &name_len);
    if (utf8 == NULL) return BP_RAISED;
    if (bp_convert_encode(self->state, value, self->pickle, name, &encoded) != 0) return BP_RAISED;
    int code;
    if (encoded.size_bytes < BP_LARGE_BYTES) {
        code = brain_batch_put(batch, held->space, utf8, name_len, &encoded.value);
    } else {
        Py_BEGIN_ALLOW_THREADS code =
            brain_batch_put(batch, held->space, utf8, name_len, &encoded.value);
        Py_END_ALLOW_THREADS
    }
    bp_convert_free(&encoded);
    return code;
}

/* Put all of `items`, a list of pairs, in one commit. */
static int put_batch(struct bp_brain *self, struct bp_space *held, PyObject *items)
{
    brain_batch *batch;
    int code = brain_batch_new(held->owner->store, &batch);
    if (code != 0) return code;
    Py_ssize_t n = PyList_Size(items);
    for (Py_ssize_t i = 0; i < n && code == 0; i++) {
        PyObject *pair = PyList_GetItem(items, i);
        code = batch_put(self, held, batch, PyTuple_GetItem(pair, 0), PyTuple_GetItem(pair, 1));
    }
    if (code == 0) {
        Py_BEGIN_ALLOW_THREADS code = brain_batch_commit(batch, NULL);
        Py_END_ALLOW_THREADS
    }
    if (code != 0 && code != BP_RAISED) {
        bp_errors_raise(self->state, code);
        code = BP_RAISED;
    }
    brain_batch_free(batch);
    return code;
}

const char bp_names_set_many_doc[] =
    "set_many($self, values, /)\n--\n\n"
    "Put all of `values`, a dict of name -> value, in one step.\n"
    "\n"
    "Whoever reads sees all of them or none, and where an exception is raised nothing has\n"
    "changed. At most 131,072 values at once.\n"
    "Raises as brain[name] = value does.\n"
    "Threads: any. Waits for a writer, up to lock_timeout. Cost: as many single ones, or less.";

PyObject *bp_names_set_many(PyObject *op, PyObject *values)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    if (!PyDict_Check(values)) {
        PyErr_Format(PyExc_TypeError, "set_many() takes a dict of name -> value, not %R",
                     Py_TYPE(values));
        return NULL;
    }
    PyObject *items = PyDict_Items(values);
    if (items == NULL) return NULL;
    struct bp_space *held = bp_handle_space_take(self->current);
    int code = put_batch(self, held, items);
    if (code != 0 && !PyErr_Occurred()) bp_errors_raise(self->state, code);
    bp_handle_space_drop(held);
    Py_DECREF(items);
    return code == 0 ? Py_NewRef(Py_None) : NULL;
}

/* Decode each view that is there into `result`. Takes all of them over. */
static int decode_many(struct bp_brain *self, PyObject *names, brain_view *views, PyObject *result)
{
    Py_ssize_t n = PyList_Size(names);
    int failed = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (failed) {
            brain_view_drop(&views[i]);
        } else if (views[i].store != NULL) {
            PyObject *value = bp_convert_decode(self->state, &views[i], self->pickle);
            failed = value == NULL || PyDict_SetItem(result, PyList_GetItem(names, i), value) != 0;
            Py_XDECREF(value);
        }
    }
    return failed ? -1 : 0;
}

/* Look up `names` and put what is found into `result`. `keys` and `views` have room for all. */
static int get_all(struct bp_brain *self, PyObject *names, brain_key *keys, brain_view *views,
                   PyObject *result)
{
    Py_ssize_t n = PyList_Size(names);
    for (Py_ssize_t i = 0; i < n; i++) {
        size_t name_len;
        const char *utf8 = bp_brain_name(self, PyList_GetItem(names, i), &name_len);
        if (utf8 == NULL) return -1;
        keys[i] = (brain_key){ .space = self->space, .name = utf8, .name_len = name_len };
    }
    int code = brain_get_many(self->store->store, keys, (size_t)n, views, NULL);
    if (code == 0) return decode_many(self, names, views, result);
    bp_errors_raise(self->state, code);
    return -1;
}

const char bp_names_get_many_doc[] =
    "get_many($self, names, /)\n--\n\n"
    "The values of `names` as of one moment: a dict of name -> value without those that are\n"
    "missing.\n"
    "\n"
    "Raises as brain[name] does, but for KeyError.\n"
    "Threads: any. Never waits for a writer. Cost: as many single ones.";

PyObject *bp_names_get_many(PyObject *op, PyObject *names)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (PyUnicode_Check(names)) {
        PyErr_SetString(PyExc_TypeError, "get_many() takes a list of names, not one name");
        return NULL;
    }
    PyObject *list = PySequence_List(names);
    if (list == NULL || !bp_brain_is_open(self)) {
        Py_XDECREF(list);
        return NULL;
    }
    size_t n = (size_t)PyList_Size(list);
    brain_key *keys = PyMem_Calloc(n + 1, sizeof *keys);
    brain_view *views = PyMem_Calloc(n + 1, sizeof *views);
    PyObject *result = PyDict_New();
    if (keys == NULL || views == NULL) PyErr_NoMemory();
    if (PyErr_Occurred() || get_all(self, list, keys, views, result) != 0) Py_CLEAR(result);
    PyMem_Free(keys);
    PyMem_Free(views);
    Py_DECREF(list);
    return result;
}
