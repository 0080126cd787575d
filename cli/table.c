/* table.c - rows for people on a terminal, and for programs in a pipe. */
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define GAP   2 /* columns between two cells */
#define LABEL 14
#define LEAST 8 /* columns that an elastic cell keeps */

struct cell {
    char *text; /* printable; NULL: a name, which is cut when the widths are known */
    void *name;
    size_t name_len;
};

struct bc_table {
    const struct bc_context *context;
    const struct bc_column *columns;
    size_t n_columns;
    struct cell *cells;
    size_t n_cells, room;
};

struct bc_table *bc_table_new(const struct bc_context *context, const struct bc_column *columns,
                              size_t n_columns)
{
    struct bc_table *table = bc_alloc(sizeof *table);
    *table = (struct bc_table){ .context = context, .columns = columns, .n_columns = n_columns };
    return table;
}

/* ---- cells */

static void print_piped(struct bc_table *table)
{
    for (size_t i = 0; i < table->n_cells; i++) {
        fputs(table->cells[i].text, stdout);
        putchar(i + 1 < table->n_cells ? '\t' : '\n');
        free(table->cells[i].text);
    }
    table->n_cells = 0;
}

static void add(struct bc_table *table, struct cell cell)
{
    if (table->n_cells == table->room) {
        table->room = table->room > 0 ? 2 * table->room : 64;
        table->cells = bc_realloc(table->cells, table->room * sizeof *table->cells);
    }
    table->cells[table->n_cells++] = cell;
    if (!table->context->is_terminal && table->n_cells == table->n_columns) print_piped(table);
}

void bc_table_text(struct bc_table *table, const char *text)
{
    add(table, (struct cell){ .text = bc_strdup(text) });
}

void bc_table_name(struct bc_table *table, const void *bytes, size_t len)
{
    struct cell cell = { .name_len = len };
    if (!table->context->is_terminal) {
        cell.text = bc_text_name(bytes, len, 0);
    } else {
        cell.name = bc_alloc(len);
        if (len > 0) memcpy(cell.name, bytes, len);
    }
    add(table, cell);
}

void bc_table_number(struct bc_table *table, uint64_t number)
{
    add(table, (struct cell){ .text = bc_format("%" PRIu64, number) });
}

void bc_table_size(struct bc_table *table, uint64_t bytes)
{
    char buf[32];
    if (table->context->is_terminal) {
        bc_table_text(table, bc_text_size(bytes, buf, sizeof buf));
    } else {
        bc_table_number(table, bytes);
    }
}

void bc_table_time(struct bc_table *table, uint64_t ns)
{
    char buf[64];
    bc_table_text(table, table->context->is_terminal ? bc_text_time(ns, buf, sizeof buf)
                                                     : bc_text_utc(ns, buf, sizeof buf));
}

/* ---- a terminal's table */

/* Cut the names of one column to what the line leaves, `columns` at most. */
static void cut_names(struct bc_table *table, size_t column, size_t columns)
{
    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        struct cell *cell = &table->cells[i];
        if (cell->text != NULL) continue;
        cell->text = bc_text_name(cell->name, cell->name_len, columns);
        free(cell->name);
        cell->name = NULL;
    }
}

static size_t widest(const struct bc_table *table, size_t column)
{
    size_t width = bc_text_width(table->columns[column].title);
    for (size_t i = column; i < table->n_cells; i += table->n_columns) {
        size_t cell = bc_text_width(table->cells[i].text);
        if (cell > width) width = cell;
    }
    return width;
}

/* Columns of a line that are left for the elastic cells, each. */
static size_t left_for_elastic(const struct bc_table *table)
{
    size_t taken = GAP * (table->n_columns - 1), n_elastic = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].align == BC_ELASTIC) {
            n_elastic++;
        } else {
            taken += widest(table, i);
        }
    }
    size_t line = table->context->columns > 0 ? (size_t)table->context->columns : 80;
    size_t left = n_elastic > 0 && line > taken ? (line - taken) / n_elastic : 0;
    return left > LEAST ? left : LEAST;
}

static void print_cell(const char *text, size_t width, enum bc_align align, bool is_last)
{
    size_t own = bc_text_width(text);
    int padding = own < width ? (int)(width - own) : 0;
    if (align == BC_RIGHT) {
        printf("%*s%s", padding, "", text);
    } else if (is_last) {
        fputs(text, stdout);
    } else {
        printf("%s%*s", text, padding, "");
    }
    if (!is_last) printf("%*s", GAP, "");
}

static void print_aligned(struct bc_table *table, const size_t *widths)
{
    size_t n = table->n_columns;
    bool has_titles = false;
    for (size_t i = 0; i < n; i++) {
        has_titles |= table->columns[i].title[0] != '\0';
    }
    if (has_titles) {
        fputs(bc_style(table->context, BC_BOLD), stdout);
        for (size_t i = 0; i < n; i++) {
            print_cell(table->columns[i].title, widths[i], table->columns[i].align, i + 1 == n);
        }
        printf("%s\n", bc_style(table->context, BC_PLAIN));
    }
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % n;
        print_cell(table->cells[i].text, widths[column], table->columns[column].align,
                   column + 1 == n);
        if (column + 1 == n) putchar('\n');
    }
}

void bc_table_end(struct bc_table *table)
{
    size_t *widths = bc_alloc(table->n_columns * sizeof *widths);
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].align != BC_ELASTIC) cut_names(table, i, 0);
    }
    size_t left = table->n_cells > 0 ? left_for_elastic(table) : 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->columns[i].align == BC_ELASTIC) cut_names(table, i, left);
        widths[i] = widest(table, i);
    }
    if (table->n_cells > 0) print_aligned(table, widths);
    for (size_t i = 0; i < table->n_cells; i++) {
        free(table->cells[i].text);
    }
    free(widths);
    free(table->cells);
    free(table);
}

/* ---- lines of one thing */

void bc_line_text(const struct bc_context *context, const char *label, const char *text)
{
    if (context->is_terminal) {
        printf("%s%-*s%s %s\n", bc_style(context, BC_DIM), LABEL, label,
               bc_style(context, BC_PLAIN), text);
    } else {
        printf("%s\t%s\n", label, text);
    }
}

void bc_line_name(const struct bc_context *context, const char *label, const void *bytes,
                  size_t len)
{
    char *text = bc_text_name(bytes, len, 0);
    bc_line_text(context, label, text);
    free(text);
}

void bc_line_number(const struct bc_context *context, const char *label, uint64_t number)
{
    char buf[32];
    snprintf(buf, sizeof buf, "%" PRIu64, number);
    bc_line_text(context, label, buf);
}

void bc_line_size(const struct bc_context *context, const char *label, uint64_t bytes)
{
    char buf[32];
    if (context->is_terminal) {
        bc_line_text(context, label, bc_text_size(bytes, buf, sizeof buf));
    } else {
        bc_line_number(context, label, bytes);
    }
}

void bc_line_time(const struct bc_context *context, const char *label, uint64_t ns)
{
    char buf[64];
    bc_line_text(context, label,
                 context->is_terminal ? bc_text_time(ns, buf, sizeof buf)
                                      : bc_text_utc(ns, buf, sizeof buf));
}

const char *bc_style(const struct bc_context *context, enum bc_style style)
{
    static const char *const sequences[] = {
        [BC_PLAIN] = "\033[0m", [BC_BOLD] = "\033[1m",    [BC_DIM] = "\033[2m",
        [BC_RED] = "\033[31m",  [BC_YELLOW] = "\033[33m", [BC_GREEN] = "\033[32m",
    };
    return context->colour ? sequences[style] : "";
}
