/* state.h - what one imported copy of the extension owns, and the objects that its files share.
 *
 * Nothing here is a C global: two interpreters in one process have two of everything. An object
 * finds its state through a pointer of its own, since the stable ABI has no quick way from a
 * subclass to the module (PyType_GetModuleByDef() came to it with 3.13).
 *
 * Guard of every field: the GIL.
 */
#ifndef BP_STATE_H
#define BP_STATE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <brain.h>
#include <pthread.h>
#include <stdbool.h>

/* For the few functions on the way of a small get and put, where each call counts; and for what
 * would take registers and stack from them. */
#define BP_INLINE   static inline __attribute__((always_inline))
#define BP_NOINLINE __attribute__((noinline))

/* Data of fewer bytes may be for brain_try_put(), its like, and brain_get_or_copy(). */
#define BP_SMALL_BYTES ((size_t)BRAIN_SMALL_BYTES)

/* A call that moves this many bytes or more gives up the GIL. To give it up and get it back costs
 * about what it takes to copy a tenth of that, and with other threads waiting much more. */
#define BP_LARGE_BYTES ((size_t)64 * 1024)

/* The exceptions that C raises, in the order of the table in errors.c. */
enum bp_error {
    BP_ASLEEP,
    BP_BRAIN_ERROR,
    BP_BUSY,
    BP_CLOSED,
    BP_CORRUPT,
    BP_DESTROYED,
    BP_DUMP_DAMAGED,
    BP_DUMP_NOT_FOUND,
    BP_EXISTS,
    BP_FORKED,
    BP_FORMAT,
    BP_FULL,
    BP_MEMORY,
    BP_NAME_LENGTH,
    BP_NAME_NOT_EXIST,
    BP_NAME_TYPE,
    BP_NAMESPACE_NAME,
    BP_NAMESPACE_NOT_EXIST,
    BP_OS,
    BP_PERMISSION,
    BP_PICKLE,
    BP_QUOTA,
    BP_RECALL_PACKAGE,
    BP_STALE,
    BP_STORE_NOT_FOUND,
    BP_TIMEOUT,
    BP_VALUE,
    BP_VALUE_TYPE,
    BP_N_ERRORS
};

/* The exceptions of Plasma, in the order in which brain_plasma.plasma gives them. */
enum bp_plasma_error {
    BP_PLASMA_EXISTS,
    BP_PLASMA_NOT_FOUND,
    BP_PLASMA_FULL,
    BP_PLASMA_DISCONNECTED,
    BP_PLASMA_GONE,
    BP_N_PLASMA_ERRORS
};

#define BP_N_DTYPES 16

/* A type of array elements that was met before: saves NumPy the reading of its text. */
struct bp_dtype {
    char text[16];   /* as in brain_tensor.dtype */
    PyObject *dtype; /* numpy.dtype, owned; NULL: this entry is free */
    PyObject *descr; /* str, owned, of a structured type; else NULL */
    PyObject
        *names; /* dtype.names as it was then, owned; NULL also where a field has fields itself */
    uint64_t item_bytes;
    bool storable; /* else arrays of it are pickled */
};

/* NumPy's own C interface, found at run time: who never stores an array needs no NumPy. */
struct bp_numpy {
    PyTypeObject *array_type; /* numpy.ndarray, owned; NULL: NumPy was not needed yet */
    PyObject *(*new_from_descr)(PyTypeObject *, PyObject *, int, const intptr_t *, const intptr_t *,
                                void *, int, PyObject *);
    struct bp_dtype by_text[BP_N_DTYPES];  /* for recall: plain types alone */
    struct bp_dtype by_dtype[BP_N_DTYPES]; /* for storing: also structured and refused ones */
    unsigned next_text;                    /* which entry is overwritten next */
    unsigned next_dtype;
};

/* Views that were let go of, kept for the next ones. */
#define BP_N_SPARE_VIEWS 32

/* What brain_plasma.codecs has. */
struct bp_codecs {
    PyObject *encoders; /* dicts, owned; NULL: no value needed it yet */
    PyObject *top_encoders;
    PyObject *decoders;
    PyObject *find_encoder; /* functions, owned */
    PyObject *find_decoder;
    PyObject *written_type; /* types of raw bytes in a payload, owned */
    PyObject *pickle_buffer_type;
};

/* What the library tells of (events.c). */
struct bp_events {
    pthread_key_t key; /* of each thread's queue */
    bool has_key;
    uint32_t kinds;          /* of enum brain_event_kind: what the stores of Brains tell */
    uint64_t n_kept;         /* in all queues; by any thread, with the GIL or without: atomic */
    PyObject *tell;          /* brain_plasma.logs.tell(), owned; NULL: nobody wants to know */
    struct bp_store *stores; /* a list: those of Brains */
};

struct bp_state {
    PyTypeObject *brain_type;
    PyTypeObject *view_type;
    PyTypeObject *private_type;
    PyTypeObject *objectid_type;
    PyTypeObject *buffer_type;
    PyTypeObject *creation_type;
    PyTypeObject *draft_type;
    PyTypeObject *plasma_type;
    PyObject *plasma_errors[BP_N_PLASMA_ERRORS]; /* NULL until brain_plasma.plasma was imported */
    PyObject *errors[BP_N_ERRORS];
    PyObject *pickle_dumps; /* NULL until a value needs it */
    PyObject *pickle_loads;
    PyObject *values; /* the module brain_plasma.values, NULL until needed */
    struct bp_codecs codecs;
    struct bp_text *texts; /* those of texts.c; NULL: none yet */
    struct bp_numpy numpy;
    struct bp_events events;
    struct bp_store *plasma_stores; /* a list: those of Plasma clients */
    struct bp_private *privates;    /* a list: all there are */
    struct bp_away *aways;          /* a list: views of values that are in files */
    struct bp_view *spare_views[BP_N_SPARE_VIEWS];
    unsigned n_spare_views;
};

extern struct PyModuleDef bp_module_def;
extern PyType_Spec bp_brain_spec;
extern PyType_Spec bp_view_spec;
extern PyType_Spec bp_private_spec;
extern PyType_Spec bp_objectid_spec;
extern PyType_Spec bp_buffer_spec;
extern PyType_Spec bp_creation_spec;
extern PyType_Spec bp_draft_spec;
extern PyType_Spec bp_plasma_spec;

/* The state of the module, which is the one that defines `type` or one of its bases. NULL with an
 * exception set where there is none. */
struct bp_state *bp_state_of(PyTypeObject *type);

/* The function `name` of a module. For what is asked seldom: it is looked up each time. A new
 * reference, or NULL with an exception set. */
PyObject *bp_state_function(const char *module, const char *name);

/* The function `name` of brain_plasma.values: a new reference, or NULL with an exception set. */
PyObject *bp_state_values_function(struct bp_state *state, const char *name);

#endif
