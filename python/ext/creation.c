/* creation.c - the type Creation: an object that is being written.
 *
 * Owns:     the brain_object, from create() on. Its client refers to it until the object is sealed
 *           or given up; every buffer on it does for as long as it lives. So what is written after
 *           the seal goes to memory that is still there, and private.
 * Release:  the last reference notes the time, as the last use of the object by its creator.
 * Fork:     a child has memory of its own in its place (unsealed.c).
 */
#include "creation.h"

PyObject *bp_creation_new(struct bp_state *state, struct bp_store *store,
                          const struct pl_creation *creation)
{
    struct bp_creation_object *self = PyObject_New(struct bp_creation_object, state->creation_type);
    if (self == NULL) {
        brain_object_release(creation->object);
        return NULL;
    }
    self->state = state;
    self->store = store;
    store->n_refs++;
    self->creation = *creation;
    bp_unsealed_enlist(&self->memory, brain_object_data(creation->object),
                       creation->data_bytes + creation->meta_bytes);
    return (PyObject *)self;
}

static void creation_dealloc(PyObject *op)
{
    struct bp_creation_object *self = (struct bp_creation_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    struct pl_store objects;
    bp_unsealed_delist(&self->memory);
    if (pl_store_open(self->store->store, &objects) == 0) {
        /* Nobody else refers to it any more; it may have to wait for a writer. */
        Py_BEGIN_ALLOW_THREADS pl_create_release(&objects, &self->creation);
        Py_END_ALLOW_THREADS pl_store_close(&objects);
    }
    bp_handle_store_drop(self->store);
    PyObject_Free(op);
    Py_DECREF(type);
}

static PyType_Slot creation_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)"An object that is being written." },
    { Py_tp_dealloc, creation_dealloc },
    { 0, NULL },
};

PyType_Spec bp_creation_spec = {
    .name = "brain_plasma._core.Creation",
    .basicsize = sizeof(struct bp_creation_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = creation_slots,
};
