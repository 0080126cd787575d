/* tensor.h - NumPy arrays, without a copy and without NumPy's headers. */
#ifndef BP_TENSOR_H
#define BP_TENSOR_H

#include "convert.h"

/* Encode `value` where it is exactly a numpy.ndarray of elements that are plain bytes.
 * Returns 1; 0 where it is something else; -1 with an exception set. */
int bp_tensor_encode(struct bp_state *state, PyObject *value, struct bp_encoded *encoded);

/* A read-only array over the bytes of `view`, which it takes over. A new reference, or NULL with an
 * exception set. */
PyObject *bp_tensor_decode(struct bp_state *state, brain_view *view);

int bp_tensor_traverse(struct bp_state *state, visitproc visit, void *arg);
void bp_tensor_clear(struct bp_state *state);

#endif
