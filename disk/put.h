/* put.h - values that come back, on their way into a store: from a dump or from a home. */
#ifndef BD_PUT_H
#define BD_PUT_H

#include <stdbool.h>

#include "brain_disk.h"

#define BD_LARGEST ((uint64_t)1 << 47) /* that a store could hold */

/* A value as it was kept. The pointers are into what it was read from. */
struct bd_record {
    uint64_t kind, version, created_ns, size;
    const uint8_t *name, *meta, *description, *data;
    size_t name_len, meta_len, description_len;
    int fate; /* enum brain_load_fate, or: */
};
#define BD_UNWANTED (-1)

/* Where they go, and who is told. */
struct bd_put {
    brain_store *store;
    brain_load_options options;
    brain_load_result result;
    bool may_have_pickles;
    brain_space *space; /* of the values that come now */
    brain_batch *batch;
};

/* Check `given`, which may be NULL. bd_put_deinit() after success. Returns 0, INVAL, NOMEM. */
int bd_put_init(struct bd_put *put, brain_store *store, const brain_load_options *given);
void bd_put_deinit(struct bd_put *put);

/* Whether a value can be one that was kept: not a namespace, nor an object that was being written. */
bool bd_put_is_sound(const struct bd_record *record);

/* Whether it can be a name of a namespace that users have. */
bool bd_put_is_space(const uint8_t *name, size_t len);

/* The values that come are of this namespace. Returns 0, NOMEM. */
int bd_put_enter(struct bd_put *put, const uint8_t *name, size_t len);

/* Make the namespace, if there is none. */
int bd_put_make_space(struct bd_put *put);

bool bd_put_is_wanted(const struct bd_put *put, const uint8_t *name, size_t len);

/* Whether a name is there and is to be kept as it is. Returns 0, or as brain_exists(). */
int bd_put_is_kept(const struct bd_put *put, const uint8_t *name, size_t len, bool *is_kept_out);

/* Before anything is put: whether the store holds so many bytes as are to come. One that spills holds more than its
 * capacity; one that is a cache does not: it would remove the first values again for the last. Returns 0, FULL, or as
 * brain_usage(). */
int bd_put_check_room(const struct bd_put *put, uint64_t coming_bytes);

/* What is to become of a value: its fate. Returns 0, or as brain_exists(). */
int bd_put_look(const struct bd_put *put, struct bd_record *record);

/* Tell what has become of it: of one that was loaded, in the commit `version`. */
void bd_put_tell(struct bd_put *put, const struct bd_record *record, uint64_t version);

/* Put `n` small values in one commit, those that are to be, and tell of all. Returns 0, or as brain_batch_commit(). `*number_out`: of
 * the commit. */
int bd_put_small(struct bd_put *put, struct bd_record *records, size_t n, uint64_t *number_out);

/* Seal an object under the name of `record`, and tell. NULL: only tell. Returns 0, or as brain_object_seal(). */
int bd_put_large(struct bd_put *put, struct bd_record *record, brain_object *object,
                 uint64_t *number_out);

#endif
