/* prepared.h - a change that is being prepared: what write.c fills, and protect.c keeps the value of. */
#ifndef BN_PREPARED_H
#define BN_PREPARED_H

#include "handle.h"
#include "txn.h"

struct bn_write {
    struct brain_space *space;
    struct bn_change change;
    uint64_t expected_version; /* of the value whose description is kept; 0: none is */
    void *kept_description;    /* ours to free */
    void *kept_data;           /* ours to free: what `kept_part` names */
    brain_part kept_part;
    bool is_only_staged; /* the data is in the holder's extent and nowhere else */
    bool retires_extent;
    uint64_t older_bytes; /* of a delete: the data of what went */
    bool has_no_space;    /* a delete where there is no such namespace */
    /* The change that makes its namespace in the same transaction, or NULL. */
    struct bn_write *maker;
    bool owns_maker;  /* the first of those that share it */
    bool makes_only;  /* there is nothing to put: the namespace alone */
    bool spares_used; /* a delete: BUSY where anybody has a view of the value */
    /* While room is made (protect.c): the value that is there. */
    bool has_older_pin; /* it is needed, and pinned */
    bool spares_older;  /* it is only replaced, and goes last */
    uint32_t older_pin, older_slot;
    uint64_t older_size;
    bool checks_only; /* nothing is changed: `if_version` has to hold, that is all */
    uint32_t made_id; /* of a maker: the id of the namespace */
    /* Where it makes its namespace: what that may hold; 0: any number of bytes. */
    uint64_t made_quota;
    bool is_borrowed;     /* the holder is an object's: never freed here */
    bool has_pin;         /* it was taken, whatever came of the commit */
    bool was_handed_over; /* the holder's extent is the published slot's now */
    bool wants_pin;       /* pin the published slot, before anybody can replace it */
    uint32_t pin;
};

#endif
