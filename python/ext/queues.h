/* queues.h - notifications: a queue for each subscriber, in the store. Over brain.h alone.
 *
 * A subscriber is a record in the metadata of one value, "subscribers" in the control namespace; its
 * queue is a namespace of its own with one name an entry, in whose metadata id and sizes stand. An
 * entry is put in the same commit as what it tells of; the version of entries is their order.
 *
 *   record  0 token (16)  16 seat  24 row  28 zero (4)
 *   entry   0 id (20)  20 data_bytes  28 meta_bytes: -1 and -1 of an object that is gone
 */
#ifndef BP_QUEUES_H
#define BP_QUEUES_H

#include "objects.h"

#define BP_TOKEN_BYTES 16u
#define BP_QUEUE_MAX   100000u /* entries that wait; a subscriber further behind is dropped */

struct bp_notice {
    uint64_t version;
    int64_t data_bytes, meta_bytes;
    uint8_t id[BRAIN_ID_BYTES];
};

/* What a change needs to tell the subscribers. */
struct bp_telling {
    brain_batch *batch;
    brain_space **queues;
    size_t n_queues;
};

/* Begin a batch with an entry for each subscriber, on condition that they are still these: else its
 * commit says STALE, and all is to be done again. Then the change is to be added and committed, and
 * bp_queues_told() called. */
int bp_queues_tell(struct bp_objects *objects, const struct bp_notice *notice,
                   struct bp_telling *out);
void bp_queues_told(struct bp_telling *telling);

/* Register this process under a token of its choice / take that back, with all that waits. */
int bp_queues_subscribe(struct bp_objects *objects, const uint8_t *token);
int bp_queues_unsubscribe(struct bp_objects *objects, const uint8_t *token);

/* Wait until something has happened to the queue above commit `*number`, up to `timeout_ns`; take
 * out what waits, in order. `*notices_out` is to be freed. TIMEOUT; NOT_FOUND: the subscriber was
 * dropped, being too far behind; else as brain_wait_space(). */
int bp_queues_take(struct bp_objects *objects, const uint8_t *token, int64_t timeout_ns,
                   uint64_t *number, struct bp_notice **notices_out, size_t *n_out);

/* Remove the queues of the dead. */
int bp_queues_sweep(struct bp_objects *objects);

#endif
