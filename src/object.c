/* object.c - objects that are written in place.
 *
 * A large object is an extent held by a private slot of this client, mapped writable on its own; at
 * the seal the extent changes hands to the published slot, and the mapping is replaced by a private
 * copy-on-write one of the same pages, so that what is written later stays in this process. A pin
 * keeps the pages until the object is released. A small one is private memory, copied at the seal
 * as by a put; so is one whose name and metadata do not fit beside the extent. Sealed in a batch it
 * is the first change of the batch's transaction. One made in place is written through the mapping
 * that writers have, whose pages are there already where they are warm; a streamed one as a put is,
 * piece by piece, and nobody looks at what is not filled.
 *
 * Crash: the private slot goes with its client.
 */
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "base/os.h"
#include "batch.h"
#include "event.h"
#include "lock.h"
#include "pin.h"
#include "reclaim.h"
#include "recover.h"
#include "slot.h"
#include "stage.h"
#include "write.h"

struct brain_object {
    struct brain_store *store;
    void *data;
    uint64_t size_bytes;
    uint64_t map_bytes; /* 0: `data` is malloc'ed */
    bn_off map_off;
    bool in_place;    /* `data` is in the mapping of writers */
    bool is_streamed; /* in place, and has memory as far as it is filled: */
    uint64_t filled_bytes;
    uint32_t page;   /* first of its extent, where it has one */
    uint32_t holder; /* private slot; 0: none, or sealed */
    bool is_sealed;
    bool has_pin;
    uint32_t pin;
    uint32_t n_forks; /* the process that it belongs to: in a child of it it is only freed */
};

/* Huge pages are given whole, and quickly; a pwrite of a piece of one is not (base/os_linux.c). */
static int back_in_place(struct brain_object *object, uint64_t n_pages)
{
    int fd, err = bn_map_data_fd(object->store->map, &fd);
    bool comes_later = err == 0 && object->is_streamed && !bn_os_has_huge_pages(fd);
    return err != 0 || comes_later ? err : bn_stage_back(object->store, object->page, n_pages);
}

static int find_in_place(struct brain_object *object, uint64_t n_pages)
{
    uint64_t end = ((uint64_t)object->page + n_pages) * BN_PAGE;
    int err = back_in_place(object, n_pages);
    err = err != 0 ? err : bn_store_map_values(object->store, end);
    if (err == 0) {
        object->data = bn_data_at(object->store, bn_alloc_off(object->store, object->page));
    }
    return err;
}

static int map_extent(struct brain_object *object, uint64_t n_pages)
{
    int fd, err = bn_stage_back(object->store, object->page, n_pages);
    err = err != 0 ? err : bn_map_data_fd(object->store->map, &fd);
    if (err != 0) {
        return err;
    }
    object->map_off = bn_alloc_off(object->store, object->page);
    int os = bn_os_map_anywhere(n_pages * BN_PAGE, fd, object->map_off, &object->data);
    if (os != 0) {
        return bn_error_os(os, "cannot map an object of %llu bytes",
                           (unsigned long long)object->size_bytes);
    }
    object->map_bytes = n_pages * BN_PAGE;
    (void)bn_os_dont_fork(object->data, object->map_bytes); /* an object stays with its process */
    return 0;
}

static void drop_holder(struct brain_object *object)
{
    bn_recover_let_go(object->store, object->holder);
    object->holder = 0;
}

static int init(struct brain_object *object)
{
    if (bn_slot_flags_for(object->size_bytes, 0) == 0) {
        object->in_place = false;
        size_t room = bn_align_up(object->size_bytes + 1, 64);
        object->data = aligned_alloc(64, room);
        if (object->data == NULL) {
            return bn_error(BRAIN_E_NOMEM, "no memory for an object");
        }
        /* What is not written is not to show this process's memory. */
        memset(object->data, 0, room);
        return 0;
    }
    int err = bn_stage_take(object->store, object->size_bytes, object->size_bytes, &object->holder);
    if (err != 0) {
        return err;
    }
    object->page = bn_slot_at(object->store, object->holder)->page;
    uint64_t n_pages = bn_alloc_pages(object->size_bytes);
    err = object->in_place ? find_in_place(object, n_pages) : map_extent(object, n_pages);
    if (err != 0) {
        drop_holder(object);
    }
    return err;
}

static int create(struct brain_store *store, uint64_t size_bytes, struct brain_object as,
                  struct brain_object **object_out)
{
    int err = bn_store_check_writable(store);
    if (err == 0 && size_bytes >= (uint64_t)1 << 47) {
        err = bn_error(BRAIN_E_INVAL,
                       "an object of %llu bytes was asked for; at most %llu are allowed: "
                       "write it in pieces",
                       (unsigned long long)size_bytes, ((unsigned long long)1 << 47) - 1);
    }
    struct brain_object *object = err == 0 ? calloc(1, sizeof *object) : NULL;
    if (object == NULL) {
        return err != 0 ? err : bn_error(BRAIN_E_NOMEM, "no memory for an object");
    }
    *object = as;
    object->store = store;
    object->n_forks = store->n_forks;
    object->size_bytes = size_bytes;
    err = init(object);
    if (err == BRAIN_E_FULL) {
        bn_stage_refused(store, NULL, NULL, 0, size_bytes, err);
    }
    bn_event_tell_noted(store);
    if (err != 0) {
        free(object);
        return err;
    }
    *object_out = object;
    return 0;
}

int brain_create(brain_store *store, uint64_t size_bytes, brain_object **object_out)
{
    return create(store, size_bytes, (struct brain_object){ .in_place = false }, object_out);
}

int brain_create_in_place(brain_store *store, uint64_t size_bytes, brain_object **object_out)
{
    return create(store, size_bytes, (struct brain_object){ .in_place = true }, object_out);
}

int brain_create_streamed(brain_store *store, uint64_t size_bytes, brain_object **object_out)
{
    return create(store, size_bytes, (struct brain_object){ .in_place = true, .is_streamed = true },
                  object_out);
}

void *brain_object_data(brain_object *object)
{
    return object->is_streamed ? NULL : object->data;
}

/* Before the seal: what the caller goes on writing afterwards stays in this process. */
static int make_private(struct brain_object *object)
{
    int fd, err = bn_map_data_fd(object->store->map, &fd);
    int os = err == 0 ? bn_os_map_private(object->data, object->map_bytes, fd, object->map_off) : 0;
    return os == 0 ? err : bn_error_os(os, "cannot make the memory of a sealed object private");
}

/* The seal failed: the caller may go on writing. */
static int make_shared(struct brain_object *object)
{
    int fd, err = bn_map_data_fd(object->store->map, &fd);
    int os = err == 0 ? bn_os_map(object->data, object->map_bytes, fd, object->map_off, true) : 0;
    if (os == 0) {
        os = err == 0 ? bn_os_dont_fork(object->data, object->map_bytes) : 0;
    }
    return os == 0 ? err : bn_error_os(os, "cannot map an object again");
}

static int commit(struct brain_store *store, struct brain_batch *batch, struct bn_write *write,
                  uint64_t *number_out)
{
    return batch != NULL ? bn_batch_commit_with(batch, write, number_out)
                         : bn_write_commit(store, write, 1, false, number_out);
}

/* Publish, with `batch` unless it is NULL; `*write` is that of the object's data. */
static int publish(struct brain_object *object, struct brain_batch *batch, struct bn_write *write,
                   uint64_t *number_out)
{
    bool shared = object->holder != 0;
    if (shared && write->change.flags == BN_SLOT_EXTENT) {
        write->change.holder = object->holder;
        write->is_borrowed = true;
        write->wants_pin =
            !object->is_streamed; /* the others are looked at until they are released */
    }
    bool is_mapped = shared && !object->in_place;
    int err = is_mapped ? make_private(object) : 0;
    if (err == 0) {
        err = commit(object->store, batch, write, number_out);
        /* Also where the commit is made, and what comes after it met damage. Without a hand-over the
         * data went to an extent of another shape, and this one is still ours. */
        object->is_sealed = err == 0 || (write->was_handed_over && write->is_borrowed);
        if (!object->is_sealed && is_mapped) {
            int again = make_shared(object);
            err = again != 0 ? again : err;
        }
    }
    if (write->was_handed_over && write->is_borrowed) {
        object->holder = 0;
    }
    object->has_pin = object->is_sealed && write->has_pin;
    object->pin = write->pin;
    if (write->has_pin && !object->is_sealed) {
        bn_pin_drop(object->store, write->pin);
    }
    bn_write_deinit(object->store, write);
    return err;
}

/* Whether this is the process that made the object, and not a child of it. */
static bool is_ours(const struct brain_object *object)
{
    return bn_load_relaxed(object->store->mark) == 1 && object->n_forks == object->store->n_forks;
}

static int check_ours(const struct brain_object *object)
{
    int err = bn_store_check_usable(object->store);
    if (err == 0 && !is_ours(object)) {
        err = bn_error(BRAIN_E_FORKED,
                       "this object belongs to the process that made it, of which this one "
                       "is a child: make one here (here it can only be released)");
    }
    return err;
}

int brain_object_append(brain_object *object, const void *data, size_t size_bytes)
{
    int err = check_ours(object);
    if (err != 0) {
        return err;
    }
    if (!object->is_streamed || object->is_sealed) {
        return bn_error(BRAIN_E_INVAL, object->is_sealed
                                           ? "the object is sealed already"
                                           : "this object is written through brain_object_data()");
    }
    if (data == NULL && size_bytes > 0) {
        return bn_error(BRAIN_E_INVAL, "%zu bytes are at NULL: say where they are", size_bytes);
    }
    if (size_bytes > object->size_bytes - object->filled_bytes) {
        return bn_error(BRAIN_E_INVAL, "%zu bytes more than %llu do not fit an object of %llu",
                        size_bytes, (unsigned long long)object->filled_bytes,
                        (unsigned long long)object->size_bytes);
    }
    if (object->holder == 0) {
        bn_copy((uint8_t *)object->data + object->filled_bytes, data, size_bytes);
    } else {
        err = bn_stage_write(object->store, object->page, object->filled_bytes, data, size_bytes);
        if (err == BRAIN_E_FULL) {
            bn_stage_refused(object->store, NULL, NULL, 0, size_bytes, err);
        }
    }
    object->filled_bytes += err == 0 ? size_bytes : 0;
    return err;
}

static int check_seal(const struct brain_object *object, const struct brain_batch *batch,
                      const brain_value *value)
{
    int err = check_ours(object);
    if (err == 0 && (object->is_sealed || value->n_parts != 0)) {
        err = bn_error(BRAIN_E_INVAL, object->is_sealed ? "the object is sealed already"
                                                        : "a sealed object brings its own data");
    }
    if (err == 0 && object->is_streamed && object->filled_bytes != object->size_bytes) {
        err = bn_error(BRAIN_E_INVAL, "of an object of %llu bytes only %llu have been appended",
                       (unsigned long long)object->size_bytes,
                       (unsigned long long)object->filled_bytes);
    }
    if (err == 0 && batch != NULL) {
        err = bn_batch_check(batch, object->store);
    }
    return err;
}

static int seal(struct brain_object *object, struct brain_batch *batch, struct brain_space *space,
                const void *name, size_t name_len, const brain_value *value, uint64_t if_version,
                uint64_t *version_out)
{
    struct bn_write write;
    uint64_t number = 0;
    brain_part part = { .data = object->data, .size_bytes = (size_t)object->size_bytes };
    brain_value whole = *value;
    int err = check_seal(object, batch, value);
    if (err != 0) {
        return err;
    }
    whole.parts = &part;
    whole.n_parts = 1;
    err = bn_write_init(&write, space, name, name_len, &whole, if_version);
    err = err != 0 ? err : publish(object, batch, &write, &number);
    if (err != 0) {
        return bn_error_expected(err);
    }
    if (version_out != NULL) {
        *version_out = number;
    }
    return 0;
}

int brain_object_seal(brain_object *object, brain_space *space, const void *name, size_t name_len,
                      const brain_value *value, uint64_t if_version, uint64_t *version_out)
{
    return seal(object, NULL, space, name, name_len, value, if_version, version_out);
}

int brain_object_seal_in(brain_object *object, brain_batch *batch, brain_space *space,
                         const void *name, size_t name_len, const brain_value *value,
                         uint64_t if_version, uint64_t *version_out)
{
    int err = seal(object, batch, space, name, name_len, value, if_version, version_out);
    if (err != 0) {
        bn_batch_empty(batch); /* it is, where the commit was tried */
    }
    return err;
}

void brain_object_release(brain_object *object)
{
    if (object == NULL) {
        return;
    }
    if (object->in_place) {
        object->data = NULL; /* the store's */
    } else if (object->map_bytes == 0) {
        free(object->data);
    } else if (object->is_sealed ||
               is_ours(object)) { /* else not inherited: something else may be there */
        bn_os_unmap(object->data, object->map_bytes);
    }
    if (is_ours(object)) {
        drop_holder(object);
        if (object->has_pin) {
            bn_pin_drop(object->store, object->pin);
            bn_reclaim_last(object->store);
        }
    }
    free(object);
}
