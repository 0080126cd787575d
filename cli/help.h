/* help.h - the help texts, made from the table of subcommands. */
#ifndef BC_HELP_H
#define BC_HELP_H

#include "command.h"

void bc_help_all(void);
void bc_help_of(const struct bc_command *command);

#endif
