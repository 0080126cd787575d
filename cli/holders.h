/* holders.h - who holds what of a store: processes, what they have views of, snapshots and drafts, and how much of what
 * was replaced or removed each alone keeps. */
#ifndef BC_HOLDERS_H
#define BC_HOLDERS_H

#include <brain.h>
#include <stdbool.h>

#include "process.h"

/* An object that somebody holds, or that is in limbo. */
struct bc_object {
    uint32_t object, gen;
    uint32_t state; /* enum brain_object_state */
    uint32_t client;
    uint64_t version, retired, size_bytes, created_ns;
    char *name, *space; /* NULL: nobody holds it */
    uint32_t name_len, space_len;
    uint32_t shown_len; /* of name: what there is of it */
    /* Processes that have a view of it, or a snapshot that needs it: 0, 1, or 2 and perhaps more. */
    uint32_t n_keepers;
    uint32_t keeper;      /* one of them */
    bool is_still_itself; /* it was the same before and after the pins were listed */
};

/* A process, by whatever many handles it has the store open. */
struct bc_holder {
    brain_client client; /* of the first of them; n_pins and n_snapshots of all */
    struct bc_process process;
    uint64_t attached_ns;       /* the earliest */
    uint64_t n_views;           /* pins that were made out */
    size_t first_hold, n_holds; /* which of bc_holders.holds are its */
    uint64_t *snapshots;        /* numbers */
    size_t n_snapshots;
    uint64_t n_drafts, draft_bytes;
    uint64_t alone_bytes; /* limbo that it alone keeps, by views or snapshots */
    uint64_t n_alone;
    bool is_nameless; /* forked children without a row, all together: `client` says nothing */
};

/* A holder has one or more views of an object. */
struct bc_hold {
    uint32_t holder, object; /* indices */
    uint64_t n_views;
};

struct bc_holders {
    struct bc_holder *holders; /* sorted: who keeps most, alone and in drafts, comes first */
    size_t n_holders;
    struct bc_object *objects;
    size_t n_objects;
    struct bc_hold *holds; /* sorted by holder; what is in limbo, then the largest, first */
    size_t n_holds;
    /* Limbo that is held by nobody: it is given back, or used again, when it is needed. */
    uint64_t n_idle, idle_bytes;
    size_t n_damaged; /* objects of which nothing can be said */
};

/* Look, without this process itself. `limbo`: also go through all that is in limbo or being written, which takes as
 * long as the store is large; else only what is pinned is looked at, and drafts and idle are zero. Returns 0, or
 * an error code. */
int bc_holders_look(brain_store *store, bool limbo, struct bc_holders *out);
void bc_holders_free(struct bc_holders *holders);

/* How much of an object's name can be shown: in whole characters where it is cut off. */
uint32_t bc_holders_name_len(const brain_object_info *info);

/* Its pid here; 0: not known, or of no one process. */
int32_t bc_holders_pid(const struct bc_holder *holder);

/* "live", "replaced" (limbo), "draft". */
const char *bc_holders_state(uint32_t state);

/* By a signal, or by who traces it. */
bool bc_holders_is_stopped(const struct bc_holder *holder);

/* What is to be told behind the command of a process: " (dead)", " (stopped)", or nothing. */
const char *bc_holders_mark(const struct bc_holder *holder);

#endif
