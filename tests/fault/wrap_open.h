/* wrap_open.h - open() and openat(), wrapped by the linker (tests/meson.build), by either name that each has. */
#ifndef BN_TESTS_WRAP_OPEN_H
#define BN_TESTS_WRAP_OPEN_H

#include <fcntl.h>
#include <stdarg.h>

/* `goes_on` comes before each call, and may look at its `path`. False: the call fails, with the errno that is set. */
#define WRAP_OPEN(name, goes_on)                                                                   \
    WRAP_WITH_MODE(name, (const char *path, int flags, ...), (path, flags, mode), goes_on)
#define WRAP_OPENAT(name, goes_on)                                                                 \
    WRAP_WITH_MODE(name, (int dir, const char *path, int flags, ...), (dir, path, flags, mode),    \
                   goes_on)

#define WRAP_WITH_MODE(name, declared, given, goes_on)                                             \
    int __real_##name declared;                                                                    \
    int __wrap_##name declared;                                                                    \
    int __wrap_##name declared                                                                     \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        int mode = va_arg(args, int); /* any, where none was given */                              \
        va_end(args);                                                                              \
        return (goes_on) ? __real_##name given : -1;                                               \
    }

#endif
