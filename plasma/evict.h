/* evict.h - making room: which Plasma objects go when a store is full. */
#ifndef PL_EVICT_H
#define PL_EVICT_H

#include "object.h"

/* Make room: delete sealed objects that nobody has a buffer of, those first whose last buffer was
 * let go of longest ago, until `n_bytes` are freed or there are none. `all_or_nothing`: none at all
 * where there are not enough. `*freed_out`: of data and metadata. Returns 0, or as
 * brain_delete(). */
int pl_evict_some(struct pl_store *objects, uint64_t n_bytes, bool all_or_nothing,
                  uint64_t *freed_out);

/* After FULL for a value of `n_bytes`: whether another try may succeed, since something was
 * evicted, or may come free in a moment. `*tried` is 0 at first. */
bool pl_evict_make_room(struct pl_store *objects, uint64_t n_bytes, unsigned *tried);

/* The same for a named value: where nobody has used Plasma objects in this store, none is waited for. */
bool pl_evict_make_room_for_named(struct pl_store *objects, uint64_t n_bytes, unsigned *tried);

#endif
