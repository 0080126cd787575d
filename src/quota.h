/* quota.h - how many bytes the values of a namespace may come to. */
#ifndef BN_QUOTA_H
#define BN_QUOTA_H

#include "handle.h"
#include "txn.h"

/* What was refused, as it was under the lock. */
struct bn_refusal {
    struct brain_space *space;
    uint64_t quota;
    uint64_t bytes; /* of its values */
    uint64_t asked; /* more than that */
};

/* Set the quota of a namespace that exists: 0, or NOT_FOUND, TIMEOUT, ... */
int bn_quota_set(struct brain_space *space, uint64_t bytes);

/* Whether changes that were looked up may make namespace `id` together `more` bytes larger, or smaller: 0, or
 * QUOTA. Under the lock. */
int bn_quota_check(struct brain_space *space, uint32_t id, int64_t more, struct bn_refusal *out);

/* QUOTA, with its text. */
int bn_quota_refuse(const struct bn_refusal *refusal);

/* Before a large value is copied into the store: QUOTA, with its text, where it is larger than the quota and than all
 * that it might replace, so that nothing would come of it. Else 0: the commit will see. */
int bn_quota_foresee(struct brain_space *space, const struct bn_change *change);

#endif
