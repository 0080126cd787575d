/* fork.h - a forked child is a client of its own from its first moment. */
#ifndef BN_FORK_H
#define BN_FORK_H

#include "store.h"

/* Keep forks of other threads waiting, while there is something that no child may inherit: of
 * itself, a child that comes in between would keep it. NOMEM: nothing is held. */
int bn_fork_hold(void);
void bn_fork_let_go(void);

/* From now on / no longer carry `store` over forks. Enlisting: after bn_fork_hold() succeeded
 * once. */
void bn_fork_enlist(struct brain_store *store);
void bn_fork_delist(struct brain_store *store);

#endif
