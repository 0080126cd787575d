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

/* What runs each of them, in the order of the table. */
int bc_create(struct bc_context *context);
int bc_ls(struct bc_context *context);
int bc_get(struct bc_context *context);
int bc_put(struct bc_context *context);
int bc_rm(struct bc_context *context);
int bc_cp(struct bc_context *context);
int bc_mv(struct bc_context *context);
int bc_stat(struct bc_context *context);
int bc_explain(struct bc_context *context);
int bc_check(struct bc_context *context);
int bc_compact(struct bc_context *context);
int bc_resize(struct bc_context *context);
int bc_quota(struct bc_context *context);
int bc_dump(struct bc_context *context);
int bc_load(struct bc_context *context);
int bc_destroy(struct bc_context *context);
int bc_metrics(struct bc_context *context);
int bc_help(struct bc_context *context);
int bc_completion(struct bc_context *context);
int bc_complete(struct bc_context *context);
int bc_man(struct bc_context *context);
int bc_who(struct bc_context *context);
int bc_doctor(struct bc_context *context);
int bc_top(struct bc_context *context);
int bc_watch(struct bc_context *context);

/* The hidden ones, that build and completion call; not in BC_COMMANDS. */
const struct bc_command *bc_find_hidden(const char *name);

#endif
