/* read.h - how a value is found without a lock. */
#ifndef BN_READ_H
#define BN_READ_H

#include "copied.h"

/* A slot that is pinned, or that a registration keeps. */
struct bn_found {
    uint32_t slot;
    uint32_t pin; /* of bn_read_get(): to be dropped */
};

/* Find and pin the committed value of a name: 0, NOT_FOUND (no pin is held), BUSY, CORRUPT. */
int bn_read_get(struct brain_store *store, const struct bn_key *key, struct bn_found *found_out);

/* Drop a pin of bn_read_get() that becomes no view. Takes no lock: where it may have kept the memory of a
 * large value that went meanwhile, the next change looks. */
void bn_read_let_go(struct brain_store *store, uint32_t pin);

/* As bn_read_get(); or found->slot is 0: the value was copied, and no pin is held. */
int bn_read_get_or_copy(struct brain_store *store, const struct bn_key *key,
                        struct bn_found *found_out, struct bn_copied *copied);

/* The size that a hint has of what is not to be copied: it is pinned. */
#define BN_HINT_PINS BN_SLOT_ALIGNED_FROM

/* Pin the value that a hint leads to: for what is not to be copied. 0; BN_AGAIN: it is not there any more; BUSY. */
int bn_read_pin_hinted(struct brain_store *store, const brain_hint *hint,
                       struct bn_found *found_out);

/* Find the value of a name as of commit `number`, at which this client is registered: 0, NOT_FOUND,
 * CORRUPT. The slot stays as long as the registration. */
int bn_read_as_of(struct brain_store *store, const struct bn_key *key, uint64_t number,
                  uint32_t *slot_out);

/* From `slot`, which stood in the index or in a list of names after the registration, to the
 * version as of `number`: 0 (`*slot_out` may be 0: absent), or CORRUPT. */
int bn_read_version(struct brain_store *store, uint32_t slot, uint64_t number, uint32_t *slot_out);

/* A namespace by name: its id and gen, in the committed state / as of a registration. */
int bn_read_space(struct brain_store *store, const void *name, uint32_t name_len, uint64_t hash,
                  uint32_t *id_out, uint32_t *gen_out);
int bn_read_space_as_of(struct brain_store *store, const void *name, uint32_t name_len,
                        uint64_t hash, uint64_t number, uint32_t *id_out);

/* What the slot of a namespace says, which is safe to look at: 0 or CORRUPT. */
int bn_read_space_id(struct brain_store *store, uint32_t slot, uint32_t *id_out, uint32_t *gen_out);

/* Fill a view of a slot that `pin` keeps: 0 or CORRUPT (the pin stays the caller's). */
int bn_read_view(struct brain_store *store, uint32_t slot, uint32_t pin, brain_view *view_out);

/* A view of a slot that a registration keeps: pins it. */
int bn_read_pin_view(struct brain_store *store, uint32_t slot, brain_view *view_out);

#endif
