/* out.c - bytes to stdout, or to a file that is there only when it is whole.
 *
 * A file is written beside its place, under a name of its own, and renamed. What is no plain file (a pipe, a device) is
 * written to as it is.
 */
#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "progress.h"
#include "text.h"

#define STEP ((size_t)1 << 20) /* so that a Ctrl-C is seen between two */

/* Returns 0 or an error number. `progress` may be NULL. */
static int write_all(int fd, const uint8_t *data, uint64_t size_bytes, struct bc_progress *progress)
{
    uint64_t all_bytes = size_bytes;
    while (size_bytes > 0) {
        if (progress != NULL) bc_progress_step(progress, all_bytes - size_bytes, all_bytes);
        if (bc_interrupted()) return EINTR;
        ssize_t n = write(fd, data, size_bytes < STEP ? (size_t)size_bytes : STEP);
        if (n < 0 && errno == EAGAIN) { /* somebody who has it, too, has made it so */
            struct pollfd wait = { .fd = fd, .events = POLLOUT };
            (void)!poll(&wait, 1, -1);
        } else if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            data += n;
            size_bytes -= (uint64_t)n;
        }
    }
    return 0;
}

static int fail(const struct bc_context *context, int error, const char *path)
{
    if (error == EINTR) return BC_INTERRUPTED;
    bc_say(context, "cannot write to %s: %s", path, strerror(error));
    return error == ENOSPC || error == EDQUOT  ? (strcmp(path, "stdout") == 0 ? BC_SYSTEM : BC_FULL)
           : error == EACCES || error == EPERM ? BC_DENIED
                                               : BC_SYSTEM;
}

/* The file that `path` leads to, which may be a link. To be freed. */
static char *target_of(const char *path)
{
    char *target = realpath(path, NULL);
    return target != NULL ? target : bc_strdup(path);
}

static int write_new(const char *path, const struct stat *old, const void *data,
                     uint64_t size_bytes, struct bc_progress *progress)
{
    char *target = target_of(path);
    char *temporary = bc_format("%s.XXXXXX", target);
    int error = 0, fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        error = errno;
    } else {
        mode_t mask = umask(0);
        umask(mask);
        error = fchmod(fd, old != NULL ? old->st_mode & 07777 : 0666 & ~mask) != 0 ? errno : 0;
        if (error == 0) error = write_all(fd, data, size_bytes, progress);
        if (close(fd) != 0 && error == 0) error = errno;
        if (error == 0 && rename(temporary, target) != 0) error = errno;
        if (error != 0) unlink(temporary);
    }
    free(temporary);
    free(target);
    return error;
}

int bc_out_write(const struct bc_context *context, const char *path, const void *data,
                 uint64_t size_bytes)
{
    struct stat st;
    int error = 0;
    if (path == NULL) {
        bc_hold_interrupts(false);         /* nothing to put in order */
        if (fflush(stdout) != 0) return 0; /* main() says so */
        error = write_all(STDOUT_FILENO, data, size_bytes, NULL);
        return error == 0 ? 0 : fail(context, error, "stdout");
    }
    struct bc_progress progress;
    bc_progress_begin(&progress, "writing");
    bc_hold_interrupts(true);
    bool is_there = stat(path, &st) == 0;
    if (is_there && !S_ISREG(st.st_mode)) {
        int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        error = fd < 0 ? errno : write_all(fd, data, size_bytes, &progress);
        if (fd >= 0 && close(fd) != 0 && error == 0) error = errno;
    } else {
        error = write_new(path, is_there ? &st : NULL, data, size_bytes, &progress);
    }
    bc_progress_end(&progress);
    return error == 0 ? 0 : fail(context, error, path);
}
