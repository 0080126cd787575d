/* handle.h - stores and spaces that outlive close() while a call in them runs. */
#ifndef BP_HANDLE_H
#define BP_HANDLE_H

#include "state.h"

/* A store that a Brain, or a Plasma client, opened. The last reference closes it. */
struct bp_store {
    brain_store *store;
    struct bp_state *state; /* of the module; NULL: it tells nothing (events.c) */
    size_t n_refs;
    bool closed;                 /* by its owner: what still runs in it should end soon */
    struct brain_spiller *spill; /* owned; NULL: it does not spill */
    struct bp_store *next;       /* in the list that it is in, if any */
    struct bp_store **list;      /* its head; NULL: in none */
};

/* A namespace of it. The last reference frees it, and holds the store until then. */
struct bp_space {
    brain_space *space;
    struct bp_store *owner;
    size_t n_refs;
    PyObject *name; /* str, owned */
};

/* Wrap `store`, which the result owns from then on, also where this fails (then it is closed).
 * Returns NULL with MemoryError set. */
struct bp_store *bp_handle_store(brain_store *store);
void bp_handle_store_drop(struct bp_store *store);

/* Put it into a list, where bp_handle_find() finds it by what it is a handle of, until it goes. */
void bp_handle_enlist(struct bp_store *store, struct bp_store **list);
struct bp_store *bp_handle_find(struct bp_store *list, const brain_store *store);

/* Whether pickles may be loaded: `choice` is None, True or False; None: only where nobody else can
 * have written them. Returns -1 with an exception set. */
int bp_handle_may_pickle(brain_store *store, PyObject *choice);

/* Name the namespace `name`, a str, of `owner`. Returns a first reference, or NULL with an
 * exception set. */
struct bp_space *bp_handle_space(struct bp_state *state, struct bp_store *owner, PyObject *name);
struct bp_space *bp_handle_space_take(struct bp_space *space);
void bp_handle_space_drop(struct bp_space *space);

#endif
