/* creation.h - the type Creation: an object that a PlasmaClient of this process is writing. */
#ifndef BP_CREATION_H
#define BP_CREATION_H

#include "handle.h"
#include "plasma/create.h"
#include "unsealed.h"

struct bp_creation_object {
    PyObject_HEAD struct bp_state *state; /* valid as long as the type, which the object holds */
    struct bp_store *store;               /* held: the bytes are mapped until this is gone */
    struct pl_creation creation;
    struct bp_unsealed memory;
};

/* Wrap `creation`, which the result owns from then on, also where this fails (then its bytes are
 * let go of, and its id is left to the caller).
 * A new reference, or NULL with MemoryError set. */
PyObject *bp_creation_new(struct bp_state *state, struct bp_store *store,
                          const struct pl_creation *creation);

#endif
