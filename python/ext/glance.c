/* glance.c - methods of Brain for people who look into a store: some names, with what they are; its figures.
 *
 * Nothing of it counts as use of a value.
 */
#include "arguments.h"

#include <string.h>

/* Of an array its dtype and shape, as "<f8" and (2, 3), else ("", ()); NULL with an exception set. */
static PyObject *describe_array(const brain_view *view)
{
    brain_tensor tensor;
    if (view->kind != BRAIN_KIND_TENSOR ||
        brain_tensor_decode(view->meta, view->meta_len, view->size_bytes, &tensor) != 0) {
        return Py_BuildValue("(s())", "");
    }
    PyObject *shape = PyTuple_New((Py_ssize_t)tensor.ndim);
    for (uint32_t i = 0; shape != NULL && i < tensor.ndim; i++) {
        PyObject *n = PyLong_FromUnsignedLongLong(tensor.shape[i]);
        if (n == NULL || PyTuple_SetItem(shape, (Py_ssize_t)i, n) != 0) Py_CLEAR(shape);
    }
    /* The text of a dtype may have any bytes that a program in C put there. */
    PyObject *dtype =
        shape == NULL
            ? NULL
            : PyUnicode_DecodeASCII(tensor.dtype,
                                    (Py_ssize_t)strnlen(tensor.dtype, sizeof tensor.dtype),
                                    "backslashreplace");
    if (dtype != NULL) return Py_BuildValue("(NN)", dtype, shape);
    Py_XDECREF(shape);
    return NULL;
}

/* What a name has that the walk has come to, or NULL with an exception set. */
static PyObject *describe(struct bp_state *state, brain_iter *iter, const char *name,
                          size_t name_len)
{
    brain_view view;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return bp_errors_raise(state, code);
    PyObject *text = PyUnicode_DecodeUTF8(name, (Py_ssize_t)name_len, "surrogateescape");
    PyObject *array = text == NULL ? NULL : describe_array(&view);
    PyObject *one = NULL;
    if (array != NULL) {
        one = Py_BuildValue("(NIKKKN)", text, (unsigned)view.kind,
                            (unsigned long long)view.size_bytes, (unsigned long long)view.version,
                            (unsigned long long)brain_view_created_ns(&view), array);
    } else {
        Py_XDECREF(text);
    }
    brain_view_drop(&view);
    return one;
}

/* Append what the first `limit` names have. Returns 0, or -1 with an exception set. */
static int append_some(struct bp_state *state, brain_iter *iter, Py_ssize_t limit, PyObject *list)
{
    const void *name;
    size_t name_len;
    for (Py_ssize_t i = 0; i < limit; i++) {
        int code = brain_iter_next(iter, &name, &name_len);
        if (code == BRAIN_E_NOT_FOUND) return 0;
        if (code != 0) {
            bp_errors_raise(state, code);
            return -1;
        }
        PyObject *one = describe(state, iter, name, name_len);
        int failed = one == NULL || PyList_Append(list, one) != 0;
        Py_XDECREF(one);
        if (failed) return -1;
    }
    return 0;
}

const char bp_glance_some_doc[] =
    "_some($self, namespace, limit, /)\n--\n\n"
    "Of at most `limit` names of a namespace, in no particular order and as of one moment: name, "
    "kind,\n"
    "bytes of data, version, when it was put in ns since 1970, and of an array dtype and shape.";

PyObject *bp_glance_some(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (n_args != 2) return bp_arguments_raise("_some(namespace, limit)", n_args);
    Py_ssize_t limit = PyLong_AsSsize_t(args[1]);
    if (limit == -1 && PyErr_Occurred()) return NULL;
    if (!bp_brain_is_open(self) || !bp_arguments_space(self, args[0], &in)) return NULL;
    struct bp_space *held = bp_brain_hold(self, in);
    brain_iter *iter = NULL;
    int code = brain_iter_names(held->space, NULL, &iter);
    PyObject *list = code == 0 ? PyList_New(0) : bp_errors_raise(self->state, code);
    if (list != NULL && append_some(self->state, iter, limit, list) != 0) Py_CLEAR(list);
    if (code == 0) brain_iter_free(iter);
    bp_handle_space_drop(held);
    bp_handle_space_drop(in);
    return list;
}

/* There are some two dozen; they are the same throughout the life of the process. */
#define MAX_METRICS ((size_t)256)

static PyObject *list_metrics(const brain_metric *metrics, size_t n)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < n; i++) {
        const brain_metric *metric = &metrics[i];
        PyObject *one = Py_BuildValue("(sssOd)", metric->name, metric->help, metric->unit,
                                      metric->is_counter ? Py_True : Py_False, metric->value);
        if (one == NULL || PyList_Append(list, one) != 0) Py_CLEAR(list);
        Py_XDECREF(one);
    }
    return list;
}

const char bp_glance_metrics_doc[] =
    "_metrics($self, /)\n--\n\n"
    "What is worth watching of the store: name, help, unit, whether it only rises, value.";

PyObject *bp_glance_metrics(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    brain_metric *metrics = PyMem_Calloc(MAX_METRICS, sizeof *metrics);
    if (metrics == NULL) return PyErr_NoMemory();
    struct bp_space *held = bp_brain_hold(self, NULL);
    size_t n = 0;
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_metrics(held->owner->store, metrics, MAX_METRICS, &n);
    Py_END_ALLOW_THREADS PyObject *list =
        code == 0 ? list_metrics(metrics, n < MAX_METRICS ? n : MAX_METRICS)
                  : bp_errors_raise(self->state, code);
    bp_handle_space_drop(held);
    PyMem_Free(metrics);
    return list;
}
