/* hashes.h - how many keys of a container have one hash. */
#ifndef BP_HASHES_H
#define BP_HASHES_H

#include "state.h"

struct bp_hash_count;

/* The hashes of the keys of one container. */
struct bp_hashes {
    struct bp_hash_count *counts; /* NULL: they need not be counted */
    size_t n_places;
    uint64_t secret;
};

/* For a container of n_keys, the work of somebody who is trusted or not. To be ended. Returns false
 * with an exception set, and nothing is to be ended. */
bool bp_hashes_begin(struct bp_hashes *hashes, uint64_t n_keys, bool trusted);
void bp_hashes_end(struct bp_hashes *hashes);

int bp_hashes_count(struct bp_hashes *hashes, PyObject *key);

/* Count the hash of `key`. Returns 0; 1: too many have it; -1 with an exception set. */
static inline int bp_hashes_add(struct bp_hashes *hashes, PyObject *key)
{
    return hashes->counts == NULL ? 0 : bp_hashes_count(hashes, key);
}

#endif
