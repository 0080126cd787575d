/* text.h - texts for people and for pipes: names that cannot harm, sizes, times. */
#ifndef BC_TEXT_H
#define BC_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Set the locale up, so that widths are those of UTF-8, which all output is in. Once, at the start. */
void bc_text_begin(void);

/* A name as it may be shown anywhere, as one line: what is not printable is escaped, `\\` too. To be freed.
 * Never NULL: ends the process where there is no memory.
 *
 * columns   0, or how wide it may be on a terminal: longer ones are cut, and end with an ellipsis. At least 1. */
char *bc_text_name(const void *bytes, size_t len, size_t columns);

/* The same of a text whose newlines and tabs stand as they are: for values. */
char *bc_text_value(const void *bytes, size_t len);

/* Columns that a printable text takes. */
size_t bc_text_width(const char *text);

/* Whether it is UTF-8. */
int bc_text_is_utf8(const void *bytes, size_t len);

/* How much of a text that was cut off somewhere is whole characters; all of it where it is no UTF-8. */
size_t bc_text_whole(const char *text, size_t len);

/* Read escapes as bc_text_name() writes them, in place. Returns the length, or SIZE_MAX: that is none. */
size_t bc_text_unescape(char *text);

/* A number of bytes for people, "1.2 MB"; a moment, "2026-11-29 23:04:05", of local time. `room` at least 32. */
const char *bc_text_size(uint64_t bytes, char *buf, size_t room);
const char *bc_text_time(uint64_t ns, char *buf, size_t room);

/* The same moment for programs: "2026-11-29T23:04:05.123456789Z". */
const char *bc_text_utc(uint64_t ns, char *buf, size_t room);

/* Read a number of bytes: digits, and k M G T (1000 each) or Ki Mi Gi Ti (1024), with or without a B. Returns 0,
 * or -1. */
int bc_text_parse_size(const char *text, uint64_t *bytes_out);

/* The name of a kind of values, "tensor"; of one that is not known "kind 99", in `buf`. */
const char *bc_text_kind(uint32_t kind, char *buf, size_t room);

/* Now, by the monotonic clock, and nothing for so long, which a signal ends. */
int64_t bc_now_ns(void);
void bc_pause(int64_t ns);
#define BC_SECOND_NS INT64_C(1000000000)

/* Memory, or the end of the process with 8. */
void *bc_alloc(size_t bytes);
void *bc_realloc(void *old, size_t bytes);
char *bc_strdup(const char *text);
char *bc_copy(const void *bytes, size_t len); /* terminated */
__attribute__((format(printf, 1, 2))) char *bc_format(const char *format, ...);

#endif
