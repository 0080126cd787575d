/* buffer.c - the type PlasmaBuffer: the bytes of an object, as its users see them.
 *
 * Owns:     a reference on what keeps the bytes: a View (an object that was got), a Creation (one
 *           that is being written) or another buffer (of which it is a part).
 * Promise:  the bytes of an object that was got neither change nor go while a buffer on them, or
 *           anything that exports from one, is alive.
 * Threads:  the GIL guards reference counts; nothing else changes.
 */
#include "buffer.h"

#include <string.h>

struct bp_buffer {
    PyObject_HEAD struct bp_state *state; /* valid as long as the type, which the object holds */
    PyObject *owner;
    const char *data;
    Py_ssize_t size_bytes;
    bool is_mutable;
};

PyObject *bp_buffer_new(struct bp_state *state, PyObject *owner, const void *data,
                        uint64_t size_bytes, bool is_mutable)
{
    struct bp_buffer *self = PyObject_New(struct bp_buffer, state->buffer_type);
    if (self == NULL) return NULL;
    self->state = state;
    self->owner = Py_NewRef(owner);
    self->data = data;
    self->size_bytes = (Py_ssize_t)size_bytes;
    self->is_mutable = is_mutable;
    return (PyObject *)self;
}

static void buffer_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    Py_DECREF(((struct bp_buffer *)op)->owner);
    PyObject_Free(op);
    Py_DECREF(type);
}

static int buffer_getbuffer(PyObject *op, Py_buffer *buffer, int flags)
{
    const struct bp_buffer *self = (struct bp_buffer *)op;
    return PyBuffer_FillInfo(buffer, op, (void *)(uintptr_t)self->data, self->size_bytes,
                             !self->is_mutable, flags);
}

static Py_ssize_t buffer_length(PyObject *op)
{
    return ((struct bp_buffer *)op)->size_bytes;
}

/* ---- items and parts ------------------------------------------------------------------------- */

/* A part of a part is one of the whole, too: who cuts off the front of a buffer again and again makes
 * no chain, whose end would be a recursion as long. */
static PyObject *part(struct bp_buffer *self, Py_ssize_t start, Py_ssize_t size_bytes)
{
    bool is_part = Py_TYPE(self->owner) == self->state->buffer_type;
    return bp_buffer_new(self->state, is_part ? self->owner : (PyObject *)self, self->data + start,
                         (uint64_t)size_bytes, self->is_mutable);
}

static PyObject *item(struct bp_buffer *self, PyObject *key)
{
    Py_ssize_t index = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (index == -1 && PyErr_Occurred()) return NULL;
    if (index < 0) index += self->size_bytes;
    if (index < 0 || index >= self->size_bytes) {
        PyErr_Format(PyExc_IndexError, "this buffer has %zd bytes: there is none at %S",
                     self->size_bytes, key);
        return NULL;
    }
    return PyLong_FromLong((unsigned char)self->data[index]);
}

static PyObject *buffer_subscript(PyObject *op, PyObject *key)
{
    struct bp_buffer *self = (struct bp_buffer *)op;
    Py_ssize_t start, stop, step;
    if (!PySlice_Check(key)) return item(self, key);
    if (PySlice_Unpack(key, &start, &stop, &step) != 0) return NULL;
    Py_ssize_t n = PySlice_AdjustIndices(self->size_bytes, &start, &stop, step);
    if (step != 1) {
        PyErr_SetString(PyExc_IndexError, "only slices without a step are parts of a buffer");
        return NULL;
    }
    return part(self, start, n);
}

PyDoc_STRVAR(slice_doc, "slice($self, offset=0, length=None)\n--\n\n"
                        "The part of `length` bytes (None: all that follow) from `offset` on, not "
                        "copied.");

static PyObject *buffer_slice(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "offset", "length", NULL };
    struct bp_buffer *self = (struct bp_buffer *)op;
    Py_ssize_t offset = 0;
    PyObject *length = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|nO:slice", names, &offset, &length))
        return NULL;
    if (offset < 0 || offset > self->size_bytes) {
        PyErr_Format(PyExc_IndexError, "this buffer has %zd bytes: no part of it begins at %zd",
                     self->size_bytes, offset);
        return NULL;
    }
    Py_ssize_t n = self->size_bytes - offset;
    if (length != Py_None) {
        Py_ssize_t wanted = PyNumber_AsSsize_t(length, PyExc_OverflowError);
        if (wanted == -1 && PyErr_Occurred()) return NULL;
        if (wanted < 0) {
            PyErr_Format(PyExc_IndexError, "a part of a buffer cannot have %zd bytes", wanted);
            return NULL;
        }
        n = wanted < n ? wanted : n;
    }
    return part(self, offset, n);
}

/* ---- comparing and copying ------------------------------------------------------------------- */

/* 1: the same bytes; 0: not; -1 with an exception set. */
static int same_bytes(const struct bp_buffer *self, PyObject *other)
{
    Py_buffer view;
    if (PyObject_GetBuffer(other, &view, PyBUF_SIMPLE) != 0) return -1;
    int same = view.len == self->size_bytes &&
               (view.len == 0 || memcmp(view.buf, self->data, (size_t)view.len) == 0);
    PyBuffer_Release(&view);
    return same;
}

static PyObject *buffer_compare(PyObject *op, PyObject *other, int operation)
{
    if ((operation != Py_EQ && operation != Py_NE) || !PyObject_CheckBuffer(other)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    int same = same_bytes((struct bp_buffer *)op, other);
    return same < 0 ? NULL : PyBool_FromLong(same == (operation == Py_EQ));
}

PyDoc_STRVAR(equals_doc, "equals($self, other, /)\n--\n\nWhether `other` has the same bytes.");

static PyObject *buffer_equals(PyObject *op, PyObject *other)
{
    int same = same_bytes((struct bp_buffer *)op, other);
    return same < 0 ? NULL : PyBool_FromLong(same);
}

PyDoc_STRVAR(to_pybytes_doc, "to_pybytes($self, /)\n--\n\nA copy of the bytes.");

static PyObject *buffer_to_pybytes(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    const struct bp_buffer *self = (struct bp_buffer *)op;
    return PyBytes_FromStringAndSize(self->data, self->size_bytes);
}

PyDoc_STRVAR(hex_doc, "hex($self, /)\n--\n\nThe bytes as hexadecimal digits, in bytes.");

static PyObject *buffer_hex(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    static const char digits[] = "0123456789ABCDEF";
    const struct bp_buffer *self = (struct bp_buffer *)op;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, 2 * self->size_bytes);
    if (bytes == NULL) return NULL;
    char *to = PyBytes_AsString(bytes);
    for (Py_ssize_t i = 0; i < self->size_bytes; i++) {
        *to++ = digits[(unsigned char)self->data[i] >> 4];
        *to++ = digits[(unsigned char)self->data[i] & 15];
    }
    return bytes;
}

static PyObject *buffer_reduce(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    const struct bp_buffer *self = (struct bp_buffer *)op;
    return Py_BuildValue("O(y#)", &PyBytes_Type, self->data, self->size_bytes);
}

static PyObject *buffer_repr(PyObject *op)
{
    const struct bp_buffer *self = (struct bp_buffer *)op;
    return PyUnicode_FromFormat("<PlasmaBuffer address=%p size=%zd is_mutable=%s>",
                                (const void *)self->data, self->size_bytes,
                                self->is_mutable ? "True" : "False");
}

/* ---- attributes ------------------------------------------------------------------------------ */

static PyObject *get_size(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(((struct bp_buffer *)op)->size_bytes);
}

static PyObject *get_address(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromVoidPtr((void *)(uintptr_t)((struct bp_buffer *)op)->data);
}

static PyObject *get_is_mutable(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((struct bp_buffer *)op)->is_mutable);
}

static PyObject *get_true(PyObject *Py_UNUSED(op), void *Py_UNUSED(closure))
{
    Py_RETURN_TRUE;
}

static PyObject *get_parent(PyObject *op, void *Py_UNUSED(closure))
{
    const struct bp_buffer *self = (struct bp_buffer *)op;
    return Py_NewRef(Py_TYPE(self->owner) == Py_TYPE(op) ? self->owner : Py_None);
}

/* ---- the type -------------------------------------------------------------------------------- */

PyDoc_STRVAR(
    buffer_doc,
    "Bytes of an object in shared memory, not copied.\n"
    "\n"
    "From create() it is writable, and what is written before seal() is the object; what\n"
    "is written later stays in this process. From get_buffers() it is read-only, and its\n"
    "bytes stay as they are for as long as it, or anything made of it, is alive: after\n"
    "delete(), eviction, disconnect() and the end of the store. It supports the buffer\n"
    "protocol, len(), indices, slices and ==.\n"
    "\n"
    "Threads: any. Fork: the child has it too, but what it writes stays in the child. To it\n"
    "the bytes of what is not sealed yet are zeros.");

static PyGetSetDef buffer_getset[] = {
    { "size", get_size, NULL, "int: bytes.", NULL },
    { "address", get_address, NULL, "int: where they are in this process.", NULL },
    { "is_mutable", get_is_mutable, NULL, "bool: whether it may be written to.", NULL },
    { "is_cpu", get_true, NULL, "bool: True.", NULL },
    { "parent", get_parent, NULL, "PlasmaBuffer or None: what it is a part of.", NULL },
    { NULL, NULL, NULL, NULL, NULL },
};

static PyMethodDef buffer_methods[] = {
    { "slice", (PyCFunction)(void (*)(void))buffer_slice, METH_VARARGS | METH_KEYWORDS, slice_doc },
    { "equals", buffer_equals, METH_O, equals_doc },
    { "to_pybytes", buffer_to_pybytes, METH_NOARGS, to_pybytes_doc },
    { "hex", buffer_hex, METH_NOARGS, hex_doc },
    { "__reduce__", buffer_reduce, METH_NOARGS, "__reduce__($self, /)\n--\n\nPickle as bytes." },
    { NULL, NULL, 0, NULL },
};

static PyType_Slot buffer_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)buffer_doc },
    { Py_tp_dealloc, buffer_dealloc },
    { Py_tp_repr, buffer_repr },
    { Py_tp_richcompare, buffer_compare },
    { Py_tp_hash, PyObject_HashNotImplemented },
    { Py_tp_methods, buffer_methods },
    { Py_tp_getset, buffer_getset },
    { Py_bf_getbuffer, buffer_getbuffer },
    { Py_mp_length, buffer_length },
    { Py_mp_subscript, buffer_subscript },
    { 0, NULL },
};

PyType_Spec bp_buffer_spec = {
    .name = "brain_plasma.plasma.PlasmaBuffer",
    .basicsize = sizeof(struct bp_buffer),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = buffer_slots,
};
