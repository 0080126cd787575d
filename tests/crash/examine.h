/* examine.h - what a store is worth that somebody left behind. */
#ifndef CRASH_EXAMINE_H
#define CRASH_EXAMINE_H

#include <stdbool.h>
#include <stdint.h>

#include "brain.h"
#include "state.h"

struct examine_report {
    char problem[STATE_TEXT_MAX]; /* empty: none */
    struct state state;           /* what a reader sees before anybody recovers, and after */
    uint64_t live_bytes;
    uint64_t limbo_bytes; /* this and the rest: after all that can be given back was given back */
    uint64_t private_bytes;
    uint64_t value_bytes; /* that the file system has for values */
    uint64_t meta_bytes;  /* and for everything else */
};

/* Open the store in `directory`, read it, recover it, check it, read it again, use it, give back
 * what is not in use, check it, weigh it. The store is spoilt by this.
 *
 * `collect`: add its names to the catalogue first. `tidy`: NULL, or what must be possible at the end. All happens in a process of its own, which may
 * crash or hang: that is a problem like others. */
void examine(const char *directory, struct state_catalogue *catalogue, bool collect,
             bool (*tidy)(brain_store *store, char *text), struct examine_report *report);

#endif
