/* replace.h - the commonest change: another small value under a name that has one. */
#ifndef BN_REPLACE_H
#define BN_REPLACE_H

#include "handle.h"

/* Replace the value of a name, if it has one that is small, by another small one. Returns the number of the commit; 0:
 * the change is none of those, or the store is not to be written, or something is in the way; nothing has happened,
 * and write.c does it, or says why not. Does not wait.
 *
 * `hint`: NULL, or that of the name: it tells where the value is now.
 *
 * The same transaction as any other (txn.c), of one change, without what that never needs: data in
 * an extent, a namespace to be made, a description to be kept, a free slot from a slab. */
uint64_t bn_replace(struct brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                    const brain_value *value, uint64_t if_version);

#endif
