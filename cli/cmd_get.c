/* cmd_get.c - brain get: a value, to a pipe as its bytes, to a terminal as people expect to see it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "commands.h"
#include "json.h"
#include "out.h"
#include "table.h"
#include "text.h"
#include "value.h"

#define SHOWN_BYTES  512u     /* of bytes, on a terminal */
#define SHOWN_TEXT   1000000u /* of a str, on a terminal */
#define DIGITS_BYTES 65536u   /* of an int: longer ones take too long to make decimal */

/* ---- numbers */

/* A two's complement number of any length as decimal digits. To be freed. */
static char *int_text(const uint8_t *bytes, size_t n)
{
    if (n == 0) return bc_strdup("0");
    bool is_negative = (bytes[n - 1] & 0x80) != 0;
    size_t n_words = (n + 3) / 4 + 1, n_parts = 0;
    uint32_t *words =
        bc_alloc(n_words * sizeof *words); /* of its absolute value, the least first */
    uint32_t *parts = bc_alloc((n_words * 10 / 9 + 2) * sizeof *parts); /* nine digits each */
    uint64_t carry = is_negative;
    for (size_t i = 0; i < n_words * 4; i++) {
        uint8_t byte = i < n ? bytes[i] : is_negative ? 0xff : 0;
        carry += is_negative ? (uint8_t)~byte : byte;
        words[i / 4] |= (uint32_t)(carry & 0xff) << (8 * (i % 4));
        carry >>= 8;
    }
    while (n_words > 0) {
        uint64_t rest = 0;
        for (size_t i = n_words; i-- > 0;) {
            rest = rest << 32 | words[i];
            words[i] = (uint32_t)(rest / 1000000000);
            rest %= 1000000000;
        }
        parts[n_parts++] = (uint32_t)rest;
        while (n_words > 0 && words[n_words - 1] == 0) {
            n_words--;
        }
    }
    char *text = bc_alloc(9 * n_parts + 3), *to = text;
    to += sprintf(to, "%s%" PRIu32, is_negative ? "-" : "", parts[n_parts - 1]);
    for (size_t i = n_parts - 1; i-- > 0;) {
        to += sprintf(to, "%09" PRIu32, parts[i]);
    }
    free(words);
    free(parts);
    return text;
}

/* As Python writes it: as few digits as give the same number again. */
static char *float_text(double number)
{
    char buf[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, number);
        if (strtod(buf, NULL) == number) break;
    }
    if (isfinite(number) && strpbrk(buf, ".e") == NULL) strcat(buf, ".0");
    return bc_strdup(isnan(number) ? "nan" : buf);
}

/* What has a short text: a number, None, True, False. NULL: it has none. To be freed. */
static char *short_text(const struct bc_value *value)
{
    double number;
    switch (value->kind) {
    case BRAIN_KIND_NONE:
        return bc_strdup("None");
    case BRAIN_KIND_FALSE:
        return bc_strdup("False");
    case BRAIN_KIND_TRUE:
        return bc_strdup("True");
    case BRAIN_KIND_INT:
        return value->size_bytes <= DIGITS_BYTES ? int_text(value->data, (size_t)value->size_bytes)
                                                 : NULL;
    case BRAIN_KIND_FLOAT:
        if (value->size_bytes != sizeof number) return NULL;
        memcpy(&number, value->data, sizeof number);
        return float_text(number);
    default:
        return NULL;
    }
}

/* ---- a terminal */

static void print_hex(const uint8_t *data, uint64_t size_bytes)
{
    uint64_t n = size_bytes < SHOWN_BYTES ? size_bytes : SHOWN_BYTES;
    for (uint64_t at = 0; at < n; at += 16) {
        printf("%08" PRIx64 " ", at);
        for (uint64_t i = at; i < at + 16; i++) {
            if (i < n) {
                printf(" %02x", data[i]);
            } else {
                fputs("   ", stdout);
            }
        }
        fputs("  ", stdout);
        for (uint64_t i = at; i < at + 16 && i < n; i++) {
            putchar(data[i] >= 0x20 && data[i] < 0x7f ? data[i] : '.');
        }
        putchar('\n');
    }
}

static void print_text(const uint8_t *data, uint64_t size_bytes)
{
    size_t n = (size_t)(size_bytes < SHOWN_TEXT ? size_bytes : SHOWN_TEXT);
    while (n < size_bytes && n > 0 && (data[n] & 0xc0) == 0x80) {
        n--; /* not within a character */
    }
    char *text = bc_text_value(data, n);
    fputs(text, stdout);
    if (n == 0 || data[n - 1] != '\n') putchar('\n');
    free(text);
}

static void say_rest(const struct bc_context *context, uint64_t n_shown, uint64_t size_bytes)
{
    char size[32];
    if (size_bytes > n_shown) {
        bc_say(context, "%s more: -o FILE, or a pipe, has all",
               bc_text_size(size_bytes - n_shown, size, sizeof size));
    }
}

static int show_array(struct bc_context *context, const struct bc_value *value)
{
    brain_tensor tensor;
    char type[64], shape[512], size[32];
    uint64_t n_edge = 3;
    int status = bc_option_number(context, "rows", &n_edge);
    if (status != 0) return status;
    int err =
        brain_tensor_decode(value->view.meta, value->view.meta_len, value->size_bytes, &tensor);
    if (err != 0) return bc_fail(context, err, NULL);
    printf("%s%s, shape %s, %s%s%s\n", bc_style(context, BC_DIM),
           bc_array_type(&tensor, type, sizeof type), bc_array_shape(&tensor, shape, sizeof shape),
           bc_text_size(value->size_bytes, size, sizeof size),
           tensor.fortran ? ", Fortran order" : "", bc_style(context, BC_PLAIN));
    bc_array_print(context, &tensor, value->data, n_edge);
    return 0;
}

static int show(struct bc_context *context, const struct bc_value *value)
{
    if (value->kind == BRAIN_KIND_TENSOR) return show_array(context, value);
    bool is_text = value->kind == BRAIN_KIND_STR ||
                   (value->size_bytes <= SHOWN_TEXT && value->size_bytes > 0 &&
                    memchr(value->data, '\0', (size_t)value->size_bytes) == NULL &&
                    bc_text_is_utf8(value->data, (size_t)value->size_bytes));
    if (is_text) {
        print_text(value->data, value->size_bytes);
        say_rest(context, SHOWN_TEXT, value->size_bytes);
    } else {
        print_hex(value->data, value->size_bytes);
        say_rest(context, SHOWN_BYTES, value->size_bytes);
    }
    return 0;
}

/* ---- JSON */

static int add_json_value(json_t *object, const struct bc_value *value)
{
    brain_tensor tensor;
    int64_t number;
    double real;
    switch (value->kind) {
    case BRAIN_KIND_NONE:
        json_object_set_new(object, "value", json_null());
        return 0;
    case BRAIN_KIND_FALSE:
    case BRAIN_KIND_TRUE:
        bc_json_bool(object, "value", value->kind == BRAIN_KIND_TRUE);
        return 0;
    case BRAIN_KIND_INT:
        if (value->size_bytes == sizeof number) {
            memcpy(&number, value->data, sizeof number);
            bc_json_signed(object, "value", number);
            return 0;
        }
        break;
    case BRAIN_KIND_FLOAT:
        if (value->size_bytes == sizeof real) {
            memcpy(&real, value->data, sizeof real);
            bc_json_real(object, "value", real);
            return 0;
        }
        break;
    case BRAIN_KIND_TENSOR: {
        char type[64];
        int err =
            brain_tensor_decode(value->view.meta, value->view.meta_len, value->size_bytes, &tensor);
        if (err != 0) return err;
        bc_json_text(object, "dtype", bc_array_type(&tensor, type, sizeof type));
        json_t *shape = json_array();
        for (uint32_t i = 0; i < tensor.ndim; i++) {
            json_array_append_new(shape, json_integer((json_int_t)tensor.shape[i]));
        }
        json_object_set_new(object, "shape", shape);
        json_t *elements = bc_array_json(&tensor, value->data);
        json_object_set_new(object, "value", elements != NULL ? elements : json_null());
        return 0;
    }
    default:
        break;
    }
    char *text = short_text(value);
    if (text != NULL) {
        bc_json_text(object, "value", text);
    } else {
        bc_json_name(object, "value", value->data, (size_t)value->size_bytes);
    }
    free(text);
    return 0;
}

static int print_json(struct bc_context *context, const struct bc_value *value)
{
    char kind[32];
    json_t *object = json_object();
    bc_json_name(object, "name", value->view.name, value->view.name_len);
    bc_json_name(object, "namespace", context->space, strlen(context->space));
    bc_json_text(object, "kind", bc_text_kind(value->kind, kind, sizeof kind));
    bc_json_number(object, "size", value->size_bytes);
    bc_json_number(object, "version", value->view.version);
    bc_json_time(object, "created", brain_view_created_ns(&value->view));
    int err = add_json_value(object, value);
    if (err != 0) {
        json_decref(object);
        return bc_fail(context, err, NULL);
    }
    bc_json_print(object);
    return 0;
}

/* ---- the command */

/* Whether only Python can show it, in the form that is asked for. */
static bool is_for_python(const struct bc_context *context, const struct bc_value *value)
{
    if (bc_option(context, "raw") != NULL) return false;
    if (value->kind == BRAIN_KIND_PICKLE || value->kind == BRAIN_KIND_TREE) return true;
    return value->kind == BRAIN_KIND_ARROW &&
           ((context->is_terminal && bc_option(context, "output") == NULL) || context->json);
}

static int print_value(struct bc_context *context, const struct bc_value *value)
{
    const char *path = bc_option(context, "output");
    bool is_raw = bc_option(context, "raw") != NULL;
    if (value->kind == BRAIN_KIND_UNSEALED) return bc_say_unsealed(context);
    if (context->json && !is_raw && path == NULL) return print_json(context, value);
    char *text = is_raw ? NULL : short_text(value);
    int status;
    if (text != NULL) {
        char *line = bc_format("%s\n", text);
        status = bc_out_write(context, path, line, strlen(line));
        free(line);
        free(text);
        return status;
    }
    if (context->is_terminal && !is_raw && path == NULL) return show(context, value);
    return bc_out_write(context, path, value->data, value->size_bytes);
}

static int hand_over(struct bc_context *context, char *name)
{
    char rows[] = "-r", end[] = "--", *words[5];
    const char *n_rows = bc_option(context, "rows");
    int n = 0;
    if (bc_option(context, "output") != NULL) {
        return bc_usage(context,
                        "only Python understands this value: with -o, --raw writes its bytes");
    }
    if (n_rows != NULL) {
        words[n++] = rows;
        words[n++] = bc_strdup(n_rows);
    }
    words[n++] = end;
    words[n++] = name;
    words[n] = NULL;
    int status = bc_become(context, "show", words);
    if (status == BC_NO) {
        bc_say(context,
               "only Python understands this value, and brain-show, which shows it, is not "
               "installed: it "
               "comes with the Python package, brain-plasma 1.0. --raw has its bytes");
        status = BC_SYSTEM;
    }
    return status;
}

static int get(struct bc_context *context, char *as_given)
{
    brain_space *space;
    const char *name;
    size_t name_len;
    struct bc_value value;
    int status = bc_name(context, context->arguments[0], &name, &name_len);
    if (status == 0) status = bc_open(context, BC_LOOK);
    if (status == 0) status = bc_open_space(context, &space);
    if (status != 0) return status;
    status = bc_value_get(context, space, name, name_len, &value);
    brain_space_close(space);
    if (status != 0) return status;
    bool is_handed_over = is_for_python(context, &value);
    if (!is_handed_over) status = print_value(context, &value);
    bc_value_drop(&value);
    return is_handed_over ? hand_over(context, as_given) : status;
}

int bc_get(struct bc_context *context)
{
    char *as_given = bc_strdup(context->arguments[0]); /* escapes are read in place */
    int status = get(context, as_given);
    free(as_given);
    return status;
}
