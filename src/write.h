/* write.h - changes: from what a caller wants to one transaction, with all that may get in the
 * way. */
#ifndef BN_WRITE_H
#define BN_WRITE_H

#include "handle.h"
#include "txn.h"

/* A change that is being prepared. */
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
    struct bn_write
        *maker;         /* the change that makes its namespace in the same transaction, or NULL */
    bool owns_maker;    /* the first of those that share it */
    bool makes_only;    /* there is nothing to put: the namespace alone */
    bool spares_used;   /* a delete: BUSY where anybody has a view of the value */
    bool has_older_pin; /* on the value that is there, while room is made */
    uint32_t older_pin;
    bool checks_only; /* nothing is changed: `if_version` has to hold, that is all */
    uint32_t made_id; /* of a maker: the id of the namespace */
    uint64_t
        made_quota;   /* where it makes its namespace: what that may hold; 0: any number of bytes */
    bool is_borrowed; /* the holder is an object's: never freed here */
    bool has_pin;     /* it was taken, whatever came of the commit */
    bool was_handed_over; /* the holder's extent is the published slot's now */
    bool wants_pin;       /* pin the published slot, before anybody can replace it */
    uint32_t pin;
};

/* Check names and value, and fill `write` but for what depends on the store. 0 or INVAL. */
int bn_write_init(struct bn_write *write, struct brain_space *space, const void *name,
                  size_t name_len, const brain_value *value, uint64_t if_version);
int bn_write_init_delete(struct bn_write *write, struct brain_space *space, const void *name,
                         size_t name_len, uint64_t if_version);

/* The same for what takes the place of the value that `view` shows: `parts` are what stands for it, and its
 * version. 0 or INVAL. */
int bn_write_init_move(struct bn_write *write, struct brain_space *space, const brain_view *view,
                       const brain_part parts[2]);

/* Whether two handles have the same name. */
bool bn_write_same_space(const struct brain_space *a, const struct brain_space *b);

/* Make `n` changes in one commit; those in one namespace stand together. `*number_out`: its number.
 * On error nothing has changed. Deletes of missing names: `lenient` skips those without a
 * condition, else NOT_FOUND. */
int bn_write_commit(struct brain_store *store, struct bn_write *writes, uint32_t n, bool lenient,
                    uint64_t *number_out);

/* Free what a write took and did not publish. */
void bn_write_deinit(struct brain_store *store, struct bn_write *write);

/* Make a namespace with a quota, 0: none: 0 or EXISTS ... / remove one: 0 or NOT_FOUND ... */
int bn_write_make_space(struct brain_space *space, uint64_t quota);
int bn_write_remove_space(struct brain_space *space);

#endif
