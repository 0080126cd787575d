/* store.c - the Plasma objects of a store: its namespaces, and what every file here needs. */
#include "store.h"

#include <stdio.h>
#include <time.h>

#define WALK_TRIES_MAX 50000u /* some 10 s */

int pl_store_open(brain_store *store, struct pl_store *out)
{
    struct pl_store objects = { .store = store };
    int code = brain_space_open(store, PL_OBJECTS_SPACE, PL_OBJECTS_SPACE_LEN, &objects.space);
    if (code == 0) {
        code = brain_space_open(store, PL_CONTROL_SPACE, PL_CONTROL_SPACE_LEN, &objects.control);
        if (code != 0) brain_space_close(objects.space);
    }
    objects.read_only = (brain_access(store) & BRAIN_ACCESS_READ_ONLY) != 0;
    if (code == 0) *out = objects;
    return code;
}

void pl_store_close(struct pl_store *objects)
{
    brain_space_close(objects->space);
    brain_space_close(objects->control);
    *objects = (struct pl_store){ .store = NULL };
}

uint64_t pl_store_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void pl_store_pause(long duration_ns)
{
    const struct timespec duration = { .tv_nsec = duration_ns };
    nanosleep(&duration, NULL);
}

void pl_store_keep_detail(char said[PL_DETAIL_BYTES])
{
    (void)snprintf(said, PL_DETAIL_BYTES, "%s", brain_error_detail());
}

int pl_store_walk(brain_space *space, brain_iter **iter_out)
{
    int code = brain_iter_names(space, NULL, iter_out);
    for (unsigned tried = 0; code == BRAIN_E_BUSY && tried < WALK_TRIES_MAX; tried++) {
        pl_store_pause(200000); /* other threads' walks are short */
        code = brain_iter_names(space, NULL, iter_out);
    }
    return code;
}
