/* array.c - the elements of an array as text, and as JSON.
 *
 * An element is read by its NumPy type string: byte order, kind and size. What the string says beyond what is known
 * here is shown as the bytes it has. brain_tensor_decode() has seen to it that shape and size of the data agree; that
 * the type's size is that of an element is seen to here.
 */
#include "array.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "table.h"
#include "text.h"

#define CELL_MAX 28 /* columns of a text in a cell */
#define COLUMNS_MAX                                                                                \
    8 /* elements of a row that are shown all; of longer ones so many at each end: */
#define N_EDGE 3

struct element_type {
    char kind;       /* as NumPy's: b i u f c M m S U V; 0: not known, shown as bytes */
    bool is_swapped; /* big-endian */
    size_t bytes;
    const char *unit; /* of M and m: "ns]" or "25s]" */
};

static struct element_type type_of(const brain_tensor *tensor)
{
    const char *dtype = tensor->dtype;
    struct element_type type = { .bytes = (size_t)tensor->item_bytes };
    if (strchr("<>|=", dtype[0]) == NULL || dtype[0] == '\0' || dtype[1] == '\0') return type;
    char *end;
    unsigned long size = strtoul(dtype + 2, &end, 10);
    char kind = dtype[1];
    uint64_t bytes = kind == 'U' ? 4 * (uint64_t)size : size;
    static const char *const sizes[] = { "b1", "i1", "i2", "i4", "i8", "u1",  "u2", "u4",
                                         "u8", "f2", "f4", "f8", "c8", "c16", "M8", "m8" };
    char plain[8];
    snprintf(plain, sizeof plain, "%c%lu", kind, size);
    bool is_known = strchr("SUV", kind) != NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        is_known |= strcmp(plain, sizes[i]) == 0;
    }
    if (!is_known || bytes != tensor->item_bytes) return type;
    type.kind = kind;
    type.is_swapped = dtype[0] == '>';
    type.unit = *end == '[' ? end + 1 : NULL;
    return type;
}

const char *bc_array_type(const brain_tensor *tensor, char *buf, size_t room)
{
    static const struct {
        char kind;
        const char *name;
    } names[] = { { 'i', "int" }, { 'u', "uint" }, { 'f', "float" }, { 'c', "complex" } };
    struct element_type type = type_of(tensor);
    const char *name = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].kind == type.kind) name = names[i].name;
    }
    if (name != NULL) {
        snprintf(buf, room, "%s%zu", name, 8 * type.bytes);
    } else if (type.kind == 'b') {
        snprintf(buf, room, "bool");
    } else if ((type.kind == 'M' || type.kind == 'm') && type.unit != NULL) {
        snprintf(buf, room, "%s[%s", type.kind == 'M' ? "datetime64" : "timedelta64", type.unit);
    } else {
        char *shown = bc_text_name(tensor->dtype, strnlen(tensor->dtype, sizeof tensor->dtype), 0);
        snprintf(buf, room, "%s", shown);
        free(shown);
    }
    return buf;
}

const char *bc_array_shape(const brain_tensor *tensor, char *buf, size_t room)
{
    size_t used = (size_t)snprintf(buf, room, "(");
    for (uint32_t i = 0; i < tensor->ndim && used + 26 < room; i++) {
        used += (size_t)snprintf(buf + used, room - used, "%s%" PRIu64, i > 0 ? ", " : "",
                                 tensor->shape[i]);
        if (i + 1 < tensor->ndim && used + 26 >= room)
            used += (size_t)snprintf(buf + used, room - used, ", ...");
    }
    snprintf(buf + used, room - used, tensor->ndim == 1 ? ",)" : ")");
    return buf;
}

/* ---- an element */

static uint64_t load(const uint8_t *bytes, size_t n, bool is_swapped)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++) {
        word = word << 8 | bytes[is_swapped ? i : n - 1 - i];
    }
    return word;
}

static double load_half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023), sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31) return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

static double load_float(const uint8_t *bytes, size_t n, bool is_swapped)
{
    uint64_t bits = load(bytes, n, is_swapped);
    if (n == 2) return load_half(bits);
    if (n == 4) {
        uint32_t word = (uint32_t)bits;
        float single;
        memcpy(&single, &word, sizeof single);
        return (double)single;
    }
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static int64_t load_signed(const uint8_t *bytes, size_t n, bool is_swapped)
{
    uint64_t word = load(bytes, n, is_swapped);
    if (n < 8 && (word >> (8 * n - 1) & 1) != 0) word |= UINT64_MAX << (8 * n);
    return (int64_t)word;
}

/* As few digits as give the number again; for people, of large and small ones fewer. */
static char *float_text(double number, size_t bytes, bool is_exact)
{
    char buf[64];
    int least = bytes == 2 ? 4 : bytes == 4 ? 6 : is_exact ? 15 : 8;
    int most = bytes == 2 ? (is_exact ? 17 : 4) : bytes == 4 ? 9 : is_exact ? 17 : 8;
    for (int digits = least; digits <= most; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, number);
        double again = strtod(buf, NULL);
        if (bytes == 4 ? (float)again == (float)number : again == number) break;
    }
    if (isfinite(number) && strpbrk(buf, ".e") == NULL) strcat(buf, ".0");
    return bc_strdup(isnan(number) ? "nan" : buf);
}

/* A moment, counted in units since 1970. Units that it does not know, and years beyond four digits, are numbers. */
static char *moment_text(int64_t count, const char *unit)
{
    static const struct {
        const char *unit;
        int64_t per_second; /* below 0: seconds of one */
        int digits;
    } units[] = { { "ns]", 1000000000, 9 }, { "us]", 1000000, 6 }, { "ms]", 1000, 3 },
                  { "s]", 1, 0 },           { "m]", -60, 0 },      { "h]", -3600, 0 },
                  { "D]", -86400, 0 } };
    char buf[64], fraction[32] = "";
    if (count == INT64_MIN) return bc_strdup("NaT");
    for (size_t i = 0; unit != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].unit) != 0) continue;
        int64_t seconds, rest = 0, per = units[i].per_second;
        if (per > 0) {
            seconds = count / per - (count % per < 0);
            rest = count - seconds * per;
        } else if (__builtin_mul_overflow(count, -per, &seconds)) {
            break;
        }
        if (seconds < -62135596800 || seconds > 253402300799) break;
        struct tm parts;
        time_t when = (time_t)seconds;
        if (gmtime_r(&when, &parts) == NULL) break;
        if (rest != 0) snprintf(fraction, sizeof fraction, ".%0*" PRId64, units[i].digits, rest);
        size_t len = (size_t)snprintf(buf, sizeof buf, "%04d", parts.tm_year + 1900);
        strftime(buf + len, sizeof buf - len,
                 strcmp(unit, "D]") == 0 ? "-%m-%d" : "-%m-%dT%H:%M:%S", &parts);
        return bc_format("%s%s", buf, fraction);
    }
    return bc_format("%" PRId64, count);
}

static char *hex_text(const uint8_t *bytes, size_t n)
{
    char *text = bc_alloc(2 * n + 3), *to = text;
    to += sprintf(to, "0x");
    for (size_t i = 0; i < n; i++) {
        to += sprintf(to, "%02x", bytes[i]);
    }
    return text;
}

/* UCS4 as UTF-8, without the zeros at its end. To be freed. */
static char *ucs4_bytes(const uint8_t *bytes, size_t n, bool is_swapped, size_t *len_out)
{
    char *text = bc_alloc(n + 1);
    size_t used = 0;
    for (size_t i = 0; i + 4 <= n; i += 4) {
        uint64_t c = load(bytes + i, 4, is_swapped);
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) c = 0xfffd;
        if (c < 0x80) {
            text[used++] = (char)c;
        } else if (c < 0x800) {
            text[used++] = (char)(0xc0 | c >> 6);
            text[used++] = (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            text[used++] = (char)(0xe0 | c >> 12);
            text[used++] = (char)(0x80 | (c >> 6 & 63));
            text[used++] = (char)(0x80 | (c & 63));
        } else {
            text[used++] = (char)(0xf0 | c >> 18);
            text[used++] = (char)(0x80 | (c >> 12 & 63));
            text[used++] = (char)(0x80 | (c >> 6 & 63));
            text[used++] = (char)(0x80 | (c & 63));
        }
    }
    while (used > 0 && text[used - 1] == '\0') {
        used--;
    }
    *len_out = used;
    return text;
}

/* To be freed. */
static char *element_text(const struct element_type *type, const uint8_t *bytes, bool is_exact)
{
    size_t columns = is_exact ? 0 : CELL_MAX;
    size_t n = type->bytes, len;
    char *text, *raw;
    switch (type->kind) {
    case 'b':
        return bc_strdup(bytes[0] != 0 ? "True" : "False");
    case 'i':
        return bc_format("%" PRId64, load_signed(bytes, n, type->is_swapped));
    case 'u':
        return bc_format("%" PRIu64, load(bytes, n, type->is_swapped));
    case 'f':
        return float_text(load_float(bytes, n, type->is_swapped), n, is_exact);
    case 'c': {
        char *re = float_text(load_float(bytes, n / 2, type->is_swapped), n / 2, is_exact);
        char *im = float_text(load_float(bytes + n / 2, n / 2, type->is_swapped), n / 2, is_exact);
        text = bc_format("%s%s%sj", re, im[0] == '-' ? "" : "+", im);
        free(re);
        free(im);
        return text;
    }
    case 'M':
        return moment_text(load_signed(bytes, n, type->is_swapped), type->unit);
    case 'm': {
        int64_t count = load_signed(bytes, n, type->is_swapped);
        return count == INT64_MIN ? bc_strdup("NaT") : bc_format("%" PRId64, count);
    }
    case 'S':
        for (len = n; len > 0 && bytes[len - 1] == '\0'; len--) {
        }
        return bc_text_name(bytes, len, columns);
    case 'U':
        raw = ucs4_bytes(bytes, n, type->is_swapped, &len);
        text = bc_text_name(raw, len, columns);
        free(raw);
        return text;
    default:
        return hex_text(bytes, n <= CELL_MAX / 2 ? n : CELL_MAX / 2);
    }
}

/* Where an element lies, by the number that it has in C order. */
static const uint8_t *place_of(const brain_tensor *tensor, const void *data, uint64_t number)
{
    if (!tensor->fortran) return (const uint8_t *)data + number * tensor->item_bytes;
    uint64_t at = 0, stride[BRAIN_TENSOR_NDIM_MAX], step = 1;
    for (uint32_t i = 0; i < tensor->ndim; i++) {
        stride[i] = step;
        step *= tensor->shape[i];
    }
    for (uint32_t i = tensor->ndim; i-- > 0;) {
        at += number % tensor->shape[i] * stride[i];
        number /= tensor->shape[i];
    }
    return (const uint8_t *)data + at * tensor->item_bytes;
}

/* ---- a terminal */

struct grid {
    const brain_tensor *tensor;
    const void *data;
    struct element_type type;
    uint64_t n_rows, n_columns;  /* of the array */
    uint64_t columns_at_an_edge; /* that are shown; 0: all */
};

/* Which of the array's columns is the i-th that is shown; UINT64_MAX: the gap. */
static uint64_t column_at(const struct grid *grid, uint64_t i)
{
    uint64_t edge = grid->columns_at_an_edge;
    if (edge == 0 || i < edge) return i;
    return i == edge ? UINT64_MAX : grid->n_columns - (2 * edge + 1 - i);
}

static uint64_t n_shown_columns(const struct grid *grid)
{
    return grid->columns_at_an_edge == 0 ? grid->n_columns : 2 * grid->columns_at_an_edge + 1;
}

/* The index of a row, "[0, 3]", into the first cell. */
static void add_label(struct bc_table *table, const struct grid *grid, uint64_t row)
{
    char text[512];
    uint64_t index[BRAIN_TENSOR_NDIM_MAX];
    uint32_t ndim = grid->tensor->ndim, n = ndim > 1 ? ndim - 1 : ndim;
    for (uint32_t i = n; i-- > 0;) {
        index[i] = row % grid->tensor->shape[i];
        row /= grid->tensor->shape[i];
    }
    size_t used = (size_t)snprintf(text, sizeof text, "[");
    for (uint32_t i = 0; i < n && used + 32 < sizeof text; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRIu64, i > 0 ? ", " : "",
                                 index[i]);
    }
    snprintf(text + used, sizeof text - used, "]");
    bc_table_text(table, text);
}

static void add_row(struct bc_table *table, const struct grid *grid, uint64_t row)
{
    add_label(table, grid, row);
    for (uint64_t i = 0; i < n_shown_columns(grid); i++) {
        uint64_t column = column_at(grid, i);
        if (column == UINT64_MAX) {
            bc_table_text(table, "...");
            continue;
        }
        const uint8_t *place = place_of(grid->tensor, grid->data, row * grid->n_columns + column);
        char *text = element_text(&grid->type, place, false);
        bc_table_text(table, text);
        free(text);
    }
}

void bc_array_print(const struct bc_context *context, const brain_tensor *tensor, const void *data,
                    uint64_t n_edge)
{
    struct grid grid = {
        .tensor = tensor, .data = data, .type = type_of(tensor), .n_rows = 1, .n_columns = 1
    };
    struct bc_column columns[COLUMNS_MAX + 2];
    char titles[COLUMNS_MAX + 2][24];
    for (uint32_t i = 0; i < tensor->ndim; i++) {
        if (tensor->shape[i] == 0) return;
        if (tensor->ndim > 1 && i + 1 == tensor->ndim) {
            grid.n_columns = tensor->shape[i];
        } else {
            grid.n_rows *= tensor->shape[i];
        }
    }
    if (tensor->ndim == 0) {
        char *text = element_text(&grid.type, data, true);
        puts(text);
        free(text);
        return;
    }
    if (grid.n_columns > COLUMNS_MAX) grid.columns_at_an_edge = N_EDGE;
    uint64_t n_columns = n_shown_columns(&grid);
    columns[0] = (struct bc_column){ "", BC_LEFT };
    for (uint64_t i = 0; i < n_columns; i++) {
        uint64_t column = column_at(&grid, i);
        snprintf(titles[i], sizeof titles[i], "%" PRIu64, column);
        bool is_named = tensor->ndim > 1 && column != UINT64_MAX;
        columns[i + 1] = (struct bc_column){ is_named ? titles[i] : "", BC_RIGHT };
    }
    struct bc_table *table = bc_table_new(context, columns, n_columns + 1);
    bool is_cut = grid.n_rows / 2 >= n_edge && grid.n_rows > 2 * n_edge;
    for (uint64_t row = 0; row < (is_cut ? n_edge : grid.n_rows); row++) {
        add_row(table, &grid, row);
    }
    if (is_cut) {
        for (uint64_t i = 0; i <= n_columns; i++) {
            bc_table_text(table, "...");
        }
        for (uint64_t row = grid.n_rows - n_edge; row < grid.n_rows; row++) {
            add_row(table, &grid, row);
        }
    }
    bc_table_end(table);
}

/* ---- JSON */

static json_t *element_json(const struct element_type *type, const uint8_t *bytes)
{
    if (type->kind == 'b') return json_boolean(bytes[0] != 0);
    if (type->kind == 'i') return json_integer(load_signed(bytes, type->bytes, type->is_swapped));
    if (type->kind == 'u') {
        uint64_t number = load(bytes, type->bytes, type->is_swapped);
        return number > INT64_MAX ? json_real((double)number) : json_integer((json_int_t)number);
    }
    if (type->kind == 'f') {
        double number = load_float(bytes, type->bytes, type->is_swapped);
        return isfinite(number) ? json_real(number) : json_null();
    }
    if ((type->kind == 'M' || type->kind == 'm') &&
        load_signed(bytes, type->bytes, type->is_swapped) == INT64_MIN) {
        return json_null(); /* NaT, which is no text */
    }
    char *text = element_text(type, bytes, true);
    json_t *value = json_string(text);
    free(text);
    return value;
}

/* The part of the array below one index for each of the first `axis` axes; `*number` is the next element. */
static json_t *nested(const brain_tensor *tensor, const struct element_type *type, const void *data,
                      uint32_t axis, uint64_t *number)
{
    if (axis == tensor->ndim) {
        return element_json(type, place_of(tensor, data, (*number)++));
    }
    json_t *list = json_array();
    for (uint64_t i = 0; i < tensor->shape[axis]; i++) {
        json_array_append_new(list, nested(tensor, type, data, axis + 1, number));
    }
    return list;
}

#define JSON_ELEMENTS_MAX 1000000u

json_t *bc_array_json(const brain_tensor *tensor, const void *data)
{
    struct element_type type = type_of(tensor);
    uint64_t n = 1, number = 0, lists = 1;
    for (uint32_t i = 0; i < tensor->ndim; i++) {
        /* Where an axis is 0 the others may be anything. */
        if (lists > JSON_ELEMENTS_MAX || tensor->shape[i] > JSON_ELEMENTS_MAX) return NULL;
        lists *= tensor->shape[i];
        n = lists;
    }
    if (type.kind == 0 || type.kind == 'V' || n > JSON_ELEMENTS_MAX) return NULL;
    return nested(tensor, &type, data, 0, &number);
}
