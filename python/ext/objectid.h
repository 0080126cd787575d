/* objectid.h - the type ObjectID: 20 bytes that name an object. */
#ifndef BP_OBJECTID_H
#define BP_OBJECTID_H

#include "state.h"

struct bp_objectid {
    PyObject_HEAD PyObject *weak_references;
    uint8_t bytes[BRAIN_ID_BYTES];
};

/* A new ObjectID of BRAIN_ID_BYTES bytes, or NULL with MemoryError set. */
PyObject *bp_objectid_new(struct bp_state *state, const void *bytes);

/* One that nobody has; or NULL with an exception set. */
PyObject *bp_objectid_random(struct bp_state *state);

/* The bytes of `object`, valid as long as it is; NULL, with TypeError set, where it is no
 * ObjectID. */
const uint8_t *bp_objectid_bytes(struct bp_state *state, PyObject *object);

#endif
