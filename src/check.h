/* check.h - verifies every invariant of a store. */
#ifndef BN_CHECK_H
#define BN_CHECK_H

#include "store.h"

/* Look at everything, under the lock and with recovery done. `*n_out` is how many problems there
 * are; the first `n_problems` are described. 0, or NOMEM. */
int bn_check_all(struct brain_store *store, brain_problem *problems, size_t n_problems,
                 size_t *n_out);

#endif
