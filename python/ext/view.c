/* view.c - the type View: bytes of a value, and the pin that keeps them.
 *
 * Owns:     one pin, from creation to deallocation; or a reference on the View that does. That of a
 *           Plasma object also a reference on the store, since its end is a use of it: the time is
 *           noted, and an object that was deleted meanwhile goes with its last View.
 * Promise:  while a View, or anything that exports from it, is alive, its bytes neither change nor
 *           go: not when the name is replaced, not when the Brain is closed, not when the store is
 *           destroyed. An export holds a reference on the View, so there is no count to keep.
 * Threads:  the GIL guards reference counts and the spare list; the bytes never change. It is given
 *           up where an object has to be deleted.
 * Cycles:   none are possible, a View refers to no Python object but a View. So the garbage
 *           collector need not know the type, which saves a third of what it costs to make one.
 *
 * Every recall of an array makes a View and lets go of one. Their memory is kept in a short list:
 * that saves the allocator's zeroing of a hundred bytes that are overwritten at once.
 */
#include "view.h"

#include "away.h"
#include "handle.h"
#include "plasma/remove.h"
#include "plasma/use.h"

static struct bp_view *view_alloc(struct bp_state *state)
{
    if (state->n_spare_views > 0) {
        struct bp_view *view = state->spare_views[--state->n_spare_views];
        return (struct bp_view *)PyObject_Init((PyObject *)view, state->view_type);
    }
    return PyObject_New(struct bp_view, state->view_type);
}

PyObject *bp_view_new(struct bp_state *state, const brain_view *pin)
{
    struct bp_view *view = view_alloc(state);
    if (view == NULL) {
        brain_view lost = *pin;
        bp_away_drop(state, &lost);
        return NULL;
    }
    view->state = state;
    view->data = pin->data;
    view->size_bytes = (Py_ssize_t)pin->size_bytes;
    view->owner = NULL;
    view->store = NULL;
    view->pin = *pin;
    if (pin->tag == PL_TAG_OBJECT) {
        view->store = bp_handle_find(state->plasma_stores, pin->store);
        if (view->store != NULL) view->store->n_refs++;
    }
    return (PyObject *)view;
}

PyObject *bp_view_part(PyObject *whole, uint64_t offset, uint64_t size_bytes)
{
    struct bp_view *owner = (struct bp_view *)whole;
    struct bp_view *view = view_alloc(owner->state);
    if (view == NULL) return NULL;
    view->state = owner->state;
    view->data = owner->data + offset;
    view->size_bytes = (Py_ssize_t)size_bytes;
    view->owner = owner;
    view->pin.store = NULL;
    Py_INCREF(whole);
    return (PyObject *)view;
}

void bp_view_forget_spares(struct bp_state *state)
{
    while (state->n_spare_views > 0)
        PyObject_Free(state->spare_views[--state->n_spare_views]);
}

/* The view was the last of an object that was deleted meanwhile: now it goes. */
static void finish(struct bp_store *store, const struct pl_last *last)
{
    struct pl_store objects;
    if (pl_store_open(store->store, &objects) != 0) return;
    Py_BEGIN_ALLOW_THREADS pl_remove_unused(&objects, last);
    Py_END_ALLOW_THREADS pl_store_close(&objects);
}

static void drop_pin(struct bp_view *view)
{
    struct pl_last last;
    if (view->pin.tag != PL_TAG_OBJECT) {
        bp_away_drop(view->state, &view->pin);
    } else if (pl_use_let_go(&view->pin, &last) && view->store != NULL) {
        finish(view->store, &last);
    }
    bp_handle_store_drop(view->store);
}

static void view_dealloc(PyObject *self)
{
    struct bp_view *view = (struct bp_view *)self;
    struct bp_state *state = view->state;
    PyTypeObject *type = Py_TYPE(self);
    if (view->owner == NULL) {
        drop_pin(view);
    } else {
        Py_DECREF(view->owner);
    }
    /* state lies in the module, which the type keeps: not to be touched after the last line. */
    if (state->n_spare_views < BP_N_SPARE_VIEWS) {
        state->spare_views[state->n_spare_views++] = view;
    } else {
        PyObject_Free(view);
    }
    Py_DECREF(type);
}

static int view_getbuffer(PyObject *self, Py_buffer *buffer, int flags)
{
    const struct bp_view *view = (struct bp_view *)self;
    return PyBuffer_FillInfo(buffer, self, (void *)(uintptr_t)view->data, view->size_bytes, 1,
                             flags);
}

static Py_ssize_t view_length(PyObject *self)
{
    return ((struct bp_view *)self)->size_bytes;
}

static PyObject *view_repr(PyObject *self)
{
    return PyUnicode_FromFormat("<View of %zd bytes>", ((struct bp_view *)self)->size_bytes);
}

PyDoc_STRVAR(view_reduce_doc, "__reduce__($self, /)\n--\n\nPickle as the bytes that it shows.");

static PyObject *view_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    const struct bp_view *view = (struct bp_view *)self;
    return Py_BuildValue("O(y#)", &PyBytes_Type, view->data, view->size_bytes);
}

PyDoc_STRVAR(
    view_doc,
    "Bytes of a value in shared memory: read-only, not copied.\n"
    "\n"
    "What a recalled array or table stands on. It supports the buffer protocol, and keeps\n"
    "its bytes in memory until nobody uses it any more: after the name is replaced or\n"
    "deleted, after the Brain is closed, after the store is destroyed.\n"
    "\n"
    "Threads: any. Fork: the child has the view too.");

PyDoc_STRVAR(view_private_doc, "_private($self, /)\n--\n\n"
                               "The same bytes, writable: what is written stays in this process.");

static PyObject *view_private(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return bp_private_new(((struct bp_view *)self)->state, self);
}

static PyMethodDef view_methods[] = {
    { "_private", view_private, METH_NOARGS, view_private_doc },
    { "__reduce__", view_reduce, METH_NOARGS, view_reduce_doc },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot view_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)view_doc },
    { Py_tp_dealloc, view_dealloc },
    { Py_tp_repr, view_repr },
    { Py_tp_methods, view_methods },
    { Py_bf_getbuffer, view_getbuffer },
    { Py_sq_length, view_length },
    { 0, NULL },
};

PyType_Spec bp_view_spec = {
    .name = "brain_plasma._core.View",
    .basicsize = sizeof(struct bp_view),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = view_slots,
};
