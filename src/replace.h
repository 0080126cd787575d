/* replace.h - the commonest change: another small value under a name that has one. */
#ifndef BN_REPLACE_H
#define BN_REPLACE_H

#include "handle.h"

/* The change is none of those, or something is in its way: nothing has happened; write.c does
 * it. */
#define BN_SLOWLY (-120)

/* Replace the value of a name, if it has one that is small, by another small one: 0 and
 * `*version_out`, if not NULL; or BN_SLOWLY. Does not wait.
 *
 * The same transaction as any other (txn.c), of one change, without what that never needs: data in
 * an extent, a namespace to be made, a description to be kept, a free slot from a slab. */
int bn_replace(struct brain_space *space, const void *name, size_t name_len, brain_hint *hint,
               const brain_value *value, uint64_t if_version, uint64_t *version_out);

#endif
