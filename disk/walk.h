/* walk.h - the names that a dump is of, as of a snapshot. */
#ifndef BD_WALK_H
#define BD_WALK_H

#include <stdbool.h>

#include "brain_disk.h"

typedef int bd_walk_visit_fn(void *context, const brain_view *view);

struct bd_walk {
    brain_store *store;
    brain_snapshot *snapshot;
    const brain_dump_options *options; /* which names */
    void *context;
    /* A namespace begins. Not 0: the walk ends, and returns that. */
    int (*enter)(void *context, const void *space, size_t space_len);
    /* A name of it. */
    bd_walk_visit_fn *visit;
};

/* Call `visit` with the view; of a value that is away with one that shows it as if it were in the store. Returns what that
 * returned, or as brain_recall(). */
int bd_walk_show(const brain_view *view, bd_walk_visit_fn *visit, void *context);

/* Go through all names. The order is the same each time. Returns 0; what a function returned; NOT_FOUND (a key or a
 * namespace that was asked for); else as brain_iter_next() and brain_get(). */
int bd_walk(const struct bd_walk *walk);

/* Whether a namespace is the library's own, of which nothing is dumped or loaded. */
bool bd_walk_is_hidden(const void *space, size_t space_len);

#endif
