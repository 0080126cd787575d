/* brain.c - the public functions of stores and of who has them open: check arguments, call one module, answer. No
 * logic of the store. Those of namespaces are in namespace.c, those of a name in name.c. */
#include "brain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attach.h"
#include "base/os.h"
#include "check.h"
#include "client.h"
#include "event.h"
#include "evict.h"
#include "fork.h"
#include "lock.h"
#include "path.h"
#include "pin.h"
#include "reclaim.h"
#include "recover.h"
#include "resize.h"
#include "space.h"
#include "trim.h"
#include "watch.h"

#define WRITER_TRIES            100
#define DEFAULT_LOCK_TIMEOUT_NS ((int64_t)10 * 1000 * 1000 * 1000)

/* ---- stores */

static int no_such_mode(uint32_t mode)
{
    return bn_error(BRAIN_E_INVAL,
                    "a store that is full has the mode 0 (error), 1 (lru) or 2 (spill), not %u",
                    mode);
}

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
    if (options->full >= BN_N_FULL_MODES) {
        return no_such_mode(options->full);
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

/* Open what is at a path. BN_AGAIN: it was removed before we had become a client of it. */
static int open_once(const char *path, const brain_options *options, brain_store **store_out)
{
    struct brain_store *store;
    int err = bn_path_open(path, options, &store);
    if (err != 0) {
        return err;
    }
    err = bn_attach(store);
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
    store->rooms[BRAIN_FULL_LRU] = (struct bn_room){ .make = bn_evict_make_room };
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
    if (err == 0 && path == NULL) {
        err = bn_error(BRAIN_E_INVAL, "no path of a store is given (NULL)");
    }
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

void brain_close(brain_store *store)
{
    if (store != NULL) {
        pthread_mutex_lock(&store->mutex);
        bn_store_seq(&store->closed, true);
        pthread_mutex_unlock(&store->mutex);
        if (!bn_attach_end_if_unused(store)) {
            /* Of who drops the last view now, without a fence between the pin and `closed`, and us one is to see
             * what the other stored. */
            bn_os_fence_all_threads();
            (void)bn_attach_end_if_unused(store);
        }
    }
}

int brain_resize(brain_store *store, uint64_t capacity_bytes)
{
    int err = bn_store_check_writable(store);
    if (err == 0 && capacity_bytes < BN_PAGE) {
        err = bn_error(BRAIN_E_INVAL, "%s cannot hold as little as %llu bytes: it is %u at least",
                       store->path, (unsigned long long)capacity_bytes, BN_PAGE);
    }
    if (err == 0 && capacity_bytes > store->capacity_max_bytes) {
        err = bn_error(BRAIN_E_INVAL,
                       "%s can hold at most %llu bytes, fixed when it was made: make a "
                       "new store for %llu",
                       store->path, (unsigned long long)store->capacity_max_bytes,
                       (unsigned long long)capacity_bytes);
    }
    err = err != 0 ? err : bn_resize(store, capacity_bytes);
    bn_event_tell_noted(store);
    return err;
}

int brain_set_full(brain_store *store, uint32_t mode)
{
    int err = bn_store_check_writable(store);
    if (err == 0 && mode >= BN_N_FULL_MODES) {
        err = no_such_mode(mode);
    }
    if (err == 0) {
        bn_store_release(&store->state->full_mode, mode);
    }
    return err;
}

uint32_t brain_full_mode(const brain_store *store)
{
    return bn_load_relaxed(&store->own_state->full_mode); /* relaxed: as of some moment */
}

int brain_on_full(brain_store *store, brain_room_fn make_room, void *context)
{
    int err = bn_store_check_writable(store);
    if (err == 0) {
        pthread_mutex_lock(&store->mutex);
        store->rooms[BRAIN_FULL_SPILL] = (struct bn_room){ .make = make_room, .context = context };
        pthread_mutex_unlock(&store->mutex);
    }
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
    bn_event_tell_noted(store);
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
    err = err != 0 ? err : bn_trim(store, BN_TRIM_ALL);
    bn_event_tell_noted(store);
    err = err != 0 ? err : backed_bytes(store, &after, &rest);
    if (err == 0 && freed_bytes_out != NULL) {
        *freed_bytes_out = before > after ? before - after : 0;
    }
    return err;
}

int brain_compact(brain_store *store, uint64_t *freed_bytes_out)
{
    uint64_t values, rest, before = 0, after = 0;
    int err = bn_store_check_writable(store);
    err = err != 0 ? err : backed_bytes(store, &values, &rest);
    before = err == 0 ? values + rest : 0;
    err = err != 0 ? err : bn_trim_compact(store);
    bn_event_tell_noted(store);
    err = err != 0 ? err : backed_bytes(store, &values, &rest);
    after = err == 0 ? values + rest : 0;
    if (err == 0 && freed_bytes_out != NULL) {
        *freed_bytes_out = before > after ? before - after : 0;
    }
    return err;
}

int brain_set_keep_free(brain_store *store, uint64_t bytes)
{
    int err = bn_store_check_writable(store);
    if (err == 0) {
        bn_trim_set_keep_free(store, bytes);
    }
    return err;
}

int brain_destroy(brain_store *store)
{
    int err = bn_store_check_usable(store);
    if (err != 0) {
        return err;
    }
    err = store->read_only ? bn_error(BRAIN_E_PERM,
                                      "%s is open read-only here: its owner destroys it, having "
                                      "opened it for writing",
                                      store->path)
                           : bn_path_may_remove(store);
    if (err != 0) {
        return err;
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
    all.n_evicted = bn_load_relaxed(&state->n_evicted);
    all.evicted_bytes = bn_load_relaxed(&state->evicted_bytes);
    all.keep_free_bytes = bn_trim_keep_free(store);
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
    bn_event_tell_noted(store);
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

int brain_client_snapshots(brain_store *store, uint32_t row,
                           uint64_t numbers_out[BRAIN_SNAPSHOTS_MAX], size_t *n_out)
{
    static_assert(BRAIN_SNAPSHOTS_MAX == BN_SNAPS, "all of them fit");
    size_t n = 0;
    int err = bn_store_check_usable(store);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; row < bn_client_n_rows(store) && i < BN_SNAPS; i++) {
        uint64_t number = bn_load_acquire(&bn_client_row(store, row)->snaps[i]);
        if (number != 0) {
            numbers_out[n++] = number;
        }
    }
    *n_out = n;
    return 0;
}

/* The word is loaded again behind the row: both are of one holding, or it is looked at anew. */
int brain_writer(brain_store *store, brain_client *client_out, uint64_t *epoch_out)
{
    int err = bn_store_check_usable(store);
    for (int i = 0; err == 0 && i < WRITER_TRIES; i++) {
        uint64_t word = bn_load_seq(&store->own_state->lock_word);
        uint32_t owner = (uint32_t)(word & BN_LOCK_OWNER);
        if (owner == 0) {
            break;
        }
        if (owner > bn_client_n_rows(store)) {
            return bn_error_corrupt("%s: its lock is held by a client that there cannot be",
                                    store->path);
        }
        brain_client client = describe(store, owner - 1, bn_client_alive(store, owner - 1),
                                       bn_pin_count(store, owner - 1));
        if (((bn_load_seq(&store->own_state->lock_word) ^ word) & ~BN_LOCK_WAITERS) == 0) {
            *client_out = client;
            if (epoch_out != NULL) {
                *epoch_out = word / BN_LOCK_EPOCH;
            }
            return 0;
        }
    }
    return err != 0 ? err : bn_error_expected(BRAIN_E_NOT_FOUND);
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
    bn_event_tell_noted(store);
    if (err == 0 && n_out != NULL) {
        *n_out = n;
    }
    return err != 0 ? err : bn_recover_drop_abandoned(store, true);
}

static_assert(BRAIN_CLIENT_ROWS == BN_CLIENTS_MAX, "brain_pin tells those without a row by it");

int brain_pins(brain_store *store, brain_pin *pins, size_t n_pins, size_t *n_out)
{
    int err = bn_store_check_usable(store);
    return err != 0 ? err : bn_pin_list_living(store, pins, n_pins, n_out);
}
