/* brain.c - the type Brain: its life, and the slots of the mapping.
 *
 * brain_plasma.Brain, what users get, is a Python class over this one that overrides none of its
 * slots: brain[k] goes from the interpreter's opcode to brain_subscript() without a Python frame.
 *
 * Owns:     a reference on a store and on the space that is in use (handle.c).
 * GIL:      see module.c. Code of others runs while a value is pickled or unpickled, and in
 *           whatever an exception's class does; it may close this Brain. So `self->space` is read
 *           anew after that.
 */
#include "brainobject.h"
#include "convert.h"

/* ---- life ------------------------------------------------------------------------------------ */

static PyObject *brain_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                           PyObject *Py_UNUSED(kwargs))
{
    struct bp_state *state = bp_state_of(type);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct bp_brain *self = state == NULL ? NULL : (struct bp_brain *)alloc(type, 0);
    if (self != NULL) self->state = state;
    return (PyObject *)self;
}

/* Whether pickles may be loaded: `choice` is None, True or False; None: only where nobody else can
 * have written them. Returns -1 with an exception set. */
static int may_pickle(brain_store *store, PyObject *choice)
{
    if (choice != Py_None) return PyObject_IsTrue(choice);
    uint32_t access = brain_access(store);
    return (access & BRAIN_ACCESS_OWNED) != 0 && (access & BRAIN_ACCESS_OTHERS_WRITE) == 0;
}

/* Open `path` and the namespace in it, and let `self` have them in place of what it had. */
static int open_and_use(struct bp_brain *self, const char *path, const brain_options *options,
                        PyObject *namespace, PyObject *pickle)
{
    brain_store *store = NULL;
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_open(path, options, &store);
    Py_END_ALLOW_THREADS if (code != 0)
    {
        bp_errors_raise(self->state, code);
        return -1;
    }
    int allowed = may_pickle(store, pickle);
    struct bp_store *handle = bp_handle_store(store);
    if (handle == NULL) return -1;
    struct bp_space *space = NULL;
    if (allowed >= 0) space = bp_handle_space(self->state, handle, namespace);
    if (space == NULL) {
        bp_handle_store_drop(handle);
        return -1;
    }
    bp_brain_close(self);
    self->store = handle;
    self->pickle = allowed;
    bp_brain_use(self, space);
    return 0;
}

/* Seconds, or None for ever, as what brain_options wants; -1 with an exception set. */
static int64_t lock_timeout(struct bp_state *state, PyObject *seconds)
{
    if (seconds == Py_None) return BRAIN_FOREVER;
    double value = PyFloat_AsDouble(seconds);
    if (value == -1.0 && PyErr_Occurred()) return -1;
    if (!(value >= 0)) {
        bp_errors_format(state, BP_VALUE, "lock_timeout has to be None or seconds, not %R",
                         seconds);
        return -1;
    }
    if (value >= 9e9) return BRAIN_FOREVER;
    int64_t nanoseconds = (int64_t)(value * 1e9);
    return nanoseconds > 0 ? nanoseconds : 1; /* to the library 0 is its default */
}

static int brain_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "path",  "namespace", "capacity",     "mode",   "has_group",
                             "group", "flags",     "lock_timeout", "pickle", NULL };
    struct bp_brain *self = (struct bp_brain *)op;
    PyObject *path, *namespace, *encoded, *timeout, *pickle;
    unsigned long long capacity;
    unsigned mode, group, flags;
    int has_group;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UUKIpIIOO:Brain", names, &path, &namespace,
                                     &capacity, &mode, &has_group, &group, &flags, &timeout,
                                     &pickle)) {
        return -1;
    }
    int64_t timeout_ns = lock_timeout(self->state, timeout);
    if (timeout_ns < 0 || !PyUnicode_FSConverter(path, &encoded)) return -1;
    brain_options options = { .struct_size = sizeof options,
                              .flags = flags,
                              .capacity_bytes = capacity,
                              .mode = mode,
                              .has_group = (uint32_t)has_group,
                              .group = group,
                              .lock_timeout_ns = timeout_ns };
    int result = open_and_use(self, PyBytes_AsString(encoded), &options, namespace, pickle);
    Py_DECREF(encoded);
    if (result == 0) {
        PyObject *old = self->path;
        self->path = Py_NewRef(path);
        Py_XDECREF(old);
    }
    return result;
}

/* A Brain refers to two strings and to nothing that could refer back; the class is a heap type that
 * a subclass may give a __dict__, so the collector has to know it all the same. */
static int brain_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static void brain_dealloc(PyObject *op)
{
    struct bp_brain *self = (struct bp_brain *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    bp_brain_close(self);
    Py_CLEAR(self->path);
    release(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(close_doc,
             "close($self, /)\n--\n\n"
             "End the use of the store. Everything that was recalled stays valid; any further use\n"
             "of this Brain raises BrainClosedError. To close a closed one does nothing.\n"
             "\n"
             "Threads: any; a call that another thread is in goes on, a wait() in it ends with\n"
             "BrainClosedError within a second. Fork: the other process keeps its own.");

static PyObject *brain_close_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    bp_brain_close((struct bp_brain *)op);
    Py_RETURN_NONE;
}

/* ---- the mapping ----------------------------------------------------------------------------- */

/* Room for a small value and its name: a copy on the stack is the quickest. */
#define SMALL_WORDS 51

/* Get and decode. Returns a new reference, to `fallback` where the name is missing; NULL with an
 * exception set, also where `fallback` is NULL and needed. */
static PyObject *look_up(struct bp_brain *self, PyObject *name, PyObject *fallback)
{
    brain_view view;
    uint64_t small[SMALL_WORDS];
    brain_hint *hint;
    size_t name_len;
    const char *utf8 = bp_brain_hinted_name(self, name, &name_len, &hint);
    if (utf8 == NULL) return NULL;
    int code = brain_get_or_copy(self->space, utf8, name_len, hint, small, sizeof small, &view);
    if (code == 0 && view.store == NULL) {
        if (view.kind == BRAIN_KIND_STR) return bp_convert_decode_str(self->state, &view);
        if (view.kind != BRAIN_KIND_PICKLE && view.kind != BRAIN_KIND_TENSOR) {
            return bp_convert_decode_copy(self->state, &view);
        }
        /* What is unpickled may keep its bytes; an array that could be copied is none. */
        code = brain_get(self->space, utf8, name_len, &view);
    }
    if (code == 0) return bp_convert_decode(self->state, &view, self->pickle);
    if (code != BRAIN_E_NOT_FOUND) return bp_errors_raise(self->state, code);
    return fallback != NULL ? Py_NewRef(fallback) : bp_brain_raise_missing(self, name);
}

static PyObject *brain_subscript(PyObject *op, PyObject *name)
{
    return look_up((struct bp_brain *)op, name, NULL);
}

PyDoc_STRVAR(get_doc, "get($self, name, default=None, /)\n--\n\n"
                      "The value of `name`, or `default` where there is none.\n"
                      "\n"
                      "Raises as brain[name] does, but for KeyError.\n"
                      "Threads: any. Never waits for a writer. Cost: as brain[name].");

static PyObject *brain_get_method(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    if (n_args < 1 || n_args > 2) {
        PyErr_Format(PyExc_TypeError, "get() takes a name and a default, not %zd arguments",
                     n_args);
        return NULL;
    }
    return look_up((struct bp_brain *)op, args[0], n_args == 2 ? args[1] : Py_None);
}

BP_NOINLINE static int brain_delete_item(struct bp_brain *self, PyObject *name)
{
    size_t name_len;
    const char *utf8 = bp_brain_name(self, name, &name_len);
    if (utf8 == NULL) return -1;
    int code;
    if (!bp_brain_is_busy(self)) {
        code = brain_delete(self->space, utf8, name_len, BRAIN_ANY_VERSION);
    } else {
        struct bp_space *held = bp_handle_space_take(self->current);
        Py_BEGIN_ALLOW_THREADS code = brain_delete(held->space, utf8, name_len, BRAIN_ANY_VERSION);
        Py_END_ALLOW_THREADS bp_handle_space_drop(held);
    }
    /* To delete what is missing is no error here, as it was none in brain-plasma 0.3. */
    if (code == 0 || code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(self->state, code);
    return -1;
}

static int brain_ass_subscript(PyObject *op, PyObject *name, PyObject *value)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (value == NULL) return brain_delete_item(self, name);
    return bp_brain_set(self, name, value);
}

static int brain_contains(PyObject *op, PyObject *name)
{
    struct bp_brain *self = (struct bp_brain *)op;
    size_t name_len;
    const char *utf8 = bp_brain_name(self, name, &name_len);
    if (utf8 == NULL) return -1;
    int code = brain_exists(self->space, utf8, name_len, NULL);
    if (code == 0) return 1;
    if (code == BRAIN_E_NOT_FOUND) return 0;
    bp_errors_raise(self->state, code);
    return -1;
}

static Py_ssize_t brain_length(PyObject *op)
{
    struct bp_brain *self = (struct bp_brain *)op;
    uint64_t n_names;
    if (!bp_brain_is_open(self)) return -1;
    int code = brain_space_count(self->space, &n_names);
    if (code == 0) return (Py_ssize_t)n_names;
    bp_errors_raise(self->state, code);
    return -1;
}

/* Over a list, and not over a walk of the library's: a walk keeps a snapshot of the whole store for
 * as long as the loop runs, and a process may hold few of them. */
static PyObject *brain_iter_slot(PyObject *op)
{
    struct bp_brain *self = (struct bp_brain *)op;
    PyObject *names = bp_brain_is_open(self) ? bp_store_list_names(self, self->space) : NULL;
    if (names == NULL) return NULL;
    PyObject *iterator = PyObject_GetIter(names);
    Py_DECREF(names);
    return iterator;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static PyObject *brain_get_path(PyObject *op, void *Py_UNUSED(closure))
{
    struct bp_brain *self = (struct bp_brain *)op;
    return Py_NewRef(self->path != NULL ? self->path : Py_None);
}

static PyObject *brain_get_closed(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct bp_brain *)op)->space == NULL);
}

static PyObject *brain_get_read_only(PyObject *op, void *Py_UNUSED(closure))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    return PyBool_FromLong((brain_access(self->store->store) & BRAIN_ACCESS_READ_ONLY) != 0);
}

static PyObject *brain_get_space(PyObject *op, void *Py_UNUSED(closure))
{
    struct bp_brain *self = (struct bp_brain *)op;
    return bp_brain_is_open(self) ? Py_NewRef(self->current->name) : NULL;
}

static PyObject *brain_get_directory(PyObject *op, void *Py_UNUSED(closure))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (!bp_brain_is_open(self)) return NULL;
    return PyUnicode_DecodeFSDefault(brain_directory(self->store->store));
}

/* ---- the type -------------------------------------------------------------------------------- */

static PyGetSetDef brain_getset[] = {
    { "path", brain_get_path, NULL, "str: what the store was opened by.", NULL },
    { "directory", brain_get_directory, NULL, "str: where the files of the store are.", NULL },
    { "closed", brain_get_closed, NULL, "bool: whether close() was called.", NULL },
    { "read_only", brain_get_read_only, NULL,
      "bool: whether it was opened without the right to write.", NULL },
    { "_space", brain_get_space, NULL, "str: the namespace in use.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

#define FASTCALL(function) (PyCFunction)(void (*)(void))(function), METH_FASTCALL
#define METHOD(name, function)                                                                     \
    {                                                                                              \
        name, FASTCALL(function), function##_doc                                                   \
    }
#define METHOD_NOARGS(name, function)                                                              \
    {                                                                                              \
        name, function, METH_NOARGS, function##_doc                                                \
    }
#define METHOD_O(name, function)                                                                   \
    {                                                                                              \
        name, function, METH_O, function##_doc                                                     \
    }

static PyMethodDef brain_methods[] = {
    { "get", FASTCALL(brain_get_method), get_doc },
    METHOD("pop", bp_names_pop),
    METHOD_NOARGS("popitem", bp_names_popitem),
    METHOD("setdefault", bp_names_setdefault),
    METHOD_O("version", bp_names_version),
    METHOD("replace_if", bp_names_replace_if),
    METHOD("_wait", bp_names_wait),
    METHOD_O("set_many", bp_names_set_many),
    METHOD_O("get_many", bp_names_get_many),
    METHOD("_names", bp_store_names),
    METHOD_NOARGS("clear", bp_store_clear),
    METHOD_NOARGS("namespaces", bp_store_namespaces),
    METHOD_O("_use_namespace", bp_store_use_namespace),
    METHOD_O("_drop_namespace", bp_store_drop_namespace),
    METHOD_NOARGS("size", bp_store_size),
    METHOD_NOARGS("used", bp_store_used),
    METHOD_NOARGS("free", bp_store_free),
    METHOD_NOARGS("stat", bp_store_stat),
    METHOD_O("resize", bp_store_resize),
    METHOD_NOARGS("trim", bp_store_trim),
    METHOD_NOARGS("check", bp_store_check),
    { "close", brain_close_method, METH_NOARGS, close_doc },
    METHOD_NOARGS("destroy", bp_store_destroy),
    { NULL, NULL, 0, NULL },
};

PyDoc_STRVAR(brain_doc, "What brain_plasma.Brain is made of; see there.");

static PyType_Slot brain_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)brain_doc },
    { Py_tp_new, brain_new },
    { Py_tp_init, brain_init },
    { Py_tp_traverse, brain_traverse },
    { Py_tp_dealloc, brain_dealloc },
    { Py_tp_iter, brain_iter_slot },
    { Py_tp_methods, brain_methods },
    { Py_tp_getset, brain_getset },
    { Py_mp_subscript, brain_subscript },
    { Py_mp_ass_subscript, brain_ass_subscript },
    { Py_mp_length, brain_length },
    { Py_sq_contains, brain_contains },
    { 0, NULL },
};

PyType_Spec bp_brain_spec = {
    .name = "brain_plasma._core.Brain",
    .basicsize = sizeof(struct bp_brain),
    .flags =
        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = brain_slots,
};
