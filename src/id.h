/* id.h - a value by where it was seen. */
#ifndef BN_ID_H
#define BN_ID_H

#include "store.h"

/* One use of a slot: one version of one name, for ever. */
struct bn_use {
    uint32_t slot;
    uint32_t gen;
    uint64_t number; /* of the commit that made it */
};

/* A view of it, if its name has it still: as brain_get_by_id(), and counts for no use of the value. */
int bn_id_view(struct brain_store *store, struct bn_use use, brain_view *view_out);

/* Whether an extent from `page` on, any number, is recorded as the slot's. If the slot is not retired, and pinned, it
 * stays so. */
bool bn_id_owns_extent(const struct brain_store *store, uint32_t slot, uint32_t page);

#endif
