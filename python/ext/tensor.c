/* tensor.c - NumPy arrays, without a copy and without NumPy's headers.
 *
 * An array is stored as the plain bytes of its elements, and recalled as an array of its own over
 * the shared bytes: read-only, its base a View that holds the pin. Elements that are not plain
 * bytes (objects, StringDType, the types of other packages) and subclasses are for encoders, or are
 * pickled. An array within a TREE is one of its buffers.
 *
 * To make an array through Python code costs microseconds. So NumPy is asked for its table of C
 * functions when the first array comes by, in either direction. Positions in that table, and the
 * start of the struct of an array, are part of NumPy's binary interface: 1.x and 2.x agree in all
 * that is used here, and another major version is refused.
 */
#include "tensor.h"

#include "errors.h"
#include "view.h"

#include <assert.h>
#include <string.h>

/* Positions in the table, from NumPy's __multiarray_api.h. */
enum {
    API_ABI_VERSION = 0,
    API_ARRAY_TYPE = 2,
    API_NEW_FROM_DESCR = 94,
};

enum {
    FLAG_C_CONTIGUOUS = 0x1,
    FLAG_F_CONTIGUOUS = 0x2,
};

/* The start of PyArrayObject. */
struct array_object {
    PyObject_HEAD char *data;
    int ndim;
    intptr_t *shape;
    intptr_t *strides;
    PyObject *base;
    PyObject *dtype;
    int flags;
};

/* ---- NumPy ----------------------------------------------------------------------------------- */

static PyObject *import_umath(void)
{
    PyObject *module = PyImport_ImportModule("numpy._core._multiarray_umath");
    if (module != NULL || !PyErr_ExceptionMatches(PyExc_ModuleNotFoundError)) return module;
    PyErr_Clear();
    return PyImport_ImportModule("numpy.core._multiarray_umath"); /* before 2.0 */
}

static int read_table(struct bp_numpy *numpy, void *const *table)
{
    unsigned (*abi_version)(void);
    memcpy(&abi_version, &table[API_ABI_VERSION], sizeof abi_version);
    unsigned major = abi_version() >> 24;
    if (major != 1 && major != 2) {
        PyErr_Format(PyExc_ImportError, "this version of brain_plasma knows NumPy 1 and 2, not %u",
                     major);
        return -1;
    }
    /* memcpy: ISO C has no conversion from object to function pointers. */
    memcpy(&numpy->new_from_descr, &table[API_NEW_FROM_DESCR], sizeof numpy->new_from_descr);
    numpy->array_type = table[API_ARRAY_TYPE];
    Py_INCREF((PyObject *)numpy->array_type);
    return 0;
}

static int load_numpy(struct bp_state *state)
{
    if (state->numpy.array_type != NULL) return 0;
    PyObject *module = import_umath();
    PyObject *capsule = module == NULL ? NULL : PyObject_GetAttrString(module, "_ARRAY_API");
    void **table = capsule == NULL ? NULL : PyCapsule_GetPointer(capsule, NULL);
    int result = table == NULL ? -1 : read_table(&state->numpy, table);
    Py_XDECREF(module);
    Py_XDECREF(capsule);
    return result;
}

/* Whether NumPy is loaded; where the program has not imported it, no value of its can be an
 * array. */
static int numpy_is_in_use(struct bp_state *state)
{
    if (state->numpy.array_type != NULL) return 1;
    PyObject *name = PyUnicode_FromString("numpy");
    PyObject *module = name == NULL ? NULL : PyImport_GetModule(name);
    Py_XDECREF(name);
    if (module == NULL) return PyErr_Occurred() ? -1 : 0;
    Py_DECREF(module);
    return load_numpy(state) == 0 ? 1 : -1;
}

/* ---- dtypes ---------------------------------------------------------------------------------- */

static void forget_dtype(struct bp_dtype *entry)
{
    PyObject *dtype = entry->dtype, *descr = entry->descr, *names = entry->names;
    entry->dtype = NULL;
    entry->descr = NULL;
    entry->names = NULL;
    Py_XDECREF(dtype);
    Py_XDECREF(descr);
    Py_XDECREF(names);
}

/* Fill a free entry from what values.dtype_to_text() says: (text, descr or None, item_bytes, names
 * or None), or None where such arrays are to be pickled. */
static int describe_dtype(PyObject *answer, PyObject *dtype, struct bp_dtype *entry)
{
    entry->storable = answer != Py_None;
    if (entry->storable) {
        const char *text;
        unsigned long long item_bytes;
        PyObject *descr, *names;
        if (!PyArg_ParseTuple(answer, "sOKO", &text, &descr, &item_bytes, &names)) return -1;
        if (strlen(text) >= sizeof entry->text) {
            PyErr_SetString(PyExc_ValueError, "the text of a dtype is too long");
            return -1;
        }
        memset(entry->text, 0, sizeof entry->text);
        memcpy(entry->text, text, strlen(text));
        entry->item_bytes = item_bytes;
        if (descr != Py_None) entry->descr = Py_NewRef(descr);
        if (names != Py_None) entry->names = Py_NewRef(names);
    }
    entry->dtype = Py_NewRef(dtype);
    return 0;
}

/* Whether `entry`, found by its dtype, still says what that is: of a structured type the names of
 * the fields can be changed in place, which gives it another tuple of them. Those within a field
 * nobody can watch. */
static bool is_current(const struct bp_dtype *entry)
{
    if (entry->descr == NULL) return true;
    if (entry->names == NULL) return false;
    PyObject *names = PyObject_GetAttrString(entry->dtype, "names");
    bool same = names == entry->names;
    if (names == NULL) PyErr_Clear();
    Py_XDECREF(names);
    return same;
}

/* What is known of `dtype`, an entry of the table; or NULL with an exception set. The entry is good
 * until Python code runs: that may give up the GIL, and another thread overwrite it. */
static const struct bp_dtype *find_dtype(struct bp_state *state, PyObject *dtype)
{
    struct bp_numpy *numpy = &state->numpy;
    struct bp_dtype *entry = NULL;
    for (int i = 0; i < BP_N_DTYPES && entry == NULL; i++) {
        if (numpy->by_dtype[i].dtype == dtype) entry = &numpy->by_dtype[i];
    }
    if (entry != NULL && is_current(entry)) return entry;
    PyObject *function = bp_state_values_function(state, "dtype_to_text");
    if (function == NULL) return NULL;
    PyObject *answer = PyObject_CallFunctionObjArgs(function, dtype, NULL);
    Py_DECREF(function);
    if (answer == NULL) return NULL;
    if (entry == NULL) entry = &numpy->by_dtype[numpy->next_dtype++ % BP_N_DTYPES];
    forget_dtype(entry);
    int failed = describe_dtype(answer, dtype, entry);
    Py_DECREF(answer);
    return failed ? NULL : entry;
}

/* The dtype that `tensor` names: a new reference, or NULL with an exception set. */
static PyObject *make_dtype(struct bp_state *state, const brain_tensor *tensor)
{
    PyObject *function = bp_state_values_function(state, "dtype_from_text");
    if (function == NULL) return NULL;
    PyObject *dtype = PyObject_CallFunction(function, "sy#K", tensor->dtype, tensor->descr,
                                            (Py_ssize_t)tensor->descr_len,
                                            (unsigned long long)tensor->item_bytes);
    Py_DECREF(function);
    if (dtype == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        bp_errors_chain(state, BP_CORRUPT, "the element type of an array makes no sense: '%s'",
                        tensor->dtype);
    }
    return dtype;
}

static PyObject *dtype_of(struct bp_state *state, const brain_tensor *tensor)
{
    struct bp_numpy *numpy = &state->numpy;
    if (tensor->descr != NULL) return make_dtype(state, tensor);
    for (int i = 0; i < BP_N_DTYPES && numpy->by_text[i].dtype != NULL; i++) {
        const struct bp_dtype *entry = &numpy->by_text[i];
        if (memcmp(entry->text, tensor->dtype, sizeof entry->text) == 0 &&
            entry->item_bytes == tensor->item_bytes) {
            return Py_NewRef(entry->dtype);
        }
    }
    PyObject *dtype = make_dtype(state, tensor);
    if (dtype == NULL) return NULL;
    struct bp_dtype *entry = &numpy->by_text[numpy->next_text++ % BP_N_DTYPES];
    PyObject *old = entry->dtype;
    memcpy(entry->text, tensor->dtype, sizeof entry->text);
    entry->item_bytes = tensor->item_bytes;
    entry->dtype = Py_NewRef(dtype);
    Py_XDECREF(old);
    return dtype;
}

/* ---- to the store ---------------------------------------------------------------------------- */

static int describe_array(const struct array_object *array, const struct bp_dtype *dtype,
                          brain_tensor *tensor)
{
    memcpy(tensor->dtype, dtype->text, sizeof tensor->dtype);
    tensor->descr = NULL;
    tensor->descr_len = 0;
    if (dtype->descr != NULL) {
        Py_ssize_t length;
        tensor->descr = PyUnicode_AsUTF8AndSize(dtype->descr, &length);
        if (tensor->descr == NULL) return -1;
        tensor->descr_len = (uint32_t)length;
    }
    tensor->item_bytes = dtype->item_bytes;
    tensor->ndim = (uint32_t)array->ndim;
    tensor->fortran = (array->flags & FLAG_C_CONTIGUOUS) == 0;
    for (int i = 0; i < array->ndim; i++)
        tensor->shape[i] = (uint64_t)array->shape[i];
    return 0;
}

static int encode_meta(struct bp_state *state, const brain_tensor *tensor, struct bp_array *array)
{
    size_t length;
    int code = brain_tensor_encode(tensor, NULL, 0, &length);
    if (code == 0) {
        array->meta = PyMem_Malloc(length > 0 ? length : 1);
        if (array->meta == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        code = brain_tensor_encode(tensor, array->meta, length, &array->meta_len);
    }
    if (code == 0) return 0;
    bp_errors_raise(state, code);
    return -1;
}

/* `array`, or a copy of it whose elements lie one after the other: a new reference. */
static PyObject *contiguous(PyObject *array)
{
    int flags = ((struct array_object *)array)->flags;
    if (flags & (FLAG_C_CONTIGUOUS | FLAG_F_CONTIGUOUS)) return Py_NewRef(array);
    return PyObject_CallMethod(array, "copy", "s", "C");
}

/* Describe array->owner. Returns 1; 0: it has to be stored otherwise; -1 with an exception set. */
static int describe(struct bp_state *state, struct bp_array *array)
{
    brain_tensor tensor;
    const struct array_object *object = (struct array_object *)array->owner;
    const struct bp_dtype *dtype = find_dtype(state, object->dtype);
    if (dtype == NULL) return -1;
    if (!dtype->storable) return 0;
    if (describe_array(object, dtype, &tensor) != 0) return -1;
    if (encode_meta(state, &tensor, array) != 0) return -1;

    array->data = object->data;
    array->size_bytes = tensor.item_bytes;
    for (uint32_t i = 0; i < tensor.ndim; i++)
        array->size_bytes *= tensor.shape[i];
    return 1;
}

int bp_tensor_take(struct bp_state *state, PyObject *value, struct bp_array *array_out)
{
    int in_use = numpy_is_in_use(state);
    if (in_use <= 0) return in_use;
    if (Py_TYPE(value) != state->numpy.array_type) return 0;
    if (((struct array_object *)value)->ndim > BRAIN_TENSOR_NDIM_MAX) return 0;
    const struct bp_dtype *dtype = find_dtype(state, ((struct array_object *)value)->dtype);
    if (dtype == NULL) return -1;
    if (!dtype->storable) return 0;
    /* May give up the GIL: `dtype` is not to be used after it. */
    *array_out = (struct bp_array){ .owner = contiguous(value) };
    if (array_out->owner == NULL) return -1;
    int done = describe(state, array_out);
    if (done <= 0) bp_tensor_let_go(array_out);
    return done;
}

void bp_tensor_let_go(struct bp_array *array)
{
    Py_DECREF(array->owner);
    PyMem_Free(array->meta);
}

int bp_tensor_encode(struct bp_state *state, PyObject *value, struct bp_encoded *encoded)
{
    struct bp_array array;
    int done = bp_tensor_take(state, value, &array);
    if (done <= 0) return done;
    encoded->owner = array.owner;
    encoded->memory = array.meta;
    encoded->value.meta = array.meta;
    encoded->value.meta_len = array.meta_len;
    encoded->value.kind = BRAIN_KIND_TENSOR;
    encoded->value.n_parts = 1;
    encoded->part.data = array.data;
    encoded->part.size_bytes = array.size_bytes;
    encoded->size_bytes = array.size_bytes;
    return 1;
}

/* ---- from the store -------------------------------------------------------------------------- */

/* Takes over `dtype` and `base`. */
static PyObject *new_array(const struct bp_numpy *numpy, PyObject *dtype,
                           const brain_tensor *tensor, PyObject *base)
{
    /* Not writable, since FLAG_WRITEABLE (0x400) is not among the flags. NumPy does not write
     * through the pointer then, and finds by itself whether the data is aligned. */
    int flags = tensor->fortran ? FLAG_F_CONTIGUOUS : FLAG_C_CONTIGUOUS;
    void *data = (void *)(uintptr_t)((struct bp_view *)base)->data;
    static_assert(sizeof(intptr_t) == sizeof(uint64_t), "NumPy's shapes are read as they are");
    PyObject *array =
        numpy->new_from_descr(numpy->array_type, dtype, (int)tensor->ndim,
                              (const intptr_t *)tensor->shape, NULL, data, flags, NULL);
    if (array == NULL) {
        Py_DECREF(base);
        return NULL;
    }
    /* What PyArray_SetBaseObject() does, without its search for chains of arrays: a View is
     * none. */
    ((struct array_object *)array)->base = base;
    return array;
}

static void say_numpy_is_missing(struct bp_state *state, const brain_view *view)
{
    PyObject *name = bp_convert_name_of(state, view);
    if (name == NULL) return;
    bp_errors_chain(state, BP_RECALL_PACKAGE,
                    "the value of %R is an array, and NumPy, which it takes to recall one, cannot "
                    "be imported here: pip install numpy",
                    name);
    Py_DECREF(name);
}

/* NumPy dies where hash() meets an element with text that is none. Takes over `array`, which may be
 * NULL; returns it, or NULL with an exception set. */
static PyObject *check_structured(struct bp_state *state, PyObject *array)
{
    if (array == NULL) return NULL;
    PyObject *check = bp_state_values_function(state, "check_text");
    PyObject *done = check == NULL ? NULL : PyObject_CallFunctionObjArgs(check, array, NULL);
    Py_XDECREF(check);
    if (done == NULL) Py_CLEAR(array);
    Py_XDECREF(done);
    return array;
}

PyObject *bp_tensor_over(struct bp_state *state, const void *meta, size_t meta_len, PyObject *base,
                         bool trusted)
{
    brain_tensor tensor;
    uint64_t size_bytes = (uint64_t)((struct bp_view *)base)->size_bytes;
    int code = brain_tensor_decode(meta, meta_len, size_bytes, &tensor);
    if (code != 0) {
        bp_errors_raise(state, code);
        Py_DECREF(base);
        return NULL;
    }
    PyObject *dtype = load_numpy(state) == 0 ? dtype_of(state, &tensor) : NULL;
    if (dtype == NULL) {
        Py_DECREF(base);
        return NULL;
    }
    PyObject *array = new_array(&state->numpy, dtype, &tensor, base);
    if (array == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        bp_errors_chain(state, BP_CORRUPT, "the shape of an array makes no sense");
    }
    return trusted || tensor.descr_len == 0 ? array : check_structured(state, array);
}

PyObject *bp_tensor_decode(struct bp_state *state, brain_view *view, bool trusted)
{
    PyObject *base = bp_view_new(state, view);
    if (base == NULL) return NULL;
    PyObject *array = bp_tensor_over(state, view->meta, view->meta_len, Py_NewRef(base), trusted);
    if (array == NULL && PyErr_ExceptionMatches(PyExc_ImportError)) {
        say_numpy_is_missing(state, view);
    }
    Py_DECREF(base);
    return array;
}

/* ---- garbage collection ---------------------------------------------------------------------- */

int bp_tensor_traverse(struct bp_state *state, visitproc visit, void *arg)
{
    Py_VISIT(state->numpy.array_type);
    for (int i = 0; i < BP_N_DTYPES; i++) {
        Py_VISIT(state->numpy.by_text[i].dtype);
        Py_VISIT(state->numpy.by_dtype[i].dtype);
        Py_VISIT(state->numpy.by_dtype[i].descr);
        Py_VISIT(state->numpy.by_dtype[i].names);
    }
    return 0;
}

void bp_tensor_clear(struct bp_state *state)
{
    Py_CLEAR(state->numpy.array_type);
    for (int i = 0; i < BP_N_DTYPES; i++) {
        forget_dtype(&state->numpy.by_text[i]);
        forget_dtype(&state->numpy.by_dtype[i]);
    }
}
