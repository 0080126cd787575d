/* put.c - values that come back, on their way into a store.
 *
 * Small ones are a commit together, a large one is a commit of its own. Each has the description and the time that it
 * had; a name that is to be kept as it is (BRAIN_LOAD_KEEP) is put under the condition that it is not there, since
 * others may put it meanwhile.
 */
#include "put.h"

#include <string.h>

#include "error.h"
#include "walk.h"

#define N_KEEP_TRIES 100

int bd_put_init(struct bd_put *put, brain_store *store, const brain_load_options *given)
{
    static const brain_load_options defaults = BRAIN_LOAD_OPTIONS_INIT;
    const uint32_t all =
        BRAIN_LOAD_DAMAGED | BRAIN_LOAD_KEEP | BRAIN_LOAD_PICKLES | BRAIN_LOAD_NO_PICKLES;
    *put = (struct bd_put){ .store = store, .options = given != NULL ? *given : defaults };
    if (put->options.struct_size != sizeof put->options || (put->options.flags & ~all) != 0) {
        return bd_error(BRAIN_E_INVAL, "brain_load_options: begin with BRAIN_LOAD_OPTIONS_INIT");
    }
    int err = brain_batch_new(store, &put->batch);
    return err != 0 ? bd_error_store(err) : 0;
}

void bd_put_deinit(struct bd_put *put)
{
    brain_batch_free(put->batch);
    brain_space_close(put->space);
}

bool bd_put_is_sound(const struct bd_record *record)
{
    return record->kind <= 255 && record->kind != BRAIN_KIND_UNSEALED &&
           record->kind != BRAIN_KIND_AWAY && record->kind != BRAIN_KIND_SPACE &&
           record->created_ns <= INT64_MAX && record->name_len <= BRAIN_NAME_MAX &&
           record->meta_len <= BRAIN_META_MAX && record->description_len <= BRAIN_DESCRIPTION_MAX &&
           record->size < BD_LARGEST;
}

/* ---- namespaces */

bool bd_put_is_space(const uint8_t *name, size_t len)
{
    return len >= 1 && len <= BRAIN_SPACE_MAX && !bd_walk_is_hidden(name, len);
}

int bd_put_enter(struct bd_put *put, const uint8_t *name, size_t len)
{
    size_t its_len;
    const void *its = put->space != NULL ? brain_space_name(put->space, &its_len) : NULL;
    if (its != NULL && its_len == len && memcmp(its, name, len) == 0) {
        return 0;
    }
    brain_space *space;
    int err = brain_space_open(put->store, name, len, &space);
    if (err != 0) {
        return bd_error_store(err);
    }
    brain_space_close(put->space);
    put->space = space;
    return 0;
}

int bd_put_make_space(struct bd_put *put)
{
    int err = brain_space_create(put->space);
    return err == 0 || err == BRAIN_E_EXISTS ? 0 : bd_error_store(err);
}

/* ---- fates */

static brain_load_name name_of(const struct bd_put *put, const uint8_t *name, size_t len)
{
    brain_load_name of = { .name = name, .name_len = len };
    of.space = brain_space_name(put->space, &of.space_len);
    return of;
}

bool bd_put_is_wanted(const struct bd_put *put, const uint8_t *name, size_t len)
{
    const brain_load_name it = name_of(put, name, len);
    return put->options.wants == NULL || put->options.wants(put->options.context, &it) != 0;
}

int bd_put_is_kept(const struct bd_put *put, const uint8_t *name, size_t len, bool *is_kept_out)
{
    int err = BRAIN_E_NOT_FOUND;
    if ((put->options.flags & BRAIN_LOAD_KEEP) != 0) {
        err = brain_exists(put->space, name, len, NULL);
    }
    *is_kept_out = err == 0;
    return err == 0 || err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

int bd_put_check_room(const struct bd_put *put, uint64_t coming_bytes)
{
    uint64_t capacity, live;
    int err = brain_usage(put->store, &capacity, &live);
    if (err != 0) {
        return bd_error_store(err);
    }
    if (coming_bytes <= capacity || brain_full_mode(put->store) == BRAIN_FULL_SPILL) {
        return 0;
    }
    return bd_error(BRAIN_E_FULL,
                    "the values that are to be loaded come to %llu bytes, and %s holds %llu: "
                    "resize it to more, or load fewer names. Nothing has been changed",
                    (unsigned long long)coming_bytes, brain_path(put->store),
                    (unsigned long long)capacity);
}

int bd_put_look(const struct bd_put *put, struct bd_record *record)
{
    bool is_kept;
    record->fate = BRAIN_LOADED;
    if (!bd_put_is_wanted(put, record->name, record->name_len)) {
        record->fate = BD_UNWANTED;
    } else if (record->kind == BRAIN_KIND_PICKLE && !put->may_have_pickles) {
        record->fate = BRAIN_LOAD_REFUSED;
    } else {
        int err = bd_put_is_kept(put, record->name, record->name_len, &is_kept);
        record->fate = err == 0 && is_kept ? BRAIN_LOAD_KEPT : BRAIN_LOADED;
        return err;
    }
    return 0;
}

void bd_put_tell(struct bd_put *put, const struct bd_record *record, uint64_t version)
{
    brain_load_result *result = &put->result;
    if (record->fate == BD_UNWANTED) {
        return;
    }
    result->n_loaded += record->fate == BRAIN_LOADED;
    result->loaded_bytes += record->fate == BRAIN_LOADED ? record->size : 0;
    result->n_kept += record->fate == BRAIN_LOAD_KEPT;
    result->n_refused += record->fate == BRAIN_LOAD_REFUSED;
    result->n_lost += record->fate == BRAIN_LOAD_LOST;
    brain_load_name name = name_of(put, record->name, record->name_len);
    name.size_bytes = record->size;
    name.dumped_version = record->version;
    name.version = record->fate == BRAIN_LOADED ? version : 0;
    name.fate = record->fate;
    if (put->options.tell != NULL) {
        put->options.tell(put->options.context, &name);
    }
}

/* ---- values */

static brain_value value_of(const struct bd_record *record, const brain_part *part)
{
    return (brain_value){ .kind = (uint32_t)record->kind,
                          .n_parts = part != NULL,
                          .parts = part,
                          .meta = record->meta,
                          .meta_len = record->meta_len,
                          .description =
                              record->description, /* also of none: not that of what is replaced */
                          .description_len = record->description_len,
                          .created_ns = record->created_ns };
}

static uint64_t condition(const struct bd_put *put)
{
    return (put->options.flags & BRAIN_LOAD_KEEP) != 0 ? 0 : BRAIN_ANY_VERSION;
}

/* EXISTS: somebody put one of them meanwhile that is to be kept. */
static int try_small(struct bd_put *put, struct bd_record *records, size_t n, uint64_t *number_out)
{
    for (size_t i = 0; i < n; i++) {
        struct bd_record *record = &records[i];
        int err = bd_put_look(put, record);
        if (err == 0 && record->fate == BRAIN_LOADED) {
            brain_part part = { .data = record->data, .size_bytes = record->size };
            brain_value value = value_of(record, &part);
            err = brain_batch_put_if(put->batch, put->space, record->name, record->name_len, &value,
                                     condition(put));
            err = err != 0 ? bd_error_store(err) : 0;
        }
        if (err != 0) {
            return err;
        }
    }
    int err = brain_batch_commit(put->batch, number_out);
    return err == 0 || err == BRAIN_E_EXISTS ? err : bd_error_store(err);
}

int bd_put_small(struct bd_put *put, struct bd_record *records, size_t n, uint64_t *number_out)
{
    int err = BRAIN_E_EXISTS;
    for (int i = 0; i < N_KEEP_TRIES && err == BRAIN_E_EXISTS; i++) {
        err = try_small(put, records, n, number_out);
    }
    if (err == BRAIN_E_EXISTS) {
        err = bd_error(BRAIN_E_BUSY,
                       "somebody puts the names that are to come back, again and again: try later");
    }
    if (err != 0) {
        brain_batch_free(
            put->batch); /* what is in it is not to be in another; and there is none, after an error */
        put->batch = NULL;
        return err;
    }
    for (size_t i = 0; i < n; i++) {
        bd_put_tell(put, &records[i], *number_out);
    }
    return 0;
}

int bd_put_large(struct bd_put *put, struct bd_record *record, brain_object *object,
                 uint64_t *number_out)
{
    if (object != NULL) {
        brain_value value = value_of(record, NULL);
        int err = brain_object_seal(object, put->space, record->name, record->name_len, &value,
                                    condition(put), number_out);
        if (err != 0 && err != BRAIN_E_EXISTS) {
            return bd_error_store(err);
        }
        record->fate = err == 0 ? BRAIN_LOADED : BRAIN_LOAD_KEPT;
    }
    bd_put_tell(put, record, *number_out);
    return 0;
}
