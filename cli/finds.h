/* finds.h - what brain doctor has found: a list, printed with what was done about each. */
#ifndef BC_FINDS_H
#define BC_FINDS_H

#include <stdbool.h>

#include "command.h"

enum bc_severity {
    BC_NOTE,    /* worth to know; not counted as a find */
    BC_WARNING, /* it will go wrong some time */
    BC_PROBLEM, /* it is wrong now */
};

struct bc_find {
    enum bc_severity severity;
    const char *id; /* one word, for programs */
    char *what, *evidence, *advice;
    /* NULL: nothing that this command does. Returns an exit status; 0: fixed. */
    int (*fix)(struct bc_context *, const struct bc_find *);
    char *question; /* asked before */
    int32_t pid;    /* for fix, as */
    uint64_t epoch; /* which holding of the lock it is about */
    bool is_fixed;
};

struct bc_finds {
    struct bc_find *all;
    size_t n;
};

/* Add one; the texts are taken over. Valid until the next is added. */
struct bc_find *bc_find_add(struct bc_finds *finds, enum bc_severity severity, const char *id,
                            char *what, char *evidence, char *advice);

void bc_finds_free(struct bc_finds *finds);

/* "problem", "warning", "note". */
const char *bc_find_severity(enum bc_severity severity);

/* Print all: for people, for a pipe, or as JSON. */
void bc_finds_print(const struct bc_context *context, const struct bc_finds *finds);

#endif
