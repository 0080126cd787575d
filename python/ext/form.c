/* form.c - in which form a value is stored, without storing it, or making it: for explain(). */
#include "form.h"

#include "convert.h"
#include "errors.h"
#include "parts.h"
#include "untree.h"

#include <string.h>

const char bp_form_needs_pickle_doc[] = "_needs_pickle(value, /)\n--\n\n"
                                        "Whether nothing but a pickle can hold a value.";

PyObject *bp_form_needs_pickle(PyObject *module, PyObject *value)
{
    struct bp_encoded encoded;
    int done = bp_convert_encode_plain(value, &encoded);
    if (done == 0) {
        done = bp_convert_encode_unpickled(PyModule_GetState(module), value, &encoded);
    }
    bp_convert_free(&encoded);
    return done < 0 ? NULL : PyBool_FromLong(done == 0);
}

const char bp_form_read_tree_doc[] =
    "_read_tree(data, node, part, /)\n--\n\n"
    "The form of a value of kind TREE: node(name, payload) and part(what, size, metadata) stand\n"
    "for what would be made of it. `data` needs not have the buffers.";

PyObject *bp_form_read_tree(PyObject *module, PyObject *args)
{
    Py_buffer data;
    PyObject *node, *part;
    if (!PyArg_ParseTuple(args, "y*OO:_read_tree", &data, &node, &part)) return NULL;
    PyObject *form =
        bp_untree_read(PyModule_GetState(module), data.buf, (size_t)data.len, node, part);
    PyBuffer_Release(&data);
    return form;
}

/* The list of (offset, size) of its buffers. */
static PyObject *places_of(const struct bp_stored *stored)
{
    PyObject *places = PyList_New((Py_ssize_t)stored->n_buffers);
    for (uint64_t i = 0; places != NULL && i < stored->n_buffers; i++) {
        struct bp_place place = bp_parts_place(stored, i);
        PyObject *pair = Py_BuildValue("KK", (unsigned long long)place.offset,
                                       (unsigned long long)place.size_bytes);
        if (pair == NULL) {
            Py_CLEAR(places);
        } else {
            PyList_SetItem(places, (Py_ssize_t)i, pair);
        }
    }
    return places;
}

const char bp_form_read_parts_doc[] =
    "_read_parts(data, /)\n--\n\n"
    "Where the parts of a value of kind TREE or PICKLE lie in its data: offset and size of its\n"
    "stream, and the list of (offset, size) of its buffers, as its table has them. `data` needs\n"
    "not have the buffers.";

PyObject *bp_form_read_parts(PyObject *module, PyObject *data)
{
    Py_buffer bytes;
    struct bp_stored stored;
    PyObject *result = NULL;
    if (PyObject_GetBuffer(data, &bytes, PyBUF_SIMPLE) != 0) return NULL;
    if (!bp_parts_read(bytes.buf, (uint64_t)bytes.len, &stored)) {
        bp_errors_format(PyModule_GetState(module), BP_CORRUPT,
                         "the table of parts of a value makes no sense");
    } else {
        PyObject *places = places_of(&stored);
        if (places != NULL) {
            result = Py_BuildValue("KKN", (unsigned long long)stored.stream_offset,
                                   (unsigned long long)stored.stream_bytes, places);
        }
    }
    PyBuffer_Release(&bytes);
    return result;
}

/* The bytes of the parts of a value before its buffers, in one piece; of a table its stream. */
static PyObject *head_of(struct bp_encoded *encoded)
{
    size_t n_bytes = 0;
    uint32_t n = encoded->value.kind == BRAIN_KIND_TREE || encoded->value.kind == BRAIN_KIND_PICKLE
                     ? 2
                     : encoded->value.kind == BRAIN_KIND_ARROW;
    if (n == 1 && bp_parts_write(encoded) != 0) return NULL;
    const brain_part *parts = encoded->value.parts;
    for (uint32_t i = 0; i < n && i < encoded->value.n_parts; i++)
        n_bytes += parts[i].size_bytes;
    PyObject *head = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)n_bytes);
    char *to = head == NULL ? NULL : PyBytes_AsString(head);
    for (uint32_t i = 0; to != NULL && i < n && i < encoded->value.n_parts; i++) {
        memcpy(to, parts[i].data, parts[i].size_bytes);
        to += parts[i].size_bytes;
    }
    return head;
}

const char bp_form_of_doc[] =
    "_form_of(value, pickle, /)\n--\n\n"
    "How a value would be stored: kind, bytes in all, metadata, and the head of its\n"
    "data, without the buffers.";

PyObject *bp_form_of(PyObject *module, PyObject *args)
{
    struct bp_encoded encoded;
    PyObject *value, *result = NULL;
    int pickle;
    if (!PyArg_ParseTuple(args, "Op:_form_of", &value, &pickle)) return NULL;
    if (bp_convert_encode(PyModule_GetState(module), value, pickle, Py_None, &encoded) == 0) {
        PyObject *head = head_of(&encoded);
        if (head != NULL) {
            result = Py_BuildValue("IKy#N", (unsigned)encoded.value.kind,
                                   (unsigned long long)encoded.size_bytes,
                                   encoded.value.meta != NULL ? encoded.value.meta : "",
                                   (Py_ssize_t)encoded.value.meta_len, head);
        }
        bp_convert_free(&encoded);
    }
    return result;
}
