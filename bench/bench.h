/* bench.h - what the C programs of bench/ have in common: clocks, stores, and processes. */
#ifndef BENCH_H
#define BENCH_H

#include <brain.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends this process. What a store says about itself comes with it. */
static inline void bench_fail(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, brain_error_detail());
    _exit(1);
}

static inline void bench_must(int rc, const char *what)
{
    if (rc != 0) bench_fail(what);
}

static inline uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How long this thread has waited for a processor, ready to run, as the kernel counts: what the
 * scheduler did, as opposed to what the thread itself waited for. */
static inline uint64_t bench_run_delay_ns(void)
{
    static int fd = -1;
    static pid_t opened_by;
    char text[96] = "";
    unsigned long long ran, delayed = 0;
    if (opened_by != getpid()) { /* the link is resolved when it is opened */
        fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
        opened_by = getpid();
    }
    if (pread(fd, text, sizeof text - 1, 0) <= 0 ||
        sscanf(text, "%llu %llu", &ran, &delayed) != 2) {
        bench_fail("/proc/thread-self/schedstat");
    }
    return delayed;
}

/* Of the processors that this program may use, the one with this number, over and over again. */
static inline void bench_stay_on(const cpu_set_t *allowed, int number)
{
    cpu_set_t one;
    int left = number % CPU_COUNT(allowed);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, allowed) || left-- != 0) continue;
        CPU_SET(cpu, &one);
        break;
    }
    bench_must(sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");
}

/* Zeroed memory that children share. */
static inline void *bench_shared(size_t size_bytes)
{
    void *memory =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) bench_fail("mmap");
    return memory;
}

static inline void bench_open(const char *folder, const char *name, brain_store **store_out,
                              brain_space **space_out)
{
    char path[4096];
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = (uint64_t)1 << 30;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    bench_must(brain_open(path, &options, store_out), path);
    bench_must(brain_space_open(*store_out, "default", 7, space_out), "the namespace");
}

#endif
