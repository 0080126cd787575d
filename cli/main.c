/* main.c - the `brain` command: reads the command line, and calls a subcommand, or becomes one that is a program.
 *
 * Everything is printed to stdout but errors, questions and progress. What could not be written is an error (status 8);
 * a reader of a pipe that has gone ends the process by SIGPIPE, as with any other command.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "command.h"
#include "commands.h"
#include "help.h"
#include "text.h"

#define DEFAULT_PATH  "/tmp/plasma" /* what Brain() of Python opens */
#define DEFAULT_SPACE "default"
#define LONG_FIRST    256 /* what getopt_long() says for the first row */

/* The options that may stand somewhere, in getopt's form. */
struct options {
    const struct bc_option_row *rows[BC_OPTIONS_MAX];
    struct option longs[BC_OPTIONS_MAX + 1];
    char shorts[3 * BC_OPTIONS_MAX + 3];
    int n;
};

static void add_options(struct options *options, const struct bc_option_row *row)
{
    for (; row != NULL && row->name != NULL && options->n < BC_OPTIONS_MAX; row++) {
        options->rows[options->n] = row;
        options->longs[options->n] =
            (struct option){ row->name, row->argument != NULL ? required_argument : no_argument,
                             NULL, LONG_FIRST + options->n };
        options->n++;
        size_t len = strlen(options->shorts);
        if (row->letter != 0) {
            snprintf(options->shorts + len, sizeof options->shorts - len, "%c%s", row->letter,
                     row->argument != NULL ? ":" : "");
        }
    }
}

static const struct bc_option_row *row_of(const struct options *options, int found)
{
    if (found >= LONG_FIRST) return options->rows[found - LONG_FIRST];
    for (int i = 0; i < options->n; i++) {
        if (options->rows[i]->letter == found) return options->rows[i];
    }
    return NULL;
}

/* What an option that all subcommands have changes. */
static void take_global(struct bc_context *context, const struct bc_option_row *row,
                        const char *value)
{
    if (strcmp(row->name, "store") == 0) {
        context->path = value;
        context->path_is_named = true;
    } else if (strcmp(row->name, "namespace") == 0) {
        context->space = value;
        context->space_is_given = true;
    } else if (strcmp(row->name, "json") == 0) {
        context->json = true;
    } else if (strcmp(row->name, "yes") == 0) {
        context->yes = true;
    } else if (strcmp(row->name, "escaped") == 0) {
        context->escaped = true;
    }
}

/* Read options up to the first other word, or (`permute`) all of them. Returns 0 or BC_USAGE. */
static int read_options(struct bc_context *context, const struct options *options, int argc,
                        char **argv, bool permute)
{
    char shorts[sizeof options->shorts + 2];
    snprintf(shorts, sizeof shorts, "%s:%s", permute ? "" : "+", options->shorts);
    opterr = 0;
    optind = 0; /* begins anew, in glibc */
    for (int found; (found = getopt_long(argc, argv, shorts, options->longs, NULL)) != -1;) {
        const struct bc_option_row *row = row_of(options, found);
        if (found == ':') return bc_usage(context, "%s needs a value behind it", argv[optind - 1]);
        if (row == NULL && optopt > 0 && optopt < LONG_FIRST) {
            return bc_usage(context, "there is no option -%c", optopt);
        }
        if (row == NULL)
            return bc_usage(context, "there is no option %s, or its value is too much",
                            argv[optind - 1]);
        if (context->n_given == (int)(sizeof context->given / sizeof context->given[0])) {
            return bc_usage(context, "too many options");
        }
        take_global(context, row, optarg);
        context->given[context->n_given].row = row;
        context->given[context->n_given++].value = optarg;
    }
    return 0;
}

/* Where -n and --escaped were given, in whatever order. */
static int read_space(struct bc_context *context)
{
    if (!context->space_is_given || !context->escaped) return 0;
    context->space_is_given = false;
    return bc_space_name(context, context->space, &context->space);
}

static void look_at_terminal(struct bc_context *context)
{
    struct winsize size;
    const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
    context->is_terminal = isatty(STDOUT_FILENO);
    context->colour = context->is_terminal && (no_colour == NULL || no_colour[0] == '\0') &&
                      term != NULL && strcmp(term, "dumb") != 0;
    if (context->is_terminal) {
        context->columns =
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    }
}

static void read_environment(struct bc_context *context)
{
    const char *path = getenv("BRAIN_PATH"), *space = getenv("BRAIN_NAMESPACE");
    context->path_is_named = path != NULL && path[0] != '\0';
    context->path = context->path_is_named ? path : DEFAULT_PATH;
    context->space = space != NULL && space[0] != '\0' ? space : DEFAULT_SPACE;
}

/* Letters to change, add or leave out to make one of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t row[32], len = strlen(b);
    if (len >= 32) return SIZE_MAX;
    for (size_t j = 0; j <= len; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t least = corner + (a[i] != b[j]);
            if (row[j] + 1 < least) least = row[j] + 1;
            if (row[j + 1] + 1 < least) least = row[j + 1] + 1;
            corner = row[j + 1];
            row[j + 1] = least;
        }
    }
    return row[len];
}

static int say_unknown(const struct bc_context *context, const char *word)
{
    const char *best = NULL;
    size_t least = 3;
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        size_t d = distance(word, row->name);
        if (d < least && d < strlen(row->name) && 2 * d <= strlen(word)) {
            least = d;
            best = row->name;
        }
    }
    char *shown = bc_text_name(word, strlen(word), 0);
    int status =
        best != NULL
            ? bc_usage(context,
                       "there is no subcommand %s, nor a program brain-%s. Did you mean %s?", shown,
                       shown, best)
            : bc_usage(context, "there is no subcommand %s, nor a program brain-%s", shown, shown);
    free(shown);
    return status;
}

/* A subcommand that is a program of its own, with everything behind it. */
static int run_external(struct bc_context *context, char **words)
{
    int status = bc_become(context, words[0], words + 1);
    if (status != BC_NO) return status;
    if (context->command == NULL) return say_unknown(context, words[0]);
    bc_say(context, "brain-%s is not installed: it comes with the Python package, brain-plasma 1.0",
           words[0]);
    return BC_SYSTEM;
}

static int check_arguments(struct bc_context *context)
{
    const struct bc_command *command = context->command;
    if (context->n_arguments < command->n_min) {
        return bc_usage(context, "%s is missing", command->arguments);
    }
    if (command->n_max >= 0 && context->n_arguments > command->n_max) {
        return command->n_max == 0
                   ? bc_usage(context, "it takes no argument, and '%s' is one",
                              context->arguments[0])
                   : bc_usage(context, "it takes %s, and '%s' is too much", command->arguments,
                              context->arguments[command->n_max]);
    }
    return 0;
}

static int run(struct bc_context *context, int argc, char **argv)
{
    struct options global = { .n = 0 }, own = { .n = 0 };
    add_options(&global, BC_GLOBAL_OPTIONS);
    int status = read_options(context, &global, argc, argv, false);
    if (status != 0) return status;
    if (bc_option(context, "version") != NULL) {
        puts("brain " BRAIN_VERSION_STRING);
        return 0;
    }
    if (optind == argc && bc_option(context, "help") == NULL) {
        return bc_usage(context, "a subcommand is missing");
    }
    if (bc_option(context, "help") != NULL && optind == argc) {
        bc_help_all();
        return 0;
    }
    char **words = argv + optind;
    context->command = bc_find_command(words[0]);
    if (context->command == NULL) context->command = bc_find_hidden(words[0]);
    if (context->command == NULL || context->command->run == NULL) {
        status = read_space(context);
        return status != 0 ? status : run_external(context, words);
    }
    add_options(&own, context->command->options);
    add_options(&own, BC_GLOBAL_OPTIONS);
    int n_words = argc - optind;
    status = read_options(context, &own, n_words, words, true);
    if (status != 0) return status;
    if (bc_option(context, "help") != NULL) {
        bc_help_of(context->command);
        return 0;
    }
    context->arguments = words + optind;
    context->n_arguments = n_words - optind;
    status = check_arguments(context);
    if (status == 0) status = read_space(context);
    return status != 0 ? status : context->command->run(context);
}

/* What was printed has to have arrived. Returns `status`, or BC_SYSTEM where all else went well. */
static int flush(const struct bc_context *context, int status)
{
    int failed = ferror(stdout) ? EIO : 0;
    errno = 0;
    if (fflush(stdout) != 0 || (close(STDOUT_FILENO) != 0 && errno != EBADF)) failed = errno;
    if (failed == 0) return status;
    bc_say(context, "cannot write to stdout: %s", strerror(failed));
    return status != 0 ? status : BC_SYSTEM;
}

int main(int argc, char **argv)
{
    struct bc_context context = { .program = argc > 0 ? argv[0] : "brain" };
    signal(SIGPIPE, SIG_DFL);
    bc_text_begin();
    bc_hold_interrupts(false);
    read_environment(&context);
    look_at_terminal(&context);
    int status = run(&context, argc, argv);
    bc_close(&context);
    status = flush(&context, status);
    if (status == BC_INTERRUPTED) bc_end_interrupted();
    return status;
}
