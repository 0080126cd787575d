/* store.h - the Plasma objects of a store: its namespaces, and what every file here needs.
 *
 * All of plasma/ is over brain.h alone. The files, from the ground up, each over those before it:
 * store, object, external, pins, queue, remove, use, evict, create, recall. docs/design/0005 has the reasons.
 */
#ifndef PL_STORE_H
#define PL_STORE_H

#include <brain.h>
#include <stdbool.h>

#define PL_OBJECTS_SPACE     "\xffplasma"
#define PL_OBJECTS_SPACE_LEN 7u
#define PL_CONTROL_SPACE     "\xffplasma-control"
#define PL_CONTROL_SPACE_LEN 15u

/* The Plasma objects of a store. */
struct pl_store {
    brain_store *store; /* not owned */
    brain_space *space;
    brain_space *control;
    bool read_only;
};

/* Of a store that stays open until pl_store_close(). Returns 0, or NOMEM. Looks at nothing. */
int pl_store_open(brain_store *store, struct pl_store *out);
void pl_store_close(struct pl_store *objects);

/* Nanoseconds since 1970. */
uint64_t pl_store_now(void);

/* Wait that long, in nanoseconds. */
void pl_store_pause(long duration_ns);

/* brain_error_detail() of an error that is still to be told, over calls whose own errors are not; brain_tell_error()
 * brings it back. */
#define PL_DETAIL_BYTES 1024u /* longer than any text of the library's */
void pl_store_keep_detail(char said[PL_DETAIL_BYTES]);

/* A walk over names; waits a moment where this process has too many snapshots. */
int pl_store_walk(brain_space *space, brain_iter **iter_out);

#endif
