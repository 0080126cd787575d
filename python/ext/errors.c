/* errors.c - from BRAIN_E_* to exceptions.
 *
 * One table names the classes, one says which code is which. An answer that a caller of the library
 * is expected to handle (a miss, a version that has moved on) is handled where the call stands and
 * comes here only by way of a bug.
 */
#include "errors.h"

#include <string.h>

static const char *const class_names[BP_N_ERRORS] = {
    [BP_ASLEEP] = "BrainClientDisconnectedError",
    [BP_BRAIN_ERROR] = "BrainError",
    [BP_BUSY] = "BrainBusyError",
    [BP_CLOSED] = "BrainClosedError",
    [BP_CORRUPT] = "BrainCorruptError",
    [BP_DESTROYED] = "BrainDestroyedError",
    [BP_DUMP_DAMAGED] = "BrainDumpDamagedError",
    [BP_DUMP_NOT_FOUND] = "BrainDumpNotFoundError",
    [BP_EXISTS] = "BrainExistsError",
    [BP_FORKED] = "BrainForkedError",
    [BP_FORMAT] = "BrainFormatError",
    [BP_FULL] = "BrainFullError",
    [BP_MEMORY] = "BrainMemoryError",
    [BP_NAME_LENGTH] = "BrainNameLengthError",
    [BP_NAME_NOT_EXIST] = "BrainNameNotExistError",
    [BP_NAME_TYPE] = "BrainNameTypeError",
    [BP_NAMESPACE_NAME] = "BrainNamespaceNameError",
    [BP_NAMESPACE_NOT_EXIST] = "BrainNamespaceNotExistError",
    [BP_OS] = "BrainOSError",
    [BP_PERMISSION] = "BrainPermissionError",
    [BP_PICKLE] = "BrainPickleError",
    [BP_QUOTA] = "BrainQuotaError",
    [BP_RECALL_PACKAGE] = "BrainRecallPackageError",
    [BP_STALE] = "BrainStaleError",
    [BP_STORE_NOT_FOUND] = "BrainStoreNotFoundError",
    [BP_TIMEOUT] = "BrainTimeoutError",
    [BP_VALUE] = "BrainValueError",
    [BP_VALUE_TYPE] = "BrainValueTypeError",
};

static const struct {
    int code;
    enum bp_error error;
} code_table[] = {
    { BRAIN_E_NOT_FOUND, BP_STORE_NOT_FOUND },
    { BRAIN_E_EXISTS, BP_EXISTS },
    { BRAIN_E_STALE, BP_STALE },
    { BRAIN_E_FULL, BP_FULL },
    { BRAIN_E_QUOTA, BP_QUOTA },
    { BRAIN_E_BUSY, BP_BUSY },
    { BRAIN_E_TIMEOUT, BP_TIMEOUT },
    { BRAIN_E_INVAL, BP_VALUE },
    { BRAIN_E_PERM, BP_PERMISSION },
    { BRAIN_E_IO, BP_OS },
    { BRAIN_E_NOMEM, BP_MEMORY },
    { BRAIN_E_CORRUPT, BP_CORRUPT },
    { BRAIN_E_FORMAT, BP_FORMAT },
    { BRAIN_E_DESTROYED, BP_DESTROYED },
    { BRAIN_E_FORKED, BP_FORKED },
};

int bp_errors_load(struct bp_state *state)
{
    PyObject *module = PyImport_ImportModule("brain_plasma.exceptions");
    if (module == NULL) return -1;
    for (int i = 0; i < BP_N_ERRORS; i++) {
        state->errors[i] = PyObject_GetAttrString(module, class_names[i]);
        if (state->errors[i] == NULL) break;
    }
    Py_DECREF(module);
    return PyErr_Occurred() ? -1 : 0;
}

enum bp_error bp_errors_of_code(int code)
{
    enum bp_error error = BP_BRAIN_ERROR;
    for (size_t i = 0; i < sizeof code_table / sizeof code_table[0]; i++) {
        if (code_table[i].code == code) error = code_table[i].error;
    }
    return error;
}

PyObject *bp_errors_raise(struct bp_state *state, int code)
{
    const char *detail = brain_error_detail();
    if (detail[0] == '\0') detail = brain_strerror(code);
    /* A text about a path may have bytes that are no UTF-8. */
    PyObject *text = PyUnicode_DecodeUTF8(detail, (Py_ssize_t)strlen(detail), "backslashreplace");
    if (text == NULL) return NULL;
    PyErr_SetObject(state->errors[bp_errors_of_code(code)], text);
    Py_DECREF(text);
    return NULL;
}

/* `format` with another text in the place of each %R, of the same argument. False: it is too long. */
static bool without_reprs(const char *format, char *plain, size_t room)
{
    static const char instead[] = "<object at %p>";
    size_t n = 0;
    while (*format != '\0') {
        bool is_repr = format[0] == '%' && format[1] == 'R';
        size_t length = is_repr ? sizeof instead - 1 : format[0] == '%' && format[1] == '%' ? 2 : 1;
        if (n + length >= room) return false;
        memcpy(plain + n, is_repr ? instead : format, length);
        n += length;
        format += is_repr ? 2 : length;
    }
    plain[n] = '\0';
    return true;
}

/* Set `class` with a text. An object that has no repr is shown without: what its __repr__ raised would take the
 * place of the error, or, before CPython 3.12, of its text. */
static void set_error(PyObject *class, const char *format, va_list arguments)
{
    char plain[600];
    va_list again;
    va_copy(again, arguments);
    PyObject *text = PyUnicode_FromFormatV(format, arguments);
    if (text == NULL && PyErr_ExceptionMatches(PyExc_Exception) &&
        !PyErr_ExceptionMatches(PyExc_MemoryError) && without_reprs(format, plain, sizeof plain)) {
        PyErr_Clear();
        text = PyUnicode_FromFormatV(plain, again);
    }
    va_end(again);
    if (text != NULL) PyErr_SetObject(class, text);
    Py_XDECREF(text);
}

PyObject *bp_errors_set(PyObject *class, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_error(class, format, arguments);
    va_end(arguments);
    return NULL;
}

PyObject *bp_errors_format(struct bp_state *state, enum bp_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_error(state->errors[error], format, arguments);
    va_end(arguments);
    return NULL;
}

/* The exception that is set, normalised and with its traceback, taken off: a new reference. */
static PyObject *take_exception(void)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void bp_errors_refine(const char *function)
{
    PyObject *error = take_exception();
    PyObject *choose = bp_state_function("brain_plasma.failed_changes", function);
    PyObject *refined = choose == NULL ? NULL : PyObject_CallFunctionObjArgs(choose, error, NULL);
    Py_XDECREF(choose);
    if (refined == NULL) {
        PyErr_Clear(); /* what went wrong first is what counts */
        refined = Py_NewRef(error);
    }
    Py_DECREF(error);
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(refined)), refined,
                  PyException_GetTraceback(refined));
}

PyObject *bp_errors_chain(struct bp_state *state, enum bp_error error, const char *format, ...)
{
    if (PyErr_ExceptionMatches(PyExc_MemoryError)) return NULL; /* it says nothing of the value */
    PyObject *cause = take_exception();
    va_list arguments;
    va_start(arguments, format);
    set_error(state->errors[error], format, arguments);
    va_end(arguments);

    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    Py_XINCREF(cause);
    PyException_SetContext(value, cause);
    PyException_SetCause(value, cause); /* takes the reference, as does the line before */
    PyErr_Restore(type, value, traceback);
    return NULL;
}
