/* operations.h - what is done to the store under test while something fails. */
#ifndef BN_TESTS_OPERATIONS_H
#define BN_TESTS_OPERATIONS_H

#include <stdbool.h>

struct operation {
    const char *name;   /* NULL ends the table */
    int (*run)(void);   /* may fail */
    void (*undo)(void); /* removes what `run` made where it did not */
    bool is_partial;    /* what was done before the failure stays, and `undo` is for that, too */
};
extern const struct operation operations[];

/* Once, before all: what they work with. */
void operations_begin(void);

#endif
