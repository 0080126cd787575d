/* tensor.h - NumPy arrays, without a copy and without NumPy's headers. */
#ifndef BP_TENSOR_H
#define BP_TENSOR_H

#include "convert.h"

/* Encode `value` where it is exactly a numpy.ndarray of elements that are plain bytes.
 * Returns 1; 0 where it is something else; -1 with an exception set. */
int bp_tensor_encode(struct bp_state *state, PyObject *value, struct bp_encoded *encoded);

/* An array as it is stored. */
struct bp_array {
    PyObject *owner; /* the array, or a contiguous copy of it */
    void *meta;      /* as brain_tensor_encode() makes it */
    size_t meta_len;
    const void *data;
    uint64_t size_bytes;
};

/* The same, as part of another value. On 1 `*array_out` is to be given to bp_tensor_let_go(), or its
 * owner (a reference) and its meta (from PyMem_Malloc()) to be taken over. */
int bp_tensor_take(struct bp_state *state, PyObject *value, struct bp_array *array_out);
void bp_tensor_let_go(struct bp_array *array);

/* A read-only array over all bytes of `base`, a View, which it takes over. A new reference, or NULL
 * with an exception set: ImportError where there is no NumPy. trusted: as bp_untree_decode(). */
PyObject *bp_tensor_over(struct bp_state *state, const void *meta, size_t meta_len, PyObject *base,
                         bool trusted);

/* A read-only array over the bytes of `view`, which it takes over. A new reference, or NULL with an
 * exception set. */
PyObject *bp_tensor_decode(struct bp_state *state, brain_view *view, bool trusted);

int bp_tensor_traverse(struct bp_state *state, visitproc visit, void *arg);
void bp_tensor_clear(struct bp_state *state);

#endif
