/* tree.c - plain data, nested, and what has an encoder: to the store.
 *
 * The data of BRAIN_KIND_TREE is a table of parts (parts.c), and its stream is one item of CBOR;
 * docs/format.md has the form, untree.c reads it. A value is encoded whole or not at all: where
 * something in it has to be pickled, all of it is.
 *
 * Exact types alone count, as in convert.c. Objects are numbered in the order in which they begin,
 * and what comes again is a reference to its number. An object of which nobody but its container
 * knows cannot come again: it gets a number, and no entry in the table of those that were met. What
 * is in that table is held until the end, since an encoder makes objects for the moment, and an
 * address would be used again.
 *
 * Encoders are code of others, and so is what a collection of garbage runs: they may change any list
 * or dict. So whatever is being encoded is held, and counts are looked at again.
 *
 * Functions that encode return 1: done; 0: this has to be pickled; -1 with an exception set. Neither
 * of the latter two is followed by more of the same value, so nothing is undone.
 */
#include "tree.h"

#include "codecs.h"
#include "parts.h"
#include "tensor.h"

#include <string.h>

enum major {
    UNSIGNED = 0x00,
    NEGATIVE = 0x20,
    BYTES = 0x40,
    TEXT = 0x60,
    ARRAY = 0x80,
    MAP = 0xa0,
    TAG = 0xc0,
    FALSE_BYTE = 0xf4,
    TRUE_BYTE = 0xf5,
    NULL_BYTE = 0xf6,
    FLOAT64_BYTE = 0xfb,
};

#define HEAD_BYTES_MAX 9
#define FEW            8 /* objects that are found without a table */

/* Copies in one key of what was met before; more are no key of anybody's. */
#define AGAIN_MAX 1000

/* An object that may come again. */
struct met {
    PyObject *object; /* owned */
    uint64_t number;
    bool ended; /* all that is in it is written */
};

struct encoder {
    struct bp_state *state;
    char *stream; /* from PyMem_Malloc(); starts with the head of the parts */
    size_t size_bytes;
    size_t room;
    struct bp_parts *parts; /* NULL: no buffers yet */
    struct met *met;
    size_t n_met;
    size_t met_room;
    uint32_t *places; /* by address: which of `met`, from 1 on; 0: none. NULL where there are FEW */
    size_t n_places;  /* a power of two */
    uint64_t n_objects;
    unsigned depth;
    unsigned key_depth;   /* above 0: in a key, or an element of a set */
    unsigned key_payload; /* above 0: in a payload in a key */
    unsigned payload;     /* above 0: in a payload */
    unsigned n_again;
    unsigned n_foreign; /* times that code of others may have run, or another thread */
    bool has_references;
    bool to_compare;
};

static int encode_item(struct encoder *encoder, PyObject *item, Py_ssize_t own_refs);

/* ---- bytes of the stream --------------------------------------------------------------------- */

BP_NOINLINE static bool grow(struct encoder *encoder, size_t n_bytes)
{
    size_t room = encoder->room * 2;
    while (room - encoder->size_bytes < n_bytes)
        room *= 2;
    char *stream = PyMem_Realloc(encoder->stream, room);
    if (stream == NULL) {
        PyErr_NoMemory();
        return false;
    }
    encoder->stream = stream;
    encoder->room = room;
    return true;
}

BP_INLINE bool reserve(struct encoder *encoder, size_t n_bytes)
{
    return encoder->room - encoder->size_bytes >= n_bytes || grow(encoder, n_bytes);
}

BP_INLINE int write_byte(struct encoder *encoder, unsigned byte)
{
    if (!reserve(encoder, 1)) return -1;
    encoder->stream[encoder->size_bytes++] = (char)byte;
    return 1;
}

BP_NOINLINE static size_t put_long_head(char *to, unsigned major, uint64_t n)
{
    unsigned n_bytes = n <= UINT32_MAX ? 4 : 8;
    to[0] = (char)(major | (n_bytes == 4 ? 26 : 27));
    for (unsigned i = 0; i < n_bytes; i++)
        to[1 + i] = (char)(n >> 8 * (n_bytes - 1 - i));
    return 1 + n_bytes;
}

/* Write a head where there is room for it. */
BP_INLINE void put_head(struct encoder *encoder, unsigned major, uint64_t n)
{
    char *to = encoder->stream + encoder->size_bytes;
    if (n < 24) {
        to[0] = (char)(major | (unsigned)n);
        encoder->size_bytes += 1;
    } else if (n < 0x100) {
        to[0] = (char)(major | 24);
        to[1] = (char)n;
        encoder->size_bytes += 2;
    } else if (n < 0x10000) {
        to[0] = (char)(major | 25);
        to[1] = (char)(n >> 8);
        to[2] = (char)n;
        encoder->size_bytes += 3;
    } else {
        encoder->size_bytes += put_long_head(to, major, n);
    }
}

BP_INLINE int write_head(struct encoder *encoder, unsigned major, uint64_t n)
{
    if (!reserve(encoder, HEAD_BYTES_MAX)) return -1;
    put_head(encoder, major, n);
    return 1;
}

BP_INLINE int write_run(struct encoder *encoder, unsigned major, const char *data, size_t n_bytes)
{
    if (!reserve(encoder, HEAD_BYTES_MAX + n_bytes)) return -1;
    put_head(encoder, major, n_bytes);
    memcpy(encoder->stream + encoder->size_bytes, data, n_bytes);
    encoder->size_bytes += n_bytes;
    return 1;
}

static int write_two_heads(struct encoder *encoder, unsigned major, uint64_t n, unsigned then_major,
                           uint64_t then_n)
{
    int done = write_head(encoder, major, n);
    return done > 0 ? write_head(encoder, then_major, then_n) : done;
}

static int write_double(struct encoder *encoder, double real)
{
    uint64_t bits;
    if (!reserve(encoder, 9)) return -1;
    memcpy(&bits, &real, sizeof bits);
    char *to = encoder->stream + encoder->size_bytes;
    bits = __builtin_bswap64(bits);
    to[0] = (char)FLOAT64_BYTE;
    memcpy(to + 1, &bits, sizeof bits);
    encoder->size_bytes += 9;
    return 1;
}

/* ---- objects that come again ----------------------------------------------------------------- */

static size_t place_of(const struct encoder *encoder, const PyObject *object)
{
    uint64_t mixed = (uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (encoder->n_places - 1);
}

static void fill_place(struct encoder *encoder, size_t which)
{
    size_t place = place_of(encoder, encoder->met[which].object);
    while (encoder->places[place] != 0)
        place = (place + 1) & (encoder->n_places - 1);
    encoder->places[place] = (uint32_t)which + 1;
}

static struct met *find_met(const struct encoder *encoder, const PyObject *object)
{
    if (encoder->places == NULL) {
        for (size_t i = 0; i < encoder->n_met; i++) {
            if (encoder->met[i].object == object) return &encoder->met[i];
        }
        return NULL;
    }
    size_t place = place_of(encoder, object);
    for (; encoder->places[place] != 0; place = (place + 1) & (encoder->n_places - 1)) {
        struct met *met = &encoder->met[encoder->places[place] - 1];
        if (met->object == object) return met;
    }
    return NULL;
}

/* Room for one more, in the list and in the table, which is at most half full. */
static int make_room_for_met(struct encoder *encoder)
{
    if (encoder->n_met < encoder->met_room) return 0;
    size_t room = encoder->met_room == 0 ? FEW : encoder->met_room * 4;
    if (room > UINT32_MAX / 4) {
        PyErr_NoMemory();
        return -1;
    }
    struct met *met = PyMem_Realloc(encoder->met, room * sizeof *met);
    if (met != NULL) encoder->met = met;
    uint32_t *places = met == NULL || room == FEW ? NULL : PyMem_Calloc(room * 2, sizeof *places);
    if (met == NULL || (places == NULL && room != FEW)) {
        PyErr_NoMemory();
        return -1;
    }
    encoder->met_room = room;
    PyMem_Free(encoder->places);
    encoder->places = places;
    encoder->n_places = room * 2;
    for (size_t i = 0; places != NULL && i < encoder->n_met; i++)
        fill_place(encoder, i);
    return 0;
}

/* Note that object `number` may come again. */
static int meet(struct encoder *encoder, PyObject *object, uint64_t number, bool ended)
{
    if (make_room_for_met(encoder) != 0) return -1;
    encoder->met[encoder->n_met] =
        (struct met){ .object = Py_NewRef(object), .number = number, .ended = ended };
    if (encoder->places != NULL) fill_place(encoder, encoder->n_met);
    encoder->n_met++;
    return 1;
}

static int write_reference(struct encoder *encoder, const struct met *met)
{
    encoder->has_references = true;
    return write_two_heads(encoder, TAG, BP_TREE_TAG_REFERENCE, UNSIGNED, met->number);
}

/* ---- scalars --------------------------------------------------------------------------------- */

/* Bytes of an int of more than 64 bits, which is not negative: a new reference. */
static PyObject *large_bytes(PyObject *value)
{
    PyObject *n_bits = PyObject_CallMethod(value, "bit_length", NULL);
    if (n_bits == NULL) return NULL;
    Py_ssize_t n_bytes = (PyLong_AsSsize_t(n_bits) + 7) / 8;
    Py_DECREF(n_bits);
    return PyErr_Occurred() ? NULL : PyObject_CallMethod(value, "to_bytes", "ns", n_bytes, "big");
}

/* An int that is not below zero, or -1 minus it where `negative`. */
static int encode_natural(struct encoder *encoder, PyObject *natural, bool negative)
{
    uint64_t number = PyLong_AsUnsignedLongLong(natural);
    if (number != UINT64_MAX || !PyErr_Occurred()) {
        return write_head(encoder, negative ? NEGATIVE : UNSIGNED, number);
    }
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) return -1;
    PyErr_Clear();
    PyObject *bytes = large_bytes(natural);
    if (bytes == NULL) return -1;
    int done = write_head(encoder, TAG, negative ? BP_TREE_TAG_NEGATIVE : BP_TREE_TAG_POSITIVE);
    if (done > 0) {
        done = write_run(encoder, BYTES, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
    }
    Py_DECREF(bytes);
    return done;
}

BP_NOINLINE static int encode_large_int(struct encoder *encoder, PyObject *value, bool negative)
{
    PyObject *natural = negative ? PyNumber_Invert(value) : Py_NewRef(value);
    if (natural == NULL) return -1;
    int done = encode_natural(encoder, natural, negative);
    Py_DECREF(natural);
    return done;
}

BP_INLINE int encode_int(struct encoder *encoder, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) return encode_large_int(encoder, value, overflow < 0);
    if (number >= 0) return write_head(encoder, UNSIGNED, (uint64_t)number);
    return write_head(encoder, NEGATIVE, ~(uint64_t)number);
}

/* Count a str or bytes, which others know where `shared`. 1: a reference is all that it takes; 0: it
 * has to be written. These may be referred to in keys as well: they know their hash. */
static int count_run(struct encoder *encoder, PyObject *run, bool shared)
{
    const struct met *met = shared ? find_met(encoder, run) : NULL;
    if (met != NULL) return write_reference(encoder, met);
    uint64_t number = encoder->n_objects++;
    if (shared && meet(encoder, run, number, true) < 0) return -1;
    return 0;
}

static int encode_extension(struct encoder *encoder, PyObject *value);
static int encode_counted(struct encoder *encoder, PyObject *value, bool shared);

BP_NOINLINE static int encode_odd_str(struct encoder *encoder, PyObject *text, bool shared)
{
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return -1;
    PyErr_Clear(); /* lone surrogates, which UTF-8 does not know */
    return encode_counted(encoder, text, shared);
}

static int encode_str(struct encoder *encoder, PyObject *text, bool shared)
{
    Py_ssize_t size;
    PyObject *owner;
    const char *utf8 = bp_convert_utf8(text, &size, &owner);
    if (utf8 == NULL) return encode_odd_str(encoder, text, shared);
    int done = size < BP_TREE_COUNTED_BYTES ? 0 : count_run(encoder, text, shared);
    if (done == 0) done = write_run(encoder, TEXT, utf8, (size_t)size);
    Py_XDECREF(owner);
    return done;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static struct bp_parts *parts_of(struct encoder *encoder)
{
    if (encoder->parts == NULL) encoder->parts = bp_parts_new();
    return encoder->parts;
}

/* Write a tag on the number of a buffer that is about to be added. */
static int write_buffer(struct encoder *encoder, unsigned tag)
{
    if (parts_of(encoder) == NULL) return -1;
    return write_two_heads(encoder, TAG, tag, UNSIGNED, encoder->parts->n_buffers);
}

static int encode_bytes(struct encoder *encoder, PyObject *bytes, bool shared)
{
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(bytes, &data, &size) != 0) return -1;
    int done = size < BP_TREE_COUNTED_BYTES ? 0 : count_run(encoder, bytes, shared);
    if (done != 0) return done;
    if (size < BP_TREE_BUFFER_BYTES) return write_run(encoder, BYTES, data, (size_t)size);
    if (write_buffer(encoder, BP_TREE_TAG_BYTES) < 0) return -1;
    return bp_parts_add(encoder->parts, bytes, data, (size_t)size) == 0 ? 1 : -1;
}

static int encode_bytearray(struct encoder *encoder, PyObject *bytes)
{
    if (write_head(encoder, TAG, BP_TREE_TAG_BYTEARRAY) < 0) return -1;
    return write_run(encoder, BYTES, PyByteArray_AsString(bytes), (size_t)PyByteArray_Size(bytes));
}

int bp_tree_add_raw(struct bp_state *state, struct bp_parts *parts, PyObject *raw)
{
    PyObject *type = (PyObject *)Py_TYPE(raw);
    if (type == state->codecs.pickle_buffer_type) return bp_parts_add_pickle_buffer(parts, raw);
    if (type == state->codecs.written_type) return bp_parts_add_written(parts, raw);
    PyErr_Format(PyExc_TypeError, "raw bytes have to be a PickleBuffer or a Written, not a %R",
                 type);
    return -1;
}

static bool is_raw(const struct encoder *encoder, PyObject *value)
{
    PyObject *type = (PyObject *)Py_TYPE(value);
    return encoder->payload > 0 && (type == encoder->state->codecs.pickle_buffer_type ||
                                    type == encoder->state->codecs.written_type);
}

/* What a Written would be made of. 0: it does not say. */
static int encode_source(struct encoder *encoder, PyObject *written)
{
    PyObject *make = PyObject_GetAttrString(written, "source");
    int done = make == NULL ? -1 : 0;
    if (make != NULL && make != Py_None) {
        PyObject *source = PyObject_CallNoArgs(make);
        done = source == NULL ? -1 : encode_item(encoder, source, 1);
        Py_XDECREF(source);
    }
    Py_XDECREF(make);
    return done;
}

static int encode_raw(struct encoder *encoder, PyObject *raw)
{
    if (encoder->to_compare && (PyObject *)Py_TYPE(raw) == encoder->state->codecs.written_type) {
        int done = encode_source(encoder, raw);
        if (done != 0) return done;
    }
    if (write_buffer(encoder, BP_TREE_TAG_RAW) < 0) return -1;
    return bp_tree_add_raw(encoder->state, encoder->parts, raw) == 0 ? 1 : -1;
}

static int write_array(struct encoder *encoder, const struct bp_array *array)
{
    if (write_two_heads(encoder, TAG, BP_TREE_TAG_ARRAY, ARRAY, 2) < 0) return -1;
    if (write_run(encoder, BYTES, array->meta, array->meta_len) < 0) return -1;
    if (parts_of(encoder) == NULL) return -1;
    if (write_head(encoder, UNSIGNED, encoder->parts->n_buffers) < 0) return -1;
    if (bp_parts_add(encoder->parts, array->owner, array->data, array->size_bytes) != 0) return -1;
    return 1;
}

static int encode_array(struct encoder *encoder, PyObject *value)
{
    struct bp_array array;
    int done = bp_tensor_take(encoder->state, value, &array);
    if (done <= 0) return done;
    done = write_array(encoder, &array);
    bp_tensor_let_go(&array);
    return done;
}

/* ---- containers ------------------------------------------------------------------------------ */

static int say_it_changed(const char *what)
{
    PyErr_Format(PyExc_RuntimeError, "a %s changed while it was put", what);
    return -1;
}

/* What tells some keys in their order from others. A dict or set that was changed while it was encoded
 * may have its old size: then a key may be there twice, and the value could not be recalled. */
BP_INLINE uint64_t add_key(uint64_t keys, const PyObject *key)
{
    return (keys ^ (uint64_t)(uintptr_t)key) * 0x9e3779b97f4a7c15u;
}

/* Encode a key of a dict, or an element of a set. */
static int encode_key(struct encoder *encoder, PyObject *key, Py_ssize_t own_refs)
{
    bool first = encoder->key_depth == 0;
    if (first) {
        encoder->key_depth = 1;
        encoder->n_again = 0;
    }
    int done = encode_item(encoder, key, own_refs);
    if (first) encoder->key_depth = 0;
    return done;
}

static int encode_list(struct encoder *encoder, PyObject *list)
{
    Py_ssize_t n = PyList_Size(list);
    if (write_head(encoder, ARRAY, (uint64_t)n) < 0) return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = PyList_GetItem(list, i);
        if (item == NULL) return say_it_changed("list");
        int done = Py_TYPE(item) == &PyLong_Type ? encode_int(encoder, item)
                                                 : encode_item(encoder, item, 1);
        if (done <= 0) return done;
    }
    return PyList_Size(list) == n ? 1 : say_it_changed("list");
}

static int encode_tuple(struct encoder *encoder, PyObject *tuple)
{
    Py_ssize_t n = PyTuple_Size(tuple);
    if (write_two_heads(encoder, TAG, BP_TREE_TAG_TUPLE, ARRAY, (uint64_t)n) < 0) return -1;
    for (Py_ssize_t i = 0; i < n; i++) {
        int done = encode_item(encoder, PyTuple_GetItem(tuple, i), 1);
        if (done <= 0) return done;
    }
    return 1;
}

static int encode_pair(struct encoder *encoder, PyObject *key, PyObject *value)
{
    Py_INCREF(value); /* the key may have an encoder */
    int done = encode_key(encoder, key, 1);
    if (done > 0) done = encode_item(encoder, value, 2);
    Py_DECREF(value);
    return done;
}

static uint64_t keys_of_dict(PyObject *dict)
{
    PyObject *key;
    uint64_t keys = 0;
    for (Py_ssize_t place = 0; PyDict_Next(dict, &place, &key, NULL);)
        keys = add_key(keys, key);
    return keys;
}

static int encode_dict(struct encoder *encoder, PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t place = 0, n_done = 0, n = PyDict_Size(dict);
    unsigned n_foreign = encoder->n_foreign;
    uint64_t keys = 0;
    if (write_head(encoder, MAP, (uint64_t)n) < 0) return -1;
    while (PyDict_Next(dict, &place, &key, &value)) {
        keys = add_key(keys, key);
        int done = encode_pair(encoder, key, value);
        if (done <= 0) return done;
        if (++n_done > n || PyDict_Size(dict) != n) return say_it_changed("dict");
    }
    if (n_done != n) return say_it_changed("dict");
    if (encoder->n_foreign == n_foreign || keys_of_dict(dict) == keys) return 1;
    return say_it_changed("dict");
}

/* Add what an iterator has left to `*keys`; false with an exception set. */
static bool add_elements(PyObject *iterator, uint64_t *keys)
{
    PyObject *element;
    while ((element = PyIter_Next(iterator)) != NULL) {
        *keys = add_key(*keys, element);
        Py_DECREF(element);
    }
    return !PyErr_Occurred();
}

static int check_elements(PyObject *set, uint64_t keys)
{
    uint64_t now = 0;
    PyObject *iterator = PyObject_GetIter(set);
    bool is_read = iterator != NULL && add_elements(iterator, &now);
    Py_XDECREF(iterator);
    if (!is_read) return -1;
    return now == keys ? 1 : say_it_changed("set");
}

static int encode_elements(struct encoder *encoder, PyObject *iterator, Py_ssize_t n,
                           uint64_t *keys_out)
{
    PyObject *element;
    *keys_out = 0;
    while ((element = PyIter_Next(iterator)) != NULL) {
        *keys_out = add_key(*keys_out, element);
        int done = n-- > 0 ? encode_key(encoder, element, 2) : say_it_changed("set");
        Py_DECREF(element);
        if (done <= 0) return done;
    }
    if (PyErr_Occurred()) return -1;
    return n == 0 ? 1 : say_it_changed("set");
}

static int encode_set(struct encoder *encoder, PyObject *set, unsigned tag)
{
    Py_ssize_t n = PySet_Size(set);
    if (write_two_heads(encoder, TAG, tag, ARRAY, (uint64_t)n) < 0) return -1;
    unsigned n_foreign = encoder->n_foreign;
    uint64_t keys;
    PyObject *iterator = PyObject_GetIter(set);
    if (iterator == NULL) return -1;
    int done = encode_elements(encoder, iterator, n, &keys);
    Py_DECREF(iterator);
    return done > 0 && encoder->n_foreign != n_foreign ? check_elements(set, keys) : done;
}

static int encode_complex(struct encoder *encoder, PyObject *value)
{
    if (write_two_heads(encoder, TAG, BP_TREE_TAG_COMPLEX, ARRAY, 2) < 0) return -1;
    if (write_double(encoder, PyComplex_RealAsDouble(value)) < 0) return -1;
    return write_double(encoder, PyComplex_ImagAsDouble(value));
}

/* ---- extensions ------------------------------------------------------------------------------ */

static int encode_apart(struct encoder *encoder, PyObject *apart)
{
    if (write_two_heads(encoder, TAG, BP_TREE_TAG_EXTENSION, ARRAY, 2) < 0) return -1;
    encoder->payload++;
    if (encoder->key_depth > 0) encoder->key_payload++;
    int done = encode_item(encoder, PyTuple_GetItem(apart, 0), 1);
    if (done > 0) done = encode_item(encoder, PyTuple_GetItem(apart, 1), 1);
    if (encoder->key_depth > 0) encoder->key_payload--;
    encoder->payload--;
    return done;
}

static int encode_extension(struct encoder *encoder, PyObject *value)
{
    PyObject *encode = bp_codecs_encoder(encoder->state, Py_TYPE(value));
    PyObject *apart = encode == NULL ? NULL : bp_codecs_take_apart(encode, value);
    Py_XDECREF(encode);
    if (apart == NULL) return PyErr_Occurred() ? -1 : 0;
    int done = encode_apart(encoder, apart);
    Py_DECREF(apart);
    return done;
}

/* ---- items ----------------------------------------------------------------------------------- */

static bool hashes_by_identity(PyTypeObject *type)
{
    return PyType_GetSlot(type, Py_tp_hash) == PyType_GetSlot(&PyBaseObject_Type, Py_tp_hash);
}

/* What has to have ended before it can be referred to: it is made when all that is in it is there. */
static bool is_made_last(const PyTypeObject *type)
{
    return type != &PyList_Type && type != &PyDict_Type && type != &PySet_Type;
}

/* Whether what was met before may be written once more where no reference may be: in a key, where it
 * counts by its value. */
static bool may_be_written_again(struct encoder *encoder, PyTypeObject *type)
{
    if (encoder->n_again++ >= AGAIN_MAX) return false;
    if (type == &PyTuple_Type || type == &PyFrozenSet_Type) return true;
    if (bp_tree_is_plain(type) && type != &PyUnicode_Type) return false;
    return encoder->key_payload > 0 || !hashes_by_identity(type);
}

static int encode_contents(struct encoder *encoder, PyObject *value)
{
    const PyTypeObject *type = Py_TYPE(value);
    if (type == &PyList_Type) return encode_list(encoder, value);
    if (type == &PyDict_Type) return encode_dict(encoder, value);
    if (type == &PyTuple_Type) return encode_tuple(encoder, value);
    if (type == &PySet_Type) return encode_set(encoder, value, BP_TREE_TAG_SET);
    if (type == &PyFrozenSet_Type) return encode_set(encoder, value, BP_TREE_TAG_FROZENSET);
    if (type == &PyByteArray_Type) return encode_bytearray(encoder, value);
    encoder->n_foreign++;
    int done = type == &PyUnicode_Type ? 0 : encode_array(encoder, value);
    return done == 0 ? encode_extension(encoder, value) : done;
}

static int encode_new(struct encoder *encoder, PyObject *value, bool enter)
{
    if (encoder->depth >= BP_TREE_DEPTH || encoder->key_depth > BP_TREE_KEY_DEPTH) return 0;
    size_t which = encoder->n_met;
    uint64_t number = encoder->n_objects++;
    if (enter && meet(encoder, value, number, false) < 0) return -1;
    encoder->depth++;
    if (encoder->key_depth > 0) encoder->key_depth++;
    int done = encode_contents(encoder, value);
    if (encoder->key_depth > 0) encoder->key_depth--;
    encoder->depth--;
    if (enter) encoder->met[which].ended = true;
    return done;
}

/* Encode what is counted and no run of bytes; others know it where `shared`. What has an encoder may
 * come again in a key though it has one reference, since the tuple that holds it is written again. */
static int encode_counted(struct encoder *encoder, PyObject *value, bool shared)
{
    PyTypeObject *type = Py_TYPE(value);
    shared = shared || (encoder->key_depth > 0 && !bp_tree_is_plain(type));
    const struct met *met = shared ? find_met(encoder, value) : NULL;
    if (met == NULL) return encode_new(encoder, value, shared);
    if (encoder->key_depth > 0) {
        return may_be_written_again(encoder, type) ? encode_new(encoder, value, false) : 0;
    }
    return met->ended || !is_made_last(type) ? write_reference(encoder, met) : 0;
}

BP_NOINLINE static int encode_held(struct encoder *encoder, PyObject *item, Py_ssize_t own_refs)
{
    bool shared = Py_REFCNT(item) > own_refs;
    Py_INCREF(item);
    int done;
    if (Py_TYPE(item) == &PyBytes_Type) {
        done = encode_bytes(encoder, item, shared);
    } else if (Py_TYPE(item) == &PyLong_Type) {
        done = encode_int(encoder, item);
    } else if (Py_TYPE(item) == &PyUnicode_Type) {
        done = encode_str(encoder, item, shared);
    } else if (Py_TYPE(item) == &PyComplex_Type) {
        done = encode_complex(encoder, item);
    } else if (Py_TYPE(item) == &PyTuple_Type && PyTuple_Size(item) == 0) {
        done = encode_tuple(encoder, item);
    } else {
        done = is_raw(encoder, item) ? encode_raw(encoder, item)
                                     : encode_counted(encoder, item, shared);
    }
    Py_DECREF(item);
    return done;
}

/* Encode an item of which the container and the caller have `own_refs` references. */
static int encode_item(struct encoder *encoder, PyObject *item, Py_ssize_t own_refs)
{
    const PyTypeObject *type = Py_TYPE(item);
    if (type == &PyFloat_Type) return write_double(encoder, PyFloat_AsDouble(item));
    if (item == Py_None) return write_byte(encoder, NULL_BYTE);
    if (type == &PyBool_Type) return write_byte(encoder, item == Py_True ? TRUE_BYTE : FALSE_BYTE);
    return encode_held(encoder, item, own_refs);
}

/* ---- the whole ------------------------------------------------------------------------------- */

bool bp_tree_is_plain(const PyTypeObject *type)
{
    return type == &PyDict_Type || type == &PyList_Type || type == &PyTuple_Type ||
           type == &PyUnicode_Type || type == &PySet_Type || type == &PyFrozenSet_Type ||
           type == &PyByteArray_Type || type == &PyComplex_Type || type == &PyLong_Type ||
           type == &PyFloat_Type || type == &PyBytes_Type || type == &PyBool_Type ||
           type == Py_TYPE(Py_None);
}

/* The stream and the buffers go over to `encoded`. */
static int finish(struct encoder *encoder, struct bp_encoded *encoded)
{
    uint32_t flags = encoder->has_references ? BP_TREE_REFERENCES : 0;
    size_t stream_bytes = encoder->size_bytes - BP_PARTS_HEAD_BYTES;
    encoded->value.kind = BRAIN_KIND_TREE;
    encoded->memory = encoder->stream;
    if (encoder->parts != NULL) {
        return bp_parts_lay_out(encoder->parts, flags, encoder->stream + BP_PARTS_HEAD_BYTES,
                                stream_bytes, encoded);
    }
    bp_parts_write_head(encoder->stream, flags, stream_bytes);
    encoded->value.n_parts = 1;
    encoded->part.data = encoder->stream;
    encoded->part.size_bytes = encoder->size_bytes;
    encoded->size_bytes = encoder->size_bytes;
    return 0;
}

static void forget_met(struct encoder *encoder)
{
    for (size_t i = 0; i < encoder->n_met; i++)
        Py_DECREF(encoder->met[i].object);
    PyMem_Free(encoder->met);
    PyMem_Free(encoder->places);
}

int bp_tree_encode(struct bp_state *state, PyObject *value, bool to_compare,
                   struct bp_encoded *encoded)
{
    enum {
        FIRST_ROOM = 512
    }; /* what Python's allocator has at hand */
    struct encoder encoder = { .state = state,
                               .stream = PyMem_Malloc(FIRST_ROOM),
                               .size_bytes = BP_PARTS_HEAD_BYTES,
                               .room = FIRST_ROOM,
                               .to_compare = to_compare };
    if (encoder.stream == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int done = encode_item(&encoder, value, 0);
    forget_met(&encoder); /* may run anything, which does not matter to what is encoded */
    if (done > 0) return finish(&encoder, encoded) == 0 ? 1 : -1;
    PyMem_Free(encoder.stream);
    if (encoder.parts != NULL) bp_parts_free(encoder.parts);
    return done;
}
