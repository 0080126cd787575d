/* draft.c - the type Draft: a value that is written in the store before it has a name.
 *
 * Owns:     the brain_object, until the last reference goes. What is made of the buffer refers to the
 *           Draft, so the memory is there for as long as an array on it: before the seal it is the
 *           store's, after it private, and what is written then reaches nobody.
 * Release:  not sealed by then: its memory goes back to the store.
 * Fork:     a child has memory of its own in its place (unsealed.c), and cannot seal it.
 */
#include "draft.h"

#include "arguments.h"
#include "parts.h"
#include "unsealed.h"

#include <string.h>

struct bp_draft {
    PyObject_HEAD struct bp_store *store; /* held: the bytes are mapped until this is gone */
    brain_object *object;
    struct bp_unsealed memory;
    Py_ssize_t size_bytes;
    uint32_t kind;
    PyObject *meta; /* bytes, owned */
    bool is_sealed; /* or is being sealed by another thread */
    bool in_place;  /* in the memory of the store itself: of bp_draft_put() */
    size_t n_exports;
};

/* ---- making ---------------------------------------------------------------------------------- */

/* brain_create(), and where the store is full what Plasma objects can be evicted for it: without the
 * GIL. */
static int create(struct bp_store *store, uint64_t size_bytes, bool in_place,
                  brain_object **object_out)
{
    unsigned tried = 0;
    int code;
    brain_tries_begin();
    do {
        code = in_place ? brain_create_in_place(store->store, size_bytes, object_out)
                        : brain_create(store->store, size_bytes, object_out);
    } while (code == BRAIN_E_FULL && bp_brain_make_room(store, size_bytes, &tried));
    brain_tries_end(store->store, code);
    return code;
}

/* A new Draft in `store`. Takes over `meta`, NULL with an exception set too; of one in place it is not
 * used. */
static PyObject *new_draft(struct bp_brain *self, struct bp_store *store, uint32_t kind,
                           PyObject *meta, uint64_t size_bytes, bool in_place)
{
    if (meta == NULL) return NULL;
    struct bp_draft *draft = PyObject_New(struct bp_draft, self->state->draft_type);
    if (draft == NULL) {
        Py_DECREF(meta);
        return NULL;
    }
    draft->store = store;
    draft->store->n_refs++;
    draft->object = NULL;
    draft->kind = kind;
    draft->meta = meta;
    draft->size_bytes = (Py_ssize_t)size_bytes;
    draft->is_sealed = false;
    draft->in_place = in_place;
    draft->n_exports = 0;
    int code;
    Py_BEGIN_ALLOW_THREADS code = create(draft->store, size_bytes, in_place, &draft->object);
    Py_END_ALLOW_THREADS if (code != 0)
    {
        Py_DECREF(draft);
        return bp_errors_raise(self->state, code);
    }
    if (!in_place) {
        bp_unsealed_enlist(&draft->memory, brain_object_data(draft->object), size_bytes);
    }
    return (PyObject *)draft;
}

static void draft_dealloc(PyObject *op)
{
    struct bp_draft *self = (struct bp_draft *)op;
    PyTypeObject *type = Py_TYPE(op);
    if (self->object != NULL) {
        if (!self->in_place) bp_unsealed_delist(&self->memory);
        /* Nobody else refers to it any more; it may have to wait for a writer. */
        Py_BEGIN_ALLOW_THREADS brain_object_release(self->object);
        Py_END_ALLOW_THREADS
    }
    bp_handle_store_drop(self->store);
    Py_DECREF(self->meta);
    PyObject_Free(op);
    Py_DECREF(type);
}

static bool read_shape(struct bp_state *state, PyObject *shape, brain_tensor *tensor)
{
    Py_ssize_t ndim = PyTuple_Size(shape);
    if (ndim < 0) return false;
    if (ndim > (Py_ssize_t)BRAIN_TENSOR_NDIM_MAX) {
        bp_errors_format(state, BP_VALUE, "an array has at most %d dimensions, not %zd",
                         (int)BRAIN_TENSOR_NDIM_MAX, ndim);
        return false;
    }
    tensor->ndim = (uint32_t)ndim;
    for (Py_ssize_t i = 0; i < ndim; i++) {
        tensor->shape[i] = PyLong_AsUnsignedLongLong(PyTuple_GetItem(shape, i));
        if (PyErr_Occurred()) {
            bp_errors_chain(state, BP_VALUE, "no array has the shape %R", shape);
            return false;
        }
    }
    return true;
}

/* Bytes of all elements; false where they are more than there can be. */
static bool count_bytes(const brain_tensor *tensor, uint64_t *size_bytes_out)
{
    uint64_t size_bytes = tensor->item_bytes;
    for (uint32_t i = 0; i < tensor->ndim; i++) {
        if (tensor->shape[i] == 0) size_bytes = 0;
    }
    for (uint32_t i = 0; i < tensor->ndim && size_bytes > 0; i++) {
        if (__builtin_mul_overflow(size_bytes, tensor->shape[i], &size_bytes)) return false;
    }
    *size_bytes_out = size_bytes;
    return size_bytes <= (uint64_t)PY_SSIZE_T_MAX;
}

static PyObject *encode_meta(struct bp_state *state, const brain_tensor *tensor)
{
    size_t length;
    PyObject *meta = NULL;
    int code = brain_tensor_encode(tensor, NULL, 0, &length);
    if (code == 0) {
        meta = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
        if (meta == NULL) return NULL;
        code = brain_tensor_encode(tensor, PyBytes_AsString(meta), length, &length);
    }
    if (code == 0) return meta;
    Py_XDECREF(meta);
    return bp_errors_raise(state, code);
}

const char bp_draft_array_doc[] =
    "_draft_array($self, dtype, descr, item_bytes, fortran, shape, /)\n--\n\n"
    "Room for an array, as values.dtype_to_text() describes its elements: a Draft.";

PyObject *bp_draft_array(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    brain_tensor tensor = { .ndim = 0 };
    uint64_t size_bytes;
    Py_ssize_t text_len, descr_len = 0;
    if (n_args != 5) return bp_arguments_raise("_draft_array(...)", n_args);
    const char *text = PyUnicode_AsUTF8AndSize(args[0], &text_len);
    if (text == NULL) return NULL;
    if (args[1] != Py_None) {
        tensor.descr = PyUnicode_AsUTF8AndSize(args[1], &descr_len);
        if (tensor.descr == NULL) return NULL;
    }
    tensor.descr_len = (uint32_t)descr_len;
    tensor.item_bytes = PyLong_AsUnsignedLongLong(args[2]);
    tensor.fortran = PyObject_IsTrue(args[3]) != 0;
    if (PyErr_Occurred() || !read_shape(self->state, args[4], &tensor)) return NULL;
    if ((size_t)text_len >= sizeof tensor.dtype || !count_bytes(&tensor, &size_bytes)) {
        return bp_errors_format(self->state, BP_VALUE, "no array has the shape %R", args[4]);
    }
    memcpy(tensor.dtype, text, (size_t)text_len);
    if (!bp_brain_is_open(self)) return NULL;
    return new_draft(self, self->store, BRAIN_KIND_TENSOR, encode_meta(self->state, &tensor),
                     size_bytes, false);
}

const char bp_draft_bytes_doc[] = "_draft_bytes($self, size_bytes, /)\n--\n\n"
                                  "Room for a bytes object: a Draft.";

PyObject *bp_draft_bytes(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    if (n_args != 1) return bp_arguments_raise("_draft_bytes(size_bytes)", n_args);
    Py_ssize_t size_bytes = PyLong_AsSsize_t(args[0]);
    if (size_bytes < 0) {
        return bp_errors_chain(self->state, BP_VALUE, "no value has %R bytes", args[0]);
    }
    if (!bp_brain_is_open(self)) return NULL;
    return new_draft(self, self->store, BRAIN_KIND_BYTES, PyBytes_FromStringAndSize(NULL, 0),
                     (uint64_t)size_bytes, false);
}

/* ---- sealing --------------------------------------------------------------------------------- */

static int seal(struct bp_draft *draft, struct bp_space *held, const char *name, size_t name_len,
                const brain_value *value, uint64_t if_version, uint64_t *version_out)
{
    unsigned tried = 0;
    int code;
    brain_tries_begin();
    do {
        code = brain_object_seal(draft->object, held->space, name, name_len, value, if_version,
                                 version_out);
    } while (code == BRAIN_E_FULL &&
             bp_brain_make_room(held->owner, (uint64_t)draft->size_bytes, &tried));
    brain_tries_end(held->owner->store, code);
    return code;
}

/* Of a Brain that is open, in the namespace `in`. Returns 0, a code of the library, or BP_RAISED. */
static int seal_in(struct bp_brain *self, struct bp_space *in, struct bp_draft *draft,
                   PyObject *name, PyObject *description, uint64_t *version_out)
{
    brain_value value = { .kind = draft->kind };
    size_t name_len;
    brain_space *space;
    char *text;
    Py_ssize_t text_len;
    const char *utf8 = bp_brain_name_in(self, in, name, &name_len, &space);
    if (utf8 == NULL || !bp_brain_may_make(self, in)) return BP_RAISED;
    if (draft->is_sealed) {
        bp_errors_format(self->state, BP_VALUE, "the value of %R is sealed already", name);
        return BP_RAISED;
    }
    value.meta = PyBytes_AsString(draft->meta);
    value.meta_len = (size_t)PyBytes_Size(draft->meta);
    if (description != Py_None) {
        if (PyBytes_AsStringAndSize(description, &text, &text_len) != 0) return BP_RAISED;
        value.description = text;
        value.description_len = (size_t)text_len;
    }
    struct bp_space *held = bp_brain_hold(self, in);
    int code = BRAIN_E_INVAL;
    draft->is_sealed = true;
    if (held->owner != draft->store) {
        bp_errors_format(self->state, BP_CLOSED,
                         "this Brain was opened anew since the value of %R was begun", name);
        code = BP_RAISED;
    } else {
        Py_BEGIN_ALLOW_THREADS code =
            seal(draft, held, utf8, name_len, &value, BRAIN_ANY_VERSION, version_out);
        Py_END_ALLOW_THREADS
    }
    draft->is_sealed = code == 0;
    if (draft->is_sealed && !draft->in_place) bp_unsealed_note_sealed(&draft->memory);
    bp_handle_space_drop(held);
    return code;
}

const char bp_draft_seal_doc[] =
    "_seal($self, draft, name, description, namespace, /)\n--\n\n"
    "Publish a Draft under a name: its version. description: bytes, or None: as it is.";

PyObject *bp_draft_seal(PyObject *op, PyObject *const *args, Py_ssize_t n_args)
{
    struct bp_brain *self = (struct bp_brain *)op;
    struct bp_space *in = NULL;
    uint64_t version = 0;
    if (n_args != 4 || Py_TYPE(args[0]) != self->state->draft_type) {
        return bp_arguments_raise("_seal(draft, name, description, namespace)", n_args);
    }
    if (!bp_brain_is_open(self)) return NULL;
    if (args[3] != Py_None && !bp_arguments_space(self, args[3], &in)) return NULL;
    PyObject *room = bp_brain_room();
    int code = room == NULL
                   ? BP_RAISED
                   : seal_in(self, in, (struct bp_draft *)args[0], args[1], args[2], &version);
    if (code != 0) {
        if (code != BP_RAISED) bp_errors_raise(self->state, code);
        if (room != NULL) bp_brain_failed_put(self, in, args[1]);
    }
    bp_handle_space_drop(in);
    if (code == 0) return bp_brain_number(room, version);
    Py_XDECREF(room);
    return NULL;
}

/* ---- a put that writes in place -------------------------------------------------------------- */

/* Where something that was to write there has kept the memory, the value is copied from it, and the
 * memory stays unpublished until that is gone: what is in the store nobody can write to. */
static int put_copy(struct bp_draft *draft, struct bp_space *held, const char *name,
                    size_t name_len, const brain_value *value, uint64_t if_version,
                    uint64_t *version_out)
{
    brain_part part = { .data = brain_object_data(draft->object),
                        .size_bytes = (size_t)draft->size_bytes };
    brain_value whole = *value;
    whole.parts = &part;
    whole.n_parts = 1;
    return brain_put(held->space, name, name_len, &whole, if_version, version_out);
}

/* Where the store removes values to make room, the one that the name has is kept from that if the put asks for its
 * version, or keeps its description: memory in place is taken without a name. Until there is memory, and no longer: a
 * child that is forked meanwhile has the view, too. */
static void keep_needed(struct bp_space *held, const char *name, size_t name_len,
                        const struct bp_encoded *encoded, uint64_t if_version, brain_view *view_out)
{
    view_out->store = NULL;
    if (brain_full_mode(held->owner->store) != BRAIN_FULL_LRU ||
        (if_version == BRAIN_ANY_VERSION && encoded->value.description != NULL) ||
        brain_get(held->space, name, name_len, view_out) != 0) {
        return; /* what is wrong the put finds, too */
    }
    if (if_version == BRAIN_ANY_VERSION && view_out->description_len == 0) {
        brain_view_drop(view_out);
    }
}

static PyObject *new_draft_to_put(struct bp_brain *self, struct bp_space *held, const char *name,
                                  size_t name_len, const struct bp_encoded *encoded,
                                  uint64_t if_version)
{
    brain_view needed;
    keep_needed(held, name, name_len, encoded, if_version, &needed);
    PyObject *op = new_draft(self, held->owner, encoded->value.kind, Py_NewRef(Py_None),
                             encoded->size_bytes, true);
    brain_view_drop(&needed);
    return op;
}

int bp_draft_put(struct bp_brain *self, struct bp_space *held, const char *name, size_t name_len,
                 const struct bp_encoded *encoded, uint64_t if_version, uint64_t *version_out)
{
    PyObject *op = new_draft_to_put(self, held, name, name_len, encoded, if_version);
    if (op == NULL) return BP_RAISED;
    struct bp_draft *draft = (struct bp_draft *)op;
    PyObject *to = PyMemoryView_FromObject(op);
    int code = to == NULL || bp_parts_write_into(encoded, to) != 0 ? BP_RAISED : 0;
    Py_XDECREF(to);
    if (code == 0 && held->owner->closed) {
        bp_brain_raise_closed(self);
        code = BP_RAISED;
    }
    if (code == 0) {
        brain_value value = encoded->value;
        bool is_kept = draft->n_exports > 0;
        draft->is_sealed = true; /* who has kept the Draft itself gets its memory no more */
        value.parts = NULL;
        value.n_parts = 0;
        Py_BEGIN_ALLOW_THREADS code =
            is_kept ? put_copy(draft, held, name, name_len, &value, if_version, version_out)
                    : seal(draft, held, name, name_len, &value, if_version, version_out);
        Py_END_ALLOW_THREADS
    }
    Py_DECREF(op);
    return code;
}

/* ---- the type -------------------------------------------------------------------------------- */

static int draft_getbuffer(PyObject *op, Py_buffer *buffer, int flags)
{
    struct bp_draft *self = (struct bp_draft *)op;
    if (self->in_place && self->is_sealed) {
        buffer->obj = NULL;
        PyErr_SetString(PyExc_BufferError, "what is in the store cannot be written any more");
        return -1;
    }
    int failed =
        PyBuffer_FillInfo(buffer, op, brain_object_data(self->object), self->size_bytes, 0, flags);
    self->n_exports += !failed;
    return failed;
}

static void draft_releasebuffer(PyObject *op, Py_buffer *Py_UNUSED(buffer))
{
    ((struct bp_draft *)op)->n_exports--;
}

static PyObject *draft_get_inherited(PyObject *op, void *Py_UNUSED(closure))
{
    const struct bp_draft *self = (struct bp_draft *)op;
    return PyBool_FromLong(!self->in_place && self->memory.is_inherited);
}

static PyGetSetDef draft_getset[] = {
    { "inherited", draft_get_inherited, NULL,
      "bool: another process was writing it, of which this one is a child.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyType_Slot draft_slots[] = {
    { Py_tp_getset, draft_getset },
    { Py_tp_doc, (void *)(uintptr_t)"Writable bytes of a value that has no name yet." },
    { Py_tp_dealloc, draft_dealloc },
    { Py_bf_getbuffer, draft_getbuffer },
    { Py_bf_releasebuffer, draft_releasebuffer },
    { 0, NULL },
};

PyType_Spec bp_draft_spec = {
    .name = "brain_plasma._core.Draft",
    .basicsize = sizeof(struct bp_draft),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = draft_slots,
};
