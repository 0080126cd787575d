/* item.c - the items of a dump. Heads and their meaning: RFC 8949, section 3. */
#include "item.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum major {
    UINT = 0,
    NEGATIVE = 1,
    BYTES = 2,
    TEXT = 3,
    ARRAY = 4,
    MAP = 5,
    TAG = 6,
    SIMPLE = 7
};

#define DEPTH_MAX 8

static void put_big_endian(uint8_t *at, uint64_t value, int n)
{
    for (int i = 0; i < n; i++) {
        at[i] = (uint8_t)(value >> 8 * (n - 1 - i));
    }
}

static uint64_t get_big_endian(const uint8_t *at, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* ---- writing */

static void put_head(struct bd_item *item, enum major major, uint64_t value)
{
    uint8_t *at = item->bytes + item->len;
    uint8_t high = (uint8_t)(major << 5);
    if (value < 24) {
        at[0] = (uint8_t)(high | value);
        item->len += 1;
        return;
    }
    int log = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
    at[0] = (uint8_t)(high | (24 + log));
    put_big_endian(at + 1, value, 1 << log);
    item->len += 1 + ((size_t)1 << log);
}

void bd_item_tag(struct bd_item *item, uint64_t tag)
{
    put_head(item, TAG, tag);
}

void bd_item_uint(struct bd_item *item, uint64_t value)
{
    put_head(item, UINT, value);
}

void bd_item_bytes_head(struct bd_item *item, size_t len)
{
    put_head(item, BYTES, len);
}

static void put_string(struct bd_item *item, enum major major, const void *bytes, size_t len)
{
    put_head(item, major, len);
    if (len > 0) {
        memcpy(item->bytes + item->len, bytes, len);
        item->len += len;
    }
}

void bd_item_bytes(struct bd_item *item, const void *bytes, size_t len)
{
    put_string(item, BYTES, bytes, len);
}

void bd_item_text(struct bd_item *item, const char *text)
{
    put_string(item, TEXT, text, strlen(text));
}

void bd_item_array(struct bd_item *item, uint32_t n)
{
    put_head(item, ARRAY, n);
}

size_t bd_item_array_of_many(struct bd_item *item)
{
    size_t at = item->len;
    item->bytes[at] = ARRAY << 5 | 26;
    item->len += 5;
    return at;
}

void bd_item_set_count(struct bd_item *item, size_t at, uint32_t n)
{
    put_big_endian(item->bytes + at + 1, n, 4);
}

void bd_item_check_of(uint8_t out[BD_CHECK_BYTES], uint64_t hash)
{
    out[0] = UINT << 5 | 27;
    put_big_endian(out + 1, hash, 8);
}

void bd_item_check(struct bd_item *item, uint64_t seed)
{
    bd_item_check_of(item->bytes + item->len, XXH3_64bits_withSeed(item->bytes, item->len, seed));
    item->len += BD_CHECK_BYTES;
}

/* ---- reading */

struct head {
    enum major major;
    uint64_t value;
};

/* Read a head. False: what is there is too short (`*is_short_out`), or is none that a dump has: of indefinite length. */
static bool read_head(struct bd_cursor *cursor, struct head *head_out, bool *is_short_out)
{
    size_t left = (size_t)(cursor->end - cursor->at);
    *is_short_out = left < 1;
    if (left < 1) {
        return false;
    }
    unsigned low = cursor->at[0] & 31;
    size_t more = low < 24 ? 0 : (size_t)1 << (low - 24);
    if (low > 27) {
        return false;
    }
    *is_short_out = left < 1 + more;
    if (left < 1 + more) {
        return false;
    }
    head_out->major = cursor->at[0] >> 5;
    head_out->value = more == 0 ? low : get_big_endian(cursor->at + 1, (int)more);
    cursor->at += 1 + more;
    return true;
}

/* Pass an element whole. BD_WHOLE: it is behind; else as bd_item_frame(). */
static enum bd_framing pass(struct bd_cursor *cursor)
{
    uint64_t left[DEPTH_MAX] = { 1 }; /* elements that are to come, in each array that is open */
    int depth = 0;
    while (depth >= 0) {
        struct head head;
        bool is_short;
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        if (!read_head(cursor, &head, &is_short)) {
            return is_short ? BD_TOO_SHORT : BD_NONSENSE;
        }
        bool is_string = head.major == BYTES || head.major == TEXT;
        if (is_string && head.value > BD_ITEM_MAX) {
            return BD_NONSENSE;
        }
        if (is_string && head.value > (uint64_t)(cursor->end - cursor->at)) {
            return BD_TOO_SHORT;
        }
        if (is_string) {
            cursor->at += head.value;
        }
        uint64_t inside = head.major == ARRAY ? head.value
                          : head.major == MAP ? 2 * (head.value & UINT32_MAX)
                          : head.major == TAG ? 1
                                              : 0;
        bool holds = head.major == ARRAY || head.major == MAP || head.major == TAG;
        if (holds && (head.value > BD_ITEM_MAX && head.major != TAG)) {
            return BD_NONSENSE;
        }
        if (holds && ++depth == DEPTH_MAX) {
            return BD_NONSENSE;
        }
        if (holds) {
            left[depth] = inside;
        }
    }
    return BD_WHOLE;
}

enum bd_framing bd_item_frame(const uint8_t *bytes, size_t n_bytes, uint64_t seed, size_t *len_out)
{
    struct bd_cursor cursor = { bytes, bytes + n_bytes, false };
    enum bd_framing framing = pass(&cursor);
    if (framing != BD_WHOLE) {
        return framing;
    }
    size_t len = (size_t)(cursor.at - bytes);
    *len_out = len;
    if (len > BD_ITEM_MAX) {
        return BD_NONSENSE;
    }
    if (len <= BD_CHECK_BYTES || bytes[len - BD_CHECK_BYTES] != (UINT << 5 | 27)) {
        return BD_WRONG;
    }
    uint64_t check = get_big_endian(bytes + len - 8, 8);
    return XXH3_64bits_withSeed(bytes, len - BD_CHECK_BYTES, seed) == check ? BD_WHOLE : BD_WRONG;
}

static uint64_t expect(struct bd_cursor *cursor, enum major major)
{
    struct head head = { SIMPLE, 0 };
    bool is_short;
    if (!cursor->is_bad && (!read_head(cursor, &head, &is_short) || head.major != major)) {
        cursor->is_bad = true;
    }
    return cursor->is_bad ? 0 : head.value;
}

uint64_t bd_cursor_uint(struct bd_cursor *cursor)
{
    return expect(cursor, UINT);
}

uint64_t bd_cursor_array(struct bd_cursor *cursor)
{
    return expect(cursor, ARRAY);
}

static size_t get_string(struct bd_cursor *cursor, enum major major, const uint8_t **bytes_out)
{
    uint64_t len = expect(cursor, major);
    *bytes_out = NULL;
    if (cursor->is_bad || len > (uint64_t)(cursor->end - cursor->at)) {
        cursor->is_bad = true;
        return 0;
    }
    *bytes_out = cursor->at;
    cursor->at += len;
    return (size_t)len;
}

size_t bd_cursor_bytes(struct bd_cursor *cursor, const uint8_t **bytes_out)
{
    return get_string(cursor, BYTES, bytes_out);
}

bool bd_cursor_is_text(struct bd_cursor *cursor, const char *text)
{
    struct bd_cursor ahead = *cursor;
    const uint8_t *bytes;
    size_t len = get_string(&ahead, TEXT, &bytes);
    bool is = !ahead.is_bad && len == strlen(text) && memcmp(bytes, text, len) == 0;
    if (is) {
        *cursor = ahead;
    }
    return is;
}

void bd_cursor_skip(struct bd_cursor *cursor)
{
    if (!cursor->is_bad && pass(cursor) != BD_WHOLE) {
        cursor->is_bad = true;
    }
}
