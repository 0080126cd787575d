/* cold.h - values that were not used for longest: a sample. */
#ifndef BN_COLD_H
#define BN_COLD_H

#include "id.h"
#include "store.h"

#define BN_COLD_SAMPLE   BRAIN_COLDEST_MAX
#define BN_COLD_OWN_MARK 0xff /* begins the names of the library's own namespaces */

struct bn_cold_value {
    struct bn_use use;
    uint64_t size; /* of its data */
    uint64_t last; /* commit at which it was used last */
};

/* The coldest first. */
struct bn_cold_sample {
    uint32_t n;
    bool is_all; /* there are no more than these */
    struct bn_cold_value of[BN_COLD_SAMPLE];
};

/* Values of `space` (NULL: of all but the library's own), of at least `min_bytes`, that nobody has a view of and no
 * snapshot needs. Takes the lock. */
int bn_cold_find(struct brain_store *store, struct brain_space *space, uint64_t min_bytes,
                 struct bn_cold_sample *sample_out);

/* Data of values of `space` (NULL: of the store), and of those that cannot go. */
struct bn_cold_bytes {
    uint64_t live;   /* all of them */
    uint64_t needed; /* snapshots or walks need them */
    uint64_t pinned; /* somebody has a view of them, and that alone keeps them */
    uint64_t own;    /* they are the library's own */
};

/* Takes the lock, in short steps. */
int bn_cold_count(struct brain_store *store, struct brain_space *space, struct bn_cold_bytes *out);

#endif
