/* namespace.c - the public functions of namespaces, and waiting: until one has changed, or a name in it. */
#include "brain.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/os.h"
#include "handle.h"
#include "quota.h"
#include "space.h"
#include "watch.h"
#include "write.h"

int brain_space_open(brain_store *store, const void *name, size_t name_len, brain_space **space_out)
{
    if (name == NULL || name_len == 0 || name_len > BRAIN_SPACE_MAX) {
        return bn_error(BRAIN_E_INVAL, "the name of a namespace has 1 to %u bytes, not %zu",
                        BRAIN_SPACE_MAX, name_len);
    }
    struct brain_space *space = malloc(sizeof *space + name_len);
    if (space == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory for a namespace");
    }
    space->store = store;
    bn_store_relaxed(&space->resolved, (uint64_t)0);
    space->key = bn_hash_name(store->hash_seed, BN_ROOT_SPACE, name, name_len);
    space->name_len = (uint32_t)name_len;
    memcpy(space->name, name, name_len);
    *space_out = space;
    return 0;
}

void brain_space_close(brain_space *space)
{
    free(space);
}

const void *brain_space_name(const brain_space *space, size_t *name_len_out)
{
    *name_len_out = space->name_len;
    return space->name;
}

int brain_space_create(brain_space *space)
{
    int err = bn_store_check_writable(space->store);
    return err != 0 ? err : bn_error_expected(bn_write_make_space(space, 0));
}

int brain_space_exists(brain_space *space)
{
    struct bn_space_ref ref;
    int err = bn_store_check_usable(space->store);
    return err != 0 ? err : bn_error_expected(bn_handle_resolve_slow(space, &ref));
}

/* What a namespace holds. */
struct holding {
    uint64_t count, bytes;
    uint64_t number; /* of the commit that changed it last */
    uint64_t quota;
};

/* Of an absent namespace: zero, and the last commit that made or removed any. */
static int read_holding(brain_space *space, struct holding *out)
{
    struct brain_store *store = space->store;
    struct bn_gone gone = { .committed = 0 };
    for (;;) {
        struct bn_space_ref ref;
        int err = gone.committed == 0 ? bn_handle_resolve(space, &ref)
                                      : bn_handle_resolve_slow(space, &ref);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            return err;
        }
        const struct bn_space_rec *rec = bn_space_view(store, err == 0 ? ref.id : BN_ROOT_SPACE);
        if (rec == NULL) {
            return bn_error_corrupt("%s: the record of a namespace", store->path);
        }
        bn_tally_read(store, rec->tally, &out->count, &out->bytes, &out->number);
        out->quota = bn_load_acquire(&rec->quota);
        if (err == BRAIN_E_NOT_FOUND) {
            *out = (struct holding){ .number = out->number };
            return 0;
        }
        out->number = bn_space_changed(rec, out->number);
        if (bn_handle_stands(space, ref)) {
            return 0;
        }
        if (bn_handle_makes_no_sense(store, ref, &gone)) {
            return bn_error_corrupt("%s: the record of a namespace", store->path);
        }
    }
}

int brain_space_usage(brain_space *space, uint64_t *n_out, uint64_t *bytes_out, uint64_t *quota_out)
{
    const struct brain_store *store = space->store;
    struct holding holding;
    int err = bn_store_check_usable(store);
    err = err != 0 ? err : read_holding(space, &holding);
    /* Each name has a cell. Callers make room for as many as there are. */
    if (err == 0 && holding.count > bn_load_acquire(&store->state_view->backed[BN_REGION_NAMES]) /
                                        sizeof(uint32_t)) {
        err = bn_error_corrupt("%s: a namespace counts %llu names", store->path,
                               (unsigned long long)holding.count);
    }
    if (err != 0) {
        return err;
    }
    if (n_out != NULL) {
        *n_out = holding.count;
    }
    if (bytes_out != NULL) {
        *bytes_out = holding.bytes;
    }
    if (quota_out != NULL) {
        *quota_out = holding.quota;
    }
    return 0;
}

int brain_space_count(brain_space *space, uint64_t *n_out)
{
    return brain_space_usage(space, n_out, NULL, NULL);
}

int brain_space_set_quota(brain_space *space, uint64_t bytes)
{
    int err = bn_store_check_writable(space->store);
    while (err == 0) {
        err = bn_quota_set(space, bytes);
        if (err != BRAIN_E_NOT_FOUND) {
            return err;
        }
        err = bytes != 0 ? bn_write_make_space(space, bytes) : 0;
        if (err != BRAIN_E_EXISTS) {
            return err;
        }
        err = 0; /* somebody has made it meanwhile */
    }
    return err;
}

int brain_space_remove(brain_space *space)
{
    int err = bn_store_check_writable(space->store);
    return err != 0 ? err : bn_error_expected(bn_write_remove_space(space));
}

/* ---- waiting */

/* What a wait looks at: its number above which it is over. */
static int look(brain_space *space, const void *name, size_t name_len, uint64_t *number_out)
{
    if (name == NULL) {
        struct holding holding = { .number = 0 };
        int err = bn_store_check_usable(space->store);
        err = err != 0 ? err : read_holding(space, &holding);
        *number_out = err == 0 ? holding.number : *number_out;
        return err;
    }
    *number_out = 0;
    int err = brain_exists(space, name, name_len, number_out);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

/* `name` NULL: the namespace. */
static int wait_above(brain_space *space, const void *name, size_t name_len, uint64_t number,
                      int64_t timeout_ns, uint64_t *number_out)
{
    struct brain_store *store = space->store;
    uint64_t key = name == NULL ? 0 : bn_watch_name_key(store, space->key, name, name_len);
    int64_t now = bn_os_monotonic_ns();
    int64_t end = timeout_ns < BRAIN_FOREVER - now ? now + timeout_ns : BRAIN_FOREVER;
    for (;;) {
        struct bn_watch watch;
        uint64_t seen = 0;
        int err = look(space, name, name_len, &seen);
        if (err == 0 && seen <= number) {
            int64_t left = end == BRAIN_FOREVER ? BRAIN_FOREVER : end - bn_os_monotonic_ns();
            if (left <= 0) {
                return bn_error(BRAIN_E_TIMEOUT, "nothing changed for %.3f s",
                                (double)timeout_ns / 1e9);
            }
            bn_watch_arm(store, space->key, key, &watch);
            err = look(space, name, name_len, &seen); /* a writer from here on sees that we sleep */
            if (err == 0 && seen <= number) {
                err = bn_watch_sleep(&watch, left);
            }
        }
        if (err != 0) {
            return bn_error_expected(err);
        }
        if (seen > number) {
            *number_out = seen;
            return 0;
        }
    }
}

int brain_wait(brain_space *space, const void *name, size_t name_len, uint64_t version,
               int64_t timeout_ns, uint64_t *version_out)
{
    if (name_len > BRAIN_NAME_MAX) {
        return bn_handle_name_too_long(name_len);
    }
    return wait_above(space, name != NULL ? name : "", name_len, version, timeout_ns, version_out);
}

int brain_wait_space(brain_space *space, uint64_t number, int64_t timeout_ns, uint64_t *number_out)
{
    return wait_above(space, NULL, 0, number, timeout_ns, number_out);
}
