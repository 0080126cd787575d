/* doctor.h - what brain doctor finds. */
#ifndef BC_DOCTOR_H
#define BC_DOCTOR_H

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
    int (*fix)(struct bc_context *,
               const struct bc_find *); /* NULL: nothing that this command does. Returns an exit
                                                                 status; 0: fixed */
    char *question;                     /* asked before */
    int32_t pid;                        /* for fix, as */
    uint64_t epoch;                     /* which holding of the lock it is about */
    bool is_fixed;
};

struct bc_finds {
    struct bc_find *all;
    size_t n;
};

/* Add one; the texts are taken over. Valid until the next is added. */
struct bc_find *bc_find_add(struct bc_finds *finds, enum bc_severity severity, const char *id,
                            char *what, char *evidence, char *advice);

/* What of the system is in the way of a store. `stat` NULL: it cannot be opened; then `directory` is where it would be. */
void bc_limits_look(struct bc_finds *finds, const char *directory, const brain_stat *stat);

#endif
