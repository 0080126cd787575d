/* objectid.c - the type ObjectID: 20 bytes that name an object.
 *
 * Immutable, hashed and compared by its bytes, and equal to no other type: as that of
 * pyarrow.plasma.
 */
#include "objectid.h"

#include "errors.h"

#include <stddef.h>
#include <string.h>
#include <structmember.h>
#include <sys/random.h>

/* Of this type, or of a subclass, which may have more to it. */
static PyObject *make(PyTypeObject *type, const void *bytes)
{
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    struct bp_objectid *self = (struct bp_objectid *)alloc(type, 0);
    if (self != NULL) memcpy(self->bytes, bytes, BRAIN_ID_BYTES);
    return (PyObject *)self;
}

PyObject *bp_objectid_new(struct bp_state *state, const void *bytes)
{
    return make(state->objectid_type, bytes);
}

/* So few bytes the kernel gives at once, all or none. */
static PyObject *make_random(PyTypeObject *type)
{
    uint8_t bytes[BRAIN_ID_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return make(type, bytes);
}

PyObject *bp_objectid_random(struct bp_state *state)
{
    return make_random(state->objectid_type);
}

const uint8_t *bp_objectid_bytes(struct bp_state *state, PyObject *object)
{
    if (PyObject_TypeCheck(object, state->objectid_type))
        return ((struct bp_objectid *)object)->bytes;
    bp_errors_set(PyExc_TypeError, "an ObjectID is needed here, not %R", object);
    return NULL;
}

static PyObject *objectid_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = { "object_id", NULL };
    PyObject *bytes;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:ObjectID", names, &bytes)) return NULL;
    if (!PyBytes_Check(bytes)) {
        bp_errors_set(PyExc_ValueError, "an ObjectID is made of 20 bytes, not of %R", bytes);
        return NULL;
    }
    if (PyBytes_Size(bytes) != (Py_ssize_t)BRAIN_ID_BYTES) {
        PyErr_Format(PyExc_ValueError, "an ObjectID has %u bytes, and these are %zd",
                     BRAIN_ID_BYTES, PyBytes_Size(bytes));
        return NULL;
    }
    return make(type, PyBytes_AsString(bytes));
}

static void objectid_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    if (((struct bp_objectid *)self)->weak_references != NULL) PyObject_ClearWeakRefs(self);
    release(self);
    Py_DECREF(type);
}

/* Ids are random for the most part; those that begin with a namespace end at random. */
static Py_hash_t objectid_hash(PyObject *op)
{
    const struct bp_objectid *self = (struct bp_objectid *)op;
    Py_hash_t first, last;
    memcpy(&first, self->bytes, sizeof first);
    memcpy(&last, self->bytes + BRAIN_ID_BYTES - sizeof last, sizeof last);
    Py_hash_t hash = first ^ last;
    return hash != -1 ? hash : -2;
}

static PyObject *objectid_compare(PyObject *one, PyObject *other, int operation)
{
    if (operation != Py_EQ && operation != Py_NE) Py_RETURN_NOTIMPLEMENTED;
    if (Py_TYPE(one) != Py_TYPE(other)) { /* perhaps one of a subclass */
        struct bp_state *state = bp_state_of(Py_TYPE(one));
        if (state == NULL) return NULL;
        if (!PyObject_TypeCheck(other, state->objectid_type)) Py_RETURN_NOTIMPLEMENTED;
    }
    bool equal = memcmp(((struct bp_objectid *)one)->bytes, ((struct bp_objectid *)other)->bytes,
                        BRAIN_ID_BYTES) == 0;
    return PyBool_FromLong(equal == (operation == Py_EQ));
}

static PyObject *objectid_repr(PyObject *op)
{
    static const char digits[] = "0123456789abcdef";
    const struct bp_objectid *self = (struct bp_objectid *)op;
    char hex[2 * BRAIN_ID_BYTES + 1];
    for (size_t i = 0; i < BRAIN_ID_BYTES; i++) {
        hex[2 * i] = digits[self->bytes[i] >> 4];
        hex[2 * i + 1] = digits[self->bytes[i] & 15];
    }
    hex[2 * BRAIN_ID_BYTES] = '\0';
    return PyUnicode_FromFormat("ObjectID(%s)", hex);
}

PyDoc_STRVAR(binary_doc, "binary($self, /)\n--\n\nThe 20 bytes.");

static PyObject *objectid_binary(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return PyBytes_FromStringAndSize((char *)((struct bp_objectid *)op)->bytes, BRAIN_ID_BYTES);
}

PyDoc_STRVAR(reduce_doc, "__reduce__($self, /)\n--\n\nPickle as the 20 bytes.");

static PyObject *objectid_reduce(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return Py_BuildValue("O(y#)", Py_TYPE(op), ((struct bp_objectid *)op)->bytes,
                         (Py_ssize_t)BRAIN_ID_BYTES);
}

PyDoc_STRVAR(from_random_doc, "from_random()\n--\n\nAn ObjectID that nobody else has: 20 random "
                              "bytes. Cost: a system call.");

static PyObject *objectid_from_random(PyObject *type, PyObject *Py_UNUSED(ignored))
{
    return make_random((PyTypeObject *)type);
}

PyDoc_STRVAR(
    objectid_doc,
    "ObjectID(object_id)\n--\n\n"
    "The name of an object in a store: 20 bytes, chosen by whoever makes it.\n"
    "\n"
    "Immutable and hashable; equal where the bytes are equal. ValueError unless 20 bytes.");

static PyMethodDef objectid_methods[] = {
    { "binary", objectid_binary, METH_NOARGS, binary_doc },
    { "__reduce__", objectid_reduce, METH_NOARGS, reduce_doc },
    { "from_random", objectid_from_random, METH_NOARGS | METH_CLASS, from_random_doc },
    { NULL, NULL, 0, NULL },
};

static PyMemberDef objectid_members[] = {
    { "__weaklistoffset__", T_PYSSIZET, offsetof(struct bp_objectid, weak_references), READONLY,
      NULL },
    { NULL, 0, 0, 0, NULL },
};

static PyType_Slot objectid_slots[] = {
    { Py_tp_doc, (void *)(uintptr_t)objectid_doc },
    { Py_tp_new, objectid_new },
    { Py_tp_dealloc, objectid_dealloc },
    { Py_tp_hash, objectid_hash },
    { Py_tp_richcompare, objectid_compare },
    { Py_tp_repr, objectid_repr },
    { Py_tp_methods, objectid_methods },
    { Py_tp_members, objectid_members },
    { 0, NULL },
};

PyType_Spec bp_objectid_spec = {
    .name = "brain_plasma.plasma.ObjectID",
    .basicsize = sizeof(struct bp_objectid),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = objectid_slots,
};
