/* million.c - what do a million small names cost: memory for each, and the worst single put?
 *
 * usage: million FOLDER N_NAMES N_RUNS
 *
 * Puts 8 bytes under each of N_NAMES names, into a new store N_RUNS times, and takes the CPU time of each
 * put. A put holds the writer lock for a part of that time, so the worst put is at least as long as
 * the longest holding. What is charged to a put by chance (an interrupt, the other guests of the host)
 * does not come back at the same put of another run; what the store does there does. So both are told:
 * the worst put of each run, and the worst of what each put took at least in all runs.
 */
#include <brain.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t n_names;
static uint32_t *at_least_ns; /* of each put */

static int failed(const char *what)
{
    fprintf(stderr, "million: %s: %s\n", what, brain_error_detail());
    return 1;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Returns what the longest put took, or 0 where one failed. */
static uint64_t put_all(brain_space *space)
{
    uint64_t worst_ns = 1;
    for (uint32_t i = 0; i < n_names; i++) {
        char name[16];
        uint64_t value = i;
        int length = snprintf(name, sizeof name, "name %06u", i);
        uint64_t began = cpu_ns();
        if (brain_put_bytes(space, name, (size_t)length, &value, sizeof value) != 0) return 0;
        uint64_t taken_ns = cpu_ns() - began;
        if (taken_ns > worst_ns) worst_ns = taken_ns;
        if (taken_ns < at_least_ns[i]) at_least_ns[i] = (uint32_t)taken_ns;
    }
    return worst_ns;
}

/* One run. Prints what its worst put took. */
static int run(brain_store *store, const char *separator, uint64_t *bytes_out)
{
    brain_stat before = { .struct_size = sizeof before }, after = { .struct_size = sizeof after };
    brain_space *space = NULL;
    if (brain_space_open(store, "default", 7, &space) != 0) return failed("the namespace");
    int rc = brain_stat_get(store, &before);
    uint64_t worst_ns = rc == 0 ? put_all(space) : 0;
    brain_space_close(space);
    if (worst_ns == 0 || brain_stat_get(store, &after) != 0) return failed("a put");
    printf("%s%llu", separator, (unsigned long long)worst_ns);
    *bytes_out = after.physical_bytes - before.physical_bytes;
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t bytes = 0;
    uint32_t worst = 0; /* the put that took longest at least */
    if (argc != 4) return fprintf(stderr, "usage: million FOLDER N_NAMES N_RUNS\n"), 2;
    n_names = (uint32_t)strtoul(argv[2], NULL, 10);
    unsigned n_runs = (unsigned)strtoul(argv[3], NULL, 10);
    at_least_ns = malloc(n_names * sizeof *at_least_ns);
    if (n_names == 0 || at_least_ns == NULL)
        return fprintf(stderr, "million: too many names, or none\n"), 1;
    memset(at_least_ns, 0xff, n_names * sizeof *at_least_ns);
    printf("{\"worst_ns\": [");
    for (unsigned i = 0; i < n_runs; i++) {
        char path[4096];
        brain_store *store = NULL;
        snprintf(path, sizeof path, "%s/million-%u", argv[1], i);
        if (brain_open(path, NULL, &store) != 0) return failed(path);
        int rc = run(store, i > 0 ? ", " : "", &bytes);
        if (brain_destroy(store) != 0) rc = failed("destroy");
        brain_close(store);
        if (rc != 0) return rc;
    }
    for (uint32_t i = 0; i < n_names; i++) {
        if (at_least_ns[i] > at_least_ns[worst]) worst = i;
    }
    printf("], \"worst_put\": %u, \"at_least_ns\": %u, \"names\": %u, \"bytes\": %llu}\n", worst,
           at_least_ns[worst], n_names, (unsigned long long)bytes);
    free(at_least_ns);
    return 0;
}
