/* man.c - the manual page brain(1), made from the table of subcommands: `brain __man` prints it, the build keeps it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

/* Text for roff: hyphens that are to be copied, backslashes, and what would be a request at the beginning of a line. */
static void print_escaped(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i == 0 && (text[i] == '.' || text[i] == '\'')) fputs("\\&", stdout);
        if (text[i] == '\\') {
            fputs("\\e", stdout);
        } else if (text[i] == '-') {
            fputs("\\-", stdout);
        } else if (text[i] == '\'') {
            fputs("\\(aq", stdout);
        } else {
            putchar(text[i]);
        }
    }
}

static void print_string(const char *text)
{
    print_escaped(text, strlen(text));
}

static void print_paragraphs(const char *text)
{
    bool is_example = false;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        bool is_code = strncmp(text, "    ", 4) == 0;
        if (is_code != is_example) puts(is_code ? ".PP\n.nf\n.RS 4" : ".RE\n.fi");
        is_example = is_code;
        if (len == 0) {
            if (strncmp(text, "\n    ", 5) != 0) puts(".PP");
        } else {
            print_escaped(is_code ? text + 4 : text, is_code ? len - 4 : len);
            putchar('\n');
        }
        text += len + (text[len] == '\n');
    }
    if (is_example) puts(".RE\n.fi");
}

static void print_options(const struct bc_option_row *options)
{
    for (const struct bc_option_row *row = options; row != NULL && row->name != NULL; row++) {
        puts(".TP");
        if (row->letter != 0) printf("\\fB\\-%c\\fR, ", row->letter);
        fputs("\\fB\\-\\-", stdout);
        print_string(row->name);
        fputs("\\fR", stdout);
        if (row->argument != NULL) printf(" \\fI%s\\fR", row->argument);
        putchar('\n');
        print_string(row->help);
        putchar('\n');
    }
}

static void print_command(const struct bc_command *command)
{
    printf(".SS \"brain ");
    print_string(command->name);
    if (command->options != NULL && command->options->name != NULL) printf(" [OPTION...]");
    if (command->arguments[0] != '\0') putchar(' ');
    print_string(command->arguments);
    puts("\"");
    if (command->text[0] != '\0') {
        print_paragraphs(command->text);
    } else {
        putchar(toupper((unsigned char)command->summary[0]));
        print_string(command->summary + 1);
        puts(".");
    }
    print_options(command->options);
}

int bc_man(struct bc_context *context)
{
    (void)context;
    puts(".TH BRAIN 1 \"\" \"libbrain " BRAIN_VERSION_STRING "\" \"User Commands\"\n"
         ".SH NAME\n"
         "brain \\- look at a store of named objects in shared memory, and change it\n"
         ".SH SYNOPSIS\n"
         ".B brain\n"
         "[\\fB\\-s\\fR \\fIPATH\\fR] [\\fB\\-n\\fR \\fINAMESPACE\\fR] [\\fB\\-\\-json\\fR] "
         "\\fISUBCOMMAND\\fR ...\n"
         ".SH DESCRIPTION\n"
         "A store is a directory that processes map: they share the values in it, each under a "
         "name in a namespace. "
         "This command lists, prints, puts and removes them, and shows who holds what.\n"
         ".PP\n"
         "What only looks takes no lock, and opens the store read\\-only. On a terminal there are "
         "tables, sizes and "
         "times as people write them; in a pipe there is a line for each, a TAB between its "
         "fields, and with "
         "\\fB\\-\\-json\\fR there is JSON. Names are any bytes: what is not printable is shown as "
         "an escape.\n"
         ".SH OPTIONS\n"
         "They may stand before or behind the subcommand.");
    print_options(BC_GLOBAL_OPTIONS);
    puts(".SH SUBCOMMANDS");
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        print_command(row);
    }
    puts(".SS \"brain \\fIX\\fR ...\"\n"
         "Where \\fIX\\fR is none of these it is the program brain\\-\\fIX\\fR, beside this one or "
         "in PATH. It finds the options "
         "in its environment: BRAIN_PATH, BRAIN_NAMESPACE, and BRAIN_JSON, BRAIN_YES, "
         "BRAIN_ESCAPED, which are 1 or not "
         "there; BRAIN_COMMAND is the path of this program.\n"
         ".SH \"EXIT STATUS\"");
    for (const struct bc_exit_row *row = BC_EXITS; row->meaning != NULL; row++) {
        printf(".TP\n.B %d\n", row->status);
        print_string(row->meaning);
        putchar('\n');
    }
    puts(".SH ENVIRONMENT\n"
         ".TP\n.B BRAIN_PATH\nthe store, where there is no \\fB\\-s\\fR\n"
         ".TP\n.B BRAIN_NAMESPACE\nthe namespace, where there is no \\fB\\-n\\fR\n"
         ".TP\n.B NO_COLOR\nno colours, if it is not empty\n"
         ".SH \"SEE ALSO\"\n"
         ".BR plasma_store (1)");
    return 0;
}
