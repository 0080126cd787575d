/* spill.c - the methods of Brain about values that go to files when the store is full; away.c recalls them. */
#include "arguments.h"
#include "disk.h"

const char bp_spill_open_doc[] = "_spill_open($self, directory, sets, /)\n--\n\n"
                                 "Let this process move values to files in a directory, as bytes, "
                                 "when it finds the store full; None: in the one\n"
                                 "that the store has. `sets`: and let the store do so from now on; "
                                 "else only if it does. Returns whether.";

/* Open it, unless that was done. 0, or a code of libbrain_disk. */
static int open_spiller(struct bp_store *held, const char *path)
{
    brain_spiller *spill = NULL;
    int code = 0;
    if (held->spill != NULL) return 0;
    Py_BEGIN_ALLOW_THREADS code = brain_spill_open(held->store, path, &spill);
    Py_END_ALLOW_THREADS if (code == 0) held->spill = spill;
    return code;
}

PyObject *bp_spill_open(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    char *path = NULL;
    if (n_args != 2) return bp_arguments_raise("_spill_open(directory, sets)", n_args);
    if (args[0] != Py_None && PyBytes_AsStringAndSize(args[0], &path, NULL) != 0) return NULL;
    int sets = PyObject_IsTrue(args[1]);
    if (sets < 0 || !bp_brain_is_open(self)) return NULL;
    struct bp_space *held = bp_brain_hold(self, NULL);
    brain_store *store = held->owner->store;
    PyObject *result = NULL;
    bool is_wanted = sets || brain_full_mode(store) == BRAIN_FULL_SPILL;
    int code = is_wanted ? open_spiller(held->owner, path) : BRAIN_E_NOT_FOUND;
    if (code == BRAIN_E_NOT_FOUND && path == NULL) {
        result = Py_NewRef(Py_False);
    } else if (code != 0) {
        bp_disk_raise(self->state, code, path, "");
    } else if (sets && (code = brain_set_full(store, BRAIN_FULL_SPILL)) != 0) {
        bp_errors_raise(self->state, code);
    } else {
        result = Py_NewRef(Py_True);
    }
    bp_handle_space_drop(held);
    return result;
}

static PyObject *raise_not_open(struct bp_brain *self)
{
    return bp_errors_format(self->state, BP_VALUE,
                            "the store %R does not spill: open it with when_full=\"spill\"",
                            self->path);
}

const char bp_spill_some_doc[] =
    "_spill($self, n_bytes, namespace, /)\n--\n\n"
    "Move values of a namespace, None: of all, to files, until that is so many bytes. "
    "Returns how many were moved.";

PyObject *bp_spill_some(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in = NULL;
    uint64_t moved = 0;
    if (n_args != 2) return bp_arguments_raise("_spill(n_bytes, namespace)", n_args);
    unsigned long long n_bytes = PyLong_AsUnsignedLongLong(args[0]);
    if (PyErr_Occurred() || !bp_brain_is_open(self)) return NULL;
    if (args[1] != Py_None && !bp_arguments_space(self, args[1], &in)) return NULL;
    struct bp_space *held = bp_brain_hold(self, in);
    brain_spiller *spill = held->owner->spill;
    int code = 0;
    if (spill != NULL) {
        Py_BEGIN_ALLOW_THREADS code =
            brain_spill(spill, in != NULL ? in->space : NULL, n_bytes, &moved);
        Py_END_ALLOW_THREADS
    }
    PyObject *result = NULL;
    if (spill == NULL) {
        raise_not_open(self);
    } else if (code == 0 || code == BRAIN_E_NOT_FOUND) {
        result = PyLong_FromUnsignedLongLong(moved);
    } else {
        bp_disk_raise(self->state, code, NULL, "");
    }
    bp_handle_space_drop(held);
    bp_handle_space_drop(in);
    return result;
}

const char bp_spill_tidy_doc[] = "_spill_tidy($self, /)\n--\n\n"
                                 "Remove files that nobody needs any more. Returns how many went.";

PyObject *bp_spill_tidy(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    uint64_t n_gone = 0;
    int code = 0;
    if (!bp_brain_is_open(self)) return NULL;
    struct bp_space *held = bp_brain_hold(self, NULL);
    brain_spiller *spill = held->owner->spill;
    if (spill != NULL) {
        Py_BEGIN_ALLOW_THREADS code = brain_spill_tidy(spill, &n_gone);
        Py_END_ALLOW_THREADS
    }
    PyObject *result = NULL;
    if (spill == NULL) {
        raise_not_open(self);
    } else if (code != 0) {
        bp_disk_raise(self->state, code, NULL, "");
    } else {
        result = PyLong_FromUnsignedLongLong(n_gone);
    }
    bp_handle_space_drop(held);
    return result;
}
