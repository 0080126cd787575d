/* buffer.h - the type PlasmaBuffer: the bytes of an object, as its users see them. */
#ifndef BP_BUFFER_H
#define BP_BUFFER_H

#include "state.h"

/* A PlasmaBuffer of `size_bytes` bytes at `data`, which `owner` keeps there; a reference on it is
 * taken. A new reference, or NULL with MemoryError set. */
PyObject *bp_buffer_new(struct bp_state *state, PyObject *owner, const void *data,
                        uint64_t size_bytes, bool is_mutable);

#endif
