/* batch.c - many changes that become visible at once.
 *
 * Small values are copied when they are added; large ones go to an extent of their own at once, as
 * for a put. (Those whose name, metadata and description go there too are copied as well: such an
 * extent is lost with an aborted transaction, since readers may have looked at the name in it.) The
 * commit is one transaction over all. Of several changes of one name the last counts: the list is
 * sorted by namespace and name, and all but the last of equals are dropped, with their conditions.
 */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "lock.h"
#include "protect.h"
#include "quota.h"
#include "slot.h"
#include "stage.h"
#include "write.h"

struct item {
    struct bn_write write;
    brain_part part; /* the copy of the data */
    uint32_t order;
    void *copy; /* name, metadata, description, data */
};

struct brain_batch {
    struct brain_store *store;
    struct item *items;
    uint32_t n, room;
    uint32_t
        n_forks; /* the process whose the extents are: in a child of it the batch is only freed */
};

/* Whether the batch may go on: the store is usable and writable, and this is the process that began
 * it. */
static int check_batch(const struct brain_batch *batch)
{
    int err = bn_store_check_writable(batch->store);
    if (err == 0 && batch->n_forks != batch->store->n_forks) {
        err = bn_error(BRAIN_E_FORKED,
                       "this batch belongs to the process that made it, of which this one is "
                       "a child: make one here (here it can only be freed)");
    }
    return err;
}

int brain_batch_new(brain_store *store, brain_batch **batch_out)
{
    struct brain_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory for a batch");
    }
    batch->store = store;
    batch->n_forks = store->n_forks;
    *batch_out = batch;
    return 0;
}

static void drop_item(struct brain_store *store, struct item *item)
{
    bn_write_deinit(store, &item->write);
    free(item->copy);
}

static void clear(struct brain_batch *batch)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        drop_item(batch->store, &batch->items[i]);
    }
    batch->n = 0;
}

void brain_batch_free(brain_batch *batch)
{
    if (batch != NULL) {
        if (bn_store_usable(batch->store) == 0 && batch->n_forks == batch->store->n_forks) {
            clear(batch);
        } else {
            for (uint32_t i = 0; i < batch->n; i++) {
                free(batch->items[i].copy);
            }
        }
        free(batch->items);
        free(batch);
    }
}

static int grow(struct brain_batch *batch)
{
    if (batch->n == BRAIN_BATCH_MAX) {
        return bn_error(BRAIN_E_INVAL, "a batch holds at most %u changes: commit it in parts",
                        BRAIN_BATCH_MAX);
    }
    if (batch->n < batch->room) {
        return 0;
    }
    uint32_t room = batch->room == 0 ? 16 : 2 * batch->room;
    struct item *items = realloc(batch->items, room * sizeof *items);
    if (items == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory for a batch");
    }
    batch->items = items;
    batch->room = room;
    return 0;
}

static uint8_t *append(uint8_t *at, const void **bytes, size_t n)
{
    if (n > 0) {
        memcpy(at, *bytes, n);
    }
    *bytes = at;
    return at + n;
}

/* Make `item` independent of the caller's memory. */
static int copy_item(struct item *item, bool with_data)
{
    struct bn_change *change = &item->write.change;
    size_t size = with_data ? (size_t)change->size : 0;
    uint8_t *at =
        malloc((size_t)change->name_len + change->meta_len + change->description_len + size + 1);
    if (at == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory for a batch");
    }
    item->copy = at;
    at = append(at, &change->name, change->name_len);
    at = append(at, &change->meta, change->meta_len);
    at = append(at, &change->description, change->description_len);
    if (with_data) {
        bn_txn_copy_parts(&change->data, at);
    }
    item->part = (brain_part){ .data = at, .size_bytes = size };
    change->data = (struct bn_part_list){ NULL, 0 }; /* set at the commit: items move */
    return 0;
}

/* Large data. What it replaces goes last for that, as for a put; whether its condition holds is the commit's to say. */
static int stage(struct brain_store *store, struct bn_write *write)
{
    bool protects = (write->change.flags & BN_SLOT_EXTENT) != 0 &&
                    bn_load_relaxed(&store->state->full_mode) != BRAIN_FULL_ERROR;
    int err = bn_unlikely(protects) ? bn_protect_begin(store, write, 1, false) : 0;
    err = err != 0 ? err : bn_stage_data(store, &write->change);
    if (bn_unlikely(protects)) {
        bn_protect_end(store, write, 1);
    }
    return err;
}

static int add(struct brain_batch *batch, struct item *item)
{
    int err = check_batch(batch);
    err = err != 0 ? err : grow(batch);
    err = err != 0 ? err : bn_quota_foresee(item->write.space, &item->write.change);
    err = err != 0 ? err : stage(batch->store, &item->write);
    if (err != 0) {
        const struct bn_change *change = &item->write.change;
        if (err == BRAIN_E_FULL || err == BRAIN_E_QUOTA) {
            bn_stage_refused(batch->store, item->write.space, change->name, change->name_len,
                             change->size, err);
        }
        return err;
    }
    item->write.is_only_staged = item->write.change.flags == BN_SLOT_EXTENT;
    err = copy_item(item, !item->write.is_only_staged);
    if (err != 0) {
        bn_write_deinit(batch->store, &item->write);
        return err;
    }
    item->order = batch->n;
    batch->items[batch->n++] = *item;
    return 0;
}

int brain_batch_put_if(brain_batch *batch, brain_space *space, const void *name, size_t name_len,
                       const brain_value *value, uint64_t if_version)
{
    struct item item = { .copy = NULL };
    int err = bn_write_init(&item.write, space, name, name_len, value, if_version);
    return err != 0 ? err : add(batch, &item);
}

int brain_batch_put(brain_batch *batch, brain_space *space, const void *name, size_t name_len,
                    const brain_value *value)
{
    return brain_batch_put_if(batch, space, name, name_len, value, BRAIN_ANY_VERSION);
}

int brain_batch_delete_if(brain_batch *batch, brain_space *space, const void *name, size_t name_len,
                          uint64_t if_version)
{
    struct item item = { .copy = NULL };
    int err = bn_write_init_delete(&item.write, space, name, name_len, if_version);
    return err != 0 ? err : add(batch, &item);
}

int brain_batch_delete(brain_batch *batch, brain_space *space, const void *name, size_t name_len)
{
    return brain_batch_delete_if(batch, space, name, name_len, BRAIN_ANY_VERSION);
}

int brain_batch_require(brain_batch *batch, brain_space *space, const void *name, size_t name_len,
                        uint64_t if_version)
{
    struct item item = { .copy = NULL };
    int err = bn_write_init_delete(&item.write, space, name, name_len, if_version);
    item.write.checks_only = true;
    return err != 0 ? err : add(batch, &item);
}

/* By key, and where that is the same for two, by name. */
static int compare_spaces(const struct brain_space *a, const struct brain_space *b)
{
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    if (a->name_len != b->name_len) {
        return a->name_len < b->name_len ? -1 : 1;
    }
    return memcmp(a->name, b->name, a->name_len);
}

static int compare_names(const struct item *a, const struct item *b)
{
    int by_space = compare_spaces(a->write.space, b->write.space);
    if (by_space != 0) {
        return by_space;
    }
    const struct bn_change *c = &a->write.change, *d = &b->write.change;
    if (c->name_len != d->name_len) {
        return c->name_len < d->name_len ? -1 : 1;
    }
    return memcmp(c->name, d->name, c->name_len);
}

static int compare(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int by_name = compare_names(x, y);
    return by_name != 0 ? by_name : x->order < y->order ? -1 : 1;
}

/* Of equal names keep the last. */
static void drop_overridden(struct brain_batch *batch)
{
    uint32_t kept = 0;
    if (batch->n > 1) {
        qsort(batch->items, batch->n, sizeof *batch->items, compare);
    }
    for (uint32_t i = 0; i < batch->n; i++) {
        if (i + 1 < batch->n && compare_names(&batch->items[i], &batch->items[i + 1]) == 0) {
            drop_item(batch->store, &batch->items[i]);
        } else {
            batch->items[kept++] = batch->items[i];
        }
    }
    batch->n = kept;
}

/* The namespace of `space` before the others, each of which stands together as it was sorted. */
static void line_up(const struct brain_batch *batch, const struct brain_space *space,
                    struct bn_write *writes)
{
    uint32_t n = 0;
    for (int others = 0; others < 2; others++) {
        for (uint32_t i = 0; i < batch->n; i++) {
            struct item *item = &batch->items[i];
            bool is_other = space != NULL && !bn_write_same_space(item->write.space, space);
            if (is_other == (others == 1)) {
                writes[n] = item->write;
                writes[n++].change.data = (struct bn_part_list){ &item->part, 1 };
            }
        }
    }
}

/* What is left of the writes is theirs, not the items'. */
static void finish(struct brain_batch *batch, struct bn_write *writes)
{
    for (uint32_t i = 0; i < batch->n; i++) {
        bn_write_deinit(batch->store, &writes[i]);
        free(batch->items[i].copy);
    }
    batch->n = 0;
}

/* `first`: NULL, or a write that goes before all others. */
static int commit(struct brain_batch *batch, struct bn_write *first, uint64_t *number_out)
{
    uint32_t n_first = first != NULL;
    drop_overridden(batch);
    struct bn_write *writes = malloc((batch->n + 1) * sizeof *writes);
    if (writes == NULL) {
        int err = bn_error(BRAIN_E_NOMEM, "no memory to commit a batch of %u changes", batch->n);
        clear(batch);
        return err;
    }
    line_up(batch, first != NULL ? first->space : NULL, writes + n_first);
    if (first != NULL) {
        writes[0] = *first;
    }
    int err = bn_write_commit(batch->store, writes, batch->n + n_first, true, number_out);
    if (first != NULL) {
        *first = writes[0];
    }
    finish(batch, writes + n_first);
    free(writes);
    return err;
}

int brain_batch_commit(brain_batch *batch, uint64_t *number_out)
{
    uint64_t number = 0;
    int err = check_batch(batch);
    err = err != 0 ? err : commit(batch, NULL, &number);
    if (err == 0 && number_out != NULL) {
        *number_out = number;
    }
    return bn_error_expected(err);
}

/* ---- with an object */

int bn_batch_check(const struct brain_batch *batch, const struct brain_store *store)
{
    return batch->store == store
               ? check_batch(batch)
               : bn_error(BRAIN_E_INVAL, "the batch is of another store than the object");
}

void bn_batch_empty(struct brain_batch *batch)
{
    if (bn_store_usable(batch->store) == 0 && batch->n_forks == batch->store->n_forks) {
        clear(batch);
    }
}

int bn_batch_commit_with(struct brain_batch *batch, struct bn_write *first, uint64_t *number_out)
{
    const struct item it = { .write = *first };
    for (uint32_t i = 0; i < batch->n; i++) {
        if (compare_names(&batch->items[i], &it) == 0) {
            clear(batch);
            return bn_error(BRAIN_E_INVAL, "the batch changes the name that the object is sealed "
                                           "under: give that one change");
        }
    }
    return commit(batch, first, number_out);
}
