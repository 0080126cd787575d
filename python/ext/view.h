/* view.h - the type View: bytes of a value, and the pin that keeps them. */
#ifndef BP_VIEW_H
#define BP_VIEW_H

#include "state.h"

/* Either owns a pin (owner is NULL) or shows a part of what another view has pinned. */
struct bp_view {
    PyObject_HEAD struct bp_state *state; /* valid as long as the type, which the object holds */
    const char *data;
    Py_ssize_t size_bytes;
    struct bp_view *owner;
    struct bp_store *store; /* of a Plasma object: held, so that it can be deleted at the end */
    brain_view pin;
};

/* A View of all of `pin`, which it owns from then on, also where this fails. A new reference, or
 * NULL with MemoryError set. */
PyObject *bp_view_new(struct bp_state *state, const brain_view *pin);

/* A View of `size_bytes` bytes from `offset` of `view`, which it keeps alive; the caller has
 * checked that they are there. A new reference, or NULL with MemoryError set. */
PyObject *bp_view_part(PyObject *view, uint64_t offset, uint64_t size_bytes);

/* The bytes of a View once more, writable and this process's alone: a new Private, or NULL with an
 * exception set (private.c). */
PyObject *bp_private_new(struct bp_state *state, PyObject *view);

/* The byte of a View that a byte of a Private is, or was; NULL: the address is in none. */
const void *bp_private_origin(const struct bp_state *state, const void *address);

/* Free the memory that is kept for further views. */
void bp_view_forget_spares(struct bp_state *state);

#endif
