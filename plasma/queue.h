/* queue.h - notifications: a queue for each subscriber, in the store.
 *
 * A subscriber is a record in the metadata of one value, "subscribers" in the control namespace; its
 * queue is a namespace of its own with one name an entry, in whose metadata id and sizes stand. An
 * entry is put in the same commit as what it tells of; the version of entries is their order.
 *
 *   record  0 token (16)  16 seat  24 row  28 zero (4)
 *   entry   0 id (20)  20 data_bytes  28 meta_bytes: -1 and -1 of an object that is gone
 */
#ifndef PL_QUEUE_H
#define PL_QUEUE_H

#include "store.h"

#define PL_TOKEN_BYTES 16u
#define PL_QUEUE_MAX   100000u /* entries that wait; a subscriber further behind is dropped */

struct pl_notice {
    uint64_t version;
    int64_t data_bytes, meta_bytes;
    uint8_t id[BRAIN_ID_BYTES];
};

/* That of an object whose end this is not. */
struct pl_notice pl_queue_notice(const uint8_t *id, uint64_t data_bytes, uint64_t meta_bytes);

/* What a change needs to tell the subscribers. */
struct pl_telling {
    brain_batch *batch;
    brain_space **queues;
    size_t n_queues;
};

/* Begin a batch with an entry for each subscriber, on condition that they are still these: else its
 * commit says STALE, and all is to be done again. Then the change is to be added and committed, and
 * pl_queue_told() called. */
int pl_queue_tell(struct pl_store *objects, const struct pl_notice *notice, struct pl_telling *out);
void pl_queue_told(struct pl_telling *telling);

/* Register this process under a token of its choice / take that back, with all that waits. */
int pl_queue_subscribe(struct pl_store *objects, const uint8_t *token);
int pl_queue_unsubscribe(struct pl_store *objects, const uint8_t *token);

/* Wait until something has happened to the queue above commit `*number`, up to `timeout_ns`; take
 * out what waits, in order. `*notices_out` is to be freed. TIMEOUT; NOT_FOUND: the subscriber was
 * dropped, being too far behind; else as brain_wait_space(). */
int pl_queue_take(struct pl_store *objects, const uint8_t *token, int64_t timeout_ns,
                  uint64_t *number, struct pl_notice **notices_out, size_t *n_out);

/* Remove the queues of the dead. */
int pl_queue_sweep(struct pl_store *objects);

#endif
