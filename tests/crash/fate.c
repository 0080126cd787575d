/* fate.c - a getrandom() and a clock_gettime() that can be told what to say. */
#include "fate.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kit.h"

static bool decided;
static uint64_t fate;
static uint64_t now_ns; /* 0: time goes on */

void fate_decide(uint64_t seed)
{
    decided = true;
    fate = seed;
}

/* In place of the C library's. */
ssize_t getrandom(void *bytes, size_t n, unsigned flags)
{
    if (!decided) {
        return syscall(SYS_getrandom, bytes, n, flags);
    }
    kit_fill(bytes, n, kit_random(&fate));
    return (ssize_t)n;
}

void fate_stop_time(uint64_t ns)
{
    now_ns = ns;
}

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (now_ns == 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
        return (int)syscall(SYS_clock_gettime, clock, now);
    }
    *now = (struct timespec){ (time_t)(now_ns / 1000000000), (long)(now_ns % 1000000000) };
    return 0;
}
