/* fork.h - a forked child is a client of its own from its first moment. */
#ifndef BN_FORK_H
#define BN_FORK_H

#include "store.h"

/* From now on / no longer carry `store` over forks. */
int bn_fork_enlist(struct brain_store *store);
void bn_fork_delist(struct brain_store *store);

#endif
