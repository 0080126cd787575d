/* module.c - the extension module brain_plasma._core.
 *
 * One file per type: brain.c (with brainobject.c, arguments.c, names.c, many.c, store.c, and for what lies
 * on a disk disk.c, dump.c, load.c, home.c and mark.c), view.c,
 * and for Plasma plasma.c (with plasmaclient.c, plasmastore.c, plasmanames.c and digest.c),
 * objectid.c, buffer.c and creation.c, over the files of plasma/, which know nothing of Python. What
 * values look like is in convert.c, tensor.c, arrow.c, tree.c, untree.c and pickled.c; draft.c has
 * those that are written in place; errors.c turns codes into exceptions,
 * handle.c keeps what calls without the GIL use. Of the libraries brain.h and
 * brain_disk.h alone are included.
 *
 * The GIL
 *   It is held in what is short and never blocks: get, `in`, len, versions, lists of names.
 *   It is given up in what may block or take long: open, wait, commits of batches, making and
 *   removal of namespaces, resize, trim, compact, check, destroy, and copies of BP_LARGE_BYTES or more. A
 *   put of a small value, and a delete, give it up only where another writer is at work at that
 *   moment (perhaps stopped in the middle of a change). To give it up each time would cost more
 *   than the put itself wherever other threads want it. Of Plasma objects: it is given up to create
 *   and seal, to delete, to evict, to wait, and for a put where the store is full; not for gets,
 *   lists and small puts. What ends with its last reference (a View of an object that was deleted, a
 *   Creation) gives it up where that means a change of the store. A dump, a load and a sync are without it, but for
 *   what they tell (disk.c).
 *
 * Order of locks
 *   GIL, then the writer lock of a store. A thread that holds the writer lock never asks for the
 *   GIL: what brain.h calls back is kept for the end of the call (events.c), and brain_disk.h calls
 *   back between its uses of it.
 *
 * Threads and forks
 *   What is private to the process (counts, caches) is guarded by the GIL; the module is not made
 *   for the free-threaded build, which has no stable ABI. After fork() the child goes on with what
 *   it inherited; the library makes it a client of its own.
 */
#include "codecs.h"
#include "errors.h"
#include "events.h"
#include "form.h"
#include "state.h"
#include "tensor.h"
#include "texts.h"

#include "view.h"
#include <brain_disk.h>

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type_out)
{
    *type_out = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type_out == NULL ? -1 : PyModule_AddType(module, *type_out);
}

static int module_exec(PyObject *module)
{
    struct bp_state *state = PyModule_GetState(module);
    if (bp_events_init(state) != 0 || bp_errors_load(state) != 0) return -1;
    if (add_type(module, &bp_brain_spec, &state->brain_type) != 0) return -1;
    if (add_type(module, &bp_view_spec, &state->view_type) != 0) return -1;
    if (add_type(module, &bp_private_spec, &state->private_type) != 0) return -1;
    if (add_type(module, &bp_objectid_spec, &state->objectid_type) != 0) return -1;
    if (add_type(module, &bp_buffer_spec, &state->buffer_type) != 0) return -1;
    if (add_type(module, &bp_creation_spec, &state->creation_type) != 0) return -1;
    if (add_type(module, &bp_draft_spec, &state->draft_type) != 0) return -1;
    if (add_type(module, &bp_plasma_spec, &state->plasma_type) != 0) return -1;
    if (PyModule_AddIntConstant(module, "OPEN_EXISTING", BRAIN_OPEN_EXISTING) != 0 ||
        PyModule_AddIntConstant(module, "OPEN_EXCLUSIVE", BRAIN_OPEN_EXCLUSIVE) != 0 ||
        PyModule_AddIntConstant(module, "OPEN_READ_ONLY", BRAIN_OPEN_READ_ONLY) != 0 ||
        PyModule_AddIntConstant(module, "OPEN_SHARED", BRAIN_OPEN_SHARED) != 0 ||
        PyModule_AddIntConstant(module, "LOAD_DAMAGED", BRAIN_LOAD_DAMAGED) != 0 ||
        PyModule_AddIntConstant(module, "LOAD_KEEP", BRAIN_LOAD_KEEP) != 0 ||
        PyModule_AddIntConstant(module, "LOAD_PICKLES", BRAIN_LOAD_PICKLES) != 0 ||
        PyModule_AddIntConstant(module, "LOAD_NO_PICKLES", BRAIN_LOAD_NO_PICKLES) != 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "__version__", BRAIN_VERSION_STRING);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct bp_state *state = PyModule_GetState(module);
    Py_VISIT(state->brain_type);
    Py_VISIT(state->view_type);
    Py_VISIT(state->private_type);
    Py_VISIT(state->objectid_type);
    Py_VISIT(state->buffer_type);
    Py_VISIT(state->creation_type);
    Py_VISIT(state->draft_type);
    Py_VISIT(state->plasma_type);
    for (int i = 0; i < BP_N_PLASMA_ERRORS; i++)
        Py_VISIT(state->plasma_errors[i]);
    Py_VISIT(state->pickle_dumps);
    Py_VISIT(state->pickle_loads);
    Py_VISIT(state->values);
    Py_VISIT(state->events.tell);
    for (int i = 0; i < BP_N_ERRORS; i++)
        Py_VISIT(state->errors[i]);
    int stop = bp_codecs_traverse(state, visit, arg);
    return stop != 0 ? stop : bp_tensor_traverse(state, visit, arg);
}

static int module_clear(PyObject *module)
{
    struct bp_state *state = PyModule_GetState(module);
    Py_CLEAR(state->brain_type);
    Py_CLEAR(state->view_type);
    Py_CLEAR(state->private_type);
    Py_CLEAR(state->objectid_type);
    Py_CLEAR(state->buffer_type);
    Py_CLEAR(state->creation_type);
    Py_CLEAR(state->draft_type);
    Py_CLEAR(state->plasma_type);
    for (int i = 0; i < BP_N_PLASMA_ERRORS; i++)
        Py_CLEAR(state->plasma_errors[i]);
    Py_CLEAR(state->pickle_dumps);
    Py_CLEAR(state->pickle_loads);
    Py_CLEAR(state->values);
    Py_CLEAR(state->events.tell);
    for (int i = 0; i < BP_N_ERRORS; i++)
        Py_CLEAR(state->errors[i]);
    bp_codecs_clear(state);
    bp_tensor_clear(state);
    return 0;
}

static void module_free(void *module)
{
    module_clear(module);
    bp_events_deinit(PyModule_GetState(module));
    bp_texts_forget(PyModule_GetState(module));
    bp_view_forget_spares(PyModule_GetState(module));
}

PyDoc_STRVAR(module_doc,
             "The shared-memory store under brain_plasma.Brain and brain_plasma.plasma.");

PyDoc_STRVAR(set_plasma_errors_doc,
             "_set_plasma_errors(exists, not_found, full, disconnected, gone, /)\n--\n\n"
             "What the methods of Plasma raise.");

static PyObject *set_plasma_errors(PyObject *module, PyObject *args)
{
    struct bp_state *state = PyModule_GetState(module);
    if (PyTuple_Size(args) != BP_N_PLASMA_ERRORS) {
        PyErr_SetString(PyExc_TypeError, "_set_plasma_errors() takes five classes");
        return NULL;
    }
    for (int i = 0; i < BP_N_PLASMA_ERRORS; i++) {
        PyObject *old = state->plasma_errors[i];
        state->plasma_errors[i] = Py_NewRef(PyTuple_GetItem(args, i));
        Py_XDECREF(old);
    }
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    { "_form_of", bp_form_of, METH_VARARGS, bp_form_of_doc },
    { "_needs_pickle", bp_form_needs_pickle, METH_O, bp_form_needs_pickle_doc },
    { "_read_parts", bp_form_read_parts, METH_O, bp_form_read_parts_doc },
    { "_read_tree", bp_form_read_tree, METH_VARARGS, bp_form_read_tree_doc },
    { "_set_events", bp_events_set, METH_VARARGS, bp_events_set_doc },
    { "_set_plasma_errors", set_plasma_errors, METH_VARARGS, set_plasma_errors_doc },
    { NULL, NULL, 0, NULL },
};

static PyModuleDef_Slot module_slots[] = {
    { Py_mod_exec, (void *)(uintptr_t)module_exec },
    { 0, NULL },
};

struct PyModuleDef bp_module_def = {
    PyModuleDef_HEAD_INIT,         .m_name = "brain_plasma._core",
    .m_doc = module_doc,           .m_size = sizeof(struct bp_state),
    .m_methods = module_methods,   .m_slots = module_slots,
    .m_traverse = module_traverse, .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&bp_module_def);
}
