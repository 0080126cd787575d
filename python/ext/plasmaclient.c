/* plasmaclient.c - what the methods of a Plasma client share. */
#include "plasmaclient.h"

#include "away.h"
#include "plasma/external.h"
#include "plasma/recall.h"
#include "plasma/use.h"

#include <string.h>

bool bp_plasmaclient_is_connected(struct bp_plasma *self)
{
    if (self->store != NULL) return true;
    if (self->path == NULL) {
        bp_errors_format(self->state, BP_CLOSED, "this client was never connected: use connect()");
    } else {
        PyErr_Format(self->state->plasma_errors[BP_PLASMA_DISCONNECTED],
                     "this client has disconnected; connect(%R) gives another", self->path);
    }
    return false;
}

bool bp_plasmaclient_may_change(struct bp_plasma *self)
{
    if (!bp_plasmaclient_is_connected(self)) return false;
    if (!self->objects.read_only) return true;
    bp_errors_format(self->state, BP_PERMISSION,
                     "%R is open read-only here: open it for writing, also the Brain whose client "
                     "this is",
                     self->path);
    return false;
}

/* Raise with the text of the library's last error, and more. */
static PyObject *raise_detail(PyObject *error, const char *more)
{
    const char *detail = brain_error_detail();
    PyObject *text = PyUnicode_DecodeUTF8(detail, (Py_ssize_t)strlen(detail), "backslashreplace");
    if (text != NULL) PyErr_Format(error, "%U%s", text, more);
    Py_XDECREF(text);
    return NULL;
}

PyObject *bp_plasmaclient_raise(struct bp_plasma *self, int code, PyObject *id)
{
    PyObject **errors = self->state->plasma_errors;
    if (code == BP_PLASMA_RAISED) return NULL;
    if (code == BRAIN_E_EXISTS && id != NULL) {
        return PyErr_Format(errors[BP_PLASMA_EXISTS],
                            "there is an object %R already in the store %R, sealed or being "
                            "written",
                            id, self->path);
    }
    if (code == BRAIN_E_NOT_FOUND && id != NULL) {
        return PyErr_Format(errors[BP_PLASMA_NOT_FOUND], "there is no object %R in the store %R",
                            id, self->path);
    }
    if (code == PL_E_EXTERNAL) {
        return bp_errors_format(self->state, BP_OS, "%s", pl_external_detail());
    }
    if (code == BRAIN_E_FULL && pl_external_detail()[0] != '\0') {
        return PyErr_Format(errors[BP_PLASMA_FULL],
                            "the store %R is full, and nothing can be evicted from it: %s",
                            self->path, pl_external_detail());
    }
    if (code == BRAIN_E_FULL) {
        return raise_detail(errors[BP_PLASMA_FULL],
                            ". Objects that somebody has a buffer of are not evicted: list() has "
                            "their ref_count");
    }
    if (code == BRAIN_E_DESTROYED) return raise_detail(errors[BP_PLASMA_GONE], "");
    return bp_errors_raise(self->state, code);
}

bool bp_plasmaclient_has_arguments(Py_ssize_t n_args, Py_ssize_t wanted, const char *usage)
{
    if (n_args == wanted) return true;
    PyErr_Format(PyExc_TypeError, "%s: %zd arguments were given", usage, n_args);
    return false;
}

int bp_plasmaclient_find(struct bp_plasma *self, const uint8_t *id, brain_view *view_out,
                         struct pl_object *info_out)
{
    int code = pl_use_get(&self->objects, id, view_out, info_out);
    if (code == PL_IS_AWAY) {
        struct bp_store *held = bp_plasmaclient_hold(self);
        Py_BEGIN_ALLOW_THREADS code = pl_recall_get(&self->objects, id, view_out, info_out);
        Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    }
    if (code != BRAIN_E_NOT_FOUND) return code;
    code = bp_away_get_by_id(self->store->store, id, view_out);
    if (code == 0 && bp_away_recall(self->state, view_out) != 0) return BP_PLASMA_RAISED;
    if (code == 0) {
        *info_out = (struct pl_object){ .data_bytes = view_out->size_bytes, .is_sealed = true };
    }
    return code;
}

void bp_plasmaclient_drop(struct bp_plasma *self, brain_view *view)
{
    if (view->tag == PL_TAG_OBJECT) {
        pl_use_drop(&self->objects, view);
    } else {
        bp_away_drop(self->state, view);
    }
}
