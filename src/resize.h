/* resize.h - the capacity of a store, changed while it is in use. */
#ifndef BN_RESIZE_H
#define BN_RESIZE_H

#include "store.h"

/* Let the store hold `capacity_bytes` from now on, which is in the range that is allowed. FULL, with its text, where
 * what is live, in limbo or being written comes to more. What a smaller store has free goes back to the system. */
int bn_resize(struct brain_store *store, uint64_t capacity_bytes);

#endif
