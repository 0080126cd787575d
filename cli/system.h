/* system.h - what of the system is in the way of a store. */
#ifndef BC_SYSTEM_H
#define BC_SYSTEM_H

#include "finds.h"

/* Add what is found. `stat` NULL: the store cannot be opened, and `directory` is where it would be. */
void bc_system_look(struct bc_finds *finds, const char *directory, const brain_stat *stat);

#endif
