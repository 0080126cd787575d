/* ask.c - a confirmation before what cannot be undone. */
#include "ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

int bc_ask(const struct bc_context *context, const char *format, ...)
{
    if (context->yes) return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        bc_say(context, "there is no terminal to ask on: --yes says that you are sure");
        return BC_REFUSED;
    }
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs(" [y/N] ", stderr);
    char *line = NULL;
    size_t room = 0;
    ssize_t len = getline(&line, &room, stdin);
    if (len < 0) fputc('\n', stderr);
    if (len > 0 && line[len - 1] == '\n') line[len - 1] = '\0';
    bool is_yes = len > 0 && (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
    free(line);
    if (!is_yes) bc_say(context, "nothing was done");
    return is_yes ? 0 : BC_REFUSED;
}
