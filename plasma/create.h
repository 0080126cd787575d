/* create.h - new Plasma objects: put, or created, written and sealed. */
#ifndef PL_CREATE_H
#define PL_CREATE_H

#include "object.h"

/* Put an object that was not there: `value` with `meta_bytes` of Plasma metadata at its end. EXISTS
 * where it was, sealed or not. Evicts where it has to, if it may: that takes its time. Else as
 * brain_put(). */
int pl_create_put(struct pl_store *objects, const uint8_t *id, const brain_value *value,
                  uint64_t meta_bytes, bool may_evict);

/* An object that is being written by this process. Its bytes stay until pl_create_release(). */
struct pl_creation {
    brain_object *object;
    brain_view view; /* once it is sealed: keeps it from being evicted while its creator writes */
    uint64_t data_bytes, meta_bytes;
    uint64_t created_ns;
    uint64_t version;    /* of the UNSEALED value; 0: it is sealed, or given up */
    uint64_t held_bytes; /* data of the UNSEALED value */
    uint64_t seat;       /* the client that it belongs to: a forked child is another */
    uint32_t row;
    uint8_t id[BRAIN_ID_BYTES];
};

/* Take an id and room for its object. EXISTS, FULL (the id stays free); else as brain_put(). The
 * data is at brain_object_data(), its Plasma metadata behind it and already there. */
int pl_create_object(struct pl_store *objects, const uint8_t *id, uint64_t data_bytes,
                     const void *meta, uint64_t meta_bytes, struct pl_creation *out);

/* Make it visible. NOT_FOUND where it was deleted meanwhile; else as brain_object_seal(). */
int pl_create_seal(struct pl_store *objects, struct pl_creation *creation);

/* Give up one that is not sealed: its id is free again. Does nothing in a forked child. */
void pl_create_abort(struct pl_store *objects, struct pl_creation *creation);

/* Let go of the bytes, once nobody can touch them any more. */
void pl_create_release(struct pl_store *objects, struct pl_creation *creation);

#endif
