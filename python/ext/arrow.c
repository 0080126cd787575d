/* arrow.c - tables: an Arrow IPC stream, which encoders and decoders of Python make and read.
 *
 * codecs.top_encoders has the encoders. They return ("arrow", (metadata, stream)): bytes, and a
 * PickleBuffer or a Written. The name says of what kind the value is, and there is no other yet. The
 * decoder "pyarrow.stream" gets (metadata, View).
 */
#include "arrow.h"

#include "codecs.h"
#include "errors.h"
#include "parts.h"
#include "tree.h"
#include "view.h"

/* Let `encoded` have (metadata, stream). */
static int take_stream(struct bp_state *state, PyObject *metadata, PyObject *stream,
                       struct bp_encoded *encoded)
{
    char *meta;
    Py_ssize_t meta_len;
    if (PyBytes_AsStringAndSize(metadata, &meta, &meta_len) != 0) return -1;
    encoded->parts = bp_parts_new();
    if (encoded->parts == NULL || bp_tree_add_raw(state, encoded->parts, stream) != 0) return -1;
    encoded->owner = Py_NewRef(metadata);
    encoded->value.kind = BRAIN_KIND_ARROW;
    encoded->value.meta = meta;
    encoded->value.meta_len = (size_t)meta_len;
    encoded->value.n_parts = 1;
    encoded->part.data = encoded->parts->buffers[0].data;
    encoded->part.size_bytes = encoded->parts->buffers[0].size_bytes;
    encoded->size_bytes = encoded->part.size_bytes;
    return 0;
}

/* Let `encoded` have what an encoder gave. Returns 0, or -1 with an exception set. */
static int take(struct bp_state *state, PyObject *apart, struct bp_encoded *encoded)
{
    PyObject *name, *metadata, *stream;
    if (!PyArg_ParseTuple(apart, "U(O!O)", &name, &PyBytes_Type, &metadata, &stream)) return -1;
    if (PyUnicode_CompareWithASCIIString(name, "arrow") == 0) {
        return take_stream(state, metadata, stream, encoded);
    }
    bp_errors_set(PyExc_ValueError,
                  "an encoder in codecs.top_encoders has returned the name %R: it has to be "
                  "'arrow', the only kind that there is for values by themselves",
                  name);
    return -1;
}

int bp_arrow_encode(struct bp_state *state, PyObject *value, struct bp_encoded *encoded)
{
    if (bp_tree_is_plain(Py_TYPE(value))) return 0;
    PyObject *encoder = bp_codecs_top_encoder(state, Py_TYPE(value));
    PyObject *apart = encoder == NULL ? NULL : bp_codecs_take_apart(encoder, value);
    Py_XDECREF(encoder);
    if (apart == NULL) return PyErr_Occurred() ? -1 : 0;
    int done = take(state, apart, encoded);
    Py_DECREF(apart);
    return done == 0 ? 1 : -1;
}

PyObject *bp_arrow_decode(struct bp_state *state, brain_view *view, bool trusted)
{
    PyObject *name = PyUnicode_FromString("pyarrow.stream");
    PyObject *whole = bp_view_new(state, view);
    PyObject *payload = NULL, *table = NULL;
    if (name != NULL && whole != NULL) {
        payload = Py_BuildValue("(y#O)", view->meta != NULL ? view->meta : "",
                                (Py_ssize_t)view->meta_len, whole);
    }
    if (payload != NULL) table = bp_codecs_put_together(state, name, payload, trusted);
    if (table == NULL && whole != NULL) bp_convert_chain_failure(state, view, "put together");
    Py_XDECREF(name);
    Py_XDECREF(whole);
    Py_XDECREF(payload);
    return table;
}
