/* brain.c - the public functions: check arguments, call one module, answer. No logic of the
 * store. */
#include "brain.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/hash.h"
#include "base/os.h"
#include "check.h"
#include "client.h"
#include "fork.h"
#include "handle.h"
#include "lock.h"
#include "path.h"
#include "pin.h"
#include "reclaim.h"
#include "recover.h"
#include "replace.h"
#include "slot.h"
#include "snap.h"
#include "space.h"
#include "watch.h"
#include "write.h"

#define SMALL_WORDS 51u /* for brain_exists() */
static_assert(BRAIN_SMALL_BYTES == BN_SLOT_ALIGNED_FROM,
              "what brain.h calls small is what slot.h does");
#define DEFAULT_LOCK_TIMEOUT_NS ((int64_t)10 * 1000 * 1000 * 1000)

/* ---- stores */

static int check_options(const brain_options *given, brain_options *options)
{
    *options = (brain_options)BRAIN_OPTIONS_INIT;
    if (given != NULL) {
        if (given->struct_size < offsetof(brain_options, lock_timeout_ns)) {
            return bn_error(BRAIN_E_INVAL, "start the options from BRAIN_OPTIONS_INIT");
        }
        memcpy(options, given,
               given->struct_size < sizeof *options ? given->struct_size : sizeof *options);
    }
    options->mode = options->mode == 0 ? 0600 : options->mode;
    options->lock_timeout_ns =
        options->lock_timeout_ns == 0 ? DEFAULT_LOCK_TIMEOUT_NS : options->lock_timeout_ns;
    if (options->mode != 0600 && options->mode != 0640 && options->mode != 0660) {
        return bn_error(BRAIN_E_INVAL, "the mode of a store is 0600, 0640 or 0660, not %o",
                        options->mode);
    }
    if (options->lock_timeout_ns < 0 || (options->flags & ~15u) != 0) {
        return bn_error(BRAIN_E_INVAL, "the lock timeout is negative, or a flag is unknown");
    }
    if (options->capacity_bytes != 0 &&
        (options->capacity_bytes < BN_PAGE || options->capacity_bytes > (uint64_t)1 << 42)) {
        return bn_error(BRAIN_E_INVAL, "a capacity of %llu bytes: 4096 to 2^42 are allowed",
                        (unsigned long long)options->capacity_bytes);
    }
    return 0;
}

#define REAP_TRIES   2000
#define REAP_MOST_NS ((int64_t)100 * 1000 * 1000)

/* Try until the lock is free, but not for long: 2,000 turns of a processor that 20 want are 10 s. */
static void try_to_reap(struct brain_store *store, int (*reap)(struct brain_store *store))
{
    int64_t end = bn_os_monotonic_ns() + REAP_MOST_NS;
    for (int i = 0; i < REAP_TRIES && reap(store) == BRAIN_E_BUSY; i++) {
        if (bn_os_monotonic_ns() > end) {
            break;
        }
        sched_yield();
    }
}

static int inherit(struct brain_store *store)
{
    return store->has_leftovers ? bn_recover_inherit(store) : 0;
}

static int reap_others(struct brain_store *store)
{
    return store->data != NULL ? bn_recover_reap(store, false, NULL) : 0;
}

/* Reap the dead that were seen on the way to our row, before we take memory for pins: theirs may
 * do. Writers are not waited for: if they leave no gap, the next to attach does it. */
static void reap_at_attach(struct brain_store *store)
{
    try_to_reap(store, inherit);
    try_to_reap(store, reap_others);
}

/* Take a row, and see that no child inherits what says that we live. With forks held. */
static int sit_down(struct brain_store *store, uint32_t *n_dead_out)
{
    struct bn_seat seat;
    if (bn_client_seat_again(store, &seat) == 0) {
        store->row = seat.row;
        store->life_map = seat.life_map;
        return 0;
    }
    int err = bn_client_seat(store, true, &seat, n_dead_out);
    if (err != 0) {
        return err;
    }
    store->row = seat.row;
    store->life_map = seat.life_map;
    store->has_leftovers = seat.was_dead;
    int os = bn_os_dont_fork(seat.life_map, BN_PAGE);
    if (os != 0) {
        bn_client_leave(store, false);
        return bn_error_os(os,
                           "%s: the kernel does not keep a page from children (madvise "
                           "MADV_DONTFORK), without which nobody would see that this process died: "
                           "allow "
                           "that call (a sandbox?)",
                           store->path);
    }
    bn_client_sign(store, store->row);
    return 0;
}

/* Become a client of a store that is mapped. */
static int attach(struct brain_store *store)
{
    uint32_t n_dead = 0;
    int err = bn_fork_hold();
    if (err != 0) {
        return err;
    }
    err = sit_down(store, &n_dead);
    bn_fork_let_go();
    if (err != 0) {
        return err;
    }
    if (n_dead > 0) {
        reap_at_attach(store);
    }
    err = bn_pin_init(store);
    if (err == 0) {
        bn_fork_enlist(store);
    }
    return err;
}

/* Open what is at a path. BN_AGAIN: it was removed before we had become a client of it. */
static int open_once(const char *path, const brain_options *options, brain_store **store_out)
{
    struct brain_store *store;
    int err = bn_path_open(path, options, &store);
    if (err != 0) {
        return err;
    }
    err = attach(store);
    if (err != 0) {
        if (bn_load_relaxed(&store->state_view->destroyed) != 0) {
            err = BN_AGAIN;
        }
        if (store->life_map != NULL) {
            bn_pin_deinit(store);
            bn_client_leave(store, true);
        }
        bn_store_free(store);
        return err;
    }
    *store_out = store;
    return 0;
}

/* Regions, rows and pages of values lie at multiples of BN_PAGE: they are mapped, backed, given back
 * and kept from children by themselves. A kernel with larger pages can do none of that. */
static int check_page(const char *path)
{
    size_t bytes = bn_os_page_bytes();
    return bytes == BN_PAGE
               ? 0
               : bn_error(BRAIN_E_IO,
                          "%s: this kernel has pages of %zu bytes, and a store needs one with "
                          "pages of %u: start a kernel that has them (on AArch64 that is a choice "
                          "of whoever built it)",
                          path, bytes, BN_PAGE);
}

#define OPEN_TRIES 1000 /* each with all that path.c has */

int brain_open(const char *path, const brain_options *given, brain_store **store_out)
{
    brain_options options;
    int err = check_options(given, &options);
    err = err != 0 ? err : check_page(path);
    if (err != 0) {
        return err;
    }
    for (int i = 0; i < OPEN_TRIES; i++) {
        err = open_once(path, &options, store_out);
        if (err != BN_AGAIN) {
            return err;
        }
    }
    return bn_error(BRAIN_E_BUSY, "%s is being made and removed by others all the time", path);
}

/* The last view of a closed store has gone, or there was none. */
static void finish(struct brain_store *store)
{
    bn_fork_delist(store);
    if (bn_load_relaxed(store->mark) == 1) {
        bn_snap_bury(store, store->row);
        bn_pin_deinit(store);
        bn_client_leave(store, true);
    } else {
        store->life_map = NULL; /* a clone's: not ours to give back */
    }
    bn_store_free(store);
}

static bool finish_if_unused(struct brain_store *store)
{
    pthread_mutex_lock(&store->mutex);
    bool unused = bn_load_seq(&store->closed) && !store->finished && bn_pin_count_own(store) == 0;
    store->finished = store->finished || unused;
    pthread_mutex_unlock(&store->mutex);
    if (unused) {
        finish(store);
    }
    return unused;
}

void brain_close(brain_store *store)
{
    if (store != NULL) {
        pthread_mutex_lock(&store->mutex);
        bn_store_seq(&store->closed, true);
        pthread_mutex_unlock(&store->mutex);
        if (!finish_if_unused(store)) {
            /* Of who drops the last view now, without a fence between the pin and `closed`, and us one is to see
             * what the other stored. */
            bn_os_fence_all_threads();
            (void)finish_if_unused(store);
        }
    }
}

int brain_resize(brain_store *store, uint64_t capacity_bytes)
{
    int err = bn_store_check_usable(store);
    if (err == 0 && capacity_bytes > store->capacity_max_bytes) {
        err = bn_error(BRAIN_E_INVAL,
                       "%s can hold at most %llu bytes, fixed when it was made: make a "
                       "new store for %llu",
                       store->path, (unsigned long long)store->capacity_max_bytes,
                       (unsigned long long)capacity_bytes);
    }
    err = err != 0 ? err : bn_recover_enter(store, true);
    if (err != 0) {
        return err;
    }
    uint64_t now = bn_load_relaxed(&store->state->capacity_bytes);
    if (capacity_bytes < now) {
        err = bn_error(BRAIN_E_INVAL, "%s holds %llu bytes and cannot be made smaller", store->path,
                       (unsigned long long)now);
    } else {
        bn_store_seq(&store->state->capacity_bytes, capacity_bytes);
    }
    bn_lock_release(store);
    return err;
}

/* A commit of no changes. Recovered first: else the change that a dead writer left open would count as committed. */
int brain_advance(brain_store *store, uint64_t number)
{
    int err = bn_store_check_usable(store);
    if (err == 0 && number > BRAIN_NUMBER_MAX) {
        err = bn_error(BRAIN_E_INVAL, "numbers of commits can be advanced to 2^62, and not to %llu",
                       (unsigned long long)number);
    }
    err = err != 0 ? err : bn_recover_enter(store, true);
    if (err != 0) {
        return err;
    }
    if (bn_load_relaxed(&store->state->committed) < number) { /* relaxed: under the lock */
        BN_STEP(advance, number, 0);
        bn_store_seq(&store->state->committed, number); /* PAIR commit */
    }
    bn_lock_release(store);
    return 0;
}

static int backed_bytes(brain_store *store, uint64_t *values_out, uint64_t *rest_out)
{
    struct stat data, clients;
    int fd, cfd, err = bn_map_data_fd(store->map, &fd);
    err = err != 0 ? err : bn_map_clients_fd(store->map, &cfd);
    if (err != 0) {
        return err;
    }
    if (fstat(fd, &data) != 0 || fstat(cfd, &clients) != 0) {
        return bn_error_os(-errno, "cannot look at %s", store->map->directory);
    }
    uint64_t all = ((uint64_t)data.st_blocks + (uint64_t)clients.st_blocks) * 512;
    int os = bn_os_backed_bytes(fd, store->region_off[BN_REGION_VALUES],
                                (uint64_t)data.st_size - store->region_off[BN_REGION_VALUES],
                                values_out);
    if (os != 0) {
        return bn_error_os(os, "cannot look at %s", store->map->directory);
    }
    *rest_out = all > *values_out ? all - *values_out : 0;
    return 0;
}

int brain_trim(brain_store *store, uint64_t *freed_bytes_out)
{
    uint64_t before = 0, after = 0, rest;
    int err = bn_store_check_writable(store);
    err = err != 0 ? err : backed_bytes(store, &before, &rest);
    err = err != 0 ? err : bn_reclaim_all(store);
    err = err != 0 ? err : bn_reclaim_trim(store, BN_RECLAIM_ALL);
    err = err != 0 ? err : backed_bytes(store, &after, &rest);
    if (err == 0 && freed_bytes_out != NULL) {
        *freed_bytes_out = before > after ? before - after : 0;
    }
    return err;
}

int brain_destroy(brain_store *store)
{
    int err = bn_store_check_usable(store);
    if (err != 0) {
        return err;
    }
    if (store->read_only || !(store->access & BRAIN_ACCESS_OWNED)) {
        return bn_error(BRAIN_E_PERM,
                        "%s may be destroyed by its owner alone, having opened it for "
                        "writing",
                        store->path);
    }
    uint32_t not_yet = 0;
    if (!bn_cas_seq(&store->state->destroyed, &not_yet, 1u)) {
        return bn_store_check_usable(store);
    }
    bn_watch_wake_all(store);
    return bn_path_remove(store);
}

static uint64_t count_alive(brain_store *store, uint64_t *n_snapshots_out)
{
    uint64_t n = 0;
    for (uint32_t row = 0; row < bn_client_n_rows(store); row++) {
        const struct bn_row_rec *rec = bn_client_row(store, row);
        if (bn_load_acquire(&rec->state) == BN_ROW_USED && bn_client_alive(store, row)) {
            n++;
            for (uint32_t i = 0; i < BN_SNAPS; i++) {
                *n_snapshots_out += bn_load_relaxed(&rec->snaps[i]) != 0;
            }
        }
    }
    return n;
}

int brain_stat_get(brain_store *store, brain_stat *stat_out)
{
    brain_stat all = { .struct_size = stat_out->struct_size };
    const struct bn_state_rec *state = store->state_view;
    uint64_t values = 0, rest = 0;
    int err = bn_store_check_usable(store);
    if (err == 0 && stat_out->struct_size < sizeof(uint64_t)) {
        err = bn_error(BRAIN_E_INVAL, "set struct_size of the brain_stat first");
    }
    err = err != 0 ? err : backed_bytes(store, &values, &rest);
    if (err != 0) {
        return err;
    }
    all.n_clients = (uint32_t)count_alive(store, &all.n_snapshots);
    all.capacity_bytes = bn_load_relaxed(&state->capacity_bytes);
    all.capacity_max_bytes = store->capacity_max_bytes;
    bn_tally_read(store, state->live, &all.n_objects, &all.live_bytes, NULL);
    const struct bn_space_rec *root = bn_space_view(store, BN_ROOT_SPACE);
    uint64_t ignored;
    if (root == NULL) {
        return bn_error_corrupt("%s: the record of the root namespace", store->path);
    }
    bn_tally_read(store, root->tally, &all.n_namespaces, &ignored, NULL);
    all.limbo_bytes = bn_load_relaxed(bn_atomic64((void *)(uintptr_t)&state->limbo_bytes));
    all.private_bytes = bn_load_relaxed(bn_atomic64((void *)(uintptr_t)&state->private_bytes));
    all.n_limbo = bn_load_relaxed(bn_atomic32((void *)(uintptr_t)&state->n_limbo));
    all.physical_bytes = values + rest;
    all.metadata_bytes = rest;
    all.value_backed_bytes = values;
    all.n_pins = bn_pin_count(store, UINT32_MAX);
    all.committed = bn_load_seq(&state->committed);
    all.n_recoveries = bn_load_relaxed(&state->n_recoveries);
    all.created_ns = store->map->super->created_ns;
    memcpy(stat_out, &all, all.struct_size < sizeof all ? all.struct_size : sizeof all);
    return 0;
}

int brain_usage(brain_store *store, uint64_t *capacity_bytes_out, uint64_t *live_bytes_out)
{
    uint64_t count, bytes;
    int err = bn_store_check_usable(store);
    if (err == 0) {
        bn_tally_read(store, store->state_view->live, &count, &bytes, NULL);
        *capacity_bytes_out = bn_load_relaxed(&store->state_view->capacity_bytes);
        *live_bytes_out = bytes;
    }
    return err;
}

int brain_is_busy(const brain_store *store)
{
    return (bn_load_relaxed(&store->own_state->lock_word) & BN_LOCK_OWNER) != 0;
}

const char *brain_path(const brain_store *store)
{
    return store->path;
}

const char *brain_directory(const brain_store *store)
{
    return store->map->directory;
}

uint32_t brain_access(const brain_store *store)
{
    return store->access;
}

int brain_check(brain_store *store, brain_problem *problems, size_t n_problems, size_t *n_out)
{
    int err = bn_store_check_usable(store);
    err = err != 0 ? err : bn_recover_enter(store, true);
    if (err == 0) {
        err = bn_check_all(store, problems, n_problems, n_out);
        bn_lock_release(store);
    }
    return err;
}

/* What stands in a row, which must exist. */
static brain_client describe(brain_store *store, uint32_t row, bool alive, uint64_t n_pins)
{
    const struct bn_row_rec *rec = bn_client_row(store, row);
    brain_client client = { .row = row,
                            .alive = alive,
                            .pid = bn_load_relaxed(&rec->pid), /* relaxed: for messages */
                            .pid_namespace = bn_load_relaxed(&rec->pid_namespace),
                            .start_ns = bn_load_relaxed(&rec->start_ns),
                            .n_pins = n_pins,
                            .seat = bn_load_acquire(&rec->n_seats) };
    bn_client_command(rec, client.command);
    for (uint32_t i = 0; i < BN_SNAPS; i++) {
        client.n_snapshots += bn_load_relaxed(&rec->snaps[i]) != 0;
    }
    return client;
}

int brain_clients(brain_store *store, brain_client *clients, size_t n_clients, size_t *n_out)
{
    size_t n = 0;
    int err = bn_store_check_usable(store);
    for (uint32_t row = 0; err == 0 && row < bn_client_n_rows(store); row++) {
        if (bn_load_acquire(&bn_client_row(store, row)->state) != BN_ROW_USED) {
            continue;
        }
        if (n < n_clients) {
            clients[n] =
                describe(store, row, bn_client_alive(store, row), bn_pin_count(store, row));
        }
        n++;
    }
    if (err == 0) {
        *n_out = n;
    }
    return err;
}

int brain_self(brain_store *store, brain_client *client_out)
{
    int err = bn_store_check_usable(store);
    if (err == 0) {
        *client_out = describe(store, store->row, true, bn_pin_count_own(store));
    }
    return err;
}

int brain_client_lives(brain_store *store, uint32_t row, uint64_t seat)
{
    return bn_client_lives(store, row, seat);
}

int brain_reap(brain_store *store, uint32_t *n_out)
{
    uint32_t n = 0;
    int err = bn_store_check_writable(store);
    err = err != 0 ? err : bn_recover_reap(store, true, &n);
    if (err == 0 && n_out != NULL) {
        *n_out = n;
    }
    return err;
}

int brain_pins(brain_store *store, brain_pin *pins, size_t n_pins, size_t *n_out)
{
    int err = bn_store_check_usable(store);
    return err != 0 ? err : bn_pin_list_living(store, pins, n_pins, n_out);
}

/* ---- namespaces */

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
    return err != 0 ? err : bn_write_make_space(space);
}

int brain_space_exists(brain_space *space)
{
    struct bn_space_ref ref;
    int err = bn_store_check_usable(space->store);
    return err != 0 ? err : bn_handle_resolve_slow(space, &ref);
}

/* Tally of a namespace and the commit that changed it last; of an absent one: zero, and the last
 * commit that made or removed any. */
static int read_tally(brain_space *space, uint64_t *count_out, uint64_t *number_out)
{
    struct brain_store *store = space->store;
    struct bn_gone gone = { .committed = 0 };
    for (;;) {
        struct bn_space_ref ref;
        uint64_t bytes;
        int err = gone.committed == 0 ? bn_handle_resolve(space, &ref)
                                      : bn_handle_resolve_slow(space, &ref);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) {
            return err;
        }
        const struct bn_space_rec *rec = bn_space_view(store, err == 0 ? ref.id : BN_ROOT_SPACE);
        if (rec == NULL) {
            return bn_error_corrupt("%s: the record of a namespace", store->path);
        }
        bn_tally_read(store, rec->tally, count_out, &bytes, number_out);
        if (err == BRAIN_E_NOT_FOUND) {
            *count_out = 0;
            return 0;
        }
        if (bn_handle_stands(space, ref)) {
            return 0;
        }
        if (bn_handle_makes_no_sense(store, ref, &gone)) {
            return bn_error_corrupt("%s: the record of a namespace", store->path);
        }
    }
}

int brain_space_count(brain_space *space, uint64_t *n_out)
{
    uint64_t number;
    int err = bn_store_check_usable(space->store);
    uint64_t n;
    err = err != 0 ? err : read_tally(space, &n, &number);
    /* Each name has a cell. Callers make room for as many as there are. */
    if (err == 0 && n > bn_load_acquire(&space->store->state_view->backed[BN_REGION_NAMES]) /
                            sizeof(uint32_t)) {
        err = bn_error_corrupt("%s: a namespace counts %llu names", space->store->path,
                               (unsigned long long)n);
    }
    if (err == 0) {
        *n_out = n;
    }
    return err;
}

int brain_space_remove(brain_space *space)
{
    int err = bn_store_check_writable(space->store);
    return err != 0 ? err : bn_write_remove_space(space);
}

/* ---- one name */

int brain_put(brain_space *space, const void *name, size_t name_len, const brain_value *value,
              uint64_t if_version, uint64_t *version_out)
{
    struct bn_write write;
    uint64_t number;
    struct brain_store *store = space->store;
    int err = bn_store_check_writable(store);
    err = err != 0 ? err : bn_replace(space, name, name_len, NULL, value, if_version, version_out);
    if (err != BN_SLOWLY) {
        return err;
    }
    err = bn_write_init(&write, space, name, name_len, value, if_version);
    if (bn_unlikely(err != 0)) {
        return err;
    }
    err = bn_write_commit(store, &write, 1, false, &number);
    if (bn_unlikely(write.change.holder != 0 || write.kept_description != NULL)) {
        bn_write_deinit(store, &write);
    }
    if (err == 0 && version_out != NULL) {
        *version_out = number;
    }
    return err;
}

int brain_try_put(brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                  const brain_value *value, uint64_t if_version, uint64_t *version_out)
{
    int err = bn_store_check_writable(space->store);
    err = err != 0 ? err : bn_replace(space, name, name_len, hint, value, if_version, version_out);
    return err == BN_SLOWLY ? BRAIN_E_BUSY : err;
}

int brain_put_bytes(brain_space *space, const void *name, size_t name_len, const void *data,
                    size_t size_bytes)
{
    brain_part part = { .data = data, .size_bytes = size_bytes };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    return brain_put(space, name, name_len, &value, BRAIN_ANY_VERSION, NULL);
}

int brain_delete(brain_space *space, const void *name, size_t name_len, uint64_t if_version)
{
    struct bn_write write;
    uint64_t number;
    int err = bn_store_check_writable(space->store);
    err = err != 0 ? err : bn_write_init_delete(&write, space, name, name_len, if_version);
    if (err == 0) {
        err = bn_write_commit(space->store, &write, 1, false, &number);
        bn_write_deinit(space->store, &write);
    }
    return err;
}

/* What all kinds of gets ask first. */
static inline int check_get(brain_space *space, size_t name_len)
{
    if (bn_unlikely(bn_store_usable(space->store) != 0)) {
        return bn_store_check_usable(space->store);
    }
    return bn_likely(name_len <= BRAIN_NAME_MAX) ? 0 : bn_handle_name_too_long(name_len);
}

/* A view of what was found. */
static inline int show(brain_store *store, const struct bn_found *found, brain_view *view_out)
{
    int err = bn_read_view(store, found->slot, found->pin, view_out);
    if (bn_unlikely(err != 0)) {
        bn_read_let_go(store, found->pin);
    }
    return err;
}

int brain_get(brain_space *space, const void *name, size_t name_len, brain_view *view_out)
{
    struct bn_found found;
    int err = check_get(space, name_len);
    err = bn_unlikely(err != 0) ? err : bn_handle_get(space, name, name_len, &found);
    return bn_likely(err == 0) ? show(space->store, &found, view_out) : err;
}

/* A view of a copy. */
static inline void show_copied(const struct bn_copied *copied, const void *name, size_t name_len,
                               brain_view *view_out)
{
    view_out->data = copied->to;
    view_out->size_bytes = copied->size;
    view_out->meta = NULL;
    view_out->description = NULL;
    view_out->name = name;
    view_out->version = copied->version;
    view_out->kind = copied->kind;
    view_out->meta_len = 0;
    view_out->description_len = 0;
    view_out->name_len = (uint16_t)name_len;
    view_out->tag = 0;
    view_out->object = view_out->pin = 0;
    view_out->store = NULL;
}

/* brain_get_or_copy() where there is no hint, or nothing can be copied by it. A function of its own: it needs
 * many registers, and the short way none. */
BN_NOINLINE static int look_up(brain_space *space, const void *name, size_t name_len,
                               brain_hint *hint, void *buf, size_t room, brain_view *view_out)
{
    struct bn_found found;
    struct bn_copied copied = { .to = buf, .room = room };
    int err = check_get(space, name_len);
    if (err == 0) {
        err = hint != NULL ? bn_handle_pin_hinted(space, hint, &found) : BN_AGAIN;
    }
    if (err == BN_AGAIN) {
        err = bn_handle_get_or_copy(space, name, name_len, hint, &found, &copied);
    }
    if (err != 0 || found.slot != 0) {
        return err != 0 ? err : show(space->store, &found, view_out);
    }
    show_copied(&copied, name, name_len, view_out);
    return 0;
}

int brain_get_or_copy(brain_space *space, const void *name, size_t name_len, brain_hint *hint,
                      void *buf, size_t room, brain_view *view_out)
{
    if (bn_unlikely(((uintptr_t)buf & 7) != 0)) {
        return bn_error(BRAIN_E_INVAL, "the buffer has to be aligned to 8 bytes");
    }
    struct bn_copied copied = { .to = buf, .room = room };
    if (bn_unlikely(hint == NULL || bn_store_usable(space->store) != 0 ||
                    !bn_handle_copy_hinted(space, hint, &copied))) {
        return look_up(space, name, name_len, hint, buf, room, view_out);
    }
    show_copied(&copied, name, name_len, view_out);
    return 0;
}

/* relaxed, this and the flags below: who looks by id, or looks after its pin is gone, may see a slot that is
 * being filled. It is asked for a hint alone. */
static inline uint64_t number_of(const struct bn_slot_rec *rec)
{
    return bn_load_relaxed((const _Atomic uint64_t *)(const void *)&rec->number);
}

static inline uint8_t flags_of(const struct bn_slot_rec *rec)
{
    return bn_load_relaxed((const _Atomic uint8_t *)(const void *)&rec->flags);
}

/* The pin on `slot`, of commit `number`, may have been the last on a value that has left the index.
 * A look goes through the pins of all: who drops thousands of views of one value is spared it. */
static void look_after(struct brain_store *store, uint32_t slot, uint32_t pin, uint64_t number)
{
    const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    if (cold != NULL && bn_slot_state(cold) == BN_SLOT_LIMBO &&
        number_of(bn_slot_view(store, slot)) == number && bn_store_usable(store) == 0 &&
        !bn_pin_stands_beside(store, pin, slot)) {
        bn_reclaim_last(store);
    }
}

/* Drop a pin on a slot. A value with pages of its own is looked at afterwards, if it is retired;
 * until that is over the pin stands for nothing, or a close in another thread would unmap what is
 * looked at. */
static inline void drop(struct brain_store *store, uint32_t slot, uint32_t pin)
{
    const struct bn_slot_rec *rec = bn_slot_view(store, slot);
    bool has_extent = (flags_of(rec) & BN_SLOT_EXTENT) != 0;
    if (has_extent && store->data != NULL) {
        uint64_t number = number_of(rec);
        bn_pin_let_go(store, pin);
        if (bn_unlikely(bn_load_acquire(&rec->retired) != 0)) { /* PAIR pin-retire */
            look_after(store, slot, pin, number);
        }
    }
    bn_pin_drop(store, pin);
}

void brain_view_drop(brain_view *view)
{
    struct brain_store *store = view->store;
    if (store == NULL) {
        return;
    }
    view->store = NULL;
    if (bn_unlikely(bn_load_relaxed(store->mark) != 1)) {
        return; /* a clone's copy of a view: the pin is its parent's */
    }
    drop(store, view->object, view->pin);
    /* Closed and this was the last view; or somebody else's was, and the store is in the pool
     * (store.c). */
    if (bn_unlikely(bn_load_relaxed(&store->closed))) {
        (void)finish_if_unused(store);
    }
}

uint64_t brain_view_created_ns(const brain_view *view)
{
    const struct bn_cold_rec *cold =
        view->store != NULL ? bn_slot_cold(view->store, view->object) : NULL;
    return cold != NULL ? cold->created_ns : 0;
}

int brain_get_copy(brain_space *space, const void *name, size_t name_len, void *buf, size_t room,
                   size_t *size_out, uint32_t *kind_out, uint64_t *version_out)
{
    brain_view view;
    int err = brain_get(space, name, name_len, &view);
    if (err != 0) {
        return err;
    }
    if (size_out != NULL) {
        *size_out = (size_t)view.size_bytes;
    }
    if (view.size_bytes > room) {
        err = bn_error(BRAIN_E_FULL, "the value has %llu bytes, the buffer %zu",
                       (unsigned long long)view.size_bytes, room);
    } else {
        bn_copy_large(buf, view.data, view.size_bytes);
        if (kind_out != NULL) {
            *kind_out = view.kind;
        }
        if (version_out != NULL) {
            *version_out = view.version;
        }
    }
    brain_view_drop(&view);
    return err;
}

int brain_exists(brain_space *space, const void *name, size_t name_len, uint64_t *version_out)
{
    struct bn_found found;
    uint64_t buf[SMALL_WORDS];
    struct bn_copied copied = { .to = buf, .room = sizeof buf };
    int err = check_get(space, name_len);
    err = err != 0 ? err : bn_handle_get_or_copy(space, name, name_len, NULL, &found, &copied);
    if (bn_likely(err == 0)) {
        if (version_out != NULL) {
            *version_out =
                found.slot == 0 ? copied.version : bn_slot_view(space->store, found.slot)->number;
        }
        if (found.slot != 0) {
            bn_read_let_go(space->store, found.pin);
        }
    }
    return err;
}

/* ---- waiting */

/* What a wait looks at: its number above which it is over. */
static int look(brain_space *space, const void *name, size_t name_len, uint64_t *number_out)
{
    uint64_t count;
    if (name == NULL) {
        int err = bn_store_check_usable(space->store);
        return err != 0 ? err : read_tally(space, &count, number_out);
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
            return err;
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
