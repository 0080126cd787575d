/* pinned.c - the methods of Brain about one version of a value, by its id: what a Ref is made of. */
#include "arguments.h"
#include "convert.h"
#include "view.h"

const char bp_pinned_pin_doc[] =
    "_pin($self, name, namespace, /)\n--\n\n"
    "The value of a name, kept as it is now: its id, its version, and a View of all of its data.";

PyObject *bp_pinned_pin(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in = NULL;
    brain_view view;
    brain_space *space;
    size_t name_len;
    uint8_t id[BRAIN_ID_BYTES];
    if (n_args != 2) return bp_arguments_raise("_pin(name, namespace)", n_args);
    if (!bp_brain_is_open(self)) return NULL;
    if (args[1] != Py_None && !bp_arguments_space(self, args[1], &in)) return NULL;
    const char *utf8 = bp_brain_name_in(self, in, args[0], &name_len, &space);
    PyObject *result = NULL;
    int code = utf8 == NULL ? BP_RAISED : brain_get(space, utf8, name_len, &view);
    if (code == 0) {
        unsigned long long version = view.version;
        brain_view_id(&view, id);
        result = Py_BuildValue("y#KN", id, (Py_ssize_t)sizeof id, version,
                               bp_view_new(self->state, &view));
    } else if (code == BRAIN_E_NOT_FOUND) {
        bp_brain_raise_missing(self, in, args[0]);
    } else if (code != BP_RAISED) {
        bp_errors_raise(self->state, code);
    }
    bp_handle_space_drop(in);
    return result;
}

/* Pin the value that an id names. Returns 1; 0: it is gone; -1 with an exception set. */
static int get_by_id(struct bp_brain *self, PyObject *id, brain_view *view_out)
{
    char *bytes;
    Py_ssize_t length;
    if (!bp_brain_is_open(self) || PyBytes_AsStringAndSize(id, &bytes, &length) != 0) return -1;
    if (length != (Py_ssize_t)BRAIN_ID_BYTES) {
        bp_errors_format(self->state, BP_VALUE, "the id of a value has %d bytes, not %zd",
                         (int)BRAIN_ID_BYTES, length);
        return -1;
    }
    int code = brain_get_by_id(self->store->store, (const uint8_t *)bytes, view_out);
    if (code == 0) return 1;
    if (code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(self->state, code);
    return -1;
}

const char bp_pinned_pin_id_doc[] =
    "_pin_id($self, id, /)\n--\n\n"
    "A View of the data of the value with that id; None where it is gone.";

PyObject *bp_pinned_pin_id(PyObject *op, PyObject *id)
{
    struct bp_brain *self = (struct bp_brain *)op;
    brain_view view;
    int found = get_by_id(self, id, &view);
    if (found < 0) return NULL;
    return found ? bp_view_new(self->state, &view) : Py_NewRef(Py_None);
}

const char bp_pinned_recall_doc[] =
    "_recall_view($self, view, /)\n--\n\n"
    "The value that a View shows, or a part of, as brain[name] gave it.";

PyObject *bp_pinned_recall(PyObject *op, PyObject *argument)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (Py_TYPE(argument) != self->state->view_type) {
        return PyErr_Format(PyExc_TypeError, "a View, not %R", argument);
    }
    struct bp_view *shown = (struct bp_view *)argument;
    const brain_view *pinned = shown->owner == NULL ? &shown->pin : &shown->owner->pin;
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    brain_view_id(pinned, id);
    /* Where the name has that value yet, that is the way that costs nobody anything. */
    int code = BRAIN_E_NOT_FOUND;
    if (self->space != NULL) code = brain_get_by_id(self->store->store, id, &view);
    if (code != 0) code = brain_view_dup(pinned, &view);
    if (code != 0) return bp_errors_raise(self->state, code);
    return bp_convert_decode(self->state, &view, self->pickle);
}
