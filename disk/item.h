/* item.h - the items of a dump: arrays of CBOR that end in a check of themselves (docs/dumps.md).
 *
 * CBOR (RFC 8949) as far as a dump needs it: heads and what they announce. Writing has no errors: who writes knows that
 * an item of BD_ITEM_MAX holds what he puts into it. Reading believes nothing: a cursor that meets what it did not expect
 * is `bad` from then on, and gives zeros.
 */
#ifndef BD_ITEM_H
#define BD_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BD_FORMAT       1u
#define BD_ITEM_MAX     ((size_t)1 << 20)  /* of any item, all included */
#define BD_ITEM_ENOUGH  ((size_t)64 << 10) /* an item of many that is as long is ended */
#define BD_SMALL_MAX    ((size_t)32 << 10) /* data of a value that stands in an item with others */
#define BD_DATA_MAX     ((size_t)256 << 10) /* of a large value in one item: a piece that caches hold */
#define BD_CHECK_BYTES  9u
#define BD_SELF_TAG     55799u /* "this is CBOR": three bytes that no text begins with */
#define BD_FIRST_TEXT   "brain dump"
#define BD_OTHERS_WROTE 1u /* flag: somebody else could write the store that the dump is of */

/* ---- writing */

/* The bytes of an item; `bytes` has room for BD_ITEM_MAX. */
struct bd_item {
    uint8_t *bytes;
    size_t len;
};

void bd_item_tag(struct bd_item *item, uint64_t tag);
void bd_item_uint(struct bd_item *item, uint64_t value);
void bd_item_text(struct bd_item *item, const char *text);
void bd_item_bytes(struct bd_item *item, const void *bytes, size_t len);

/* The head of bytes that follow elsewhere. */
void bd_item_bytes_head(struct bd_item *item, size_t len);

/* An array of `n`; or of a number that is told later, at the place that is returned. */
void bd_item_array(struct bd_item *item, uint32_t n);
size_t bd_item_array_of_many(struct bd_item *item);
void bd_item_set_count(struct bd_item *item, size_t at, uint32_t n);

/* The last element: the check of all that is in the item. `seed`: of the dump; 0 for its first item. */
void bd_item_check(struct bd_item *item, uint64_t seed);

/* A check as an element by itself, of bytes that were hashed elsewhere. */
void bd_item_check_of(uint8_t out[BD_CHECK_BYTES], uint64_t hash);

/* ---- reading */

struct bd_cursor {
    const uint8_t *at, *end;
    bool is_bad;
};

uint64_t bd_cursor_uint(struct bd_cursor *cursor);
uint64_t bd_cursor_array(struct bd_cursor *cursor);

/* `*bytes_out` points into the item; NULL where the cursor is bad. */
size_t bd_cursor_bytes(struct bd_cursor *cursor, const uint8_t **bytes_out);

/* Whether the next element is this text; it is passed. */
bool bd_cursor_is_text(struct bd_cursor *cursor, const char *text);

/* Pass whatever comes next. */
void bd_cursor_skip(struct bd_cursor *cursor);

enum bd_framing {
    BD_WHOLE,     /* an item, and its check is right */
    BD_WRONG,     /* as long as an item, and its check is wrong */
    BD_TOO_SHORT, /* more bytes are needed to say */
    BD_NONSENSE,  /* it cannot be said where it ends */
};

/* What begins at `bytes`: of an item its length, check included. */
enum bd_framing bd_item_frame(const uint8_t *bytes, size_t n_bytes, uint64_t seed, size_t *len_out);

#endif
