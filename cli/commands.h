/* commands.h - the one table of all subcommands: help, completion and man pages are made from it. */
#ifndef BC_COMMANDS_H
#define BC_COMMANDS_H

#include "command.h"

extern const struct bc_command BC_COMMANDS[]; /* in the order of the help; its end has no name */
extern const struct bc_option_row BC_GLOBAL_OPTIONS[];

extern const struct bc_exit_row {
    int status;
    const char *meaning;
} BC_EXITS[]; /* its end has no meaning */

/* The row of a subcommand, or NULL. */
const struct bc_command *bc_find_command(const char *name);

/* The hidden ones, that build and completion call; not in BC_COMMANDS. */
const struct bc_command *bc_find_hidden(const char *name);

#endif
