/* plasma.c - the type Plasma, under brain_plasma.plasma.PlasmaClient: its life, and the methods about
 * one object.
 *
 * Owns:     a reference on a store, and the objects that it created and has not sealed.
 * GIL:      as in module.c. What may evict, wait or copy much gives it up; small puts and gets do
 *           not, but where another writer is at work.
 */
#include "away.h"
#include "plasmaclient.h"

#include "buffer.h"
#include "convert.h"
#include "creation.h"
#include "parts.h"
#include "plasma/evict.h"
#include "plasma/remove.h"
#include "plasma/use.h"
#include "view.h"

#include <string.h>

/* ---- life ------------------------------------------------------------------------------------ */

static PyObject *plasma_new(PyTypeObject *type, PyObject *Py_UNUSED(args),
                            PyObject *Py_UNUSED(kwargs))
{
    struct bp_state *state = bp_state_of(type);
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct bp_plasma *self = state == NULL ? NULL : (struct bp_plasma *)alloc(type, 0);
    if (self == NULL) return NULL;
    self->state = state;
    self->creations = PyDict_New();
    if (self->creations == NULL) Py_CLEAR(self);
    return (PyObject *)self;
}

static int connect_to(struct bp_plasma *self, const char *path, uint32_t flags, PyObject *pickle)
{
    brain_options options = { .struct_size = sizeof options, .flags = flags | BRAIN_OPEN_EXISTING };
    brain_store *store;
    int code;
    Py_BEGIN_ALLOW_THREADS code = brain_open(path, &options, &store);
    Py_END_ALLOW_THREADS if (code != 0)
    {
        bp_errors_raise(self->state, code);
        return -1;
    }
    int allowed = bp_handle_may_pickle(store, pickle);
    struct bp_store *handle = bp_handle_store(store);
    if (handle == NULL) return -1;
    if (allowed < 0) {
        bp_handle_store_drop(handle);
        return -1;
    }
    code = pl_store_open(store, &self->objects);
    if (code != 0) {
        bp_handle_store_drop(handle);
        bp_errors_raise(self->state, code);
        return -1;
    }
    self->pickle = allowed;
    bp_handle_enlist(handle, &self->state->plasma_stores);
    self->store = handle;
    return 0;
}

static int plasma_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "path", "flags", "pickle", NULL };
    struct bp_plasma *self = (struct bp_plasma *)op;
    PyObject *path, *encoded, *pickle = Py_None;
    unsigned flags = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "U|IO:Plasma", names, &path, &flags, &pickle)) {
        return -1;
    }
    if (self->path != NULL) {
        bp_errors_format(self->state, BP_VALUE, "a client connects once; make another");
        return -1;
    }
    if (!PyUnicode_FSConverter(path, &encoded)) return -1;
    int result = connect_to(self, PyBytes_AsString(encoded), flags, pickle);
    Py_DECREF(encoded);
    if (result == 0) self->path = Py_NewRef(path);
    return result;
}

/* Give up what was created and not sealed. Without the GIL, since it may have to wait for a writer:
 * over a list of its own, which a seal that still runs does not change. */
static void abort_creations(struct pl_store *objects, PyObject *creations)
{
    PyObject *list = PyDict_Values(creations);
    Py_ssize_t n = list == NULL ? 0 : PyList_Size(list);
    if (list == NULL) PyErr_Clear(); /* no memory: they go with the process */
    for (Py_ssize_t i = 0; i < n; i++) {
        struct bp_creation_object *each = (struct bp_creation_object *)PyList_GetItem(list, i);
        Py_BEGIN_ALLOW_THREADS pl_create_abort(objects, &each->creation);
        Py_END_ALLOW_THREADS
    }
    PyDict_Clear(creations);
    Py_XDECREF(list);
}

static void disconnect(struct bp_plasma *self)
{
    struct bp_store *store = self->store;
    if (store == NULL) return;
    self->store = NULL;
    abort_creations(&self->objects, self->creations);
    store->closed = true;
    bp_handle_store_drop(store);
}

static void plasma_dealloc(PyObject *op)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    disconnect(self);
    pl_store_close(&self->objects);
    Py_CLEAR(self->creations);
    Py_CLEAR(self->path);
    Py_CLEAR(self->capacity);
    release(op);
    Py_DECREF(type);
}

/* What is in `creations` refers to nothing that could refer back. */
static int plasma_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

PyDoc_STRVAR(
    disconnect_doc,
    "_disconnect($self, /)\n--\n\nEnd the use of the store; what is not sealed is given up.");

static PyObject *plasma_disconnect(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    disconnect((struct bp_plasma *)op);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(store_capacity_doc,
             "store_capacity($self, /)\n--\n\n"
             "The capacity of the store in bytes, as plasma_store -m said: of data and metadata.\n"
             "After disconnect() what it was then.");

static PyObject *plasma_store_capacity(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    uint64_t capacity_bytes = self->capacity_bytes, live;
    if (self->store != NULL) {
        int code = brain_usage(self->store->store, &capacity_bytes, &live);
        if (code != 0) return bp_plasmaclient_raise(self, code, NULL);
    }
    if (self->capacity == NULL || capacity_bytes != self->capacity_bytes) {
        PyObject *capacity = PyLong_FromUnsignedLongLong(capacity_bytes);
        if (capacity == NULL) return NULL;
        Py_XDECREF(self->capacity);
        self->capacity = capacity;
        self->capacity_bytes = capacity_bytes;
    }
    return Py_NewRef(self->capacity);
}

static void drop_capsule(PyObject *capsule)
{
    bp_handle_store_drop(PyCapsule_GetContext(capsule));
}

PyDoc_STRVAR(
    to_capsule_doc,
    "to_capsule($self, /)\n--\n\n"
    "A capsule named 'brain_store': the brain_store of this client, for code in C that uses\n"
    "brain.h. It keeps the store open. (That of pyarrow had a client of its C++ library.)");

static PyObject *plasma_to_capsule(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (!bp_plasmaclient_is_connected(self)) return NULL;
    PyObject *capsule = PyCapsule_New(self->store->store, "brain_store", drop_capsule);
    if (capsule == NULL) return NULL;
    if (PyCapsule_SetContext(capsule, bp_plasmaclient_hold(self)) != 0) {
        bp_handle_store_drop(self->store);
        Py_CLEAR(capsule);
    }
    return capsule;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* Connected, and an id as first argument. */
static const uint8_t *id_of(struct bp_plasma *self, PyObject *id)
{
    return bp_plasmaclient_is_connected(self) ? bp_objectid_bytes(self->state, id) : NULL;
}

/* Whether the call may take long: then others shall run. */
static bool may_take_long(const struct bp_plasma *self, uint64_t n_bytes)
{
    return n_bytes >= BP_LARGE_BYTES || brain_is_busy(self->store->store) != 0;
}

/* ---- put ------------------------------------------------------------------------------------- */

static int put_value(struct bp_plasma *self, const uint8_t *id, const brain_value *value,
                     uint64_t size_bytes, uint64_t meta_bytes)
{
    if (!may_take_long(self, size_bytes)) {
        int quick = pl_create_put(&self->objects, id, value, meta_bytes, false);
        if (quick != BRAIN_E_FULL) return quick;
    }
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = pl_create_put(&self->objects, id, value, meta_bytes, true);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    return code;
}

PyDoc_STRVAR(put_doc, "_put($self, value, object_id, /)\n--\n\nPut a value under a new id.");

static PyObject *plasma_put(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    struct bp_encoded encoded;
    if (!bp_plasmaclient_has_arguments(n_args, 2, "_put(value, object_id)")) return NULL;
    const uint8_t *id = id_of(self, args[1]);
    if (id == NULL) return NULL;
    if (bp_convert_encode(self->state, args[0], self->pickle, args[1], &encoded) != 0) return NULL;
    /* To encode may run anything, which may disconnect this client. */
    int code = BP_PLASMA_RAISED;
    if (bp_parts_write(&encoded) == 0 && bp_plasmaclient_is_connected(self)) {
        code = put_value(self, id, &encoded.value, encoded.size_bytes, 0);
    }
    bp_convert_free(&encoded);
    if (code == 0) return Py_NewRef(args[1]);
    return code == BP_PLASMA_RAISED ? NULL : bp_plasmaclient_raise(self, code, args[1]);
}

PyDoc_STRVAR(put_bytes_doc, "_put_bytes($self, data, object_id, metadata, /)\n--\n\n"
                            "Put the bytes of two buffers under a new id.");

static PyObject *put_buffers(struct bp_plasma *self, PyObject *id, const Py_buffer *data,
                             const Py_buffer *meta)
{
    const brain_part parts[] = {
        { .data = data->buf, .size_bytes = (size_t)data->len },
        { .data = meta->buf, .size_bytes = (size_t)meta->len },
    };
    const brain_value value = { .kind = BRAIN_KIND_RAW, .parts = parts, .n_parts = 2 };
    int code = put_value(self, bp_objectid_bytes(self->state, id), &value,
                         (uint64_t)data->len + (uint64_t)meta->len, (uint64_t)meta->len);
    return code == 0 ? Py_NewRef(id) : bp_plasmaclient_raise(self, code, id);
}

static PyObject *plasma_put_bytes(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    Py_buffer data, meta;
    if (!bp_plasmaclient_has_arguments(n_args, 3, "_put_bytes(data, object_id, metadata)"))
        return NULL;
    if (id_of(self, args[1]) == NULL) return NULL;
    if (PyObject_GetBuffer(args[0], &data, PyBUF_ANY_CONTIGUOUS) != 0) return NULL;
    PyObject *result = NULL;
    if (PyObject_GetBuffer(args[2], &meta, PyBUF_ANY_CONTIGUOUS) == 0) {
        if (bp_plasmaclient_is_connected(self)) result = put_buffers(self, args[1], &data, &meta);
        PyBuffer_Release(&meta);
    }
    PyBuffer_Release(&data);
    return result;
}

/* ---- create and seal ------------------------------------------------------------------------- */

/* The key of an object in `creations`: no user's code runs to compare it. */
static PyObject *key_of(struct bp_plasma *self, PyObject *id)
{
    const uint8_t *bytes = bp_objectid_bytes(self->state, id);
    return bytes == NULL ? NULL : PyBytes_FromStringAndSize((const char *)bytes, BRAIN_ID_BYTES);
}

/* Remember a creation under its key; where that fails, or the client has disconnected meanwhile, it
 * is given up. False: so it was, with an exception set. */
static bool remember(struct bp_plasma *self, PyObject *key, PyObject *creation)
{
    if (bp_plasmaclient_is_connected(self) && PyDict_SetItem(self->creations, key, creation) == 0) {
        return true;
    }
    pl_create_abort(&self->objects, &((struct bp_creation_object *)creation)->creation);
    return false;
}

/* A writable buffer on a creation, which it takes over. */
static PyObject *buffer_on(struct bp_plasma *self, PyObject *key, struct bp_store *held,
                           struct pl_creation *made)
{
    void *data = brain_object_data(made->object);
    PyObject *creation = bp_creation_new(self->state, held, made);
    if (creation == NULL) {
        pl_create_abort(&self->objects, made);
        return NULL;
    }
    PyObject *buffer = NULL;
    if (remember(self, key, creation)) {
        buffer = bp_buffer_new(self->state, creation, data, made->data_bytes, true);
    }
    Py_DECREF(creation);
    return buffer;
}

PyDoc_STRVAR(create_doc, "_create($self, object_id, data_size, metadata, /)\n--\n\n"
                         "A writable buffer under a new id, to be sealed.");

static PyObject *plasma_create(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    struct pl_creation made;
    Py_buffer meta;
    if (!bp_plasmaclient_has_arguments(n_args, 3, "_create(object_id, data_size, metadata)"))
        return NULL;
    if (id_of(self, args[0]) == NULL) return NULL;
    long long data_bytes = PyLong_AsLongLong(args[1]);
    if (data_bytes == -1 && PyErr_Occurred()) return NULL;
    if (data_bytes < 0) {
        return bp_errors_format(self->state, BP_VALUE, "an object cannot have %lld bytes",
                                data_bytes);
    }
    if (PyObject_GetBuffer(args[2], &meta, PyBUF_ANY_CONTIGUOUS) != 0) return NULL;
    PyObject *key = key_of(self, args[0]), *buffer = NULL;
    if (key != NULL && bp_plasmaclient_is_connected(self)) {
        const uint8_t *id = bp_objectid_bytes(self->state, args[0]);
        struct bp_store *held = bp_plasmaclient_hold(self);
        int code;
        Py_BEGIN_ALLOW_THREADS code = pl_create_object(&self->objects, id, (uint64_t)data_bytes,
                                                       meta.buf, (uint64_t)meta.len, &made);
        Py_END_ALLOW_THREADS buffer = code == 0 ? buffer_on(self, key, held, &made)
                                                : bp_plasmaclient_raise(self, code, args[0]);
        bp_handle_store_drop(held);
    }
    Py_XDECREF(key);
    PyBuffer_Release(&meta);
    return buffer;
}

PyDoc_STRVAR(seal_doc, "_seal($self, object_id, /)\n--\n\nMake an object visible that this client "
                       "created.");

/* Take a creation out of those that the client remembers: nobody else can seal it, or give it up,
 * from then on. NULL: there is none, or an exception is set. */
static struct bp_creation_object *take_creation(struct bp_plasma *self, PyObject *key)
{
    PyObject *creation = PyDict_GetItemWithError(self->creations, key);
    if (creation == NULL) return NULL;
    Py_INCREF(creation);
    if (PyDict_DelItem(self->creations, key) != 0) Py_CLEAR(creation);
    return (struct bp_creation_object *)creation;
}

static int seal(struct bp_plasma *self, PyObject *key, struct bp_creation_object *creation)
{
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = pl_create_seal(&self->objects, &creation->creation);
    Py_END_ALLOW_THREADS bool is_ours = code != 0 && code != BRAIN_E_NOT_FOUND;
    /* It may be tried again; but not where somebody has removed the id. */
    if (is_ours && !remember(self, key, (PyObject *)creation)) code = BP_PLASMA_RAISED;
    bp_handle_store_drop(held);
    return code;
}

static PyObject *plasma_seal(PyObject *op, PyObject *id)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (id_of(self, id) == NULL) return NULL;
    PyObject *key = key_of(self, id);
    if (key == NULL) return NULL;
    int code = BP_PLASMA_RAISED;
    struct bp_creation_object *creation = take_creation(self, key);
    if (creation != NULL) {
        code = seal(self, key, creation);
    } else if (!PyErr_Occurred()) {
        code = BRAIN_E_NOT_FOUND;
    }
    Py_DECREF(key);
    Py_XDECREF((PyObject *)creation);
    if (code == 0) Py_RETURN_NONE;
    return code == BP_PLASMA_RAISED ? NULL : bp_plasmaclient_raise(self, code, id);
}

PyDoc_STRVAR(abort_doc, "_abort($self, object_id, /)\n--\n\n"
                        "Give up an object that this client created and has not sealed. Returns "
                        "whether there was one.");

static PyObject *plasma_abort(PyObject *op, PyObject *id)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    if (id_of(self, id) == NULL) return NULL;
    PyObject *key = key_of(self, id);
    if (key == NULL) return NULL;
    struct bp_creation_object *creation = take_creation(self, key);
    Py_DECREF(key);
    if (creation == NULL) return PyErr_Occurred() ? NULL : Py_NewRef(Py_False);
    pl_create_abort(&self->objects, &creation->creation);
    Py_DECREF(creation);
    Py_RETURN_TRUE;
}

/* ---- get ------------------------------------------------------------------------------------- */

/* Of an object that was written as it is, metadata follow the data; a value has none. */
static PyObject *decode(struct bp_plasma *self, brain_view *view, const struct pl_object *info)
{
    if (bp_convert_keeps_view(view->kind)) {
        return bp_convert_decode(self->state, view, self->pickle); /* which takes it over */
    }
    struct bp_store *held = bp_plasmaclient_hold(self);
    view->size_bytes = info->data_bytes;
    PyObject *value = bp_convert_decode_copy(self->state, view);
    bp_plasmaclient_drop(self, view);
    bp_handle_store_drop(held);
    return value;
}

PyDoc_STRVAR(get_doc,
             "_get($self, object_id, missing, /)\n--\n\nThe value of an id, or `missing`.");

static PyObject *plasma_get(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    struct pl_object info;
    brain_view view;
    if (!bp_plasmaclient_has_arguments(n_args, 2, "_get(object_id, missing)")) return NULL;
    const uint8_t *id = id_of(self, args[0]);
    if (id == NULL) return NULL;
    int code = bp_plasmaclient_find(self, id, &view, &info);
    if (code == 0) return decode(self, &view, &info);
    return code == BRAIN_E_NOT_FOUND ? Py_NewRef(args[1])
                                     : bp_plasmaclient_raise(self, code, args[0]);
}

PyDoc_STRVAR(get_buffers_doc, "_get_buffers($self, object_id, /)\n--\n\n"
                              "Buffers on data and metadata of an id, or None.");

static PyObject *plasma_get_buffers(PyObject *op, PyObject *id)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    struct pl_object info;
    brain_view view;
    const uint8_t *bytes = id_of(self, id);
    if (bytes == NULL) return NULL;
    int code = bp_plasmaclient_find(self, bytes, &view, &info);
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_NONE;
    if (code != 0) return bp_plasmaclient_raise(self, code, id);
    const char *data = view.data;
    PyObject *owner = bp_view_new(self->state, &view);
    if (owner == NULL) return NULL;
    PyObject *first = bp_buffer_new(self->state, owner, data, info.data_bytes, false);
    PyObject *second =
        bp_buffer_new(self->state, owner, data + info.data_bytes, info.meta_bytes, false);
    Py_DECREF(owner);
    PyObject *pair = first != NULL && second != NULL ? PyTuple_Pack(2, first, second) : NULL;
    Py_XDECREF(first);
    Py_XDECREF(second);
    return pair;
}

PyDoc_STRVAR(contains_doc, "_contains($self, object_id, /)\n--\n\n"
                           "Whether there is a sealed object, or a named value, of this id.");

static PyObject *plasma_contains(PyObject *op, PyObject *id)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    const uint8_t *bytes = id_of(self, id);
    if (bytes == NULL) return NULL;
    int code = pl_use_is_there(&self->objects, bytes, NULL);
    if (code == BRAIN_E_NOT_FOUND) {
        brain_view view;
        code = bp_away_get_by_id(self->store->store, bytes, &view);
        if (code == 0) brain_view_drop(&view);
    }
    if (code == 0) Py_RETURN_TRUE;
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_FALSE;
    return bp_plasmaclient_raise(self, code, id);
}

PyDoc_STRVAR(wait_doc, "_wait($self, object_id, timeout_ns, /)\n--\n\n"
                       "Wait until something has happened to an id that was missing, or the time "
                       "is up.");

static PyObject *plasma_wait(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    uint64_t version;
    if (!bp_plasmaclient_has_arguments(n_args, 2, "_wait(object_id, timeout_ns)")) return NULL;
    const uint8_t *id = id_of(self, args[0]);
    long long timeout_ns = id == NULL ? -1 : PyLong_AsLongLong(args[1]);
    if (PyErr_Occurred()) return NULL;
    int code = pl_use_is_there(&self->objects, id, &version);
    if (code == BRAIN_E_NOT_FOUND) {
        struct bp_store *held = bp_plasmaclient_hold(self);
        Py_BEGIN_ALLOW_THREADS code =
            brain_wait(self->objects.space, id, BRAIN_ID_BYTES, version, timeout_ns, &version);
        Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    }
    if (PyErr_CheckSignals() != 0) return NULL;
    if (code == 0 || code == BRAIN_E_TIMEOUT || code == BRAIN_E_INTR) Py_RETURN_NONE;
    return bp_plasmaclient_raise(self, code, args[0]);
}

/* ---- delete ---------------------------------------------------------------------------------- */

/* Delete the name of a value by the value's id, if it still has that value. */
static int delete_named(brain_store *store, const uint8_t *id)
{
    brain_view view;
    brain_space *space;
    int code = bp_away_get_by_id(store, id, &view);
    if (code != 0) return code;
    code = brain_view_space(&view, &space, NULL, NULL);
    if (code == 0) {
        code = brain_delete(space, view.name, view.name_len, view.version);
        brain_space_close(space);
    }
    brain_view_drop(&view);
    return code == BRAIN_E_STALE ? BRAIN_E_NOT_FOUND : code;
}

PyDoc_STRVAR(delete_doc, "_delete($self, object_id, /)\n--\n\n"
                         "Delete an object, or a named value with its name. Returns whether there "
                         "was one.");

static PyObject *plasma_delete(PyObject *op, PyObject *id)
{
    struct bp_plasma *self = (struct bp_plasma *)op;
    const uint8_t *bytes = id_of(self, id);
    if (bytes == NULL || !bp_plasmaclient_may_change(self)) return NULL;
    struct bp_store *held = bp_plasmaclient_hold(self);
    int code;
    Py_BEGIN_ALLOW_THREADS code = pl_remove_object(&self->objects, bytes);
    if (code == BRAIN_E_NOT_FOUND) code = delete_named(held->store, bytes);
    Py_END_ALLOW_THREADS bp_handle_store_drop(held);
    if (code == 0) Py_RETURN_TRUE;
    if (code == BRAIN_E_NOT_FOUND) Py_RETURN_FALSE;
    return bp_plasmaclient_raise(self, code, id);
}

/* ---- the type -------------------------------------------------------------------------------- */

static PyObject *plasma_get_path(PyObject *op, void *Py_UNUSED(closure))
{
    const struct bp_plasma *self = (struct bp_plasma *)op;
    return Py_NewRef(self->path != NULL ? self->path : Py_None);
}

static PyObject *plasma_get_connected(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct bp_plasma *)op)->store != NULL);
}

static PyGetSetDef plasma_getset[] = {
    { "store_socket_name", plasma_get_path, NULL, "str: the path of the store.", NULL },
    { "_connected", plasma_get_connected, NULL, "bool: not yet disconnected.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

#define FASTCALL(function)     (PyCFunction)(void (*)(void))(function), METH_FASTCALL
#define METHOD(name, function) { name, FASTCALL(function), function##_doc }

static PyMethodDef plasma_methods[] = {
    { "_put", FASTCALL(plasma_put), put_doc },
    { "_put_bytes", FASTCALL(plasma_put_bytes), put_bytes_doc },
    { "_create", FASTCALL(plasma_create), create_doc },
    { "_seal", plasma_seal, METH_O, seal_doc },
    { "_abort", plasma_abort, METH_O, abort_doc },
    { "_get", FASTCALL(plasma_get), get_doc },
    { "_get_buffers", plasma_get_buffers, METH_O, get_buffers_doc },
    { "_contains", plasma_contains, METH_O, contains_doc },
    { "_wait", FASTCALL(plasma_wait), wait_doc },
    { "_delete", plasma_delete, METH_O, delete_doc },
    { "store_capacity", plasma_store_capacity, METH_NOARGS, store_capacity_doc },
    { "to_capsule", plasma_to_capsule, METH_NOARGS, to_capsule_doc },
    { "_disconnect", plasma_disconnect, METH_NOARGS, disconnect_doc },
    METHOD("_list", bp_plasmastore_list),
    METHOD("_evict", bp_plasmastore_evict),
    METHOD("_sweep", bp_plasmastore_sweep),
    METHOD("_usage", bp_plasmastore_usage),
    METHOD("_spaces", bp_plasmanames_spaces),
    METHOD("_names", bp_plasmanames_names),
    METHOD("_named", bp_plasmanames_named),
    METHOD("_forget", bp_plasmanames_forget),
    METHOD("_hash", bp_digest_hash),
    METHOD("_wait_any", bp_plasmastore_wait_any),
    METHOD("_subscribe", bp_plasmastore_subscribe),
    METHOD("_sealed", bp_plasmastore_sealed),
    METHOD("_unsubscribe", bp_plasmastore_unsubscribe),
    METHOD("_take", bp_plasmastore_take),
    { NULL, NULL, 0, NULL },
};

static PyType_Slot plasma_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)"A client of the Plasma objects of a store; "
                                    "brain_plasma.plasma.PlasmaClient is over it." },
    { Py_tp_new, plasma_new },
    { Py_tp_init, plasma_init },
    { Py_tp_dealloc, plasma_dealloc },
    { Py_tp_traverse, plasma_traverse },
    { Py_tp_methods, plasma_methods },
    { Py_tp_getset, plasma_getset },
    { 0, NULL },
};

PyType_Spec bp_plasma_spec = {
    .name = "brain_plasma._core.Plasma",
    .basicsize = sizeof(struct bp_plasma),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = plasma_slots,
};
