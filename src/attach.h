/* attach.h - how a process becomes a client of a store, and how its use of it ends. */
#ifndef BN_ATTACH_H
#define BN_ATTACH_H

#include "store.h"

/* Become a client of a store that is mapped. On error the caller gives back what of it there is. */
int bn_attach(struct brain_store *store);

/* Whether the store is closed and nobody in this process has a view of it any more; then its handle is given back,
 * by one of those who ask at the same time. */
bool bn_attach_end_if_unused(struct brain_store *store);

#endif /* BN_ATTACH_H */
