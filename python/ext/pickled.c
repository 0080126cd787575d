/* pickled.c - values that have no kind of their own: pickle protocol 5 with its buffers beside it.
 *
 * The data of BRAIN_KIND_PICKLE, little-endian:
 *
 *     0   u32  n_buffers
 *     4   u32  0
 *     8   u64  pickle_bytes
 *    16   n_buffers times: u64 offset from the start of the data, u64 size_bytes
 *     then    the pickle, pickle_bytes long
 *     then    each buffer at its offset, a multiple of 64; gaps are zeros. One of no bytes has
 *             offset 0.
 *
 * A put hands the library the table, the pickle and the buffers as they lie, and it copies each
 * once. A recall unpickles over views of the shared bytes: an array in a dict, or a column of a
 * table, is not copied. The bytes of the table are not trusted. Those of the pickle are code, and
 * whether they may be run was decided when the store was opened.
 */
#include "pickled.h"

#include "objectid.h"
#include "plasma/object.h"

#include "errors.h"
#include "view.h"

#define BUFFER_ALIGN ((size_t)64)

struct table_head {
    uint32_t n_buffers;
    uint32_t reserved;
    uint64_t pickle_bytes;
};

struct table_entry {
    uint64_t offset;
    uint64_t size_bytes;
};

struct bp_pickled {
    PyObject *stream;  /* bytes, owned */
    Py_ssize_t n_held; /* how many of `buffers` are held */
    Py_buffer *buffers;
    brain_part *parts;
    char *table; /* a head and its entries */
};

static int load_pickle(struct bp_state *state)
{
    if (state->pickle_loads != NULL) return 0;
    Py_XDECREF(state->pickle_dumps); /* left over from a failure between the two */
    state->pickle_dumps = bp_state_function("brain_plasma.pickling", "dumps");
    if (state->pickle_dumps != NULL) state->pickle_loads = bp_state_function("pickle", "loads");
    return state->pickle_loads != NULL ? 0 : -1;
}

#define REFUSED                                                                                    \
    "pickles are refused in this store: it was opened with pickle=False, or others than you may "  \
    "write it. Pickles run code: open it with pickle=True only if you trust everybody who can "    \
    "write it"

/* ---- to the store ---------------------------------------------------------------------------- */

/* Turn the exception of a pickler into one that says which part of the value it was. */
static void explain_failure(struct bp_state *state, PyObject *value, PyObject *name)
{
    PyObject *type, *error, *traceback;
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return;
    }
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *text = NULL;
    PyObject *explain = bp_state_values_function(state, "explain_failure");
    if (explain != NULL) {
        text = PyObject_CallFunctionObjArgs(explain, value, name, error, NULL);
        Py_DECREF(explain);
    }
    if (text == NULL) PyErr_Clear();
    PyErr_Restore(type, error, traceback);
    if (text == NULL) return;
    bp_errors_chain(state, BP_VALUE_TYPE, "%U", text);
    Py_DECREF(text);
}

/* Pickle `value` into `*stream_out`, a bytes object, and the list of its buffers. */
static int pickle_value(struct bp_state *state, PyObject *value, PyObject **stream_out,
                        PyObject **buffers_out)
{
    PyObject *buffers = PyList_New(0);
    PyObject *append = buffers == NULL ? NULL : PyObject_GetAttrString(buffers, "append");
    PyObject *stream =
        append == NULL ? NULL
                       : PyObject_CallFunctionObjArgs(state->pickle_dumps, value, append, NULL);
    Py_XDECREF(append);
    if (stream == NULL) {
        Py_XDECREF(buffers);
        return -1;
    }
    *stream_out = stream;
    *buffers_out = buffers;
    return 0;
}

/* Room for `n_buffers` buffers, their parts and their table, in one piece. */
static struct bp_pickled *new_pickled(Py_ssize_t n_buffers)
{
    size_t n = (size_t)n_buffers;
    size_t per_buffer = sizeof(Py_buffer) + sizeof(brain_part) + sizeof(struct table_entry);
    if (n > UINT32_MAX - 2) {
        PyErr_SetString(PyExc_OverflowError, "a value with more than 4 billion buffers");
        return NULL;
    }
    struct bp_pickled *pickled =
        PyMem_Calloc(1, sizeof *pickled + n * per_buffer + 2 * sizeof(brain_part) +
                            sizeof(struct table_head));
    if (pickled == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    pickled->buffers = (Py_buffer *)(pickled + 1);
    pickled->parts = (brain_part *)(pickled->buffers + n);
    pickled->table = (char *)(pickled->parts + n + 2);
    return pickled;
}

/* Hold the bytes of each PickleBuffer in `buffers`. */
static int hold_buffers(struct bp_pickled *pickled, PyObject *buffers)
{
    Py_ssize_t n = PyList_Size(buffers);
    for (Py_ssize_t i = 0; i < n; i++) {
        /* raw() is flat also where the buffer is of several dimensions, in whatever order. */
        PyObject *raw = PyObject_CallMethod(PyList_GetItem(buffers, i), "raw", NULL);
        if (raw == NULL) return -1;
        int failed = PyObject_GetBuffer(raw, &pickled->buffers[i], PyBUF_SIMPLE);
        Py_DECREF(raw);
        if (failed) return -1;
        pickled->n_held++;
    }
    return 0;
}

/* Write the table and the parts that it describes. Returns the number of parts. */
static uint32_t lay_out(struct bp_pickled *pickled, struct bp_encoded *encoded)
{
    struct table_head *head = (struct table_head *)pickled->table;
    struct table_entry *entries = (struct table_entry *)(head + 1);
    size_t table_bytes = sizeof *head + (size_t)pickled->n_held * sizeof *entries;
    brain_part *part = pickled->parts;

    head->n_buffers = (uint32_t)pickled->n_held;
    head->pickle_bytes = (uint64_t)PyBytes_Size(pickled->stream);
    *part++ = (brain_part){ .data = pickled->table, .size_bytes = table_bytes };
    *part++ = (brain_part){ .data = PyBytes_AsString(pickled->stream),
                            .size_bytes = (size_t)head->pickle_bytes };
    size_t end = table_bytes + (size_t)head->pickle_bytes;
    for (Py_ssize_t i = 0; i < pickled->n_held; i++) {
        size_t size_bytes = (size_t)pickled->buffers[i].len;
        if (size_bytes == 0) continue;
        size_t offset = (end + BUFFER_ALIGN - 1) & ~(BUFFER_ALIGN - 1);
        entries[i] = (struct table_entry){ .offset = offset, .size_bytes = size_bytes };
        *part++ = (brain_part){ .data = pickled->buffers[i].buf,
                                .size_bytes = size_bytes,
                                .align = BUFFER_ALIGN };
        end = offset + size_bytes;
    }
    encoded->size_bytes = end;
    return (uint32_t)(part - pickled->parts);
}

int bp_pickled_encode(struct bp_state *state, PyObject *value, bool allowed, PyObject *name,
                      struct bp_encoded *encoded)
{
    PyObject *stream, *buffers;
    if (!allowed) {
        bp_errors_format(state, BP_PICKLE,
                         "%R cannot be stored: a value of %R can only be stored as a pickle, "
                         "and " REFUSED,
                         name, (PyObject *)Py_TYPE(value));
        return -1;
    }
    if (load_pickle(state) != 0) return -1;
    if (pickle_value(state, value, &stream, &buffers) != 0) {
        explain_failure(state, value, name);
        return -1;
    }
    struct bp_pickled *pickled = new_pickled(PyList_Size(buffers));
    if (pickled == NULL) {
        Py_DECREF(stream);
        Py_DECREF(buffers);
        return -1;
    }
    pickled->stream = stream;
    encoded->pickled = pickled; /* from here on freed with it */
    int failed = hold_buffers(pickled, buffers);
    Py_DECREF(buffers);
    if (failed) return -1;
    encoded->value.kind = BRAIN_KIND_PICKLE;
    encoded->value.n_parts = lay_out(pickled, encoded);
    encoded->value.parts = pickled->parts;
    return 0;
}

void bp_pickled_free(struct bp_pickled *pickled)
{
    for (Py_ssize_t i = 0; i < pickled->n_held; i++)
        PyBuffer_Release(&pickled->buffers[i]);
    Py_DECREF(pickled->stream);
    PyMem_Free(pickled);
}

/* ---- from the store -------------------------------------------------------------------------- */

/* Where things lie in a stored pickle; `entries` points into it. */
struct stored {
    const struct table_entry *entries;
    uint64_t n_buffers;
    uint64_t pickle_offset;
    uint64_t pickle_bytes;
};

static bool read_table(const brain_view *view, struct stored *stored_out)
{
    const struct table_head *head = view->data; /* 8-byte aligned, as the library promises */
    uint64_t size_bytes = view->size_bytes;
    if (size_bytes < sizeof *head) return false;
    uint64_t table_bytes = sizeof *head + head->n_buffers * sizeof(struct table_entry);
    if (table_bytes > size_bytes || head->pickle_bytes > size_bytes - table_bytes) return false;
    *stored_out = (struct stored){ .entries = (const struct table_entry *)(head + 1),
                                   .n_buffers = head->n_buffers,
                                   .pickle_offset = table_bytes,
                                   .pickle_bytes = head->pickle_bytes };
    for (uint64_t i = 0; i < head->n_buffers; i++) {
        const struct table_entry *entry = &stored_out->entries[i];
        if (entry->offset > size_bytes || entry->size_bytes > size_bytes - entry->offset) {
            return false;
        }
    }
    return true;
}

static PyObject *list_buffers(PyObject *whole, const struct stored *stored)
{
    PyObject *buffers = PyList_New((Py_ssize_t)stored->n_buffers);
    for (uint64_t i = 0; buffers != NULL && i < stored->n_buffers; i++) {
        const struct table_entry *entry = &stored->entries[i];
        PyObject *part = bp_view_part(whole, entry->offset, entry->size_bytes);
        if (part == NULL) {
            Py_CLEAR(buffers);
        } else {
            PyList_SetItem(buffers, (Py_ssize_t)i, part);
        }
    }
    return buffers;
}

static PyObject *unpickle(struct bp_state *state, PyObject *whole, const struct stored *stored)
{
    PyObject *stream = bp_view_part(whole, stored->pickle_offset, stored->pickle_bytes);
    PyObject *buffers = list_buffers(whole, stored);
    PyObject *arguments = stream == NULL ? NULL : Py_BuildValue("(O)", stream);
    PyObject *keywords = buffers == NULL ? NULL : Py_BuildValue("{sO}", "buffers", buffers);
    PyObject *result = NULL;
    if (arguments != NULL && keywords != NULL) {
        result = PyObject_Call(state->pickle_loads, arguments, keywords);
    }
    Py_XDECREF(stream);
    Py_XDECREF(buffers);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    return result;
}

/* A KeyError out of somebody's __setstate__ must not look as if the name were missing. */
static void chain_failure(struct bp_state *state, const brain_view *view)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) {
        return;
    }
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    PyObject *name = view->tag == PL_TAG_OBJECT
                         ? bp_objectid_new(state, view->name)
                         : PyUnicode_DecodeUTF8(view->name, view->name_len, "backslashreplace");
    PyObject *reason = PyObject_Repr(error);
    if (name == NULL || reason == NULL) PyErr_Clear();
    PyErr_Restore(type, error, traceback);
    if (name != NULL && reason != NULL) {
        bp_errors_chain(state, BP_VALUE,
                        "the value of %R is there but cannot be unpickled here: %U", name, reason);
    }
    Py_XDECREF(name);
    Py_XDECREF(reason);
}

static void refuse(struct bp_state *state, const brain_view *view)
{
    PyObject *name = PyUnicode_DecodeUTF8(view->name, view->name_len, "backslashreplace");
    if (name == NULL) return;
    bp_errors_format(state, BP_PICKLE, "the value of %R is stored as a pickle, and " REFUSED, name);
    Py_DECREF(name);
}

PyObject *bp_pickled_decode(struct bp_state *state, brain_view *view, bool allowed)
{
    struct stored stored;
    if (!allowed) refuse(state, view);
    if (!allowed || load_pickle(state) != 0) {
        brain_view_drop(view);
        return NULL;
    }
    if (!read_table(view, &stored)) {
        brain_view_drop(view);
        return bp_errors_format(state, BP_CORRUPT, "the table of a pickled value makes no sense");
    }
    PyObject *whole = bp_view_new(state, view);
    if (whole == NULL) return NULL;
    PyObject *result = unpickle(state, whole, &stored);
    if (result == NULL) chain_failure(state, view);
    Py_DECREF(whole);
    return result;
}
