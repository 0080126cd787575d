/* wrap_fcntl.h - fcntl(), wrapped by the linker (tests/meson.build). For one source of a test, which says what
 * comes before each call. */
#ifndef BN_TESTS_WRAP_FCNTL_H
#define BN_TESTS_WRAP_FCNTL_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>

/* `argument` is the lock that is asked for, or a number. False: the call fails, with the errno that is set. */
static bool before_fcntl(int fd, int command, void *argument);

#define WRAP_FCNTL(name)                                                                           \
    int __real_##name(int fd, int command, ...);                                                   \
    int __wrap_##name(int fd, int command, ...);                                                   \
    int __wrap_##name(int fd, int command, ...)                                                    \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, command);                                                                   \
        void *argument = va_arg(args, void *);                                                     \
        va_end(args);                                                                              \
        return before_fcntl(fd, command, argument) ? __real_##name(fd, command, argument) : -1;    \
    }

WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

#endif
