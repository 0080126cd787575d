/* convert.h - between Python objects and the values of the store. */
#ifndef BP_CONVERT_H
#define BP_CONVERT_H

#include "state.h"

/* A value ready to be put, and everything that has to live until it was. `value` points into the
 * struct: it must not be copied. */
struct bp_encoded {
    brain_value value;
    uint64_t size_bytes; /* of the data, without the gaps between parts */
    brain_part part;     /* the parts, where there is one */
    union {
        int64_t integer;
        double real;
    } scalar;               /* the data, where it is a number */
    PyObject *owner;        /* object that part or metadata point into, owned; or NULL */
    void *memory;           /* what they point into, owned; or NULL */
    struct bp_parts *parts; /* owned; or NULL */
};

/* The two halves of bp_convert_encode(): what has a kind of its own and needs no more than the
 * value, 1 where it did it, 0 where it is for the other; and all else. */
int bp_convert_encode_plain(PyObject *value, struct bp_encoded *encoded_out);
int bp_convert_encode_other(struct bp_state *state, PyObject *value, bool pickle, PyObject *name,
                            struct bp_encoded *encoded_out);

/* The part of the latter that needs no pickle: 1 where it did it, 0 where nothing but a pickle can hold
 * the value, -1 with an exception set. */
int bp_convert_encode_unpickled(struct bp_state *state, PyObject *value,
                                struct bp_encoded *encoded_out);

/* Encode `value`. Runs code of the caller's where it has to be pickled.
 *
 * pickle   whether that is allowed.
 * name     what it is to be put under, None: nothing; for messages.
 * Returns 0, or -1 with an exception set. On success `*encoded_out` is to be given to
 * bp_convert_free(). */
static inline int bp_convert_encode(struct bp_state *state, PyObject *value, bool pickle,
                                    PyObject *name, struct bp_encoded *encoded_out)
{
    int done = bp_convert_encode_plain(value, encoded_out);
    if (done != 0) return done > 0 ? 0 : -1;
    return bp_convert_encode_other(state, value, pickle, name, encoded_out);
}

/* The same, for a comparison with another value that is encoded so, and not for the store: a table is
 * its schema and its buffers, as they lie, so it is neither written nor copied, and is of kind TREE. All
 * parts have their data. */
int bp_convert_encode_to_compare(struct bp_state *state, PyObject *value, bool pickle,
                                 PyObject *name, struct bp_encoded *encoded_out);

/* A small value without anything that has to be kept for it: what a put takes that is made at once. */
struct bp_small {
    const void *data;
    size_t size_bytes;
    uint32_t kind;
    union {
        int64_t integer;
        double real;
    } scalar; /* the data, where it is a number */
};

/* Encode a number, None, a bool, or a short str or bytes: whether it is one. Runs nobody's code, and leaves no
 * exception: what it does not encode bp_convert_encode() does, or says why not. Here, since the call itself counts. */
static inline bool bp_convert_encode_small(PyObject *value, struct bp_small *small_out)
{
    const PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) {
        int overflow;
        small_out->scalar.integer = PyLong_AsLongLongAndOverflow(value, &overflow);
        small_out->data = &small_out->scalar;
        small_out->size_bytes = sizeof small_out->scalar;
        small_out->kind = BRAIN_KIND_INT;
        return overflow == 0;
    }
    if (type == &PyFloat_Type) {
        small_out->scalar.real = PyFloat_AsDouble(value);
        small_out->data = &small_out->scalar;
        small_out->size_bytes = sizeof small_out->scalar;
        small_out->kind = BRAIN_KIND_FLOAT;
        return true;
    }
    if (type == &PyUnicode_Type) {
        Py_ssize_t size_bytes;
        if (PyUnicode_GetLength(value) >= (Py_ssize_t)BRAIN_SMALL_BYTES) return false;
        small_out->data =
            PyUnicode_AsUTF8AndSize(value, &size_bytes); /* kept in the str: it is short */
        small_out->kind = BRAIN_KIND_STR;
        if (small_out->data == NULL) {
            PyErr_Clear();
            return false;
        }
        small_out->size_bytes = (size_t)size_bytes;
        return size_bytes < (Py_ssize_t)BRAIN_SMALL_BYTES;
    }
    if (type == &PyBytes_Type) {
        small_out->data = PyBytes_AsString(value);
        small_out->size_bytes = (size_t)PyBytes_Size(value);
        small_out->kind = BRAIN_KIND_BYTES;
        return small_out->size_bytes < BRAIN_SMALL_BYTES;
    }
    if (value == Py_None || type == &PyBool_Type) {
        small_out->data = "";
        small_out->size_bytes = 0;
        small_out->kind = value == Py_None   ? BRAIN_KIND_NONE
                          : value == Py_True ? BRAIN_KIND_TRUE
                                             : BRAIN_KIND_FALSE;
        return true;
    }
    return false;
}

void bp_convert_free_owned(struct bp_encoded *encoded);

static inline void bp_convert_free(struct bp_encoded *encoded)
{
    if (encoded->owner != NULL || encoded->memory != NULL || encoded->parts != NULL) {
        bp_convert_free_owned(encoded);
    }
}

/* Raise why what should be text is none. Always returns NULL. */
PyObject *bp_convert_refuse_str(struct bp_state *state);

/* The object that `view` shows. Takes the view over: it is dropped, or owned by the result. Runs
 * code that the store holds where it is a pickle. Returns a new reference, or NULL with an
 * exception set. */
PyObject *bp_convert_decode(struct bp_state *state, brain_view *view, bool pickle);

/* Whether a value of this kind may have to keep its view: then it is for bp_convert_decode(). */
static inline bool bp_convert_keeps_view(uint32_t kind)
{
    return kind == BRAIN_KIND_TENSOR || kind == BRAIN_KIND_PICKLE || kind == BRAIN_KIND_TREE ||
           kind == BRAIN_KIND_ARROW;
}

/* The same of a value that does not, or of a copy of one. */
PyObject *bp_convert_decode_copy(struct bp_state *state, const brain_view *view);

/* What a value is called in messages: a new reference, or NULL with an exception set. */
PyObject *bp_convert_name_of(struct bp_state *state, const brain_view *view);

/* A decoding of `view` failed: turn the exception of somebody's code into one that says which value
 * could not be `done` ("unpickled"). A KeyError out of a __setstate__ must not look as if the name
 * were missing. */
void bp_convert_chain_failure(struct bp_state *state, const brain_view *view, const char *done);

/* The UTF-8 of a str, and how long it is; `*owner_out` is NULL, or what keeps it (a new reference).
 * NULL with an exception set: it has lone surrogates, or there is no memory. */
const char *bp_convert_utf8(PyObject *text, Py_ssize_t *size_out, PyObject **owner_out);

/* The same of a str. Here, since the call itself counts. */
static inline PyObject *bp_convert_decode_str(struct bp_state *state, const brain_view *view)
{
    PyObject *text = PyUnicode_DecodeUTF8(view->data, (Py_ssize_t)view->size_bytes, NULL);
    return text != NULL ? text : bp_convert_refuse_str(state);
}

#endif
