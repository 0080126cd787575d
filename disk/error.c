/* error.c - error texts, one for each thread. That of the library below is its own: what it says is copied, since the
 * next call there, made to clean up, may say something else. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[1024];

int bd_error(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return code;
}

static int code_of(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return BRAIN_E_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return BRAIN_E_PERM;
    case ENOENT:
        return BRAIN_E_NOT_FOUND;
    case ENOMEM:
        return BRAIN_E_NOMEM;
    default:
        return BRAIN_E_IO;
    }
}

static const char *advice(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return ". Free some of the disk";
    case EFBIG:
        return ". Raise the limit on the size of files (ulimit -f)";
    case EMFILE:
        return ". Close some files, or raise the limit of this process (ulimit -n)";
    default:
        return "";
    }
}

int bd_error_os(int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    size_t len = strlen(detail);
    char text[96];
    (void)snprintf(detail + len, sizeof detail - len, ": %s%s",
                   strerror_r(error, text, sizeof text), advice(error));
    return code_of(error);
}

int bd_error_elsewhere(int code)
{
    size_t len = strlen(detail);
    if (code == BRAIN_E_FULL) {
        (void)snprintf(detail + len, sizeof detail - len, ", or choose another place");
    }
    return code;
}

int bd_error_store(int code)
{
    const char *text = brain_error_detail();
    return bd_error(code, "%s", text[0] != '\0' ? text : brain_strerror(code));
}

const char *brain_disk_error_detail(void)
{
    return detail;
}
