/* external.c - subcommands that are programs of their own: brain-NAME, beside this one or in PATH.
 *
 * What the global options say they find in their environment: BRAIN_PATH, BRAIN_NAMESPACE, and BRAIN_JSON, BRAIN_YES,
 * BRAIN_ESCAPED, which are 1 or not there. BRAIN_COMMAND is the path of this program.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "text.h"

static void pass(const char *variable, const char *value)
{
    if (value == NULL ? unsetenv(variable) != 0 : setenv(variable, value, 1) != 0) {
        fputs("brain: out of memory\n", stderr);
        exit(BC_SYSTEM);
    }
}

static void pass_options(const struct bc_context *context, const char *own)
{
    if (context->path_is_named) pass("BRAIN_PATH", context->path);
    pass("BRAIN_NAMESPACE", context->space);
    pass("BRAIN_JSON", context->json ? "1" : NULL);
    pass("BRAIN_YES", context->yes ? "1" : NULL);
    pass("BRAIN_ESCAPED", context->escaped ? "1" : NULL);
    if (own != NULL) pass("BRAIN_COMMAND", own);
}

/* Become `path`, if there is such a program. Returns an error number. */
static int become(const char *path, char **words)
{
    if (access(path, X_OK) != 0) return errno;
    execv(path, words);
    return errno;
}

/* Beside the file `own`, whose name it ends. */
static int become_beside(const char *own, const char *name, char **words)
{
    const char *slash = strrchr(own, '/');
    if (slash == NULL) return ENOENT;
    char *path = bc_format("%.*s/%s", (int)(slash - own), own, name);
    int error = become(path, words);
    free(path);
    return error;
}

static int become_in_path(const char *name, char **words)
{
    const char *rest = getenv("PATH");
    int error = ENOENT;
    while (rest != NULL && *rest != '\0' && error == ENOENT) {
        size_t len = strcspn(rest, ":");
        /* An empty part, or a relative one, would be the current directory: anybody's. */
        if (rest[0] == '/') {
            char *path = bc_format("%.*s/%s", (int)len, rest, name);
            int tried = become(path, words);
            if (tried != ENOTDIR && tried != EACCES) error = tried;
            free(path);
        }
        rest += len + (rest[len] == ':');
    }
    return error;
}

int bc_become(struct bc_context *context, const char *name, char **arguments)
{
    char own[PATH_MAX];
    ssize_t own_len = readlink("/proc/self/exe", own, sizeof own - 1);
    own[own_len > 0 ? own_len : 0] = '\0';
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")] != '\0' || name[0] == '\0') {
        return BC_NO; /* no way out of those folders */
    }
    size_t n = 0;
    while (arguments[n] != NULL) {
        n++;
    }
    char **words = bc_alloc((n + 2) * sizeof *words);
    words[0] = bc_format("brain-%s", name);
    memcpy(words + 1, arguments, n * sizeof *words);
    pass_options(context, own_len > 0 ? own : NULL);
    bc_close(context);
    fflush(stdout);
    int error = become_beside(own, words[0], words);
    /* Where it was run through a link, as in a folder of commands. */
    if (error == ENOENT) error = become_beside(context->program, words[0], words);
    if (error == ENOENT) error = become_in_path(words[0], words);
    if (error != ENOENT) bc_say(context, "cannot run %s: %s", words[0], strerror(error));
    free(words[0]);
    free(words);
    return error == ENOENT ? BC_NO : BC_SYSTEM;
}
