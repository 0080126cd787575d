/* store.c - a handle of a store, and what its regions have memory for.
 *
 * Owns:     the watermarks of the regions (state.backed[]); the handles of this process.
 * Promise:  nothing is touched that is not backed: a region is usable up to its watermark, which is
 *           raised after fallocate succeeded. So a full file system is an error code, never a
 *           SIGBUS.
 * Never:    calls the kernel for memory while the writer lock is held (callers see to it).
 */
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "mark.h"

#define MIB ((uint64_t)1 << 20)

int bn_store_check_usable(const struct brain_store *store)
{
    int err = bn_store_usable(store);
    if (err == BRAIN_E_DESTROYED) {
        return bn_error(err,
                        "%s was destroyed while it was open here. Views stay valid; open it anew "
                        "for a new store",
                        store->path);
    }
    if (err == BRAIN_E_FORKED) {
        return bn_error(err,
                        "%s was opened by a parent process, and this child %s%s: open the store "
                        "anew",
                        store->path,
                        store->no_child_row[0] != '\0' ? "could be given no client row: "
                                                       : "did not come about by fork()",
                        store->no_child_row);
    }
    return 0;
}

int bn_store_say_read_only(const struct brain_store *store)
{
    return bn_error(BRAIN_E_PERM, "%s is open read-only here: open it for writing", store->path);
}

int bn_store_check_writable_slow(const struct brain_store *store)
{
    int err = bn_store_check_usable(store);
    return err != 0 ? err : bn_store_say_read_only(store);
}

/* ---- watermarks */

static uint64_t load_count(uint32_t *count)
{
    return bn_load_acquire(bn_atomic32(count));
}

/* What a region holds, as the state counts it: what is counted was backed before. Without the lock,
 * while others count: acquire, so that the watermark that is loaded next is no older. */
static uint64_t counted_bytes(const struct brain_store *store, enum bn_region region)
{
    struct bn_state_rec *state = store->state;
    uint64_t n_buckets = bn_load_acquire(&state->index_state) >> 1, unit = 1;
    uint64_t n = 0; /* of the journal nothing is left between changes */
    switch (region) {
    case BN_REGION_SLOTS:
        n = load_count(&state->n_slabs), unit = BN_SLAB_BYTES;
        break;
    case BN_REGION_BUCKETS:
        n = n_buckets, unit = sizeof(struct bn_bucket_rec);
        break;
    case BN_REGION_OVERFLOW:
        n = load_count(&state->n_overflow), unit = sizeof(struct bn_bucket_rec);
        break;
    case BN_REGION_NAMES:
        n = bn_load_acquire(bn_atomic64(&state->names_end)), unit = sizeof(uint32_t);
        break;
    case BN_REGION_SPACES:
        n = load_count(&state->n_spaces), unit = sizeof(struct bn_space_rec);
        break;
    case BN_REGION_LIMBO:
        n = load_count(&state->n_limbo), unit = sizeof(uint32_t);
        break;
    case BN_REGION_PRIVATE:
        n = load_count(&state->n_private), unit = sizeof(uint32_t);
        break;
    case BN_REGION_TOMBS:
        n = load_count(&state->n_tombs), unit = sizeof(uint32_t);
        break;
    case BN_REGION_BLOCKS:
        n = load_count(&state->value_end), unit = sizeof(struct bn_block_rec);
        break;
    case BN_REGION_BACKED:
        n = load_count(&state->value_end) / 8;
        break;
    case BN_REGION_VALUES:
        n = load_count(&state->value_end), unit = BN_PAGE;
        break;
    default:
        break;
    }
    return n <= UINT64_MAX / unit ? n * unit : UINT64_MAX;
}

/* Before more of a region is backed: a count that is damaged must not take all the memory there
 * is. */
static int check_count(const struct brain_store *store, enum bn_region region)
{
    uint64_t counted = counted_bytes(store, region);
    return counted <= bn_load_acquire(&store->state->backed[region])
               ? 0
               : bn_error_corrupt("%s: region %d counts %llu bytes, more than it has", store->path,
                                  (int)region, (unsigned long long)counted);
}

int bn_store_back(struct brain_store *store, enum bn_region region, uint64_t bytes)
{
    if (bytes > store->region_bytes[region]) {
        int damaged = check_count(store, region);
        return damaged != 0 ? damaged
                            : bn_error(BRAIN_E_FULL,
                                       "%s: it holds as many objects as its records have room "
                                       "for; delete some, or use a second store",
                                       store->path);
    }
    uint64_t done = bn_load_acquire(&store->state->backed[region]);
    if (bytes <= done) {
        return 0;
    }
    int damaged = check_count(store, region);
    if (damaged != 0) {
        return damaged;
    }
    int fd, err = bn_map_data_fd(store->map, &fd);
    if (err != 0) {
        return err;
    }
    uint64_t end = bn_align_up(bytes, BN_PAGE);
    int os = bn_os_back(fd, store->region_off[region] + done, end - done + bn_store_slack(region));
    if (os != 0) {
        static const char *const kinds[BN_N_REGIONS] = {
            "the journal", "the journal", "objects",
            "the index",   "the index",   "lists of names",
            "namespaces",  "limbo",       "objects being written",
            "tombstones",  "extents",     "extents",
            "values",
        };
        return bn_error_os(os,
                           "%s: cannot get %llu bytes of memory for %s; the file system of %s is "
                           "full. Delete values and trim, or make it larger",
                           store->path, (unsigned long long)(end - done), kinds[region],
                           store->map->directory);
    }
    bn_raise64(&store->state->backed[region], end);
    return 0;
}

/* What BN_AGAIN asks for. The thread's, and not the store's: between BN_AGAIN and
 * bn_store_satisfy() the lock is released, and other threads may need something else. */
static _Thread_local struct {
    enum bn_region region;
    uint64_t bytes;
    bool is_wanted; /* by bn_store_want() */
} needed;
static _Thread_local uint32_t n_without; /* how many wants to refuse */

/* Where memory was wanted in vain, how often to do without before it is asked for again: more often
 * than anybody wants it in one holding of the lock, who would else begin again and again. */
#define WITHOUT 1000u

int bn_store_need(struct brain_store *store, enum bn_region region, uint64_t bytes)
{
    if (bn_likely(bytes <= bn_load_relaxed(&store->state->backed[region]))) {
        return 0; /* relaxed: under the lock, and the pages themselves need no order */
    }
    needed.region = region;
    needed.bytes = bytes;
    needed.is_wanted = false;
    return BN_AGAIN;
}

int bn_store_want(struct brain_store *store, enum bn_region region, uint64_t bytes)
{
    int err = bn_store_need(store, region, bytes);
    if (bn_unlikely(err != 0)) {
        needed.is_wanted = true;
        err = n_without > 0 ? BRAIN_E_FULL : err;
        n_without -= n_without > 0;
    }
    return err;
}

/* How far ahead to back a region: a step is paid for once, its memory stays. */
static uint64_t ahead(enum bn_region region, uint64_t bytes)
{
    uint64_t step = bytes / 8;
    uint64_t least = region == BN_REGION_SLOTS ? BN_SLAB_BYTES : BN_PAGE;
    step = step < least ? least : step;
    return step > MIB ? MIB : step;
}

int bn_store_satisfy(struct brain_store *store)
{
    enum bn_region region = needed.region;
    uint64_t bytes = needed.bytes;
    if (region == BN_REGION_VALUES) {
        return bn_store_extend(store, bytes);
    }
    uint64_t more = bytes + ahead(region, bytes);
    more = more > store->region_bytes[region] ? store->region_bytes[region] : more;
    int err = bn_store_back(store, region, more < bytes ? bytes : more);
    if (err == BRAIN_E_FULL && more > bytes) {
        err = bn_store_back(store, region, bytes); /* there may be room for what is needed now */
    }
    n_without = err == 0 ? 0 : n_without;
    if (err == BRAIN_E_FULL && needed.is_wanted) {
        n_without = WITHOUT;
        err = 0;
    }
    return err;
}

/* ---- values */

int bn_store_map_values(struct brain_store *store, uint64_t want)
{
    if (bn_likely(want <= bn_load_acquire(&store->values_seen))) {
        return 0;
    }
    /* Beyond the pages that were ever used there is nothing, and to look at it would make it. */
    uint64_t used =
        (uint64_t)bn_load_acquire(bn_atomic32((void *)(uintptr_t)&store->state_view->value_end)) *
        BN_PAGE;
    if (want > used || want > store->region_bytes[BN_REGION_VALUES]) {
        return bn_error_corrupt("%s: a record points beyond the values", store->path);
    }
    uint64_t off = store->region_off[BN_REGION_VALUES];
    int err = bn_map_grow(store->map, off + want);
    if (err == 0) {
        uint64_t mapped = bn_load_acquire(&store->map->mapped_bytes) - off;
        bn_raise64(&store->values_seen, used < mapped ? used : mapped);
    }
    return err;
}

/* Make the file at least `end` long, never shorter: look and lengthen under a lock of the kernel's,
 * which a death drops. Nothing is backed by it. */
static int lengthen(struct brain_store *store, uint64_t end)
{
    int fd, err = bn_map_reopen_data(store->map, &fd);
    struct stat st;
    if (err != 0) {
        return err;
    }
    int os = bn_os_byte_lock_wait(fd, BN_GROW_OFF);
    if (os == 0 && fstat(fd, &st) != 0) {
        os = -errno;
    }
    if (os == 0 && (uint64_t)st.st_size < end) {
        os = bn_os_lengthen(fd, end);
    }
    /* A child may have inherited the descriptor, and with it the lock. */
    bn_os_byte_unlock(fd, BN_GROW_OFF);
    close(fd);
    return os == 0 ? 0 : bn_error_os(os, "cannot make %s/data longer", store->map->directory);
}

int bn_store_extend(struct brain_store *store, uint64_t bytes)
{
    uint64_t room = store->region_bytes[BN_REGION_VALUES];
    int damaged = check_count(store, BN_REGION_VALUES);
    if (damaged != 0) {
        return damaged;
    }
    if (bytes > room) {
        return bn_error(BRAIN_E_FULL, "%s: its address space for values is used up (%llu bytes)",
                        store->path, (unsigned long long)room);
    }
    uint64_t done = bn_load_relaxed(&store->state->backed[BN_REGION_VALUES]);
    uint64_t want = done + done / 2 > bytes ? done + done / 2 : bytes;
    want = bn_align_up(want, 2 * MIB);
    want = want > room ? room : want;
    int err = lengthen(store, store->region_off[BN_REGION_VALUES] + want);
    if (err == 0) {
        bn_raise64(&store->state->backed[BN_REGION_VALUES], want);
    }
    return err;
}

void bn_store_init_mutex(struct brain_store *store)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
}

/* ---- open */

/* Handles that were closed, to be used again. Never freed: a thread that drops a view looks at its
 * store once more afterwards, when another may have dropped the last. */
static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct brain_store *pool;

void bn_store_pool_hold(void)
{
    pthread_mutex_lock(&pool_mutex);
    bn_map_hold();
}

void bn_store_pool_let_go(void)
{
    bn_map_let_go();
    pthread_mutex_unlock(&pool_mutex);
}

void bn_store_pool_renew(void)
{
    for (struct brain_store *store = pool; store != NULL; store = store->next) {
        bn_store_init_mutex(store); /* of those who looked at it once more */
    }
    bn_map_renew();
    pthread_mutex_init(&pool_mutex, NULL); /* its owner is the parent's thread */
}

static struct brain_store *make(void)
{
    struct brain_store *store;
    void *memory;
    /* 115 KB, most of which is never touched: calloc() would clear it (docs/design/0006). */
    if (bn_os_allocate(sizeof *store, &memory) != 0) {
        return NULL;
    }
    store = memory;
    store->mark = bn_mark_new();
    if (store->mark == NULL) {
        bn_os_unmap(store, sizeof *store);
        return NULL;
    }
    bn_store_init_mutex(store);
    return store;
}

static struct brain_store *allocate(void)
{
    pthread_mutex_lock(&pool_mutex);
    struct brain_store *store = pool;
    if (store != NULL) {
        pool = store->next;
        store->next = NULL;
    }
    pthread_mutex_unlock(&pool_mutex);
    return store != NULL ? store : make();
}

/* All that is before the mutex, but for the mark, and the counts of what is behind it. */
static void reset(struct brain_store *store)
{
    _Atomic uint32_t *mark = store->mark;
    memset(store, 0, offsetof(struct brain_store, mutex));
    store->mark = mark;
    bn_store_relaxed(&store->ledger.n_chunks, 0u);
    bn_store_relaxed(&store->ledger.hint, 0u);
    bn_store_relaxed(&store->ledger.mirroring, 0u);
    memset(&store->counting, 0, sizeof store->counting);
    bn_store_relaxed(&store->events.kinds, 0u);
    bn_store_relaxed(&store->events.n_noted, 0u);
    for (uint32_t i = 0; i < BN_EVENT_NOTES; i++) {
        bn_store_relaxed(&store->events.notes[i].thread, (uintptr_t)0);
    }
    for (int i = 0; i < BN_N_CLASSES; i++) {
        bn_store_relaxed(&store->spares[i].n_ready, 0u);
        bn_store_relaxed(&store->spares[i].n, 0u);
    }
}

static void give_to_pool(struct brain_store *store)
{
    pthread_mutex_lock(&store->mutex);
    reset(store);
    pthread_mutex_unlock(&store->mutex);
    pthread_mutex_lock(&pool_mutex);
    store->next = pool;
    pool = store;
    pthread_mutex_unlock(&pool_mutex);
}

/* Where everything is: of the mapping, and again in the handle, which a get then finds in one
 * line. */
static void set_places(struct brain_store *store)
{
    const struct bn_map *map = store->map;
    for (int i = 0; i < BN_N_REGIONS; i++) {
        store->region_off[i] = map->super->regions[i].off;
        store->region_bytes[i] = map->super->regions[i].size_bytes;
    }
    store->data = map->data;
    store->view = map->view;
    store->clients = map->clients;
    store->state_view = map->state;
    store->state = store->data == NULL ? NULL : (void *)(store->data + BN_STATE_OFF);
    store->slots_view = bn_region_view(store, BN_REGION_SLOTS);
    store->own_state = store->data != NULL ? store->state : store->state_view;
    store->own_slots = store->data != NULL ? bn_region_at(store, BN_REGION_SLOTS)
                                           : (uint8_t *)(uintptr_t)store->slots_view;
    store->buckets_view = bn_region_view(store, BN_REGION_BUCKETS);
    store->hash_seed = map->super->hash_seed;
    store->capacity_max_bytes = map->super->capacity_max_bytes;
}

int bn_store_open(int dir_fd, const char *directory, const char *path, const brain_options *options,
                  struct brain_store **store_out)
{
    struct brain_store *store = allocate();
    if (store == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory to open %s", path);
    }
    /* It fits: path.c refuses what is longer (PATH_BYTES_MAX). */
    (void)snprintf(store->path_room, sizeof store->path_room, "%s", path);
    store->path = store->path_room;
    store->read_only = (options->flags & BRAIN_OPEN_READ_ONLY) != 0;
    store->lock_timeout_ns = options->lock_timeout_ns;
    bn_store_relaxed(store->mark, 1u);
    int err = bn_map_open(dir_fd, directory, path, store->read_only, &store->map, &store->access);
    if (err != 0) {
        bn_store_free(store);
        return err;
    }
    set_places(store);
    *store_out = store;
    return 0;
}

void bn_store_free(struct brain_store *store)
{
    if (store != NULL) {
        bn_os_unmap(store->life_map, store->life_map != NULL ? BN_PAGE : 0);
        bn_map_drop(store->map);
        give_to_pool(store);
    }
}
