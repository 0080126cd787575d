/* table.h - rows for people on a terminal, and for programs in a pipe.
 *
 * On a terminal a table has a head and aligned columns, sizes and times as people write them, and names that are too
 * long for the line are cut. In a pipe there is a line for each row, without a head, a TAB between cells; sizes are
 * numbers of bytes, times UTC, names whole; a row is printed when it is complete.
 */
#ifndef BC_TABLE_H
#define BC_TABLE_H

#include "command.h"

struct bc_column {
    const char *title;
    enum bc_align {
        BC_LEFT,
        BC_RIGHT,
        BC_ELASTIC, /* left, and cut where the line is too long */
    } align;
};

struct bc_table;

/* `columns` have to stay. */
struct bc_table *bc_table_new(const struct bc_context *context, const struct bc_column *columns,
                              size_t n_columns);

/* The next cell; a row is complete with the last of its columns. */
void bc_table_text(struct bc_table *table, const char *text); /* printable already */
void bc_table_name(struct bc_table *table, const void *bytes, size_t len);
void bc_table_number(struct bc_table *table, uint64_t number);
void bc_table_size(struct bc_table *table, uint64_t bytes);
void bc_table_time(struct bc_table *table, uint64_t ns); /* 0: "-" */

/* Print what is left, and free it. */
void bc_table_end(struct bc_table *table);

/* "label: value" lines, for one thing: aligned on a terminal, TAB between them in a pipe. */
void bc_line_text(const struct bc_context *context, const char *label, const char *text);
void bc_line_name(const struct bc_context *context, const char *label, const void *bytes,
                  size_t len);
void bc_line_number(const struct bc_context *context, const char *label, uint64_t number);
void bc_line_size(const struct bc_context *context, const char *label, uint64_t bytes);
void bc_line_time(const struct bc_context *context, const char *label, uint64_t ns);

/* Escape sequences of a terminal, or "" where there are to be none. */
enum bc_style {
    BC_PLAIN,
    BC_BOLD,
    BC_DIM,
    BC_RED,
    BC_YELLOW,
    BC_GREEN,
};
const char *bc_style(const struct bc_context *context, enum bc_style style);

#endif
