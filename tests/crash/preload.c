/* preload.c - what a process that is not ours gets of this: see python_scene.c. */
#include <stdlib.h>
#include <sys/mman.h>

#include "backing.h"
#include "fate.h"
#include "kit.h"

#define SECONDS_OF_2023 UINT64_C(1700000000)

__attribute__((constructor)) static void begin(void)
{
    const char *seed = getenv("CRASH_SEED"), *log_fd = getenv("CRASH_LOG_FD");
    if (seed != NULL) {
        fate_decide(strtoull(seed, NULL, 10));
        fate_stop_time(SECONDS_OF_2023 * 1000000000);
    }
    if (log_fd != NULL) {
        backing_log_use(backing_log_open(atoi(log_fd)));
    }
}
