/* fate.c - a getrandom() that can be told what to say. */
#include "fate.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kit.h"

static bool decided;
static uint64_t fate;

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
