/* untree.c - plain data, nested, and what has an encoder: from the store.
 *
 * Reads what tree.c writes; docs/format.md has the form. Nothing in the bytes is trusted: counts are
 * compared with the bytes that are left, nesting is limited, what is not in its shortest form is
 * refused, and whatever is wrong is BrainCorruptError. Where pickles are not allowed the writer may be
 * hostile, and may change the bytes while they are read. Then the stream is copied first, and keys of
 * one hash are counted (hashes.c).
 *
 * Decoders are code of others, and get what was made so far: so whatever a reference can reach is
 * whole at any time, if not complete (lists are filled with None first).
 *
 * Functions that read return a new reference; or NULL with an exception set, or with `wrong`.
 */
#include "untree.h"

#include "away.h"
#include "codecs.h"
#include "errors.h"
#include "hashes.h"
#include "parts.h"
#include "tensor.h"
#include "texts.h"
#include "tree.h"
#include "view.h"

#include <string.h>

enum major {
    UNSIGNED,
    NEGATIVE,
    BYTES,
    TEXT,
    ARRAY,
    MAP,
    TAG,
    OTHER
};

struct decoder {
    struct bp_state *state;
    const uint8_t *at;
    const uint8_t *end;
    const struct bp_stored *stored;
    PyObject *whole; /* the View of all; NULL: there are no buffers, or it only reads */
    PyObject *node;  /* of bp_untree_read(), as `part`; else NULL */
    PyObject *part;
    PyObject **objects; /* what was counted, owned; NULL: not made yet. Only where `counting` */
    size_t n_objects;
    size_t room;
    const char *wrong; /* what makes no sense; NULL: nothing, or an exception is set */
    unsigned depth;
    unsigned key_depth; /* above 0: in a key, or an element of a set */
    unsigned payload;   /* above 0: in a payload */
    bool counting;
    bool trusted;
};

static PyObject *read_item(struct decoder *decoder);

BP_NOINLINE static void *refuse(struct decoder *decoder, const char *wrong)
{
    if (decoder->wrong == NULL) decoder->wrong = wrong;
    return NULL;
}

static size_t n_left(const struct decoder *decoder)
{
    return (size_t)(decoder->end - decoder->at);
}

/* ---- heads ----------------------------------------------------------------------------------- */

BP_NOINLINE static bool read_long_head(struct decoder *decoder, unsigned info, uint64_t *n_out)
{
    static const uint64_t least[4] = { 24, 0x100, 0x10000, (uint64_t)UINT32_MAX + 1 };
    if (info > 27) return refuse(decoder, "a head of a form that is not used") != NULL;
    size_t n_bytes = (size_t)1 << (info - 24);
    if (n_left(decoder) < n_bytes) return refuse(decoder, "it ends too early") != NULL;
    uint64_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n = n << 8 | *decoder->at++;
    if (n < least[info - 24]) return refuse(decoder, "a head that is not the shortest") != NULL;
    *n_out = n;
    return true;
}

/* Read the first byte of an item, and the number in its head, but for what is OTHER. */
BP_INLINE bool read_head(struct decoder *decoder, unsigned *major_out, uint64_t *n_out)
{
    if (decoder->at == decoder->end) return refuse(decoder, "it ends too early") != NULL;
    unsigned byte = *decoder->at++;
    *major_out = byte >> 5;
    *n_out = byte & 31;
    return *n_out < 24 || byte >> 5 == OTHER || read_long_head(decoder, byte & 31, n_out);
}

/* Read a head that has to be of one kind. */
static bool expect(struct decoder *decoder, unsigned major, uint64_t *n_out)
{
    unsigned found = 0; /* gcc does not see that read_head() sets it */
    if (!read_head(decoder, &found, n_out)) return false;
    return found == major || refuse(decoder, "an item of another type than belongs there") != NULL;
}

static bool expect_pair(struct decoder *decoder)
{
    uint64_t n;
    if (!expect(decoder, ARRAY, &n)) return false;
    return n == 2 || refuse(decoder, "what has to have two parts has another number") != NULL;
}

/* The next n bytes, or NULL. */
BP_INLINE const char *take(struct decoder *decoder, uint64_t n)
{
    if (n > n_left(decoder)) return refuse(decoder, "a length beyond the end");
    const char *bytes = (const char *)decoder->at;
    decoder->at += n;
    return bytes;
}

/* ---- objects that are counted ---------------------------------------------------------------- */

BP_NOINLINE static bool add_object(struct decoder *decoder, PyObject *object)
{
    if (decoder->n_objects == decoder->room) {
        size_t room = decoder->room == 0 ? 32 : decoder->room * 2;
        PyObject **objects = PyMem_Realloc(decoder->objects, room * sizeof *objects);
        if (objects == NULL) {
            PyErr_NoMemory();
            return false;
        }
        decoder->objects = objects;
        decoder->room = room;
    }
    Py_XINCREF(object);
    decoder->objects[decoder->n_objects++] = object;
    return true;
}

/* Count `object`, a new reference or NULL, which is returned. */
BP_INLINE PyObject *count(struct decoder *decoder, PyObject *object)
{
    if (!decoder->counting || object == NULL || add_object(decoder, object)) return object;
    Py_DECREF(object);
    return NULL;
}

/* Count what is made when its contents are there. */
BP_INLINE bool count_later(struct decoder *decoder, size_t *number_out)
{
    *number_out = decoder->n_objects;
    return !decoder->counting || add_object(decoder, NULL);
}

BP_INLINE PyObject *counted_now(struct decoder *decoder, size_t number, PyObject *object)
{
    if (decoder->counting && object != NULL) decoder->objects[number] = Py_NewRef(object);
    return object;
}

static PyObject *read_reference(struct decoder *decoder)
{
    uint64_t number;
    if (!decoder->counting)
        return refuse(decoder, "a reference where the head says that there is none");
    if (!expect(decoder, UNSIGNED, &number)) return NULL;
    PyObject *object = number < decoder->n_objects ? decoder->objects[number] : NULL;
    if (object == NULL) return refuse(decoder, "a reference to what is not there yet");
    if (decoder->key_depth > 0 && Py_TYPE(object) != &PyUnicode_Type &&
        Py_TYPE(object) != &PyBytes_Type) {
        return refuse(decoder, "a reference in a key");
    }
    return Py_NewRef(object);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static PyObject *read_negative(uint64_t n)
{
    if (n <= INT64_MAX) return PyLong_FromLongLong(-1 - (long long)n);
    PyObject *natural = PyLong_FromUnsignedLongLong(n);
    PyObject *result = natural == NULL ? NULL : PyNumber_Invert(natural);
    Py_XDECREF(natural);
    return result;
}

static PyObject *read_large_int(struct decoder *decoder, bool negative)
{
    uint64_t size;
    if (!expect(decoder, BYTES, &size)) return NULL;
    const char *bytes = take(decoder, size);
    if (bytes == NULL) return NULL;
    if (size <= 8 || bytes[0] == 0)
        return refuse(decoder, "an int that is not in its shortest form");
    PyObject *natural = PyObject_CallMethod((PyObject *)&PyLong_Type, "from_bytes", "y#s", bytes,
                                            (Py_ssize_t)size, "big");
    if (natural == NULL || !negative) return natural;
    PyObject *result = PyNumber_Invert(natural);
    Py_DECREF(natural);
    return result;
}

static bool read_double_bits(struct decoder *decoder, double *real_out)
{
    uint64_t bits;
    const char *bytes = take(decoder, sizeof bits);
    if (bytes == NULL) return false;
    memcpy(&bits, bytes, sizeof bits);
    bits = __builtin_bswap64(bits);
    memcpy(real_out, &bits, sizeof bits);
    return true;
}

static PyObject *read_other(struct decoder *decoder, uint64_t info)
{
    double real;
    switch (info) {
    case 20:
        return Py_NewRef(Py_False);
    case 21:
        return Py_NewRef(Py_True);
    case 22:
        return Py_NewRef(Py_None);
    case 27:
        return read_double_bits(decoder, &real) ? PyFloat_FromDouble(real) : NULL;
    default:
        return refuse(decoder, "an item of a type that is not used");
    }
}

static bool expect_double(struct decoder *decoder, double *real_out)
{
    const char *byte = take(decoder, 1);
    if (byte == NULL) return false;
    if ((unsigned char)*byte != 0xfb)
        return refuse(decoder, "a part of a complex is no float") != NULL;
    return read_double_bits(decoder, real_out);
}

static PyObject *read_complex(struct decoder *decoder)
{
    double real, imaginary;
    if (!expect_pair(decoder) || !expect_double(decoder, &real)) return NULL;
    return expect_double(decoder, &imaginary) ? PyComplex_FromDoubles(real, imaginary) : NULL;
}

static PyObject *read_bytes(struct decoder *decoder, uint64_t size)
{
    const char *bytes = take(decoder, size);
    if (bytes == NULL) return NULL;
    PyObject *result = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)size);
    return size >= BP_TREE_COUNTED_BYTES ? count(decoder, result) : result;
}

static PyObject *read_bytearray(struct decoder *decoder)
{
    uint64_t size;
    if (!expect(decoder, BYTES, &size)) return NULL;
    const char *bytes = take(decoder, size);
    if (bytes == NULL) return NULL;
    return count(decoder, PyByteArray_FromStringAndSize(bytes, (Py_ssize_t)size));
}

/* `text`, which was made of bytes of the stream; or NULL. */
static PyObject *made_text(struct decoder *decoder, PyObject *text)
{
    if (text == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return refuse(decoder, "text that is no UTF-8");
    }
    return text;
}

static PyObject *read_text(struct decoder *decoder, uint64_t size)
{
    const char *utf8 = take(decoder, size);
    if (utf8 == NULL) return NULL;
    PyObject *text = made_text(decoder, PyUnicode_DecodeUTF8(utf8, (Py_ssize_t)size, NULL));
    return size >= BP_TREE_COUNTED_BYTES ? count(decoder, text) : text;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* Read a short text that is likely to be the same in many places. */
static PyObject *read_short_text(struct decoder *decoder, size_t size)
{
    const char *utf8 = take(decoder, size);
    return utf8 == NULL ? NULL : made_text(decoder, bp_texts_get(decoder->state, utf8, size));
}

static PyObject *read_other_key(struct decoder *decoder)
{
    bool first = decoder->key_depth == 0;
    if (first) decoder->key_depth = 1;
    PyObject *key = read_item(decoder);
    if (first) decoder->key_depth = 0;
    return key;
}

/* Read a key of a dict, or an element of a set. */
static PyObject *read_key(struct decoder *decoder)
{
    if (decoder->at < decoder->end) {
        unsigned size = *decoder->at - (TEXT << 5);
        if (size < 24) {
            decoder->at++;
            return read_short_text(decoder, size);
        }
    }
    return read_other_key(decoder);
}

/* Whether few enough of the keys so far have the hash of `key`. */
static bool count_hash(struct decoder *decoder, struct bp_hashes *hashes, PyObject *key)
{
    int n = bp_hashes_add(hashes, key);
    return n == 0 || (n > 0 && refuse(decoder, "too many keys of one hash") != NULL);
}

/* A key, or an element, could not be put in. */
static bool failed_key(struct decoder *decoder)
{
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) return false;
    PyErr_Clear();
    return refuse(decoder, "a key that has no hash") != NULL;
}

/* ---- containers ------------------------------------------------------------------------------ */

/* Begin a container of n items, each of `least` bytes or more. */
static bool enter(struct decoder *decoder, uint64_t n, size_t least)
{
    if (n > n_left(decoder) / least) return refuse(decoder, "a count beyond the end") != NULL;
    if (decoder->depth >= BP_TREE_DEPTH) return refuse(decoder, "it is nested too deep") != NULL;
    if (decoder->key_depth > BP_TREE_KEY_DEPTH) {
        return refuse(decoder, "a key is nested too deep") != NULL;
    }
    decoder->depth++;
    if (decoder->key_depth > 0) decoder->key_depth++;
    return true;
}

static void leave(struct decoder *decoder)
{
    decoder->depth--;
    if (decoder->key_depth > 0) decoder->key_depth--;
}

static bool fill_list(struct decoder *decoder, PyObject *list, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = read_item(decoder);
        /* Fails where a decoder that was given the list has made it shorter. */
        if (item == NULL || PyList_SetItem(list, i, item) != 0) return false;
    }
    return true;
}

static PyObject *new_list(struct decoder *decoder, Py_ssize_t n)
{
    PyObject *list = PyList_New(n);
    if (list == NULL || !decoder->counting) return list;
    for (Py_ssize_t i = 0; i < n; i++)
        PyList_SetItem(list, i, Py_NewRef(Py_None));
    return count(decoder, list);
}

static PyObject *read_list(struct decoder *decoder, uint64_t n)
{
    if (!enter(decoder, n, 1)) return NULL;
    PyObject *list = new_list(decoder, (Py_ssize_t)n);
    if (list != NULL && !fill_list(decoder, list, (Py_ssize_t)n)) Py_CLEAR(list);
    leave(decoder);
    return list;
}

static bool read_pair(struct decoder *decoder, PyObject *dict, struct bp_hashes *hashes)
{
    PyObject *key = read_key(decoder);
    PyObject *value = key == NULL ? NULL : read_item(decoder);
    bool done =
        value != NULL && count_hash(decoder, hashes, key) && PyDict_SetItem(dict, key, value) == 0;
    if (value != NULL && !done && PyErr_Occurred()) failed_key(decoder);
    Py_XDECREF(key);
    Py_XDECREF(value);
    return done;
}

static bool fill_dict(struct decoder *decoder, PyObject *dict, Py_ssize_t n)
{
    struct bp_hashes hashes;
    if (!bp_hashes_begin(&hashes, (uint64_t)n, decoder->trusted)) return false;
    Py_ssize_t n_done = 0;
    while (n_done < n && read_pair(decoder, dict, &hashes))
        n_done++;
    bp_hashes_end(&hashes);
    if (n_done < n) return false;
    return PyDict_Size(dict) == n || refuse(decoder, "a key that is there twice") != NULL;
}

static PyObject *read_map(struct decoder *decoder, uint64_t n)
{
    if (!enter(decoder, n, 2)) return NULL;
    PyObject *dict = count(decoder, PyDict_New());
    if (dict != NULL && !fill_dict(decoder, dict, (Py_ssize_t)n)) Py_CLEAR(dict);
    leave(decoder);
    return dict;
}

static bool read_element(struct decoder *decoder, PyObject *set, struct bp_hashes *hashes)
{
    PyObject *element = read_key(decoder);
    if (element == NULL) return false;
    bool done = count_hash(decoder, hashes, element) && PySet_Add(set, element) == 0;
    if (!done && PyErr_Occurred()) failed_key(decoder);
    Py_DECREF(element);
    return done;
}

static bool fill_set(struct decoder *decoder, PyObject *set, Py_ssize_t n)
{
    struct bp_hashes hashes;
    if (!bp_hashes_begin(&hashes, (uint64_t)n, decoder->trusted)) return false;
    Py_ssize_t n_done = 0;
    while (n_done < n && read_element(decoder, set, &hashes))
        n_done++;
    bp_hashes_end(&hashes);
    if (n_done < n) return false;
    return PySet_Size(set) == n || refuse(decoder, "an element that is there twice") != NULL;
}

static PyObject *read_set(struct decoder *decoder)
{
    uint64_t n;
    if (!expect(decoder, ARRAY, &n) || !enter(decoder, n, 1)) return NULL;
    PyObject *set = count(decoder, PySet_New(NULL));
    if (set != NULL && !fill_set(decoder, set, (Py_ssize_t)n)) Py_CLEAR(set);
    leave(decoder);
    return set;
}

static PyObject *read_frozenset(struct decoder *decoder)
{
    uint64_t n;
    size_t number;
    if (!expect(decoder, ARRAY, &n) || !enter(decoder, n, 1)) return NULL;
    PyObject *set = count_later(decoder, &number) ? PyFrozenSet_New(NULL) : NULL;
    if (set != NULL && !fill_set(decoder, set, (Py_ssize_t)n)) Py_CLEAR(set);
    leave(decoder);
    return counted_now(decoder, number, set);
}

static bool fill_tuple(struct decoder *decoder, PyObject *tuple, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) {
        PyObject *item = read_item(decoder);
        if (item == NULL || PyTuple_SetItem(tuple, i, item) != 0) return false;
    }
    return true;
}

static PyObject *read_tuple(struct decoder *decoder)
{
    uint64_t n;
    size_t number;
    if (!expect(decoder, ARRAY, &n)) return NULL;
    if (n == 0) return PyTuple_New(0);
    if (!enter(decoder, n, 1)) return NULL;
    PyObject *tuple = count_later(decoder, &number) ? PyTuple_New((Py_ssize_t)n) : NULL;
    if (tuple != NULL && !fill_tuple(decoder, tuple, (Py_ssize_t)n)) Py_CLEAR(tuple);
    leave(decoder);
    return counted_now(decoder, number, tuple);
}

/* ---- buffers --------------------------------------------------------------------------------- */

/* A View of the buffer that is named next. */
static PyObject *read_buffer(struct decoder *decoder)
{
    uint64_t number;
    if (!expect(decoder, UNSIGNED, &number)) return NULL;
    if (number >= decoder->stored->n_buffers) return refuse(decoder, "a buffer that is not there");
    PyObject *view = bp_parts_view(decoder->whole, decoder->stored, number);
    if (view == NULL && !PyErr_Occurred()) return refuse(decoder, "a buffer beyond the end");
    return view;
}

/* What stands for a buffer where the form alone is read. */
static PyObject *read_part(struct decoder *decoder, const char *what, const char *meta,
                           uint64_t meta_len)
{
    uint64_t number;
    if (!expect(decoder, UNSIGNED, &number)) return NULL;
    if (number >= decoder->stored->n_buffers) return refuse(decoder, "a buffer that is not there");
    uint64_t size_bytes = bp_parts_place(decoder->stored, number).size_bytes;
    return PyObject_CallFunction(decoder->part, "sKy#", what, (unsigned long long)size_bytes, meta,
                                 (Py_ssize_t)meta_len);
}

static PyObject *read_raw(struct decoder *decoder)
{
    if (decoder->payload == 0) return refuse(decoder, "raw bytes that are no payload");
    return decoder->part != NULL ? read_part(decoder, "raw", NULL, 0) : read_buffer(decoder);
}

static PyObject *read_large_bytes(struct decoder *decoder)
{
    if (decoder->part != NULL) return count(decoder, read_part(decoder, "bytes", NULL, 0));
    PyObject *view = read_buffer(decoder);
    if (view == NULL) return NULL;
    const struct bp_view *bytes = (const struct bp_view *)view;
    PyObject *result = PyBytes_FromStringAndSize(bytes->data, bytes->size_bytes);
    Py_DECREF(view);
    return count(decoder, result);
}

static PyObject *read_array(struct decoder *decoder)
{
    uint64_t meta_len;
    if (!expect_pair(decoder) || !expect(decoder, BYTES, &meta_len)) return NULL;
    const char *meta = take(decoder, meta_len);
    if (meta != NULL && decoder->part != NULL) {
        return count(decoder, read_part(decoder, "array", meta, meta_len));
    }
    PyObject *base = meta == NULL ? NULL : read_buffer(decoder);
    if (base == NULL) return NULL;
    return count(decoder,
                 bp_tensor_over(decoder->state, meta, (size_t)meta_len, base, decoder->trusted));
}

/* ---- extensions ------------------------------------------------------------------------------ */

static PyObject *read_name(struct decoder *decoder)
{
    PyObject *name = read_key(decoder);
    if (name == NULL || Py_TYPE(name) == &PyUnicode_Type) return name;
    Py_DECREF(name);
    return refuse(decoder, "a name that is no text");
}

static PyObject *read_extension(struct decoder *decoder)
{
    size_t number;
    if (!expect_pair(decoder) || !enter(decoder, 2, 1)) return NULL;
    if (!count_later(decoder, &number)) return NULL;
    decoder->payload++;
    PyObject *name = read_name(decoder);
    PyObject *payload = name == NULL ? NULL : read_item(decoder);
    decoder->payload--;
    leave(decoder);
    PyObject *value = NULL;
    if (payload != NULL && decoder->node != NULL) {
        value = PyObject_CallFunctionObjArgs(decoder->node, name, payload, NULL);
    } else if (payload != NULL) {
        value = bp_codecs_put_together(decoder->state, name, payload, decoder->trusted);
    }
    Py_XDECREF(name);
    Py_XDECREF(payload);
    return counted_now(decoder, number, value);
}

/* ---- items ----------------------------------------------------------------------------------- */

static PyObject *read_tag(struct decoder *decoder, uint64_t tag)
{
    switch (tag) {
    case BP_TREE_TAG_POSITIVE:
        return read_large_int(decoder, false);
    case BP_TREE_TAG_NEGATIVE:
        return read_large_int(decoder, true);
    case BP_TREE_TAG_SET:
        return read_set(decoder);
    case BP_TREE_TAG_TUPLE:
        return read_tuple(decoder);
    case BP_TREE_TAG_FROZENSET:
        return read_frozenset(decoder);
    case BP_TREE_TAG_BYTEARRAY:
        return read_bytearray(decoder);
    case BP_TREE_TAG_COMPLEX:
        return read_complex(decoder);
    case BP_TREE_TAG_REFERENCE:
        return read_reference(decoder);
    case BP_TREE_TAG_RAW:
        return read_raw(decoder);
    case BP_TREE_TAG_ARRAY:
        return read_array(decoder);
    case BP_TREE_TAG_EXTENSION:
        return read_extension(decoder);
    case BP_TREE_TAG_BYTES:
        return read_large_bytes(decoder);
    default:
        return refuse(decoder, "a tag that is not used");
    }
}

static PyObject *read_item(struct decoder *decoder)
{
    unsigned major = 0; /* as in expect() */
    uint64_t n = 0;
    if (!read_head(decoder, &major, &n)) return NULL;
    switch (major) {
    case UNSIGNED:
        return n <= LONG_MAX ? PyLong_FromLong((long)n) : PyLong_FromUnsignedLongLong(n);
    case NEGATIVE:
        return read_negative(n);
    case BYTES:
        return read_bytes(decoder, n);
    case TEXT:
        return read_text(decoder, n);
    case ARRAY:
        return read_list(decoder, n);
    case MAP:
        return read_map(decoder, n);
    case TAG:
        return read_tag(decoder, n);
    default:
        return read_other(decoder, n);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static PyObject *read_all(struct decoder *decoder, const char *stream, uint64_t stream_bytes)
{
    decoder->at = (const uint8_t *)stream;
    decoder->end = decoder->at + stream_bytes;
    PyObject *value = read_item(decoder);
    if (value != NULL && decoder->at != decoder->end) {
        refuse(decoder, "more than one item");
        Py_CLEAR(value);
    }
    for (size_t i = 0; i < decoder->n_objects; i++)
        Py_XDECREF(decoder->objects[i]);
    PyMem_Free(decoder->objects);
    return value;
}

/* The same of a copy, where somebody may write into the original meanwhile. */
static PyObject *read_copy(struct decoder *decoder, const char *stream, uint64_t stream_bytes)
{
    char *copy = PyMem_Malloc(stream_bytes > 0 ? stream_bytes : 1);
    if (copy == NULL) return PyErr_NoMemory();
    memcpy(copy, stream, stream_bytes);
    PyObject *value = read_all(decoder, copy, stream_bytes);
    PyMem_Free(copy);
    return value;
}

static void refuse_value(struct bp_state *state, const brain_view *view, const char *wrong)
{
    PyObject *name = bp_convert_name_of(state, view);
    if (name == NULL) return;
    bp_errors_format(state, BP_CORRUPT, "the value of %R makes no sense: %s", name, wrong);
    Py_DECREF(name);
}

static void refuse_newer(struct bp_state *state, const brain_view *view, unsigned flags)
{
    PyObject *name = bp_convert_name_of(state, view);
    if (name == NULL) return;
    bp_errors_format(state, BP_VALUE,
                     "this version of brain_plasma cannot recall the value of %R, of a form that "
                     "has the flags 0x%x; a newer one put it",
                     name, flags);
    Py_DECREF(name);
}

/* The value; `whole` is the View of it, or NULL. */
static PyObject *decode(struct bp_state *state, const brain_view *view,
                        const struct bp_stored *stored, PyObject *whole, bool trusted)
{
    struct decoder decoder = { .state = state,
                               .stored = stored,
                               .whole = whole,
                               .counting = (stored->flags & BP_TREE_REFERENCES) != 0,
                               .trusted = trusted };
    const char *stream = stored->data + stored->stream_offset;
    /* Where there is no pin it is a copy already. */
    PyObject *value = trusted || (whole == NULL && view->store == NULL)
                          ? read_all(&decoder, stream, stored->stream_bytes)
                          : read_copy(&decoder, stream, stored->stream_bytes);
    if (value != NULL) return value;
    if (PyErr_Occurred()) {
        bp_convert_chain_failure(state, view, "put together");
    } else {
        refuse_value(state, view, decoder.wrong);
    }
    return NULL;
}

/* Read the head; false with an exception set. */
static bool read_table(struct bp_state *state, const brain_view *view, struct bp_stored *stored_out)
{
    if (!bp_parts_read(view->data, view->size_bytes, stored_out)) {
        refuse_value(state, view, "its table of parts");
        return false;
    }
    if ((stored_out->flags & ~(uint32_t)BP_TREE_REFERENCES) == 0) return true;
    refuse_newer(state, view, stored_out->flags);
    return false;
}

PyObject *bp_untree_decode(struct bp_state *state, brain_view *view, bool trusted)
{
    struct bp_stored stored;
    if (!read_table(state, view, &stored)) {
        bp_away_drop(state, view);
        return NULL;
    }
    if (stored.n_buffers == 0) {
        PyObject *value = decode(state, view, &stored, NULL, trusted);
        bp_away_drop(state, view);
        return value;
    }
    PyObject *whole = bp_view_new(state, view);
    if (whole == NULL) return NULL;
    PyObject *value = decode(state, view, &stored, whole, trusted);
    Py_DECREF(whole);
    return value;
}

bool bp_untree_may_be_copy(const brain_view *view)
{
    struct bp_stored stored;
    return bp_parts_read(view->data, view->size_bytes, &stored) && stored.n_buffers == 0;
}

PyObject *bp_untree_decode_copy(struct bp_state *state, const brain_view *view, bool trusted)
{
    struct bp_stored stored;
    return read_table(state, view, &stored) ? decode(state, view, &stored, NULL, trusted) : NULL;
}

PyObject *bp_untree_read(struct bp_state *state, const char *data, size_t size_bytes,
                         PyObject *node, PyObject *part)
{
    struct bp_stored stored;
    if (!bp_parts_read(data, size_bytes, &stored)) {
        return bp_errors_format(state, BP_CORRUPT, "the table of parts of a value makes no sense");
    }
    struct decoder decoder = { .state = state,
                               .stored = &stored,
                               .node = node,
                               .part = part,
                               .counting = (stored.flags & BP_TREE_REFERENCES) != 0 };
    PyObject *form = read_copy(&decoder, stored.data + stored.stream_offset, stored.stream_bytes);
    if (form != NULL || PyErr_Occurred()) return form;
    return bp_errors_format(state, BP_CORRUPT, "a value makes no sense: %s", decoder.wrong);
}
