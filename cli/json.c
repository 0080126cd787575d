/* json.c - JSON to stdout, by jansson. What names hold may be no UTF-8, which JSON has no strings for. */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

static void set(json_t *object, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new(object, key, value) != 0) {
        fputs("brain: out of memory\n", stderr);
        exit(BC_SYSTEM);
    }
}

/* With U+FFFD for each byte that is part of no character. To be freed. */
static char *replaced(const uint8_t *bytes, size_t len, size_t *len_out)
{
    char *text = bc_alloc(3 * len + 1);
    size_t used = 0;
    for (size_t at = 0; at < len;) {
        size_t n = len - at < 4 ? len - at : 4;
        while (n > 0 && !bc_text_is_utf8(bytes + at, n)) {
            n--; /* what is whole begins with a whole character */
        }
        const void *from = n > 0 ? (const void *)(bytes + at) : "\xef\xbf\xbd";
        memcpy(text + used, from, n > 0 ? n : 3);
        used += n > 0 ? n : 3;
        at += n > 0 ? n : 1;
    }
    *len_out = used;
    return text;
}

static char *in_hex(const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = bc_alloc(2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return text;
}

void bc_json_name(json_t *object, const char *key, const void *bytes, size_t len)
{
    if (bc_text_is_utf8(bytes, len)) {
        set(object, key, json_stringn(len > 0 ? bytes : "", len));
        return;
    }
    size_t text_len;
    char *text = replaced(bytes, len, &text_len), *hex = in_hex(bytes, len);
    char *hex_key = bc_format("%s_hex", key);
    set(object, key, json_stringn(text, text_len));
    set(object, hex_key, json_string(hex));
    free(text);
    free(hex);
    free(hex_key);
}

void bc_json_text(json_t *object, const char *key, const char *text)
{
    bc_json_name(object, key, text, strlen(text));
}

void bc_json_number(json_t *object, const char *key, uint64_t number)
{
    set(object, key, number > INT64_MAX ? json_null() : json_integer((json_int_t)number));
}

void bc_json_signed(json_t *object, const char *key, int64_t number)
{
    set(object, key, json_integer(number));
}

void bc_json_known(json_t *object, const char *key, uint64_t number)
{
    if (number != 0) {
        bc_json_number(object, key, number);
    } else {
        set(object, key, json_null());
    }
}

void bc_json_real(json_t *object, const char *key, double number)
{
    json_t *value = json_real(number);
    set(object, key, value != NULL ? value : json_null()); /* NaN and infinities have no number */
}

void bc_json_bool(json_t *object, const char *key, int is_true)
{
    set(object, key, json_boolean(is_true));
}

void bc_json_time(json_t *object, const char *key, uint64_t ns)
{
    char buf[64];
    set(object, key, ns == 0 ? json_null() : json_string(bc_text_utc(ns, buf, sizeof buf)));
}

static void put(json_t *value)
{
    /* A string may have characters that do something to a terminal; a pipe gets it as it is. */
    size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0);
    if (json_dumpf(value, stdout, flags) != 0 && !ferror(stdout)) {
        fputs("brain: out of memory\n", stderr);
        exit(BC_SYSTEM);
    }
    json_decref(value);
}

void bc_json_print_put(const char *space, const void *name, size_t name_len, uint64_t version,
                       uint64_t size_bytes)
{
    json_t *object = json_object();
    bc_json_name(object, "name", name, name_len);
    bc_json_name(object, "namespace", space, strlen(space));
    bc_json_number(object, "version", version);
    bc_json_number(object, "size", size_bytes);
    bc_json_print(object);
}

void bc_json_print(json_t *value)
{
    put(value);
    putchar('\n');
}

void bc_json_begin(struct bc_json_array *array)
{
    array->has_items = 0;
    putchar('[');
}

void bc_json_item(struct bc_json_array *array, json_t *value)
{
    fputs(array->has_items ? ",\n" : "\n", stdout);
    array->has_items = 1;
    put(value);
}

void bc_json_end(struct bc_json_array *array)
{
    fputs(array->has_items ? "\n]\n" : "]\n", stdout);
}
