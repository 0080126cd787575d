/* pickled.c - values that have no kind of their own: pickle protocol 5 with its buffers beside it.
 *
 * The data of BRAIN_KIND_PICKLE is a table of parts (parts.c), the pickle as its stream. An array in a
 * dict, or a column of a table, is not copied at a recall: it is unpickled over Views. The bytes of
 * the table are not trusted. Those of the pickle are code, and whether they may be run was decided
 * when the store was opened.
 */
#include "pickled.h"

#include "away.h"
#include "errors.h"
#include "parts.h"
#include "view.h"

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

void bp_pickled_explain(struct bp_state *state, PyObject *value, PyObject *name)
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
static int pickle_value(struct bp_state *state, PyObject *value, bool to_compare,
                        PyObject **stream_out, PyObject **buffers_out)
{
    PyObject *buffers = PyList_New(0);
    PyObject *append = buffers == NULL ? NULL : PyObject_GetAttrString(buffers, "append");
    PyObject *stream = append == NULL
                           ? NULL
                           : PyObject_CallFunctionObjArgs(state->pickle_dumps, value, append,
                                                          to_compare ? Py_True : Py_False, NULL);
    Py_XDECREF(append);
    if (stream == NULL) {
        Py_XDECREF(buffers);
        return -1;
    }
    *stream_out = stream;
    *buffers_out = buffers;
    return 0;
}

static int add_buffers(struct bp_parts *parts, PyObject *buffers)
{
    Py_ssize_t n = PyList_Size(buffers);
    for (Py_ssize_t i = 0; i < n; i++) {
        if (bp_parts_add_pickle_buffer(parts, PyList_GetItem(buffers, i)) != 0) return -1;
    }
    return 0;
}

/* Take over `stream`. */
static int lay_out(PyObject *stream, PyObject *buffers, struct bp_encoded *encoded)
{
    encoded->parts = bp_parts_new();
    if (encoded->parts == NULL) {
        Py_DECREF(stream);
        return -1;
    }
    encoded->parts->stream_owner = stream;
    if (add_buffers(encoded->parts, buffers) != 0) return -1;
    return bp_parts_lay_out(encoded->parts, 0, PyBytes_AsString(stream),
                            (size_t)PyBytes_Size(stream), encoded);
}

/* Raise which part of `value` it is that needs a pickle. */
static int refuse_put(struct bp_state *state, PyObject *value, PyObject *name)
{
    PyObject *describe = bp_state_function("brain_plasma.codecs.refused", "describe");
    PyObject *found =
        describe == NULL ? NULL : PyObject_CallFunctionObjArgs(describe, value, name, NULL);
    Py_XDECREF(describe);
    PyObject *what, *hint;
    if (found != NULL && PyArg_ParseTuple(found, "UU", &what, &hint)) {
        bp_errors_format(state, BP_PICKLE, "%U can only be stored as a pickle, and " REFUSED "%U",
                         what, hint);
    } else if (PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear(); /* that the value is refused counts more than where */
        bp_errors_format(state, BP_PICKLE,
                         "a value of %R can only be stored as a pickle, and " REFUSED,
                         (PyObject *)Py_TYPE(value));
    }
    Py_XDECREF(found);
    return -1;
}

int bp_pickled_encode(struct bp_state *state, PyObject *value, bool allowed, bool to_compare,
                      PyObject *name, struct bp_encoded *encoded)
{
    PyObject *stream, *buffers;
    if (!allowed) return refuse_put(state, value, name);
    if (load_pickle(state) != 0) return -1;
    if (pickle_value(state, value, to_compare, &stream, &buffers) != 0) {
        bp_pickled_explain(state, value, name);
        return -1;
    }
    int failed = lay_out(stream, buffers, encoded);
    Py_DECREF(buffers);
    encoded->value.kind = BRAIN_KIND_PICKLE;
    return failed;
}

/* ---- from the store -------------------------------------------------------------------------- */

static PyObject *refuse_table(struct bp_state *state, const brain_view *view)
{
    PyObject *name = bp_convert_name_of(state, view);
    if (name == NULL) return NULL;
    bp_errors_format(state, BP_CORRUPT,
                     "the value of %R makes no sense: its table of parts is damaged", name);
    Py_DECREF(name);
    return NULL;
}

static PyObject *unpickle(struct bp_state *state, const brain_view *view, PyObject *whole,
                          const struct bp_stored *stored)
{
    PyObject *buffers = bp_parts_list(whole, stored);
    if (buffers == NULL) return PyErr_Occurred() ? NULL : refuse_table(state, view);
    PyObject *stream = bp_view_part(whole, stored->stream_offset, stored->stream_bytes);
    PyObject *arguments = stream == NULL ? NULL : Py_BuildValue("(O)", stream);
    PyObject *keywords = Py_BuildValue("{sO}", "buffers", buffers);
    PyObject *result = NULL;
    if (arguments != NULL && keywords != NULL) {
        result = PyObject_Call(state->pickle_loads, arguments, keywords);
    }
    Py_XDECREF(stream);
    Py_DECREF(buffers);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    return result;
}

static void refuse(struct bp_state *state, const brain_view *view)
{
    PyObject *name = bp_convert_name_of(state, view);
    if (name == NULL) return;
    bp_errors_format(state, BP_PICKLE, "the value of %R is stored as a pickle, and " REFUSED, name);
    Py_DECREF(name);
}

PyObject *bp_pickled_decode(struct bp_state *state, brain_view *view, bool allowed)
{
    struct bp_stored stored;
    if (!allowed) refuse(state, view);
    if (!allowed || load_pickle(state) != 0) {
        bp_away_drop(state, view);
        return NULL;
    }
    if (!bp_parts_read(view->data, view->size_bytes, &stored)) {
        refuse_table(state, view);
        bp_away_drop(state, view);
        return NULL;
    }
    PyObject *whole = bp_view_new(state, view);
    if (whole == NULL) return NULL;
    PyObject *result = unpickle(state, view, whole, &stored);
    if (result == NULL) bp_convert_chain_failure(state, view, "unpickled");
    Py_DECREF(whole);
    return result;
}
