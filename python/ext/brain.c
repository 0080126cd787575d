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
#include "arguments.h"
#include "convert.h"
#include "draft.h"
#include "events.h"
#include "untree.h"

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
    int allowed = bp_handle_may_pickle(store, pickle);
    struct bp_store *handle = bp_handle_store(store);
    if (handle == NULL) return -1;
    struct bp_space *space = NULL;
    if (allowed >= 0) space = bp_handle_space(self->state, handle, namespace);
    if (space == NULL) {
        bp_handle_store_drop(handle);
        return -1;
    }
    bp_brain_close(self);
    bp_events_join(self->state, handle);
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
    static char *names[] = { "path",      "namespace",       "capacity", "mode",
                             "has_group", "group",           "flags",    "lock_timeout",
                             "pickle",    "long_namespaces", "full",     NULL };
    struct bp_brain *self = (struct bp_brain *)op;
    PyObject *path, *namespace, *encoded, *timeout, *pickle;
    unsigned long long capacity;
    unsigned mode, group, flags, full;
    int has_group, long_namespaces;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UUKIpIIOOpI:Brain", names, &path, &namespace,
                                     &capacity, &mode, &has_group, &group, &flags, &timeout,
                                     &pickle, &long_namespaces, &full)) {
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
                              .full = full,
                              .lock_timeout_ns = timeout_ns };
    int result = open_and_use(self, PyBytes_AsString(encoded), &options, namespace, pickle);
    Py_DECREF(encoded);
    if (result == 0) {
        self->long_namespaces = long_namespaces;
        self->destroyed = false;
        Py_CLEAR(self->sleeping_space);
        PyObject *old = self->path;
        self->path = Py_NewRef(path);
        Py_XDECREF(old);
    }
    return result;
}

/* A Brain refers to strings and to nothing that could refer back; the class is a heap type that
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
    Py_CLEAR(self->sleeping_space);
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
    struct bp_brain *self = (struct bp_brain *)op;
    bp_brain_close(self);
    Py_CLEAR(self->sleeping_space);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(sleep_doc, "_sleep($self, /)\n--\n\n"
                        "As close(), but further uses raise BrainClientDisconnectedError.");

static PyObject *brain_sleep_method(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (self->sleeping_space != NULL) Py_RETURN_NONE;
    if (!bp_brain_is_open(self)) return NULL;
    self->sleeping_space = Py_NewRef(self->current->name);
    bp_brain_close(self);
    Py_RETURN_NONE;
}

/* ---- the mapping ----------------------------------------------------------------------------- */

/* Room for a small value and its name: a copy on the stack is the quickest. */
#define SMALL_WORDS 51

/* Get from the namespace in use, and decode. Returns a new reference, to `fallback` where the name
 * is missing; NULL with an exception set, also where `fallback` is NULL and needed. */
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
        if (!bp_convert_keeps_view(view.kind)) return bp_convert_decode_copy(self->state, &view);
        if (view.kind == BRAIN_KIND_TREE && bp_untree_may_be_copy(&view)) {
            return bp_untree_decode_copy(self->state, &view, self->pickle);
        }
        /* What is unpickled may keep its bytes; an array that could be copied is none. */
        code = brain_get_again(self->space, utf8, name_len, &view);
    }
    if (code == 0) return bp_convert_decode(self->state, &view, self->pickle);
    if (code != BRAIN_E_NOT_FOUND) return bp_errors_raise(self->state, code);
    return fallback != NULL ? Py_NewRef(fallback) : bp_brain_raise_missing(self, NULL, name);
}

BP_NOINLINE static PyObject *look_up_and_tell(struct bp_brain *self, PyObject *name,
                                              PyObject *fallback)
{
    return bp_events_end(self->state, look_up(self, name, fallback));
}

/* A get has nothing to tell but itself. So it is known beforehand whether it has an end: to have one costs a tenth. */
static inline PyObject *look_up_here(struct bp_brain *self, PyObject *name, PyObject *fallback)
{
    if (__builtin_expect(bp_events_of_values(self->state), 0)) {
        return look_up_and_tell(self, name, fallback);
    }
    return look_up(self, name, fallback);
}

/* The same in another namespace, which has no hints. */
static PyObject *look_up_in(struct bp_brain *self, struct bp_space *in, PyObject *name,
                            PyObject *fallback)
{
    brain_view view;
    brain_space *space;
    size_t name_len;
    const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
    if (utf8 == NULL) return NULL;
    int code = brain_get(space, utf8, name_len, &view);
    if (code == 0) return bp_convert_decode(self->state, &view, self->pickle);
    if (code != BRAIN_E_NOT_FOUND) return bp_errors_raise(self->state, code);
    return fallback != NULL ? Py_NewRef(fallback) : bp_brain_raise_missing(self, in, name);
}

static PyObject *brain_subscript(PyObject *op, PyObject *name)
{
    return look_up_here((struct bp_brain *)op, name, NULL);
}

PyDoc_STRVAR(get_doc, "get($self, name, default=None, /, *, namespace=None)\n--\n\n"
                      "The value of `name`, or `default` where there is none.\n"
                      "\n"
                      "namespace: None is the current one; one that does not exist has no names.\n"
                      "Raises as brain[name] does, but for KeyError.\n"
                      "Threads: any. Never waits for a writer. Cost: as brain[name].");

static PyObject *get_in(struct bp_brain *self, struct bp_space *in, PyObject *name,
                        PyObject *fallback)
{
    if (in == NULL) return look_up(self, name, fallback);
    PyObject *value = look_up_in(self, in, name, fallback);
    bp_handle_space_drop(in);
    return value;
}

static PyObject *brain_get_method(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                                  PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    PyObject *fallback = n_args == 2 ? args[1] : Py_None;
    if (keywords == NULL && (n_args == 1 || n_args == 2)) {
        return look_up_here(self, args[0], fallback);
    }
    if (!bp_arguments_read(self, "get(name[, default])", args, n_args, 1, 2, keywords, &in)) {
        return NULL;
    }
    return bp_events_end(self->state, get_in(self, in, args[0], fallback));
}

PyDoc_STRVAR(recall_doc, "_recall($self, name, /, *, namespace=None)\n--\n\n"
                         "As brain[name], in any namespace.");

static PyObject *brain_recall_method(PyObject *op, PyObject *const *args, Py_ssize_t n_args,
                                     PyObject *keywords)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in;
    if (!bp_arguments_read(self, "_recall(name)", args, n_args, 1, 1, keywords, &in)) return NULL;
    return get_in(self, in, args[0], NULL);
}

static int brain_ass_subscript(PyObject *op, PyObject *name, PyObject *value)
{
    struct bp_brain *self = (struct bp_brain *)op;
    /* To delete what is missing is no error here, as it was none in brain-plasma 0.3. */
    if (value == NULL) {
        int found = bp_brain_delete(self, NULL, name);
        return bp_events_end_int(self->state, found < 0 ? -1 : 0);
    }
    return bp_events_end_int(self->state, bp_brain_set(self, name, value));
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
    PyObject *names = bp_brain_is_open(self) ? bp_store_list_names(self, NULL) : NULL;
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
    struct bp_brain *self = (struct bp_brain *)op;
    return PyBool_FromLong(self->space == NULL && self->sleeping_space == NULL);
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
    if (self->sleeping_space != NULL) return Py_NewRef(self->sleeping_space);
    return bp_brain_is_open(self) ? Py_NewRef(self->current->name) : NULL;
}

static PyObject *brain_get_asleep(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct bp_brain *)op)->sleeping_space != NULL);
}

static PyObject *brain_get_long_namespaces(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct bp_brain *)op)->long_namespaces);
}

static PyObject *brain_get_pickle(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct bp_brain *)op)->pickle);
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
    { "asleep", brain_get_asleep, NULL, "bool: whether sleep() was called, and not wake_up().",
      NULL },
    { "long_namespaces", brain_get_long_namespaces, NULL,
      "bool: whether namespaces may have names of 1 to 255 bytes.", NULL },
    { "_may_pickle", brain_get_pickle, NULL, "bool: whether pickles are written and read.", NULL },
    { "_space", brain_get_space, NULL, "str: the namespace in use, also of one that is asleep.",
      NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

#define STATE_OF(op) (((struct bp_brain *)(op))->state)

/* The methods, by how they take their arguments. What happened in one is told when it ends (events.c), so each is
 * in the table with an end; get() sees to it itself. */
#define BRAIN_METHODS(METHOD, METHOD_IN, METHOD_NOARGS, METHOD_O)                                  \
    METHOD_IN("_recall", brain_recall_method, recall_doc)                                          \
    METHOD_IN("pop", bp_names_pop, bp_names_pop_doc)                                               \
    METHOD_IN("popitem", bp_names_popitem, bp_names_popitem_doc)                                   \
    METHOD_IN("setdefault", bp_names_setdefault, bp_names_setdefault_doc)                          \
    METHOD("_learn", bp_names_learn, bp_names_learn_doc)                                           \
    METHOD_IN("_forget", bp_names_forget, bp_names_forget_doc)                                     \
    METHOD_IN("version", bp_names_version, bp_names_version_doc)                                   \
    METHOD_IN("replace_if", bp_names_replace_if, bp_names_replace_if_doc)                          \
    METHOD_IN("_wait", bp_names_wait, bp_names_wait_doc)                                           \
    METHOD("_draft_array", bp_draft_array, bp_draft_array_doc)                                     \
    METHOD("_draft_bytes", bp_draft_bytes, bp_draft_bytes_doc)                                     \
    METHOD("_seal", bp_draft_seal, bp_draft_seal_doc)                                              \
    METHOD_IN("set_many", bp_many_set, bp_many_set_doc)                                            \
    METHOD_IN("get_many", bp_many_get, bp_many_get_doc)                                            \
    METHOD("_entry", bp_many_entry, bp_many_entry_doc)                                             \
    METHOD("_entries", bp_many_entries, bp_many_entries_doc)                                       \
    METHOD("_pin", bp_pinned_pin, bp_pinned_pin_doc)                                               \
    METHOD_O("_pin_id", bp_pinned_pin_id, bp_pinned_pin_id_doc)                                    \
    METHOD_O("_pin_value", bp_origin_pin, bp_origin_pin_doc)                                       \
    METHOD_O("_recall_view", bp_pinned_recall, bp_pinned_recall_doc)                               \
    METHOD_O("_facts", bp_pinned_facts, bp_pinned_facts_doc)                                       \
    METHOD("_names", bp_store_names, bp_store_names_doc)                                           \
    METHOD_IN("_count", bp_store_count, bp_store_count_doc)                                        \
    METHOD_IN("_quota", bp_store_quota, bp_store_quota_doc)                                        \
    METHOD_IN("_set_quota", bp_store_set_quota, bp_store_set_quota_doc)                            \
    METHOD_IN("clear", bp_store_clear, bp_store_clear_doc)                                         \
    METHOD_NOARGS("namespaces", bp_store_namespaces, bp_store_namespaces_doc)                      \
    METHOD_O("_use_namespace", bp_store_use_namespace, bp_store_use_namespace_doc)                 \
    METHOD_O("_drop_namespace", bp_store_drop_namespace, bp_store_drop_namespace_doc)              \
    METHOD_NOARGS("size", bp_store_size, bp_store_size_doc)                                        \
    METHOD_NOARGS("used", bp_store_used, bp_store_used_doc)                                        \
    METHOD_NOARGS("free", bp_store_free, bp_store_free_doc)                                        \
    METHOD_NOARGS("stat", bp_store_stat, bp_store_stat_doc)                                        \
    METHOD_NOARGS("_full", bp_store_full, bp_store_full_doc)                                       \
    METHOD_O("_set_full", bp_store_set_full, bp_store_set_full_doc)                                \
    METHOD_O("resize", bp_store_resize, bp_store_resize_doc)                                       \
    METHOD_NOARGS("trim", bp_store_trim, bp_store_trim_doc)                                        \
    METHOD_NOARGS("compact", bp_store_compact, bp_store_compact_doc)                               \
    METHOD_O("_set_keep_free", bp_store_set_keep_free, bp_store_set_keep_free_doc)                 \
    METHOD_NOARGS("check", bp_store_check, bp_store_check_doc)                                     \
    METHOD("_dump", bp_dump_write, bp_dump_write_doc)                                              \
    METHOD("_dumped_ns", bp_dump_time, bp_dump_time_doc)                                           \
    METHOD("_load", bp_load_read, bp_load_read_doc)                                                \
    METHOD("_restore_home", bp_load_home, bp_load_home_doc)                                        \
    METHOD("_sync", bp_home_sync, bp_home_sync_doc)                                                \
    METHOD("_spill_open", bp_spill_open, bp_spill_open_doc)                                        \
    METHOD("_spill", bp_spill_some, bp_spill_some_doc)                                             \
    METHOD_NOARGS("_spill_tidy", bp_spill_tidy, bp_spill_tidy_doc)                                 \
    METHOD("_persist", bp_home_persist, bp_home_persist_doc)                                       \
    METHOD("_persists", bp_home_persists, bp_home_persists_doc)                                    \
    METHOD_O("_mark", bp_mark_get, bp_mark_get_doc)                                                \
    METHOD("_set_mark", bp_mark_set, bp_mark_set_doc)                                              \
    METHOD("_wait_mark", bp_mark_wait, bp_mark_wait_doc)                                           \
    METHOD_NOARGS("_self", bp_mark_client, bp_mark_client_doc)                                     \
    METHOD("_lives", bp_mark_lives, bp_mark_lives_doc)                                             \
    METHOD_NOARGS("destroy", bp_store_destroy, bp_store_destroy_doc)                               \
    METHOD("_some", bp_glance_some, bp_glance_some_doc)                                            \
    METHOD_NOARGS("_metrics", bp_glance_metrics, bp_glance_metrics_doc)                            \
    METHOD_NOARGS("_sleep", brain_sleep_method, sleep_doc)                                         \
    METHOD_NOARGS("close", brain_close_method, close_doc)

#define WITH_END(name, function, doc)                                                              \
    static PyObject *function##_end(PyObject *op, PyObject *const *args, Py_ssize_t n_args)        \
    {                                                                                              \
        return bp_events_end(STATE_OF(op), function(op, args, n_args));                            \
    }
#define WITH_END_IN(name, function, doc)                                                           \
    static PyObject *function##_end(PyObject *op, PyObject *const *args, Py_ssize_t n_args,        \
                                    PyObject *keywords)                                            \
    {                                                                                              \
        return bp_events_end(STATE_OF(op), function(op, args, n_args, keywords));                  \
    }
#define WITH_END_2(name, function, doc)                                                            \
    static PyObject *function##_end(PyObject *op, PyObject *argument)                              \
    {                                                                                              \
        return bp_events_end(STATE_OF(op), function(op, argument));                                \
    }

BRAIN_METHODS(WITH_END, WITH_END_IN, WITH_END_2, WITH_END_2)

#define AS_METHOD(function)           (PyCFunction)(void (*)(void))(function)
#define IN_TABLE(name, function, doc) { name, AS_METHOD(function##_end), METH_FASTCALL, doc },
#define IN_TABLE_IN(name, function, doc)                                                           \
    { name, AS_METHOD(function##_end), METH_FASTCALL | METH_KEYWORDS, doc },
#define IN_TABLE_NOARGS(name, function, doc) { name, function##_end, METH_NOARGS, doc },
#define IN_TABLE_O(name, function, doc)      { name, function##_end, METH_O, doc },
#define GET_IN_TABLE                         { "get", AS_METHOD(brain_get_method), METH_FASTCALL | METH_KEYWORDS, get_doc },
#define END_OF_TABLE                         { NULL, NULL, 0, NULL }

static PyMethodDef brain_methods[] = {
    GET_IN_TABLE BRAIN_METHODS(IN_TABLE, IN_TABLE_IN, IN_TABLE_NOARGS, IN_TABLE_O) END_OF_TABLE
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
