/* convert.c - between Python objects and the values of the store.
 *
 * The kinds that C and every other language can read are chosen by exact type: a subclass may carry
 * more than its base, and a recall has to give the type that was put. What has no kind is an array
 * (tensor.c), a table (arrow.c), plain data in containers and what has an encoder (tree.c, untree.c),
 * or else pickled (pickled.c).
 *
 * The two functions with a case for each kind stand on the hot path: a get of a small value is one
 * call of the library, one of these cases and one drop.
 */
#include "convert.h"

#include "arrow.h"
#include "away.h"
#include "errors.h"
#include "objectid.h"
#include "parts.h"
#include "pickled.h"
#include "plasma/object.h"
#include "tensor.h"
#include "tree.h"
#include "untree.h"

#include <string.h>

/* ---- to the store ---------------------------------------------------------------------------- */

#define LONG_TEXT 1024 /* characters */

static void set_data(struct bp_encoded *encoded, uint32_t kind, const void *data, size_t size_bytes)
{
    encoded->value.kind = kind;
    encoded->value.n_parts = 1;
    encoded->part.data = data;
    encoded->part.size_bytes = size_bytes;
    encoded->size_bytes = size_bytes;
}

/* An int that 8 bytes cannot hold: as many as it needs. */
static int encode_large_int(PyObject *value, struct bp_encoded *encoded)
{
    PyObject *n_bits = PyObject_CallMethod(value, "bit_length", NULL);
    if (n_bits == NULL) return -1;
    Py_ssize_t n_bytes = PyLong_AsSsize_t(n_bits) / 8 + 1; /* the sign takes a bit as well */
    Py_DECREF(n_bits);
    if (PyErr_Occurred()) return -1;

    PyObject *to_bytes = PyObject_GetAttrString(value, "to_bytes");
    PyObject *arguments = Py_BuildValue("(ns)", n_bytes, "little");
    PyObject *keywords = Py_BuildValue("{sO}", "signed", Py_True);
    if (to_bytes != NULL && arguments != NULL && keywords != NULL) {
        encoded->owner = PyObject_Call(to_bytes, arguments, keywords);
    }
    Py_XDECREF(to_bytes);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    if (encoded->owner == NULL) return -1;
    set_data(encoded, BRAIN_KIND_INT, PyBytes_AsString(encoded->owner), (size_t)n_bytes);
    return 0;
}

/* Whether to keep the UTF-8 of `text` in the object itself, as PyUnicode_AsUTF8AndSize() does, would
 * leave a user with a large object that is twice as large for good. That of an ASCII one is there. */
static int is_costly(PyObject *text)
{
    if (PyUnicode_GetLength(text) < LONG_TEXT) return 0;
    PyObject *is_ascii = PyObject_CallMethod(text, "isascii", NULL);
    if (is_ascii == NULL) return -1;
    Py_DECREF(is_ascii);
    return is_ascii != Py_True;
}

const char *bp_convert_utf8(PyObject *text, Py_ssize_t *size_out, PyObject **owner_out)
{
    int costly = is_costly(text);
    *owner_out = NULL;
    if (costly < 0) return NULL;
    if (!costly) return PyUnicode_AsUTF8AndSize(text, size_out);
    char *utf8;
    *owner_out = PyUnicode_AsUTF8String(text);
    if (*owner_out == NULL || PyBytes_AsStringAndSize(*owner_out, &utf8, size_out) != 0)
        return NULL;
    return utf8;
}

/* 1: encoded. 0: has lone surrogates, which UTF-8 does not know. */
static int encode_str(PyObject *value, struct bp_encoded *encoded)
{
    Py_ssize_t size_bytes;
    const char *utf8 = bp_convert_utf8(value, &size_bytes, &encoded->owner);
    if (utf8 != NULL) {
        set_data(encoded, BRAIN_KIND_STR, utf8, (size_t)size_bytes);
        return 1;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
    PyErr_Clear();
    return 0;
}

static int encode_bytes(PyObject *value, struct bp_encoded *encoded)
{
    char *data;
    Py_ssize_t size_bytes;
    if (PyBytes_AsStringAndSize(value, &data, &size_bytes) != 0) return -1;
    set_data(encoded, BRAIN_KIND_BYTES, data, (size_t)size_bytes);
    return 0;
}

int bp_convert_encode_plain(PyObject *value, struct bp_encoded *encoded)
{
    encoded->value = (brain_value){ .parts = &encoded->part };
    encoded->size_bytes = 0;
    encoded->part.align = 0;
    encoded->owner = NULL;
    encoded->memory = NULL;
    encoded->parts = NULL;

    struct bp_small small;
    if (bp_convert_encode_small(value, &small)) {
        bool is_scalar = small.data == &small.scalar;
        if (is_scalar) memcpy(&encoded->scalar, &small.scalar, sizeof encoded->scalar);
        set_data(encoded, small.kind, is_scalar ? &encoded->scalar : small.data, small.size_bytes);
        return 1;
    }
    const PyTypeObject *type = Py_TYPE(value);
    if (type == &PyLong_Type) return encode_large_int(value, encoded) == 0 ? 1 : -1;
    if (type == &PyUnicode_Type) return encode_str(value, encoded);
    if (type == &PyBytes_Type) return encode_bytes(value, encoded) == 0 ? 1 : -1;
    return 0;
}

int bp_convert_encode_unpickled(struct bp_state *state, PyObject *value, struct bp_encoded *encoded)
{
    /* A str that comes here has lone surrogates: NumPy need not be asked, nor be there. */
    int done = Py_TYPE(value) == &PyUnicode_Type ? 0 : bp_tensor_encode(state, value, encoded);
    if (done == 0) done = bp_arrow_encode(state, value, encoded);
    return done == 0 ? bp_tree_encode(state, value, false, encoded) : done;
}

int bp_convert_encode_other(struct bp_state *state, PyObject *value, bool pickle, PyObject *name,
                            struct bp_encoded *encoded)
{
    int done = bp_convert_encode_unpickled(state, value, encoded);
    if (done < 0) bp_pickled_explain(state, value, name); /* an encoder's, code of others */
    if (done == 0)
        done = bp_pickled_encode(state, value, pickle, false, name, encoded) == 0 ? 1 : -1;
    if (done > 0) return 0;
    bp_convert_free(encoded);
    return -1;
}

int bp_convert_encode_to_compare(struct bp_state *state, PyObject *value, bool pickle,
                                 PyObject *name, struct bp_encoded *encoded)
{
    int done = bp_convert_encode_plain(value, encoded);
    if (done != 0) return done > 0 ? 0 : -1;
    if (Py_TYPE(value) != &PyUnicode_Type) done = bp_tensor_encode(state, value, encoded);
    if (done == 0) done = bp_tree_encode(state, value, true, encoded);
    if (done < 0) bp_pickled_explain(state, value, name);
    if (done == 0) {
        done = bp_pickled_encode(state, value, pickle, true, name, encoded) == 0 ? 1 : -1;
    }
    if (done > 0 && bp_parts_write(encoded) == 0) return 0;
    bp_convert_free(encoded);
    return -1;
}

void bp_convert_free_owned(struct bp_encoded *encoded)
{
    Py_XDECREF(encoded->owner);
    if (encoded->memory != NULL) PyMem_Free(encoded->memory);
    if (encoded->parts != NULL) bp_parts_free(encoded->parts);
}

/* ---- from the store -------------------------------------------------------------------------- */

/* An int that 8 bytes cannot hold. */
static PyObject *decode_large_int(const brain_view *view)
{
    PyObject *from_bytes = PyObject_GetAttrString((PyObject *)&PyLong_Type, "from_bytes");
    PyObject *arguments =
        Py_BuildValue("(y#s)", view->data, (Py_ssize_t)view->size_bytes, "little");
    PyObject *keywords = Py_BuildValue("{sO}", "signed", Py_True);
    PyObject *result = NULL;
    if (from_bytes != NULL && arguments != NULL && keywords != NULL) {
        result = PyObject_Call(from_bytes, arguments, keywords);
    }
    Py_XDECREF(from_bytes);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    return result;
}

static PyObject *decode_int(const brain_view *view)
{
    int64_t value; /* INVAL: it has not 8 bytes */
    return brain_view_int(view, &value) == 0 ? PyLong_FromLongLong(value) : decode_large_int(view);
}

static PyObject *decode_float(struct bp_state *state, const brain_view *view)
{
    double value;
    int code = brain_view_float(view, &value);
    if (code != 0) return bp_errors_raise(state, code);
    return PyFloat_FromDouble(value);
}

PyObject *bp_convert_refuse_str(struct bp_state *state)
{
    if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) return NULL;
    return bp_errors_chain(state, BP_CORRUPT, "a value that says it is text is no UTF-8");
}

static PyObject *decode_bytes(const brain_view *view)
{
    if (view->size_bytes < BP_LARGE_BYTES) {
        return PyBytes_FromStringAndSize(view->data, (Py_ssize_t)view->size_bytes);
    }
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)view->size_bytes);
    if (bytes == NULL) return NULL;
    char *copy = PyBytes_AsString(bytes);
    Py_BEGIN_ALLOW_THREADS memcpy(copy, view->data, view->size_bytes);
    Py_END_ALLOW_THREADS return bytes;
}

PyObject *bp_convert_decode_copy(struct bp_state *state, const brain_view *view)
{
    switch (view->kind) {
    case BRAIN_KIND_INT:
        return decode_int(view);
    case BRAIN_KIND_STR:
        return bp_convert_decode_str(state, view);
    case BRAIN_KIND_FLOAT:
        return decode_float(state, view);
    case BRAIN_KIND_RAW:
    case BRAIN_KIND_BYTES:
        return decode_bytes(view);
    case BRAIN_KIND_TRUE:
        return Py_NewRef(Py_True);
    case BRAIN_KIND_FALSE:
        return Py_NewRef(Py_False);
    case BRAIN_KIND_NONE:
        return Py_NewRef(Py_None);
    default:
        return bp_errors_format(state, BP_VALUE,
                                "this version of brain_plasma cannot recall values of kind %u; "
                                "a newer one put it",
                                (unsigned)view->kind);
    }
}

PyObject *bp_convert_decode(struct bp_state *state, brain_view *view, bool pickle)
{
    if (bp_away_recall(state, view) != 0) return NULL;
    if (view->kind == BRAIN_KIND_TENSOR) return bp_tensor_decode(state, view, pickle);
    if (view->kind == BRAIN_KIND_TREE) return bp_untree_decode(state, view, pickle);
    if (view->kind == BRAIN_KIND_PICKLE) return bp_pickled_decode(state, view, pickle);
    if (view->kind == BRAIN_KIND_ARROW) return bp_arrow_decode(state, view, pickle);
    PyObject *result = bp_convert_decode_copy(state, view);
    bp_away_drop(state, view);
    return result;
}

/* ---- failures -------------------------------------------------------------------------------- */

PyObject *bp_convert_name_of(struct bp_state *state, const brain_view *view)
{
    if (view->tag == PL_TAG_OBJECT) return bp_objectid_new(state, view->name);
    return PyUnicode_DecodeUTF8(view->name, view->name_len, "backslashreplace");
}

/* What went wrong, as part of a sentence, and whether it is a package that is missing; NULL with an exception set. */
static PyObject *reason_of(struct bp_state *state, PyObject *error, int *is_missing_out)
{
    PyObject *reason = NULL;
    PyObject *explain = bp_state_values_function(state, "why_not_recalled");
    PyObject *found = explain == NULL ? NULL : PyObject_CallFunctionObjArgs(explain, error, NULL);
    if (found != NULL && PyArg_ParseTuple(found, "Up", &reason, is_missing_out)) Py_INCREF(reason);
    Py_XDECREF(found);
    Py_XDECREF(explain);
    return reason;
}

void bp_convert_chain_failure(struct bp_state *state, const brain_view *view, const char *done)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError) ||
        PyErr_ExceptionMatches(state->errors[BP_CORRUPT])) {
        return;
    }
    int code = PyErr_ExceptionMatches(state->errors[BP_PICKLE]) ? BP_PICKLE : BP_VALUE;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *name = bp_convert_name_of(state, view);
    int is_missing = 0;
    PyObject *reason = name == NULL ? NULL : reason_of(state, error, &is_missing);
    if (reason == NULL) PyErr_Clear();
    if (is_missing) code = BP_RECALL_PACKAGE;
    PyErr_Restore(type, error, traceback);
    if (reason != NULL) {
        bp_errors_chain(state, code, "the value of %R is there but cannot be %s here: %U", name,
                        done, reason);
    }
    Py_XDECREF(name);
    Py_XDECREF(reason);
}
