/* write.h - changes: from what a caller wants to one transaction, with all that may get in the
 * way. */
#ifndef BN_WRITE_H
#define BN_WRITE_H

#include "prepared.h"

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
