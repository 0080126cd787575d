/* state.c - what any file may ask of the state. */
#include "state.h"

PyObject *bp_state_function(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *function = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return function;
}

PyObject *bp_state_values_function(struct bp_state *state, const char *name)
{
    if (state->values == NULL) state->values = PyImport_ImportModule("brain_plasma.values");
    return state->values == NULL ? NULL : PyObject_GetAttrString(state->values, name);
}

struct bp_state *bp_state_of(PyTypeObject *type)
{
    PyObject *mro = PyObject_GetAttrString((PyObject *)type, "__mro__");
    struct bp_state *state = NULL;
    Py_ssize_t n = mro == NULL ? 0 : PyTuple_Size(mro);
    for (Py_ssize_t i = 0; i < n && state == NULL; i++) {
        PyObject *module = PyType_GetModule((PyTypeObject *)PyTuple_GetItem(mro, i));
        if (module == NULL) {
            PyErr_Clear(); /* a class made in Python, or one of Python's own */
        } else if (PyModule_GetDef(module) == &bp_module_def) {
            state = PyModule_GetState(module);
        }
    }
    Py_XDECREF(mro);
    return state;
}
