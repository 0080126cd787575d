/* private.c - the type Private: the bytes of a View once more, writable and this process's alone.
 *
 * For libraries that know no read-only memory, such as torch.
 *
 * Owns:     the mapping, and a reference on the View whose pin keeps its pages.
 * Promise:  what is written reaches no other process, no View, and no other Private.
 * Fork:     the child has what was written; from then on each has its own.
 */
#include "away.h"
#include "errors.h"
#include "view.h"

struct bp_private {
    PyObject_HEAD struct bp_state *state; /* valid as long as the type, which the object holds */
    PyObject *view;
    void *data; /* NULL: not mapped */
    Py_ssize_t size_bytes;
    struct bp_private *next, *previous; /* in state->privates; NULL: the end */
};

static void enlist(struct bp_private *self)
{
    self->previous = NULL;
    self->next = self->state->privates;
    if (self->next != NULL) self->next->previous = self;
    self->state->privates = self;
}

static void delist(struct bp_private *self)
{
    if (self->next != NULL) self->next->previous = self->previous;
    if (self->previous != NULL) self->previous->next = self->next;
    if (self->state->privates == self) self->state->privates = self->next;
}

const void *bp_private_origin(const struct bp_state *state, const void *address)
{
    for (const struct bp_private *at = state->privates; at != NULL; at = at->next) {
        uintptr_t past = (uintptr_t)address - (uintptr_t)at->data;
        if (past < (size_t)at->size_bytes) return ((const struct bp_view *)at->view)->data + past;
    }
    return NULL;
}

PyObject *bp_private_new(struct bp_state *state, PyObject *view)
{
    struct bp_view *shown = (struct bp_view *)view;
    brain_view part = shown->owner == NULL ? shown->pin : shown->owner->pin;
    part.data = shown->data;
    part.size_bytes = (uint64_t)shown->size_bytes;
    struct bp_private *self = PyObject_New(struct bp_private, state->private_type);
    if (self == NULL) return NULL;
    self->state = state;
    enlist(self);
    self->view = Py_NewRef(view);
    self->data = NULL;
    self->size_bytes = shown->size_bytes;
    int code = bp_away_private(state, &part, &self->data);
    if (code == 0) return (PyObject *)self;
    Py_DECREF(self);
    return bp_errors_raise(state, code);
}

static void private_dealloc(PyObject *op)
{
    struct bp_private *self = (struct bp_private *)op;
    PyTypeObject *type = Py_TYPE(op);
    delist(self);
    brain_private_free(self->data, (uint64_t)self->size_bytes);
    Py_DECREF(self->view);
    PyObject_Free(op);
    Py_DECREF(type);
}

static int private_getbuffer(PyObject *op, Py_buffer *buffer, int flags)
{
    struct bp_private *self = (struct bp_private *)op;
    return PyBuffer_FillInfo(buffer, op, self->data, self->size_bytes, 0, flags);
}

static PyType_Slot private_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)"The bytes of a View, writable and this process's alone." },
    { Py_tp_dealloc, private_dealloc },
    { Py_bf_getbuffer, private_getbuffer },
    { 0, NULL },
};

PyType_Spec bp_private_spec = {
    .name = "brain_plasma._core.Private",
    .basicsize = sizeof(struct bp_private),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = private_slots,
};
