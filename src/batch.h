/* batch.h - what an object that is sealed together with a batch needs of it. */
#ifndef BN_BATCH_H
#define BN_BATCH_H

#include "write.h"

/* Make `first` and all that is in the batch in one commit; it is the first of the writes, and what
 * is known of it afterwards is told. INVAL where the batch changes its name too. The batch is empty
 * afterwards. */
int bn_batch_commit_with(struct brain_batch *batch, struct bn_write *first, uint64_t *number_out);

/* Whether the batch is one of `store`, and may be committed: 0, INVAL, PERM, DESTROYED, FORKED. */
int bn_batch_check(const struct brain_batch *batch, const struct brain_store *store);

/* Drop what is in a batch of this process; another's stays as it is. */
void bn_batch_empty(struct brain_batch *batch);

#endif
