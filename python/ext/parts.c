/* parts.c - the table of parts, which PICKLE and TREE have in common: a stream, and buffers beside
 * it.
 *
 * The data of such a value, little-endian:
 *
 *     0   u32  n_buffers
 *     4   u32  flags: of TREE; of PICKLE 0
 *     8   u64  stream_bytes
 *    16   n_buffers times: u64 offset from the start of the data, u64 size_bytes
 *     then    the stream, stream_bytes long
 *     then    each buffer at its offset, a multiple of 64; gaps are zeros. One of no bytes has
 *             offset 0.
 *
 * A put hands the library the table, the stream and the buffers as they lie, and it copies each
 * once. A recall makes Views of the shared bytes. What the table says is not trusted.
 */
#include "parts.h"

#include "view.h"

#include <assert.h>
#include <string.h>

#define BUFFER_ALIGN ((size_t)64)

struct table_head {
    uint32_t n_buffers;
    uint32_t flags;
    uint64_t stream_bytes;
};

struct table_entry {
    uint64_t offset;
    uint64_t size_bytes;
};

static_assert(sizeof(struct table_head) == BP_PARTS_HEAD_BYTES, "the head is part of the format");

/* ---- to the store ---------------------------------------------------------------------------- */

struct bp_parts *bp_parts_new(void)
{
    struct bp_parts *parts = PyMem_Calloc(1, sizeof *parts);
    if (parts == NULL) PyErr_NoMemory();
    return parts;
}

void bp_parts_free(struct bp_parts *parts)
{
    for (size_t i = 0; i < parts->n_buffers; i++)
        Py_DECREF(parts->buffers[i].owner);
    Py_XDECREF(parts->stream_owner);
    PyMem_Free(parts->stream_memory);
    PyMem_Free(parts->buffers);
    PyMem_Free(parts->table);
    PyMem_Free(parts);
}

static int make_room(struct bp_parts *parts)
{
    if (parts->n_buffers < parts->room) return 0;
    if (parts->n_buffers >= UINT32_MAX - 2) {
        PyErr_SetString(PyExc_OverflowError, "a value with more than 4 billion buffers");
        return -1;
    }
    size_t room = parts->room == 0 ? 4 : parts->room * 2;
    struct bp_buffer *buffers = PyMem_Realloc(parts->buffers, room * sizeof *buffers);
    if (buffers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    parts->buffers = buffers;
    parts->room = room;
    return 0;
}

int bp_parts_add(struct bp_parts *parts, PyObject *owner, const void *data, size_t size_bytes)
{
    if (make_room(parts) != 0) return -1;
    parts->buffers[parts->n_buffers++] =
        (struct bp_buffer){ .owner = Py_NewRef(owner), .data = data, .size_bytes = size_bytes };
    return 0;
}

/* Add the bytes of `bytes`, a memoryview, which holds them as long as it lives. Takes it over; NULL:
 * an exception is set. */
static int add_memoryview(struct bp_parts *parts, PyObject *bytes)
{
    Py_buffer buffer;
    if (bytes == NULL) return -1;
    int failed = PyObject_GetBuffer(bytes, &buffer, PyBUF_SIMPLE);
    if (!failed) {
        failed = bp_parts_add(parts, bytes, buffer.buf, (size_t)buffer.len);
        PyBuffer_Release(&buffer);
    }
    Py_DECREF(bytes);
    return failed ? -1 : 0;
}

int bp_parts_add_bytes_like(struct bp_parts *parts, PyObject *object)
{
    return add_memoryview(parts, PyMemoryView_FromObject(object));
}

int bp_parts_add_pickle_buffer(struct bp_parts *parts, PyObject *buffer)
{
    /* raw() is flat also where the buffer is of several dimensions, in whatever order. */
    return add_memoryview(parts, PyObject_CallMethod(buffer, "raw", NULL));
}

/* Add what a Written writes into memory of its own, now. */
static int add_bytes_of(struct bp_parts *parts, PyObject *written)
{
    PyObject *bytes = PyObject_CallMethod(written, "to_bytes", NULL);
    if (bytes == NULL) return -1;
    int failed = bp_parts_add_bytes_like(parts, bytes);
    Py_DECREF(bytes);
    return failed;
}

void bp_parts_write_head(void *head, uint32_t flags, size_t stream_bytes)
{
    *(struct table_head *)head =
        (struct table_head){ .flags = flags, .stream_bytes = stream_bytes };
}

int bp_parts_add_written(struct bp_parts *parts, PyObject *written)
{
    PyObject *number = PyObject_GetAttrString(written, "size_bytes");
    Py_ssize_t size_bytes = number == NULL ? -1 : PyLong_AsSsize_t(number);
    Py_XDECREF(number);
    if (PyErr_Occurred()) return -1;
    if (size_bytes >= (Py_ssize_t)BP_LARGE_BYTES) {
        if (bp_parts_add(parts, written, NULL, (size_t)size_bytes) != 0) return -1;
        parts->n_unwritten++;
        return 0;
    }
    return add_bytes_of(parts, written);
}

/* Room for the table and the parts that it describes, in one piece. */
static int make_table(struct bp_parts *parts)
{
    size_t table_bytes = sizeof(struct table_head) + parts->n_buffers * sizeof(struct table_entry);
    parts->table = PyMem_Calloc(1, table_bytes + (parts->n_buffers + 2) * sizeof(brain_part));
    if (parts->table == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    parts->parts = (brain_part *)((char *)parts->table + table_bytes);
    return 0;
}

int bp_parts_lay_out(struct bp_parts *parts, uint32_t flags, const void *stream,
                     size_t stream_bytes, struct bp_encoded *encoded)
{
    encoded->parts = parts;
    if (make_table(parts) != 0) return -1;
    struct table_head *head = parts->table;
    struct table_entry *entries = (struct table_entry *)(head + 1);
    size_t table_bytes = sizeof *head + parts->n_buffers * sizeof *entries;
    brain_part *part = parts->parts;

    bp_parts_write_head(head, flags, stream_bytes);
    head->n_buffers = (uint32_t)parts->n_buffers;
    *part++ = (brain_part){ .data = parts->table, .size_bytes = table_bytes };
    *part++ = (brain_part){ .data = stream, .size_bytes = stream_bytes };
    size_t end = table_bytes + stream_bytes;
    for (size_t i = 0; i < parts->n_buffers; i++) {
        size_t size_bytes = parts->buffers[i].size_bytes;
        if (size_bytes == 0) continue;
        size_t offset = (end + BUFFER_ALIGN - 1) & ~(BUFFER_ALIGN - 1);
        entries[i] = (struct table_entry){ .offset = offset, .size_bytes = size_bytes };
        *part++ = (brain_part){ .data = parts->buffers[i].data,
                                .size_bytes = size_bytes,
                                .align = BUFFER_ALIGN };
        end = offset + size_bytes;
    }
    encoded->size_bytes = end;
    encoded->value.n_parts = (uint32_t)(part - parts->parts);
    encoded->value.parts = parts->parts;
    return 0;
}

/* ---- what is written late -------------------------------------------------------------------- */

/* Which part of `encoded` has the first buffer from `i` on that is not empty: those of buffers are
 * its last. */
static size_t part_of(const struct bp_encoded *encoded, size_t i)
{
    const struct bp_parts *parts = encoded->parts;
    size_t n_behind = 0;
    for (size_t k = i; k < parts->n_buffers; k++)
        n_behind += parts->buffers[k].size_bytes > 0;
    return encoded->value.n_parts - n_behind;
}

/* Have one buffer written into memory of its own, which takes the place of its Written. */
static int write_buffer(const struct bp_encoded *encoded, size_t i)
{
    struct bp_parts *parts = encoded->parts;
    PyObject *written = Py_NewRef(parts->buffers[i].owner);
    size_t size_bytes = parts->buffers[i].size_bytes, last = parts->n_buffers;
    int failed = add_bytes_of(parts, written); /* for the moment it is the last */
    Py_DECREF(written);
    if (failed) return -1;
    struct bp_buffer made = parts->buffers[last];
    parts->n_buffers = last;
    if (made.size_bytes != size_bytes) {
        PyErr_Format(PyExc_ValueError, "a Written of %zu bytes wrote %zu", size_bytes,
                     made.size_bytes);
        Py_DECREF(made.owner);
        return -1;
    }
    Py_DECREF(parts->buffers[i].owner);
    parts->buffers[i] = made;
    const brain_part *part = &encoded->value.parts[part_of(encoded, i)];
    ((brain_part *)(uintptr_t)part)->data = made.data;
    parts->n_unwritten--;
    return 0;
}

int bp_parts_write(struct bp_encoded *encoded)
{
    struct bp_parts *parts = encoded->parts;
    for (size_t i = 0; parts != NULL && i < parts->n_buffers && parts->n_unwritten > 0; i++) {
        if (parts->buffers[i].data == NULL && parts->buffers[i].size_bytes > 0 &&
            write_buffer(encoded, i) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The Written of the first buffer from `*at` on that is not empty, borrowed; NULL: its bytes lie
 * somewhere. `*at` is behind it then. */
static PyObject *next_written(const struct bp_parts *parts, size_t *at)
{
    while (parts->buffers[*at].size_bytes == 0)
        ++*at;
    const struct bp_buffer *buffer = &parts->buffers[(*at)++];
    return buffer->data == NULL ? buffer->owner : NULL;
}

/* Let `written` write bytes `from` to `end` of the memoryview `to`. */
static int let_write(PyObject *written, PyObject *to, size_t from, size_t end)
{
    PyObject *place = PySequence_GetSlice(to, (Py_ssize_t)from, (Py_ssize_t)end);
    PyObject *result = place == NULL ? NULL : PyObject_CallMethod(written, "write", "O", place);
    Py_XDECREF(place);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static void copy(char *to, const brain_part *part)
{
    if (part->size_bytes < BP_LARGE_BYTES) {
        if (part->size_bytes > 0) memcpy(to, part->data, part->size_bytes);
        return;
    }
    Py_BEGIN_ALLOW_THREADS memcpy(to, part->data, part->size_bytes);
    Py_END_ALLOW_THREADS
}

int bp_parts_write_into(const struct bp_encoded *encoded, PyObject *to)
{
    Py_buffer buffer;
    size_t end = 0, at = 0, first = part_of(encoded, 0);
    int failed = PyObject_GetBuffer(to, &buffer, PyBUF_WRITABLE);
    if (failed) return -1;
    for (uint32_t i = 0; i < encoded->value.n_parts && !failed; i++) {
        const brain_part *part = &encoded->value.parts[i];
        size_t align = part->align > 0 ? part->align : 1;
        size_t from = (end + align - 1) / align * align;
        PyObject *written = i < first ? NULL : next_written(encoded->parts, &at);
        memset((char *)buffer.buf + end, 0, from - end);
        end = from + part->size_bytes;
        if (written != NULL) {
            failed = let_write(written, to, from, end);
        } else {
            copy((char *)buffer.buf + from, part);
        }
    }
    PyBuffer_Release(&buffer);
    return failed;
}

/* ---- from the store -------------------------------------------------------------------------- */

/* volatile: another process may write there meanwhile, and what was checked is what is used. */
static uint64_t load_u64(const uint64_t *number)
{
    return *(const volatile uint64_t *)number;
}

static uint32_t load_u32(const uint32_t *number)
{
    return *(const volatile uint32_t *)number;
}

bool bp_parts_read(const void *data, uint64_t size_bytes, struct bp_stored *stored_out)
{
    const struct table_head *head = data; /* 8-byte aligned, as the library promises */
    if (size_bytes < sizeof *head) return false;
    struct bp_stored stored = { .data = data,
                                .size_bytes = size_bytes,
                                .n_buffers = load_u32(&head->n_buffers),
                                .flags = load_u32(&head->flags),
                                .stream_bytes = load_u64(&head->stream_bytes) };
    stored.stream_offset = sizeof *head + stored.n_buffers * sizeof(struct table_entry);
    if (stored.stream_offset > size_bytes) return false;
    if (stored.stream_bytes > size_bytes - stored.stream_offset) return false;
    *stored_out = stored;
    return true;
}

struct bp_place bp_parts_place(const struct bp_stored *stored, uint64_t number)
{
    const struct table_entry *entry =
        (const struct table_entry *)(stored->data + sizeof(struct table_head)) + number;
    return (struct bp_place){ .offset = load_u64(&entry->offset),
                              .size_bytes = load_u64(&entry->size_bytes) };
}

PyObject *bp_parts_view(PyObject *whole, const struct bp_stored *stored, uint64_t number)
{
    struct bp_place place = bp_parts_place(stored, number);
    if (place.offset > stored->size_bytes || place.size_bytes > stored->size_bytes - place.offset)
        return NULL;
    return bp_view_part(whole, place.offset, place.size_bytes);
}

PyObject *bp_parts_list(PyObject *whole, const struct bp_stored *stored)
{
    PyObject *list = PyList_New((Py_ssize_t)stored->n_buffers);
    for (uint64_t i = 0; list != NULL && i < stored->n_buffers; i++) {
        PyObject *view = bp_parts_view(whole, stored, i);
        if (view == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SetItem(list, (Py_ssize_t)i, view);
        }
    }
    return list;
}
