/* evict.h - mode lru: values that were not used for longest make room. */
#ifndef BN_EVICT_H
#define BN_EVICT_H

#include "store.h"

/* Remove values of `space`, or (NULL) of any but the library's own, until at least `bytes` of data are gone: 0, FULL
 * (with a text that says why nothing may be removed), or another error. A brain_room_fn, `context` NULL. Not under the
 * lock. */
int bn_evict_make_room(void *context, brain_store *store, brain_space *space, uint64_t bytes);

#endif
