/* codecs.c - the encoders and decoders of brain_plasma.codecs.
 *
 * The dicts there are looked into each time, since a user may register more; what is not in them is
 * asked for. Whoever stores plain data alone never imports that module.
 */
#include "codecs.h"

#include "errors.h"

#define N_FOUND 6

/* What is looked for in brain_plasma.codecs; returns how much of it was found. */
static int find_all(PyObject *found[N_FOUND])
{
    static const char *const names[N_FOUND] = { "encoders",     "top_encoders", "decoders",
                                                "find_encoder", "find_decoder", "Written" };
    PyObject *module = PyImport_ImportModule("brain_plasma.codecs");
    int n = 0;
    while (module != NULL && n < N_FOUND &&
           (found[n] = PyObject_GetAttrString(module, names[n])) != NULL)
        n++;
    Py_XDECREF(module);
    return n;
}

int bp_codecs_load(struct bp_state *state)
{
    struct bp_codecs *codecs = &state->codecs;
    if (codecs->pickle_buffer_type != NULL) return 0; /* the last that is set */
    PyObject *found[N_FOUND];
    int n = find_all(found);
    PyObject *buffer_type = n < N_FOUND ? NULL : bp_state_function("pickle", "PickleBuffer");
    if (buffer_type == NULL || codecs->pickle_buffer_type != NULL) { /* another thread was first */
        while (n > 0)
            Py_DECREF(found[--n]);
        Py_XDECREF(buffer_type);
        return codecs->pickle_buffer_type != NULL ? 0 : -1;
    }
    *codecs = (struct bp_codecs){ .encoders = found[0],
                                  .top_encoders = found[1],
                                  .decoders = found[2],
                                  .find_encoder = found[3],
                                  .find_decoder = found[4],
                                  .written_type = found[5],
                                  .pickle_buffer_type = buffer_type };
    return 0;
}

/* `encoder` where there is one: a new reference. */
static PyObject *or_none(PyObject *encoder)
{
    return encoder == NULL || encoder == Py_None ? NULL : Py_NewRef(encoder);
}

PyObject *bp_codecs_encoder(struct bp_state *state, PyTypeObject *type)
{
    if (bp_codecs_load(state) != 0) return NULL;
    PyObject *encoder = PyDict_GetItemWithError(state->codecs.encoders, (PyObject *)type);
    if (encoder != NULL || PyErr_Occurred()) return or_none(encoder);
    encoder = PyObject_CallFunctionObjArgs(state->codecs.find_encoder, (PyObject *)type, NULL);
    if (encoder == Py_None) Py_CLEAR(encoder);
    return encoder;
}

PyObject *bp_codecs_top_encoder(struct bp_state *state, PyTypeObject *type)
{
    PyObject *encoder = bp_codecs_encoder(state, type); /* loads what knows the type */
    if (encoder == NULL && PyErr_Occurred()) return NULL;
    Py_XDECREF(encoder);
    return or_none(PyDict_GetItemWithError(state->codecs.top_encoders, (PyObject *)type));
}

PyObject *bp_codecs_take_apart(PyObject *encoder, PyObject *value)
{
    PyObject *result = PyObject_CallFunctionObjArgs(encoder, value, NULL);
    if (result == NULL) return NULL;
    if (result == Py_None) {
        Py_DECREF(result);
        return NULL;
    }
    if (Py_TYPE(result) == &PyTuple_Type && PyTuple_Size(result) == 2 &&
        Py_TYPE(PyTuple_GetItem(result, 0)) == &PyUnicode_Type) {
        return result;
    }
    bp_errors_set(PyExc_TypeError,
                  "the encoder of %R has to return (name, payload), the name a str, or None: not "
                  "%R",
                  (PyObject *)Py_TYPE(value), result);
    Py_DECREF(result);
    return NULL;
}

PyObject *bp_codecs_put_together(struct bp_state *state, PyObject *name, PyObject *payload,
                                 bool trusted)
{
    if (bp_codecs_load(state) != 0) return NULL;
    PyObject *decoder = PyDict_GetItemWithError(state->codecs.decoders, name);
    if (decoder != NULL) {
        Py_INCREF(decoder);
    } else if (!PyErr_Occurred()) {
        decoder = PyObject_CallFunctionObjArgs(state->codecs.find_decoder, name, NULL);
    }
    if (decoder == NULL) return NULL;
    PyObject *value =
        PyObject_CallFunctionObjArgs(decoder, payload, trusted ? Py_True : Py_False, NULL);
    Py_DECREF(decoder);
    return value;
}

int bp_codecs_traverse(struct bp_state *state, visitproc visit, void *arg)
{
    Py_VISIT(state->codecs.encoders);
    Py_VISIT(state->codecs.top_encoders);
    Py_VISIT(state->codecs.decoders);
    Py_VISIT(state->codecs.find_encoder);
    Py_VISIT(state->codecs.find_decoder);
    Py_VISIT(state->codecs.written_type);
    Py_VISIT(state->codecs.pickle_buffer_type);
    return 0;
}

void bp_codecs_clear(struct bp_state *state)
{
    struct bp_codecs *codecs = &state->codecs;
    Py_CLEAR(codecs->encoders);
    Py_CLEAR(codecs->top_encoders);
    Py_CLEAR(codecs->decoders);
    Py_CLEAR(codecs->find_encoder);
    Py_CLEAR(codecs->find_decoder);
    Py_CLEAR(codecs->written_type);
    Py_CLEAR(codecs->pickle_buffer_type);
}
