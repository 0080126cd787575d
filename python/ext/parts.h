/* parts.h - the table of parts, which PICKLE and TREE have in common: a stream, and buffers beside
 * it. */
#ifndef BP_PARTS_H
#define BP_PARTS_H

#include "convert.h"

/* ---- to the store ---------------------------------------------------------------------------- */

/* A buffer of a value, and what keeps it where it is. */
struct bp_buffer {
    PyObject *owner;  /* owned */
    const void *data; /* NULL: owner is a codecs.Written, which has not written it yet */
    size_t size_bytes;
};

/* Everything that has to live until a value in parts was put. */
struct bp_parts {
    PyObject *stream_owner; /* owned, or NULL */
    void *stream_memory;    /* owned, or NULL */
    void *table;            /* a head and its entries; NULL before it is laid out */
    brain_part *parts;
    struct bp_buffer *buffers;
    size_t n_buffers;
    size_t room; /* for so many buffers */
    size_t n_unwritten;
};

/* No buffers yet: NULL with MemoryError set where there is no memory. */
struct bp_parts *bp_parts_new(void);
void bp_parts_free(struct bp_parts *parts);

/* Add a buffer that `owner` keeps: takes a reference of its own. Returns 0, or -1 with an exception
 * set; its number is the n_buffers of before. */
int bp_parts_add(struct bp_parts *parts, PyObject *owner, const void *data, size_t size_bytes);

/* Add the bytes of `buffer`, a pickle.PickleBuffer, of whatever shape. */
int bp_parts_add_pickle_buffer(struct bp_parts *parts, PyObject *buffer);

/* Add the bytes of `object`, which has one run of them. */
int bp_parts_add_bytes_like(struct bp_parts *parts, PyObject *object);

/* Add what `written`, a codecs.Written, writes: later, in place, where it is large. */
int bp_parts_add_written(struct bp_parts *parts, PyObject *written);

/* Whether something of a value has to be written yet. */
static inline bool bp_parts_are_unwritten(const struct bp_encoded *encoded)
{
    return encoded->parts != NULL && encoded->parts->n_unwritten > 0;
}

/* Have all of it written into memory of its own, for a put that copies. Returns 0, or -1 with an
 * exception set. */
int bp_parts_write(struct bp_encoded *encoded);

/* Write the whole value to where it will lie: `to` is a memoryview of encoded->size_bytes bytes.
 * Returns 0, or -1 with an exception set. Gives up the GIL for long copies. */
int bp_parts_write_into(const struct bp_encoded *encoded, PyObject *to);

/* Let `encoded`, which then owns `parts`, have the table, `stream` and the buffers as its data.
 * Returns 0, or -1 with an exception set; `encoded` owns `parts` then as well. */
int bp_parts_lay_out(struct bp_parts *parts, uint32_t flags, const void *stream,
                     size_t stream_bytes, struct bp_encoded *encoded);

/* Where the stream stands in the data of a value without buffers. */
#define BP_PARTS_HEAD_BYTES ((size_t)16)

/* Write the head of a value without buffers. */
void bp_parts_write_head(void *head, uint32_t flags, size_t stream_bytes);

/* ---- from the store -------------------------------------------------------------------------- */

/* Where things lie in the data of a stored value. */
struct bp_stored {
    const char *data;
    uint64_t size_bytes;
    uint64_t n_buffers;
    uint32_t flags;
    uint64_t stream_offset;
    uint64_t stream_bytes;
};

/* Read the head of `size_bytes` bytes at `data`, and check that all that it counts lies within.
 * Whoever wrote it is not trusted, and may write on: each number is loaded once. */
bool bp_parts_read(const void *data, uint64_t size_bytes, struct bp_stored *stored_out);

/* Where buffer `number`, which is below n_buffers, lies in the data, by what the table says: that
 * need not be so. */
struct bp_place {
    uint64_t offset;
    uint64_t size_bytes;
};
struct bp_place bp_parts_place(const struct bp_stored *stored, uint64_t number);

/* A View of buffer `number`, which is below n_buffers, a part of the View `whole`. A new reference;
 * NULL with an exception set; NULL without one: it does not lie within the data. */
PyObject *bp_parts_view(PyObject *whole, const struct bp_stored *stored, uint64_t number);

/* The list of all buffers, as bp_parts_view(). */
PyObject *bp_parts_list(PyObject *whole, const struct bp_stored *stored);

#endif
