/* context.c - what all subcommands need: the store, options, names, errors, interrupts. */
#include "command.h"

#include <brain_disk.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"
#include "text.h"

/* ---- errors */

static void say(const struct bc_context *context, const char *format, va_list arguments)
{
    char *text;
    fflush(stdout);
    if (vasprintf(&text, format, arguments) < 0) return;
    /* There may be names and paths in it, of anybody's. */
    char *shown = bc_text_value(text, strlen(text));
    fprintf(stderr, "brain%s%s: %s\n", context->command != NULL ? " " : "",
            context->command != NULL ? context->command->name : "", shown);
    free(shown);
    free(text);
}

void bc_say(const struct bc_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(context, format, arguments);
    va_end(arguments);
}

int bc_usage(const struct bc_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(context, format, arguments);
    va_end(arguments);
    fprintf(stderr, "brain%s%s --help shows what there is\n", context->command != NULL ? " " : "",
            context->command != NULL ? context->command->name : "");
    return BC_USAGE;
}

int bc_exit_of(int code)
{
    switch (code) {
    case BRAIN_OK:
        return BC_DONE;
    case BRAIN_E_NOT_FOUND:
    case BRAIN_E_EXISTS:
    case BRAIN_E_STALE:
        return BC_NO;
    case BRAIN_E_FULL:
    case BRAIN_E_QUOTA:
        return BC_FULL;
    case BRAIN_E_TIMEOUT:
        return BC_TIMEOUT;
    case BRAIN_E_INTR:
        return BC_INTERRUPTED;
    case BRAIN_E_INVAL:
        return BC_USAGE;
    case BRAIN_E_PERM:
        return BC_DENIED;
    case BRAIN_E_CORRUPT:
    case BRAIN_E_FORMAT:
        return BC_DAMAGED;
    case BRAIN_E_DESTROYED:
        return BC_NO_STORE;
    default:
        return BC_SYSTEM;
    }
}

int bc_fail(const struct bc_context *context, int code, const char *about)
{
    const char *detail = brain_error_detail();
    bc_say(context, "%s%s%s", about != NULL ? about : "", about != NULL ? ": " : "",
           detail[0] != '\0' ? detail : brain_strerror(code));
    return bc_exit_of(code);
}

/* ---- options */

const char *bc_option(const struct bc_context *context, const char *name)
{
    for (int i = context->n_given; i-- > 0;) {
        if (strcmp(context->given[i].row->name, name) == 0) {
            return context->given[i].value != NULL ? context->given[i].value : "";
        }
    }
    return NULL;
}

int bc_option_size(const struct bc_context *context, const char *name, uint64_t *value_out)
{
    const char *text = bc_option(context, name);
    if (text == NULL || bc_text_parse_size(text, value_out) == 0) return 0;
    return bc_usage(context, "--%s takes a number of bytes, as 4096, 500M or 2Gi, not '%s'", name,
                    text);
}

int bc_option_number(const struct bc_context *context, const char *name, uint64_t *value_out)
{
    const char *text = bc_option(context, name);
    if (text == NULL) return 0;
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0) {
        return bc_usage(context, "--%s takes a number, not '%s'", name, text);
    }
    *value_out = number;
    return 0;
}

int bc_option_seconds(const struct bc_context *context, const char *name, double *value_out)
{
    const char *text = bc_option(context, name);
    if (text == NULL) return 0;
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0) || !(seconds < 1e9)) {
        return bc_usage(context, "--%s takes a number of seconds, not '%s'", name, text);
    }
    *value_out = seconds;
    return 0;
}

int bc_name(const struct bc_context *context, char *argument, const char **name_out,
            size_t *name_len_out)
{
    size_t len = context->escaped ? bc_text_unescape(argument) : strlen(argument);
    if (len == SIZE_MAX) {
        return bc_usage(context,
                        "'%s' has a backslash that begins no escape: \\n \\r \\t \\\\ \\xHH "
                        "\\u{HEX} are some",
                        argument);
    }
    if (len > BRAIN_NAME_MAX) {
        bc_say(context, "a name has at most %u bytes, not %zu", BRAIN_NAME_MAX, len);
        return BC_USAGE;
    }
    *name_out = argument;
    *name_len_out = len;
    return 0;
}

int bc_space_name(const struct bc_context *context, const char *given, const char **space_out)
{
    if (!context->escaped) {
        *space_out = given;
        return 0;
    }
    const char *name;
    size_t len;
    char *copy = bc_strdup(given); /* for as long as the process runs */
    int status = bc_name(context, copy, &name, &len);
    if (status != 0) return status;
    if (strlen(name) != len)
        return bc_usage(context, "a namespace with a zero byte cannot be named here");
    *space_out = name;
    return 0;
}

/* ---- the store */

int bc_open(struct bc_context *context, enum bc_access access)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING | (access == BC_LOOK ? BRAIN_OPEN_READ_ONLY : 0);
    double wait_s = 0;
    int bad = bc_option_seconds(context, "wait", &wait_s);
    if (bad != 0) return bad;
    if (bc_option(context, "wait") != NULL)
        options.lock_timeout_ns = (int64_t)(wait_s * 1e9) + 1; /* 0: the default */
    /* The default path is in /tmp, where anybody may have made a store: one of another user has to be named. */
    if (context->path_is_named) options.flags |= BRAIN_OPEN_SHARED;
    int err = brain_open(context->path, &options, &context->store);
    if (err == 0 && access == BC_CHANGE && brain_full_mode(context->store) == BRAIN_FULL_SPILL) {
        /* Where nobody has said yet in which directory, or it cannot be had, a change that finds no room says so. */
        (void)!brain_spill_open(context->store, NULL, &context->spiller);
    }
    if (err == 0) return 0;
    int status = bc_fail(context, err, NULL);
    if (err != BRAIN_E_NOT_FOUND) return status;
    if (!context->path_is_named) bc_say(context, "-s PATH, or BRAIN_PATH, names another one");
    if (access == BC_CHANGE && context->command != NULL &&
        strcmp(context->command->name, "destroy") != 0) {
        bc_say(context, "brain create makes one");
    }
    return BC_NO_STORE;
}

void bc_close(struct bc_context *context)
{
    brain_spill_close(context->spiller);
    brain_close(context->store);
    context->spiller = NULL;
    context->store = NULL;
}

int bc_open_space(struct bc_context *context, brain_space **space_out)
{
    int err = brain_space_open(context->store, context->space, strlen(context->space), space_out);
    return err == 0 ? 0 : bc_fail(context, err, "-n");
}

/* ---- interrupts */

static volatile sig_atomic_t is_held, n_interrupts, first_number;

/* As if nobody had caught it. */
static void die_by(int number)
{
    sigset_t its;
    sigemptyset(&its);
    sigaddset(&its, number);
    signal(number, SIG_DFL);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &its, NULL); /* in its handler it is blocked */
}

static void interrupt(int number)
{
    if (!is_held || n_interrupts > 0) {
        bc_progress_abandon();
        if (number != SIGINT) die_by(number);
        _exit(BC_INTERRUPTED);
    }
    first_number = number;
    n_interrupts = n_interrupts + 1;
}

void bc_end_interrupted(void)
{
    if (n_interrupts > 0 && first_number != SIGINT) die_by(first_number);
}

/* What is ignored, as by a shell for what it starts in the background, stays so. */
static void set_up(int number, const struct sigaction *action)
{
    struct sigaction old;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
        sigaction(number, action, NULL);
    }
}

void bc_hold_interrupts(bool hold)
{
    static bool is_set_up;
    if (!is_set_up) {
        struct sigaction action = { .sa_handler =
                                        interrupt }; /* no SA_RESTART: what waits is to end */
        sigemptyset(&action.sa_mask);
        set_up(SIGINT, &action);
        set_up(SIGTERM, &action);
        is_set_up = true;
    }
    is_held = hold;
}

bool bc_interrupted(void)
{
    return n_interrupts > 0;
}
