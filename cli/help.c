/* help.c - the help texts, made from the table of subcommands. */
#include "help.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"

#define WIDTH  90
#define INDENT 24 /* of what stands behind options and subcommands */

/* Print a paragraph, of which `at` columns are printed already, within WIDTH. */
static void print_wrapped(const char *text, size_t len, size_t at, size_t indent)
{
    const char *end = text + len;
    while (text < end) {
        size_t word = strcspn(text, " ");
        if (word > (size_t)(end - text)) word = (size_t)(end - text);
        if (at > indent && at + 1 + word > WIDTH) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        }
        if (at > indent) at += (size_t)printf(" ");
        at += (size_t)printf("%.*s", (int)word, text);
        text += word;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* Line by line; those that begin with four spaces stand as they are. */
static void print_text(const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        if (strncmp(text, "    ", 4) == 0 || len == 0) {
            printf("%.*s\n", (int)len, text);
        } else {
            print_wrapped(text, len, 0, 0);
        }
        text += len + (text[len] == '\n');
    }
}

static void print_row(const char *left, const char *text)
{
    size_t at = (size_t)printf("  %s", left);
    if (at + 2 > INDENT) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", (int)(INDENT - at), "");
    print_wrapped(text, strlen(text), INDENT, INDENT);
}

static void print_options(const struct bc_option_row *options)
{
    char left[64];
    for (const struct bc_option_row *row = options; row != NULL && row->name != NULL; row++) {
        char letter[] = { '-', row->letter, ',', ' ', '\0' };
        snprintf(left, sizeof left, "%s--%s%s%s", row->letter != 0 ? letter : "    ", row->name,
                 row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
        print_row(left, row->help);
    }
}

void bc_help_all(void)
{
    puts("usage: brain [-s PATH] [-n NAMESPACE] [--json] SUBCOMMAND ...\n\n"
         "Looks at a store of named objects in shared memory, and changes it.\n");
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        print_row(row->name, row->summary);
    }
    puts("\nOptions of all of them, before or behind the subcommand:\n");
    print_options(BC_GLOBAL_OPTIONS);
    puts("\nbrain SUBCOMMAND --help says more. brain X, where there is no X above, runs the "
         "program brain-X.\n");
    puts("Exit status:\n");
    for (const struct bc_exit_row *row = BC_EXITS; row->meaning != NULL; row++) {
        char left[16];
        snprintf(left, sizeof left, "%d", row->status);
        print_row(left, row->meaning);
    }
}

void bc_help_of(const struct bc_command *command)
{
    printf("usage: brain [-s PATH] [-n NAMESPACE] [--json] %s%s%s%s\n\n", command->name,
           command->options != NULL && command->options->name != NULL ? " [OPTION...]" : "",
           command->arguments[0] != '\0' ? " " : "", command->arguments);
    print_text(command->text[0] != '\0' ? command->text : command->summary);
    if (command->options != NULL && command->options->name != NULL) {
        puts("\nOptions:\n");
        print_options(command->options);
    }
    puts("\nOptions of all subcommands:\n");
    print_options(BC_GLOBAL_OPTIONS);
    unsigned exits = command->exits | BC_EXIT(BC_DONE) | BC_EXIT(BC_USAGE) | BC_EXIT(BC_SYSTEM) |
                     BC_EXIT(BC_INTERRUPTED);
    puts("\nExit status:\n");
    for (const struct bc_exit_row *row = BC_EXITS; row->meaning != NULL; row++) {
        char left[16];
        if ((exits & BC_EXIT(row->status)) == 0) continue;
        snprintf(left, sizeof left, "%d", row->status);
        print_row(left, row->meaning);
    }
}

int bc_help(struct bc_context *context)
{
    if (context->n_arguments == 0) {
        bc_help_all();
        return 0;
    }
    const struct bc_command *command = bc_find_command(context->arguments[0]);
    if (command == NULL) {
        return bc_usage(context, "there is no subcommand %s", context->arguments[0]);
    }
    bc_help_of(command);
    return 0;
}
