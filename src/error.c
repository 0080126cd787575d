/* error.c - error texts. The detail is per thread, so that no lock and no allocation is needed. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char detail[BN_ERROR_DETAIL_BYTES];

static void set_detail(const char *format, va_list args)
{
    (void)vsnprintf(detail, sizeof detail, format, args);
}

int bn_error(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_detail(format, args);
    va_end(args);
    return code;
}

int bn_error_expected(int err)
{
    if (err == BRAIN_E_NOT_FOUND || err == BRAIN_E_EXISTS || err == BRAIN_E_STALE ||
        err == BRAIN_E_INTR) {
        detail[0] = '\0';
    }
    return err;
}

void bn_error_keep(char text[BN_ERROR_DETAIL_BYTES])
{
    memcpy(text, detail, sizeof detail);
}

void bn_error_bring_back(const char text[BN_ERROR_DETAIL_BYTES])
{
    memcpy(detail, text, sizeof detail);
}

static int code_of(int error)
{
    switch (error) {
    case -ENOSPC:
    case -EDQUOT:
        return BRAIN_E_FULL;
    case -EACCES:
    case -EPERM:
    case -EROFS:
        return BRAIN_E_PERM;
    case -ENOMEM:
        return BRAIN_E_NOMEM;
    default:
        return BRAIN_E_IO;
    }
}

/* What to do where a limit of the process was reached. */
static const char *advice(int error)
{
    switch (error) {
    case -EMFILE:
        return ". Close some, or raise the limit of this process (ulimit -n)";
    case -ENFILE:
        return ". Raise the limit of the system (sysctl fs.file-max)";
    case -EFBIG:
        return ". Raise the limit on the size of files (ulimit -f)";
    default:
        return "";
    }
}

int bn_error_os(int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_detail(format, args);
    va_end(args);
    size_t len = strlen(detail);
    char text[96];
    (void)snprintf(detail + len, sizeof detail - len, ": %s%s",
                   strerror_r(-error, text, sizeof text), advice(error));
    return code_of(error);
}

const char *bn_error_if_full(int error, const char *text)
{
    return code_of(error) == BRAIN_E_FULL ? text : "";
}

int bn_error_corrupt(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_detail(format, args);
    va_end(args);
    size_t len = strlen(detail);
    (void)
        snprintf(detail + len, sizeof detail - len,
                 ": the store is damaged. Copy out what you need, then remove it and make it anew");
    return BRAIN_E_CORRUPT;
}

void brain_tell_error(const char *text)
{
    (void)bn_error(0, "%s", text);
}

const char *brain_error_detail(void)
{
    return detail;
}

const char *brain_strerror(int code)
{
    switch (code) {
    case BRAIN_OK:
        return "no error";
    case BRAIN_E_NOT_FOUND:
        return "not found";
    case BRAIN_E_EXISTS:
        return "exists already";
    case BRAIN_E_STALE:
        return "another version than expected";
    case BRAIN_E_FULL:
        return "the store is full";
    case BRAIN_E_BUSY:
        return "a limit is reached";
    case BRAIN_E_TIMEOUT:
        return "timed out";
    case BRAIN_E_INTR:
        return "interrupted by a signal";
    case BRAIN_E_QUOTA:
        return "the namespace may not grow";
    case BRAIN_E_INVAL:
        return "invalid argument";
    case BRAIN_E_PERM:
        return "not permitted";
    case BRAIN_E_IO:
        return "the operating system refused";
    case BRAIN_E_NOMEM:
        return "out of memory";
    case BRAIN_E_CORRUPT:
        return "the store is damaged";
    case BRAIN_E_FORMAT:
        return "made by an incompatible version";
    case BRAIN_E_DESTROYED:
        return "the store was destroyed";
    case BRAIN_E_FORKED:
        return "not usable in this child process";
    default:
        return "unknown error";
    }
}
