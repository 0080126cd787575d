/* home.c - the methods of Brain that keep values on a disk; load.c has the one that brings them back. */
#include "arguments.h"
#include "disk.h"

const char bp_home_sync_doc[] =
    "_sync($self, path, is_marked, progress, /)\n--\n\n"
    "Bring the home at a path up to date: with all of the store, or with the names that are "
    "marked.\n"
    "Returns the number of the commit, how many names were written and removed, and bytes of data.";

PyObject *bp_home_sync(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    char *path;
    brain_sync_result result;
    if (n_args != 3) return bp_arguments_raise("_sync(path, is_marked, progress)", n_args);
    if (PyBytes_AsStringAndSize(args[0], &path, NULL) != 0) return NULL;
    int is_marked = PyObject_IsTrue(args[1]);
    if (is_marked < 0 || !bp_brain_is_open(self)) return NULL;
    struct bp_disk_call call = { .state = self->state, .progress = args[2] };
    brain_sync_options options = BRAIN_SYNC_OPTIONS_INIT;
    options.flags = is_marked ? BRAIN_SYNC_MARKED : 0;
    options.progress = bp_disk_progress;
    options.context = &call;
    struct bp_space *held = bp_brain_hold(self, NULL);
    bp_disk_begin(&call);
    int code = brain_sync(held->owner->store, path, &options, &result);
    bp_disk_end(&call);
    PyObject *found = NULL;
    if (code == 0) {
        found = Py_BuildValue("(KKKK)", (unsigned long long)result.number,
                              (unsigned long long)result.n_written,
                              (unsigned long long)result.n_removed,
                              (unsigned long long)result.written_bytes);
    } else if (code == BRAIN_E_NOT_FOUND && !call.raised) {
        bp_disk_raise_as(self->state, BP_DUMP_NOT_FOUND, path, "");
    } else if (!call.raised) {
        bp_disk_raise(self->state, code, path, "");
    }
    bp_handle_space_drop(held);
    return found;
}

/* A name, and the namespace that it is of, for brain_persist() and brain_persists(). */
static PyObject *with_name(struct bp_brain *self, PyObject *name, PyObject *namespace, int is_to,
                           bool asks)
{
    struct bp_space *in;
    brain_space *space;
    size_t name_len;
    if (!bp_brain_is_open(self) || !bp_arguments_space(self, namespace, &in)) return NULL;
    struct bp_space *held = bp_brain_hold(self, in);
    const char *utf8 = bp_brain_name_in(self, held, name, &name_len, &space);
    int code = 0;
    if (utf8 != NULL) {
        brain_store *store = held->owner->store;
        Py_BEGIN_ALLOW_THREADS code = asks ? brain_persists(store, space, utf8, name_len)
                                           : brain_persist(store, space, utf8, name_len, is_to);
        Py_END_ALLOW_THREADS
    }
    bp_handle_space_drop(held);
    bp_handle_space_drop(in);
    if (utf8 == NULL) return NULL;
    if (asks && (code == 0 || code == BRAIN_E_NOT_FOUND)) return PyBool_FromLong(code == 0);
    return code == 0 ? Py_NewRef(Py_None) : bp_disk_raise(self->state, code, NULL, "");
}

const char bp_home_persist_doc[] =
    "_persist($self, name, is_to, namespace, /)\n--\n\n"
    "Mark a name, for _sync() of those that are marked; or take its mark away.";

PyObject *bp_home_persist(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    if (n_args != 3) return bp_arguments_raise("_persist(name, is_to, namespace)", n_args);
    int is_to = PyObject_IsTrue(args[1]);
    return is_to < 0 ? NULL : with_name((struct bp_brain *)op, args[0], args[2], is_to, false);
}

const char bp_home_persists_doc[] = "_persists($self, name, namespace, /)\n--\n\n"
                                    "Whether a name is marked.";

PyObject *bp_home_persists(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    if (n_args != 2) return bp_arguments_raise("_persists(name, namespace)", n_args);
    return with_name((struct bp_brain *)op, args[0], args[1], 0, true);
}
