/* txn.h - one commit point: fresh slots are swung into the index, then one store makes them
 * visible.
 *
 *   begin -> find, take each -> swing each -> commit -> tidy
 *                           \-> abort
 *
 * Everything needs the writer lock. What can fail comes before the commit; from there on only
 * damage can.
 */
#ifndef BN_TXN_H
#define BN_TXN_H

#include "store.h"

/* Data as a list of parts; see brain_part. */
struct bn_part_list {
    const brain_part *parts;
    uint32_t n_parts;
};

/* One change of a transaction. The caller fills the first part. */
struct bn_change {
    const void *name;
    uint64_t hash;
    uint32_t name_len;
    uint32_t space_id;
    uint32_t space_gen;
    bool is_delete;
    uint32_t removes_space; /* root space, delete: id of the space that goes; 0: no */
    uint64_t if_version;

    struct bn_part_list data; /* where it is not in an extent already */
    uint64_t size;
    uint32_t holder; /* private slot whose extent has the data, 0: inline */
    uint32_t flags;  /* BN_SLOT_EXTENT, BN_SLOT_BODY_OUT */
    uint32_t kind;
    uint32_t meta_len;
    const void *meta;
    const void *description;
    uint32_t description_len;
    uint32_t moves; /* slot of the value that is moved away, 0: none is. Nobody sees a change */
    uint64_t created_ns;  /* 0: when the slot is filled */
    bool has_description; /* else that of the older value is kept, if it has none */

    /* filled by bn_txn_find and bn_txn_take */
    _Atomic uint64_t *word;
    struct bn_cold_rec *older_cold, *fresh_cold;
    uint32_t older; /* slot in the index now, a tombstone included */
    bool older_absent;
    bool is_skipped;        /* a delete of what is not there */
    uint64_t older_version; /* 0: absent */
    uint32_t fresh;
};

/* Internal answers of bn_txn_find: the value that is there has a description to be kept, which the
 * caller must bring along / the space was removed, the caller must look it up anew. */
#define BN_NEED_DESCRIPTION (-101)
#define BN_SPACE_GONE       (-102)

/* Begin a transaction of at most `n_changes`: 0, BN_AGAIN, FULL. */
int bn_txn_begin(struct brain_store *store, uint32_t n_changes);

/* Look up what a change replaces, and check its condition: 0, EXISTS, STALE, NOT_FOUND (a delete),
 * BN_NEED_DESCRIPTION, BN_SPACE_GONE, CORRUPT. */
int bn_txn_find(struct brain_store *store, struct bn_change *change);

/* By how many bytes a change that was looked up makes its space larger. */
int64_t bn_txn_growth(const struct brain_store *store, const struct bn_change *change);

/* Take and fill the fresh slot. On error the caller aborts. */
int bn_txn_take(struct brain_store *store, struct bn_change *change);

/* Whether `more` bytes of data still fit the capacity. Under the lock; without it a guess. */
bool bn_txn_has_room(const struct brain_store *store, uint64_t more);

/* Put the fresh slot into index and list, and count. On error the caller aborts. */
int bn_txn_swing(struct brain_store *store, struct bn_change *change);

/* Make everything visible, and tidy. `*number_out` is the commit's number. */
int bn_txn_commit(struct brain_store *store, uint64_t *number_out);

/* Undo everything. Returns `err`, or what went wrong with the undoing. */
int bn_txn_abort(struct brain_store *store, int err);

/* What recovery calls: tidy after a commit, or undo, whichever `committed` says. */
int bn_txn_recover(struct brain_store *store);

/* Steps of a transaction each, without a commit, since nobody can see the difference: */

/* Take a private slot that holds an extent of `extent_bytes` for `size` bytes of data. It is freed
 * if this client dies. 0, BN_AGAIN, FULL, CORRUPT. */
int bn_txn_take_private(struct brain_store *store, uint64_t extent_bytes, uint64_t size,
                        uint32_t *slot_out);

/* Take a block of free pages that are backed into a private slot. NOT_FOUND where there is none. */
int bn_txn_take_warm(struct brain_store *store, uint32_t *slot_out);

/* Free a private slot of client `row`, which no reader ever saw. `warm`: its pages are backed. */
int bn_txn_drop_private(struct brain_store *store, uint32_t slot, uint32_t row, bool warm);

/* Free a slot of the limbo set. `value_only`: its extent alone. */
int bn_txn_free_limbo(struct brain_store *store, uint32_t slot, bool value_only);

/* Take a tombstone that had to stay / a slot of a dead space out of the index, into limbo. */
int bn_txn_unlink(struct brain_store *store, uint32_t slot, bool of_dead_space);

/* Give a segment of the first dead space back, or, where it has none, its record. */
int bn_txn_give_dead(struct brain_store *store);

/* Bytes that a slot of limbo keeps. */
uint64_t bn_txn_limbo_size(const struct brain_store *store, uint32_t slot);

/* Copy a list of parts, gaps included, to `to`. */
void bn_txn_copy_parts(const struct bn_part_list *data, uint8_t *to);

#endif
