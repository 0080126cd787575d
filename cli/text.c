/* text.c - texts for people and for pipes.
 *
 * A name is any bytes, put by anybody: what it could do to a terminal (control characters, ESC above all), to the
 * order in which a line is read (bidirectional controls), or to the lines and fields of a pipe (newline, TAB) is
 * escaped, and so is what nobody would see. The escapes can be read back: a byte that is no UTF-8 is `\xff`, a
 * character `\u{ff}`, and a backslash is doubled.
 */
#include "text.h"

#include <brain.h>
#include <inttypes.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "command.h"

#define ELLIPSIS   "\xe2\x80\xa6"
#define NO_CHAR    UINT32_MAX
#define ESCAPE_MAX 16 /* bytes of one character, escaped, with its terminator */

static bool has_widths; /* wcwidth() knows characters beyond ASCII */

void bc_text_begin(void)
{
    setlocale(LC_CTYPE, "");
    has_widths = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ||
                 setlocale(LC_CTYPE, "C.UTF-8") != NULL ||
                 setlocale(LC_CTYPE, "en_US.UTF-8") != NULL;
}

/* ---- time */

int64_t bc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * BC_SECOND_NS + now.tv_nsec;
}

void bc_pause(int64_t ns)
{
    struct timespec pause = { .tv_sec = ns / BC_SECOND_NS, .tv_nsec = ns % BC_SECOND_NS };
    nanosleep(&pause, NULL);
}

/* ---- memory */

static void *sound(void *memory)
{
    if (memory == NULL) {
        fputs("brain: out of memory\n", stderr);
        exit(BC_SYSTEM);
    }
    return memory;
}

void *bc_alloc(size_t bytes)
{
    return sound(calloc(1, bytes > 0 ? bytes : 1));
}

void *bc_realloc(void *old, size_t bytes)
{
    return sound(realloc(old, bytes > 0 ? bytes : 1));
}

char *bc_strdup(const char *text)
{
    return sound(strdup(text));
}

char *bc_copy(const void *bytes, size_t len)
{
    char *text = bc_alloc(len + 1);
    if (len > 0) memcpy(text, bytes, len);
    return text;
}

char *bc_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    return sound(text);
}

/* ---- characters */

/* The character at `bytes` and how many bytes it has; NO_CHAR and 1 where there is none. */
static uint32_t decode(const uint8_t *bytes, size_t len, size_t *n_out)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint8_t first = bytes[0];
    size_t n = first < 0x80   ? 1
               : first < 0xc2 ? 0
               : first < 0xe0 ? 2
               : first < 0xf0 ? 3
               : first < 0xf5 ? 4
                              : 0;
    *n_out = 1;
    if (n == 0 || n > len) return NO_CHAR;
    uint32_t c = n == 1 ? first : first & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return NO_CHAR;
        c = c << 6 | (bytes[i] & 0x3fu);
    }
    if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff) return NO_CHAR;
    *n_out = n;
    return c;
}

int bc_text_is_utf8(const void *bytes, size_t len)
{
    for (size_t at = 0, n; at < len; at += n) {
        if (decode((const uint8_t *)bytes + at, len - at, &n) == NO_CHAR) return 0;
    }
    return 1;
}

size_t bc_text_whole(const char *text, size_t len)
{
    size_t n = len;
    while (n > 0 && len - n < 3 && !bc_text_is_utf8(text, n)) {
        n--;
    }
    return bc_text_is_utf8(text, n) ? n : len;
}

/* What nobody sees, or what changes how its neighbours are seen: the format characters of Unicode (Cf), line and
 * paragraph separators, and what is for private use or no character at all. */
static bool is_hidden(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        { 0x00ad, 0x00ad },   { 0x0600, 0x0605 },    { 0x061c, 0x061c },   { 0x06dd, 0x06dd },
        { 0x070f, 0x070f },   { 0x0890, 0x0891 },    { 0x08e2, 0x08e2 },   { 0x115f, 0x1160 },
        { 0x17b4, 0x17b5 },   { 0x180b, 0x180f },    { 0x200b, 0x200f },   { 0x2028, 0x202e },
        { 0x2060, 0x206f },   { 0x3164, 0x3164 },    { 0xd800, 0xf8ff },   { 0xfe00, 0xfe0f },
        { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },    { 0xfff0, 0xfffb },   { 0xfffe, 0xffff },
        { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },  { 0x13430, 0x1345f }, { 0x1bca0, 0x1bca3 },
        { 0x1d173, 0x1d17a }, { 0xe0000, 0x10ffff },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (c >= ranges[i].first && c <= ranges[i].last) return true;
    }
    return false;
}

/* Columns of a printable character, or -1. */
static int width_of(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || is_hidden(c)) return -1;
    if (c < 0x7f) return 1;
    return has_widths ? wcwidth((wchar_t)c) : 1;
}

/* One character, or one byte that is none, as it is shown. Returns its columns. */
static size_t show_char(uint32_t c, const uint8_t *bytes, size_t n, char out[ESCAPE_MAX])
{
    static const char *const short_forms[] = { ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t" };
    int width = c == NO_CHAR ? -1 : width_of(c);
    if (c == '\\') {
        strcpy(out, "\\\\");
    } else if (width >= 0) {
        memcpy(out, bytes, n);
        out[n] = '\0';
        return (size_t)width;
    } else if (c < sizeof short_forms / sizeof short_forms[0] && short_forms[c] != NULL) {
        strcpy(out, short_forms[c]);
    } else if (c == NO_CHAR || c < 0x80) {
        snprintf(out, ESCAPE_MAX, "\\x%02x", bytes[0]);
    } else {
        snprintf(out, ESCAPE_MAX, "\\u{%" PRIx32 "}", c);
    }
    return strlen(out);
}

char *bc_text_name(const void *name, size_t len, size_t columns)
{
    const uint8_t *bytes = name;
    size_t room = 64, used = 0, width = 0, cut_at = 0, n;
    char *text = bc_alloc(room);
    for (size_t at = 0; at < len; at += n) {
        char shown[ESCAPE_MAX];
        uint32_t c = decode(bytes + at, len - at, &n);
        width += show_char(c, bytes + at, n, shown);
        if (columns > 0 && width > columns) {
            text = bc_realloc(text, cut_at + sizeof ELLIPSIS);
            memcpy(text + cut_at, ELLIPSIS, sizeof ELLIPSIS);
            return text;
        }
        if (used + ESCAPE_MAX > room) text = bc_realloc(text, room *= 2);
        memcpy(text + used, shown, strlen(shown) + 1);
        used += strlen(shown);
        if (width + 1 <= columns) cut_at = used; /* so far, and an ellipsis behind it */
    }
    text[used] = '\0';
    return text;
}

char *bc_text_value(const void *value, size_t len)
{
    const uint8_t *bytes = value;
    size_t room = len + 64, used = 0, n;
    char *text = bc_alloc(room);
    for (size_t at = 0; at < len; at += n) {
        char shown[ESCAPE_MAX];
        uint32_t c = decode(bytes + at, len - at, &n);
        if (c == '\n' || c == '\t' || c == '\\') {
            shown[0] = (char)c;
            shown[1] = '\0';
        } else {
            show_char(c, bytes + at, n, shown);
        }
        if (used + ESCAPE_MAX > room) text = bc_realloc(text, room *= 2);
        memcpy(text + used, shown, strlen(shown) + 1);
        used += strlen(shown);
    }
    text[used] = '\0';
    return text;
}

size_t bc_text_width(const char *text)
{
    size_t width = 0, len = strlen(text), n;
    for (size_t at = 0; at < len; at += n) {
        int columns = width_of(decode((const uint8_t *)text + at, len - at, &n));
        width += columns > 0 ? (size_t)columns : 0;
    }
    return width;
}

/* ---- escapes, back */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6) {
        out[i] = (char)(0x80 | (c & 0x3f));
    }
    out[0] = (char)((0xf00u >> n & 0xf0) | c);
    return n;
}

/* The escape behind a backslash at `text`: how many bytes of text it has, 0 for none; and what it stands for. */
static size_t read_escape(const char *text, char out[4], size_t *n_out)
{
    static const char from[] = "\\nrt", to[] = "\\\n\r\t";
    const char *place = text[0] != '\0' ? strchr(from, text[0]) : NULL;
    *n_out = 1;
    if (place != NULL) {
        out[0] = to[place - from];
        return 1;
    }
    if (text[0] == 'x' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
        out[0] = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
        return 3;
    }
    if (text[0] != 'u' || text[1] != '{') return 0;
    uint32_t c = 0;
    size_t at = 2;
    for (; at < 8 && hex_digit(text[at]) >= 0; at++) {
        c = c << 4 | (uint32_t)hex_digit(text[at]);
    }
    if (at == 2 || text[at] != '}' || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return 0;
    *n_out = encode(c, out);
    return at + 1;
}

size_t bc_text_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        char bytes[4] = { *from };
        size_t n = 1, used = 1;
        if (*from == '\\') {
            used = read_escape(from + 1, bytes, &n);
            if (used == 0) return SIZE_MAX;
            used++;
        }
        from += used;
        memcpy(to, bytes, n); /* an escape is longer than what it stands for */
        to += n;
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* ---- numbers */

const char *bc_text_size(uint64_t bytes, char *buf, size_t room)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    size_t unit = 0;
    double number = (double)bytes;
    while (number >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        number /= 1000;
        unit++;
    }
    snprintf(buf, room, unit > 0 && number < 9.95 ? "%.1f %s" : "%.0f %s", number, units[unit]);
    return buf;
}

const char *bc_text_time(uint64_t ns, char *buf, size_t room)
{
    struct tm parts;
    time_t seconds = (time_t)(ns / 1000000000);
    if (ns == 0 || localtime_r(&seconds, &parts) == NULL ||
        strftime(buf, room, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        snprintf(buf, room, "-");
    }
    return buf;
}

const char *bc_text_utc(uint64_t ns, char *buf, size_t room)
{
    struct tm parts;
    time_t seconds = (time_t)(ns / 1000000000);
    size_t len = 0;
    if (ns != 0 && gmtime_r(&seconds, &parts) != NULL) {
        len = strftime(buf, room, "%Y-%m-%dT%H:%M:%S", &parts);
    }
    if (len == 0) {
        snprintf(buf, room, "-");
    } else {
        snprintf(buf + len, room - len, ".%09uZ", (unsigned)(ns % 1000000000));
    }
    return buf;
}

int bc_text_parse_size(const char *text, uint64_t *bytes_out)
{
    static const char letters[] = "kMGT";
    char *end;
    if (text[0] < '0' || text[0] > '9') return -1;
    double number = strtod(text, &end);
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return -1;
    const char *letter = *end != '\0' ? strchr(letters, *end == 'K' ? 'k' : *end) : NULL;
    if (letter != NULL) {
        end++;
        bool is_binary = *end == 'i';
        end += is_binary;
        for (const char *step = letters; step <= letter; step++) {
            number *= is_binary ? 1024 : 1000;
        }
    }
    end += *end == 'B';
    if (*end != '\0' || !(number < 9007199254740992.0)) return -1; /* exact up to there */
    *bytes_out = (uint64_t)number;
    return 0;
}

const char *bc_text_kind(uint32_t kind, char *buf, size_t room)
{
    static const char *const names[] = {
        [BRAIN_KIND_RAW] = "raw",         [BRAIN_KIND_NONE] = "none",
        [BRAIN_KIND_FALSE] = "bool",      [BRAIN_KIND_TRUE] = "bool",
        [BRAIN_KIND_INT] = "int",         [BRAIN_KIND_FLOAT] = "float",
        [BRAIN_KIND_STR] = "str",         [BRAIN_KIND_BYTES] = "bytes",
        [BRAIN_KIND_TENSOR] = "tensor",   [BRAIN_KIND_ARROW] = "arrow",
        [BRAIN_KIND_PICKLE] = "pickle",   [BRAIN_KIND_TREE] = "tree",
        [BRAIN_KIND_AWAY] = "away",       [BRAIN_KIND_UNSEALED] = "unsealed",
        [BRAIN_KIND_SPACE] = "namespace",
    };
    if (kind < sizeof names / sizeof names[0] && names[kind] != NULL) return names[kind];
    snprintf(buf, room, "kind %" PRIu32, kind);
    return buf;
}
