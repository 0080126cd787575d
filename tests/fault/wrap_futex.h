/* wrap_futex.h - syscall(), wrapped by the linker (tests/meson.build): the library makes futexes by it, and
 * membarriers. For one source of a test, which says what comes before each wait. */
#ifndef BN_TESTS_WRAP_FUTEX_H
#define BN_TESTS_WRAP_FUTEX_H

#include <linux/futex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "../unit/check.h"

/* False: the wait fails, with the errno that is set. */
static bool before_wait(void);

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    long given[6];
    for (int i = 0; i < 6; i++) {
        given[i] = va_arg(args, long);
    }
    va_end(args);
    if (number == SYS_membarrier) { /* without one it waits a moment */
        return __real_syscall(number, given[0], given[1], given[2]);
    }
    CHECK(number == SYS_futex);
    if (given[1] == FUTEX_WAIT && !before_wait()) {
        return -1;
    }
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

#endif
