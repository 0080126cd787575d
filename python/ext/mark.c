/* mark.c - the methods of Brain about marks that say what of a store is on a disk, and has come back: restoring.py.
 *
 * They are names of the namespace ff "disk", which is the library's own (docs/format.md): None, with a text as their
 * metadata, so that they take nothing of the capacity.
 */
#include "arguments.h"

#include <string.h>

#define SPACE                                                                                      \
    "\xff"                                                                                         \
    "disk"
#define WAIT_NS INT64_C(200000000)

/* The namespace of them, in the store of an open Brain: for brain_space_close(). NULL with an exception set. */
static brain_space *open_space(struct bp_brain *self)
{
    brain_space *space;
    if (!bp_brain_is_open(self)) return NULL;
    int code = brain_space_open(self->store->store, SPACE, sizeof SPACE - 1, &space);
    if (code == 0) return space;
    bp_errors_raise(self->state, code);
    return NULL;
}

const char bp_mark_get_doc[] = "_mark($self, name, /)\n--\n\n"
                               "The version of a mark and its text; 0 and '' where there is none.";

PyObject *bp_mark_get(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    brain_view view;
    Py_ssize_t name_len;
    const char *name = PyUnicode_AsUTF8AndSize(argument, &name_len);
    if (name == NULL) return NULL;
    brain_space *space = open_space(self);
    if (space == NULL) return NULL;
    int code = brain_get(space, name, (size_t)name_len, &view);
    brain_space_close(space);
    if (code == BRAIN_E_NOT_FOUND) return Py_BuildValue("(is)", 0, "");
    if (code != 0) return bp_errors_raise(self->state, code);
    PyObject *text = PyUnicode_DecodeUTF8(view.meta, view.meta_len, "backslashreplace");
    PyObject *result = Py_BuildValue("(KN)", (unsigned long long)view.version, text);
    brain_view_drop(&view);
    return result;
}

const char bp_mark_set_doc[] = "_set_mark($self, name, text, version, /)\n--\n\n"
                               "Set a mark if its version is still `version`; 0: if there is "
                               "none. Returns the new version, or\n"
                               "None.";

PyObject *bp_mark_set(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    Py_ssize_t name_len, length;
    uint64_t new_version = 0;
    if (n_args != 3) return bp_arguments_raise("_set_mark(name, text, version)", n_args);
    const char *name = PyUnicode_AsUTF8AndSize(args[0], &name_len);
    if (name == NULL) return NULL;
    const char *text = PyUnicode_AsUTF8AndSize(args[1], &length);
    if (text == NULL) return NULL;
    unsigned long long version = PyLong_AsUnsignedLongLong(args[2]);
    if (PyErr_Occurred()) return NULL;
    if (length > (Py_ssize_t)BRAIN_META_MAX) length = BRAIN_META_MAX;
    const brain_value value = { .kind = BRAIN_KIND_NONE, .meta = text, .meta_len = (size_t)length };
    brain_space *space = open_space(self);
    if (space == NULL) return NULL;
    struct bp_space *held = bp_brain_hold(self, NULL);
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        brain_put(space, name, (size_t)name_len, &value, version, &new_version);
    Py_END_ALLOW_THREADS brain_space_close(space);
    bp_handle_space_drop(held);
    if (code == BRAIN_E_EXISTS || code == BRAIN_E_STALE) Py_RETURN_NONE;
    return code == 0 ? PyLong_FromUnsignedLongLong(new_version)
                     : bp_errors_raise(self->state, code);
}

const char bp_mark_wait_doc[] =
    "_wait_mark($self, name, version, /)\n--\n\n"
    "Wait until the version of a mark is above `version`, or for a fifth of a second.";

PyObject *bp_mark_wait(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    Py_ssize_t name_len;
    uint64_t new_version;
    if (n_args != 2) return bp_arguments_raise("_wait_mark(name, version)", n_args);
    const char *name = PyUnicode_AsUTF8AndSize(args[0], &name_len);
    if (name == NULL) return NULL;
    unsigned long long version = PyLong_AsUnsignedLongLong(args[1]);
    if (PyErr_Occurred()) return NULL;
    brain_space *space = open_space(self);
    if (space == NULL) return NULL;
    struct bp_space *held = bp_brain_hold(self, NULL);
    int code;
    Py_BEGIN_ALLOW_THREADS code =
        brain_wait(space, name, (size_t)name_len, version, WAIT_NS, &new_version);
    Py_END_ALLOW_THREADS brain_space_close(space);
    bp_handle_space_drop(held);
    if (code == BRAIN_E_TIMEOUT || code == BRAIN_E_INTR)
        code = 0; /* a handler runs behind this call */
    return code == 0 ? Py_NewRef(Py_None) : bp_errors_raise(self->state, code);
}

const char bp_mark_client_doc[] =
    "_self($self, /)\n--\n\n"
    "This process as a client of the store: row, seat and process id.";

PyObject *bp_mark_client(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    brain_client client;
    if (!bp_brain_is_open(self)) return NULL;
    int code = brain_self(self->store->store, &client);
    if (code != 0) return bp_errors_raise(self->state, code);
    return Py_BuildValue("(IKi)", (unsigned)client.row, (unsigned long long)client.seat,
                         (int)client.pid);
}

const char bp_mark_lives_doc[] = "_lives($self, row, seat, /)\n--\n\n"
                                 "Whether that client of the store lives, as far as can be told.";

PyObject *bp_mark_lives(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (n_args != 2) return bp_arguments_raise("_lives(row, seat)", n_args);
    unsigned long row = PyLong_AsUnsignedLong(args[0]);
    if (PyErr_Occurred()) return NULL;
    unsigned long long seat = PyLong_AsUnsignedLongLong(args[1]);
    if (PyErr_Occurred() || !bp_brain_is_open(self)) return NULL;
    return PyBool_FromLong(brain_client_lives(self->store->store, (uint32_t)row, seat));
}
