/* store.c - files and mappings of a store in this process.
 *
 * Owns:     descriptors and mappings; the watermarks of the regions (state.backed[]).
 * Promise:  nothing is touched that is not backed: a region is usable up to its watermark, which is
 *           raised after fallocate succeeded. So a full file system is an error code, never a
 *           SIGBUS.
 * Never:    calls the kernel for memory while the writer lock is held (callers see to it).
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

#define MIB             ((uint64_t)1 << 20)
#define RESERVED_CHUNKS 16u

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
                        "%s was opened by a parent process, and this child did not come about by "
                        "fork(), or found no client row free: open the store anew",
                        store->path);
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

/* ---- files */

static int note_file(int fd, struct bn_file *file)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return -errno;
    }
    *file = (struct bn_file){ .fd = fd, .device = st.st_dev, .inode = st.st_ino };
    return 0;
}

/* Open a file of the store by its path once more, and see that it is the same one. */
static int reopen(const struct brain_store *store, const char *name, int flags,
                  const struct bn_file *file, int *fd_out)
{
    char path[4352];
    snprintf(path, sizeof path, "%s/%s", store->directory, name);
    int fd = bn_os_beside_streams(open(path, flags | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0) {
        int os = -errno;
        bool is_mapped = store->state_view != NULL; /* else path.c sees whether it was removed */
        int err = os == -ENOENT && is_mapped ? bn_store_check_usable(store) : 0;
        return err != 0 ? err : bn_error_os(os, "cannot open %s again", path);
    }
    if (!bn_os_same_file(fd, file->device, file->inode)) {
        close(fd);
        return bn_error(BRAIN_E_DESTROYED, "%s is not the store any more that was opened here",
                        path);
    }
    *fd_out = fd;
    return 0;
}

static int checked_fd(struct brain_store *store, struct bn_file *file, const char *name, int flags,
                      int *fd_out)
{
    int err = 0;
    pthread_mutex_lock(&store->mutex);
    if (!bn_os_same_file(file->fd, file->device, file->inode)) {
        err = reopen(store, name, flags, file, &file->fd);
    }
    *fd_out = file->fd;
    pthread_mutex_unlock(&store->mutex);
    return err;
}

int bn_store_data_fd(struct brain_store *store, int *fd_out)
{
    return checked_fd(store, &store->data_file, "data", store->read_only ? O_RDONLY : O_RDWR,
                      fd_out);
}

int bn_store_clients_fd(struct brain_store *store, int *fd_out)
{
    return checked_fd(store, &store->clients_file, "clients", O_RDWR, fd_out);
}

int bn_store_open_clients(struct brain_store *store, int *fd_out)
{
    return reopen(store, "clients", O_RDWR, &store->clients_file, fd_out);
}

/* ---- watermarks */

/* More than is promised: what a damaged slot near the end says to be inline of it is there. */
static uint64_t slack(enum bn_region region)
{
    return region == BN_REGION_SLOTS ? BN_PAGE : 0;
}

/* What a region holds, as the state counts it: what is counted was backed before. */
static uint64_t counted_bytes(const struct brain_store *store, enum bn_region region)
{
    const struct bn_state_rec *state = store->state;
    uint64_t n_buckets = bn_load_acquire(&state->index_state) >> 1, unit = 1;
    uint64_t n = 0; /* of the journal nothing is left between changes */
    switch (region) {
    case BN_REGION_SLOTS:
        n = state->n_slabs, unit = BN_SLAB_BYTES;
        break;
    case BN_REGION_BUCKETS:
        n = n_buckets, unit = sizeof(struct bn_bucket_rec);
        break;
    case BN_REGION_OVERFLOW:
        n = state->n_overflow, unit = sizeof(struct bn_bucket_rec);
        break;
    case BN_REGION_NAMES:
        n = state->names_end, unit = sizeof(uint32_t);
        break;
    case BN_REGION_SPACES:
        n = state->n_spaces, unit = sizeof(struct bn_space_rec);
        break;
    case BN_REGION_LIMBO:
        n = state->n_limbo, unit = sizeof(uint32_t);
        break;
    case BN_REGION_PRIVATE:
        n = state->n_private, unit = sizeof(uint32_t);
        break;
    case BN_REGION_TOMBS:
        n = state->n_tombs, unit = sizeof(uint32_t);
        break;
    case BN_REGION_BLOCKS:
        n = state->value_end, unit = sizeof(struct bn_block_rec);
        break;
    case BN_REGION_BACKED:
        n = state->value_end / 8;
        break;
    case BN_REGION_VALUES:
        n = state->value_end, unit = BN_PAGE;
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
    uint64_t counted = counted_bytes(store, region); /* first: it rises after the watermark */
    bn_fence_acquire();
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
    int fd, err = bn_store_data_fd(store, &fd);
    if (err != 0) {
        return err;
    }
    uint64_t end = bn_align_up(bytes, BN_PAGE);
    int os = bn_os_back(fd, store->region_off[region] + done, end - done + slack(region));
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
                           "full. "
                           "Delete values and trim, or make it larger",
                           store->path, (unsigned long long)(end - done), kinds[region],
                           store->directory);
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

/* ---- growth of the file */

static int map_range(struct brain_store *store, uint64_t from, uint64_t to)
{
    int fd, err = bn_store_data_fd(store, &fd);
    if (err != 0) {
        return err;
    }
    int os = 0;
    if (store->data != NULL) {
        os = bn_os_map(store->data + from, to - from, fd, from, true);
    }
    if (os == 0) {
        int ro = -1;
        err = reopen(store, "data", O_RDONLY, &store->data_file, &ro);
        if (err != 0) {
            return err;
        }
        os = bn_os_map((void *)(uintptr_t)(store->view + from), to - from, ro, from, false);
        close(ro);
    }
    return os == 0 ? 0 : bn_error_os(os, "cannot map %s", store->directory);
}

static int map_more(struct brain_store *store, uint64_t want_end)
{
    int fd, err = bn_store_data_fd(store, &fd);
    struct stat st;
    if (err != 0 || fstat(fd, &st) != 0) {
        return err != 0 ? err : bn_error_os(-errno, "cannot look at %s", store->directory);
    }
    uint64_t from = bn_load_relaxed(&store->mapped_bytes), end = (uint64_t)st.st_size;
    if (want_end <= from) {
        return 0;
    }
    if (end < want_end) {
        return bn_error_corrupt("%s/data is shorter than a record in it says", store->directory);
    }
    end = end > store->reserved_bytes ? store->reserved_bytes : end & ~(uint64_t)(BN_PAGE - 1);
    if (end < want_end) {
        return bn_error(BRAIN_E_NOMEM,
                        "%s has grown beyond the address space that this process could "
                        "set aside (%llu bytes): raise the limit (ulimit -v) and open it anew",
                        store->path, (unsigned long long)store->reserved_bytes);
    }
    err = map_range(store, from, end);
    if (err == 0) {
        bn_store_release(&store->mapped_bytes, end);
    }
    return err;
}

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
    int err = 0;
    pthread_mutex_lock(&store->mutex);
    if (store->region_off[BN_REGION_VALUES] + want > bn_load_relaxed(&store->mapped_bytes)) {
        err = map_more(store, store->region_off[BN_REGION_VALUES] + want);
    }
    if (err == 0) {
        uint64_t mapped =
            bn_load_relaxed(&store->mapped_bytes) - store->region_off[BN_REGION_VALUES];
        bn_raise64(&store->values_seen, used < mapped ? used : mapped);
    }
    pthread_mutex_unlock(&store->mutex);
    return err;
}

/* Make the file at least `end` long, never shorter: look and lengthen under a lock of the kernel's,
 * which a death drops. Nothing is backed by it. */
static int lengthen(struct brain_store *store, uint64_t end)
{
    int fd, err = reopen(store, "data", O_RDWR, &store->data_file, &fd);
    struct stat st;
    if (err != 0) {
        return err;
    }
    int os = bn_os_byte_lock_wait(fd, BN_GROW_OFF);
    if (os == 0 && fstat(fd, &st) != 0) {
        os = -errno;
    }
    if (os == 0 && (uint64_t)st.st_size < end && ftruncate(fd, (off_t)end) != 0) {
        os = -errno;
    }
    bn_os_byte_unlock(
        fd, BN_GROW_OFF); /* a child may have inherited the descriptor, and with it the lock */
    close(fd);
    return os == 0 ? 0 : bn_error_os(os, "cannot make %s/data longer", store->directory);
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

/* ---- open */

static int open_files(int dir_fd, struct brain_store *store)
{
    int flags = (store->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW;
    int data = bn_os_beside_streams(openat(dir_fd, "data", flags));
    if (data < 0 && errno == ENOENT) {
        return bn_error(BRAIN_E_CORRUPT,
                        "%s%s%s is a directory, but not a store (it has no file 'data'). "
                        "Choose another path",
                        store->path, strcmp(store->path, store->directory) != 0 ? " leads to " : "",
                        strcmp(store->path, store->directory) != 0 ? store->directory : "");
    }
    if (data < 0 && !store->read_only && (errno == EACCES || errno == EROFS)) {
        return bn_error(BRAIN_E_PERM, "%s may not be written by this user: open it read-only",
                        store->directory);
    }
    if (data < 0) {
        return bn_error_os(-errno, "cannot open %s/data", store->directory);
    }
    store->data_file.fd = data;
    int os = note_file(data, &store->data_file);
    int clients =
        bn_os_beside_streams(openat(dir_fd, "clients", O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (os != 0 || clients < 0) {
        return bn_error_os(os != 0 ? os : -errno, "cannot open %s/clients", store->directory);
    }
    store->clients_file.fd = clients;
    os = note_file(clients, &store->clients_file);
    int dir = os == 0 ? fcntl(dir_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (dir < 0 || (os = note_file(dir, &store->dir_file)) != 0) {
        return bn_error_os(os != 0 ? os : -errno, "cannot look at %s", store->directory);
    }
    return 0;
}

/* Read and check the first page, without a mapping: the file may be cut short. */
static int read_super(struct brain_store *store, struct bn_super_rec *super, uint64_t *bytes_out)
{
    struct stat st;
    if (fstat(store->data_file.fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return bn_error(BRAIN_E_CORRUPT, "%s/data is not a file", store->directory);
    }
    ssize_t n = pread(store->data_file.fd, super, sizeof *super, 0);
    if (n != (ssize_t)sizeof *super) {
        return bn_error_corrupt("%s/data is cut short", store->directory);
    }
    *bytes_out = (uint64_t)st.st_size;
    int err = bn_layout_validate(super, (uint64_t)st.st_size, store->directory);
    if (err == 0 && super->features_read_only != 0 && !store->read_only) {
        err = bn_error(BRAIN_E_FORMAT,
                       "%s was made by a newer version of this library, and may only be "
                       "read by this one: open it read-only",
                       store->directory);
    }
    return err;
}

static int map_clients(struct brain_store *store, const struct bn_super_rec *super)
{
    struct stat st;
    struct bn_clients_rec head;
    int fd = store->clients_file.fd;
    if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || fstat(fd, &st) != 0 ||
        (uint64_t)st.st_size != BN_CLIENTS_BYTES || memcmp(head.magic, BN_MAGIC, 8) != 0 ||
        memcmp(head.store_id, super->store_id, 16) != 0) {
        return bn_error_corrupt("%s/clients does not belong to %s/data", store->directory,
                                store->directory);
    }
    /* Each page of the ledger was used before it counted. To look at pages that nobody has used
     * makes them. */
    if ((uint64_t)bn_load_relaxed(&head.n_chunks) * BN_PAGE > (uint64_t)st.st_blocks * 512) {
        return bn_error_corrupt("%s/clients counts %u pages of pins, more than it has memory",
                                store->directory, bn_load_relaxed(&head.n_chunks));
    }
    void *addr;
    int os = bn_os_map_anywhere(BN_CLIENTS_BYTES, fd, 0, &addr);
    if (os != 0) {
        return bn_error_os(os, "cannot map %s/clients", store->directory);
    }
    store->clients = addr;
    return 0;
}

/* Set aside room for all that the store can grow to; where the process may not have so much (a
 * limit on address space), for what it is now. */
static int reserve(struct brain_store *store, uint64_t file_bytes)
{
    const uint64_t most =
        store->region_off[BN_REGION_VALUES] + store->region_bytes[BN_REGION_VALUES];
    const uint64_t now = file_bytes & ~(uint64_t)(BN_PAGE - 1);
    const uint64_t sizes[] = { most, now };
    void *data = NULL, *view = NULL;
    int os = 0;
    for (int i = 0; i < 2; i++) {
        os = store->read_only ? 0 : bn_os_reserve(sizes[i], &data);
        if (os == 0 && (os = bn_os_reserve(sizes[i], &view)) == 0) {
            store->data = data;
            store->view = view;
            store->reserved_bytes = sizes[i];
            return 0;
        }
        bn_os_unmap(data, data != NULL ? sizes[i] : 0);
        data = NULL;
    }
    return bn_error_os(os, "cannot set aside %llu bytes of address space for %s (ulimit -v?)",
                       (unsigned long long)now, store->path);
}

/* The watermarks, by which all else is checked: they rise only, by what this library backs, so once
 * is enough. A reader goes by the regions' ends as well, and may look at what there is. */
static int check_watermarks(const struct brain_store *store)
{
    static const uint64_t least[BN_N_REGIONS] = {
        /* what a change uses without asking for it */
        [BN_REGION_UNDO] = 4 * BN_PAGE,
        [BN_REGION_PUBLISH] = BN_PAGE,
        [BN_REGION_SPACES] = BN_PAGE,
    };
    for (int i = 0; i < BN_N_REGIONS && !store->read_only; i++) {
        uint64_t backed = bn_load_acquire(&store->state_view->backed[i]);
        if (backed > store->region_bytes[i] || backed < least[i]) {
            return bn_error_corrupt("%s: region %d of %llu bytes says that %llu are there "
                                    "(read-only it may "
                                    "open)",
                                    store->path, i, (unsigned long long)store->region_bytes[i],
                                    (unsigned long long)backed);
        }
    }
    return 0;
}

static int map_data(struct brain_store *store, const struct bn_super_rec *super,
                    uint64_t file_bytes)
{
    for (int i = 0; i < BN_N_REGIONS; i++) {
        store->region_off[i] = super->regions[i].off;
        store->region_bytes[i] = super->regions[i].size_bytes;
    }
    int err = reserve(store, file_bytes);
    if (err == 0) {
        err = map_range(store, 0, file_bytes & ~(uint64_t)(BN_PAGE - 1));
    }
    if (err != 0) {
        return err;
    }
    bn_store_relaxed(&store->mapped_bytes, file_bytes & ~(uint64_t)(BN_PAGE - 1));
    store->state_view = (const struct bn_state_rec *)(const void *)(store->view + BN_STATE_OFF);
    store->state = store->data == NULL ? NULL : (void *)(store->data + BN_STATE_OFF);
    store->slots_view = bn_region_view(store, BN_REGION_SLOTS);
    store->own_state = store->data != NULL ? store->state : store->state_view;
    store->own_slots = store->data != NULL ? bn_region_at(store, BN_REGION_SLOTS)
                                           : (uint8_t *)(uintptr_t)store->slots_view;
    store->buckets_view = bn_region_view(store, BN_REGION_BUCKETS);
    store->hash_seed = super->hash_seed;
    store->capacity_max_bytes = super->capacity_max_bytes;
    return check_watermarks(store);
}

static uint32_t access_of(const struct brain_store *store)
{
    struct stat st;
    uint32_t access = store->read_only ? BRAIN_ACCESS_READ_ONLY : 0;
    if (fstat(store->data_file.fd, &st) == 0) {
        access |= st.st_uid == geteuid() ? BRAIN_ACCESS_OWNED : 0;
        access |= (st.st_mode & 0022) != 0 ? BRAIN_ACCESS_OTHERS_WRITE : 0;
    }
    return access;
}

void bn_store_init_mutex(struct brain_store *store)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
}

/* Stores that were closed, to be used again. Never freed: a thread that drops a view looks at its
 * store once more afterwards, when another may have dropped the last. */
static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct brain_store *pool;

void bn_store_pool_hold(void)
{
    pthread_mutex_lock(&pool_mutex);
}

void bn_store_pool_let_go(void)
{
    pthread_mutex_unlock(&pool_mutex);
}

void bn_store_pool_renew(void)
{
    for (struct brain_store *store = pool; store != NULL; store = store->next) {
        bn_store_init_mutex(store); /* of those who looked at it once more */
    }
    pthread_mutex_init(&pool_mutex, NULL); /* its owner is the parent's thread */
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
    if (store == NULL) {
        store = calloc(1, sizeof *store);
        if (store != NULL) {
            bn_store_init_mutex(store);
        }
    }
    return store;
}

static void give_to_pool(struct brain_store *store)
{
    pthread_mutex_lock(&store->mutex);
    memset(store, 0, offsetof(struct brain_store, mutex));
    pthread_mutex_unlock(&store->mutex);
    pthread_mutex_lock(&pool_mutex);
    store->next = pool;
    pool = store;
    pthread_mutex_unlock(&pool_mutex);
}

int bn_store_map(int dir_fd, const char *directory, const char *path, const brain_options *options,
                 struct brain_store **store_out)
{
    struct brain_store *store = allocate();
    if (store == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory to open %s", path);
    }
    store->data_file.fd = store->clients_file.fd = store->dir_file.fd = -1;
    store->read_only = (options->flags & BRAIN_OPEN_READ_ONLY) != 0;
    store->lock_timeout_ns = options->lock_timeout_ns;
    store->path = strdup(path);
    store->directory = strdup(directory);
    void *mark = NULL;
    int os = bn_os_wipe_on_fork(BN_PAGE, &mark);
    if (os != 0 || store->path == NULL || store->directory == NULL) {
        bn_store_free(store);
        return bn_error(BRAIN_E_NOMEM, "no memory to open %s", path);
    }
    store->mark = mark;
    bn_store_relaxed(store->mark, 1u);
    struct bn_super_rec super;
    uint64_t file_bytes = 0;
    int err = open_files(dir_fd, store);
    if (err == 0 && (err = read_super(store, &super, &file_bytes)) == 0 &&
        (err = map_clients(store, &super)) == 0) {
        err = map_data(store, &super, file_bytes);
    }
    if (err != 0) {
        bn_store_free(store);
        return err;
    }
    store->access = access_of(store);
    *store_out = store;
    return 0;
}

static void close_file(struct bn_file *file)
{
    if (bn_os_same_file(file->fd, file->device, file->inode)) {
        close(file->fd);
    }
    file->fd = -1;
}

void bn_store_free(struct brain_store *store)
{
    bn_os_unmap(store->data, store->data != NULL ? store->reserved_bytes : 0);
    bn_os_unmap((void *)(uintptr_t)store->view, store->view != NULL ? store->reserved_bytes : 0);
    bn_os_unmap(store->clients, store->clients != NULL ? BN_CLIENTS_BYTES : 0);
    bn_os_unmap(store->life_map, store->life_map != NULL ? BN_PAGE : 0);
    bn_os_unmap((void *)store->mark, store->mark != NULL ? BN_PAGE : 0);
    close_file(&store->data_file);
    close_file(&store->clients_file);
    close_file(&store->dir_file);
    free(store->path);
    free(store->directory);
    give_to_pool(store);
}

/* ---- build */

/* An empty file with the life byte 0 locked, before it can be seen: sweepers take one without for
 * that of a dead maker (path.c). Where a file cannot be made without a name, or be given one
 * afterwards, there is a moment in between. A descriptor, or -errno. */
static int new_file(int dir_fd, const char *name)
{
    char self[40];
    int fd = bn_os_beside_streams(openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (fd >= 0) {
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        if (bn_os_byte_lock(fd, BN_LIFE_OFF(0)) == 0 &&
            linkat(AT_FDCWD, self, dir_fd, name, AT_SYMLINK_FOLLOW) == 0) {
            return fd;
        }
        close(fd);
    }
    fd = bn_os_beside_streams(
        openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (fd < 0) {
        return -errno;
    }
    int os = bn_os_byte_lock(fd, BN_LIFE_OFF(0));
    if (os != 0) {
        close(fd);
    }
    return os != 0 ? os : fd;
}

static int make_file(int dir_fd, const char *name, const char *directory,
                     const brain_options *options, uint32_t mode, int *fd_out)
{
    int fd = new_file(dir_fd, name), err = 0;
    if (fd < 0) {
        return bn_error_os(fd, "cannot make %s/%s", directory, name);
    }
    if (options->has_group && fchown(fd, (uid_t)-1, (gid_t)options->group) != 0) {
        err = bn_error_os(-errno, "cannot give %s to group %u", directory, options->group);
    } else if (fchmod(fd, mode) !=
               0) { /* not by openat(): the umask shall not narrow what was asked */
        err = bn_error_os(-errno, "cannot set the mode of %s/%s", directory, name);
    }
    if (err != 0) {
        close(fd);
        return err;
    }
    *fd_out = fd;
    return 0;
}

static void first_state(struct bn_state_rec *state, uint64_t capacity_bytes, uint64_t values_bytes)
{
    *state = (struct bn_state_rec){ .capacity_bytes = capacity_bytes };
    state->index_state = 64u << 1; /* one page of buckets */
    state->committed = 1;
    for (int i = 0; i < BN_REGION_BLOCKS;
         i++) { /* a start of each: to delete and to trim needs no more */
        state->backed[i] = BN_PAGE;
    }
    state->backed[BN_REGION_UNDO] = 4 * BN_PAGE;
    state->backed[BN_REGION_SLOTS] = 2 * BN_SLAB_BYTES;
    state->backed[BN_REGION_VALUES] = values_bytes;
    state->n_spaces = 1;                          /* the root */
    state->names_end = BN_SEGMENT_HEAD_CELLS * 4; /* cell 0 is nobody's */
    state->live[0].number = 1;
}

static int write_data(int fd, uint64_t capacity_bytes, uint8_t store_id[16])
{
    struct bn_geometry plan;
    bn_layout_plan(capacity_bytes, &plan);
    struct bn_super_rec super = { .format = BN_FORMAT,
                                  .record_signature = bn_layout_signature(),
                                  .created_ns = bn_os_wall_ns(),
                                  .capacity_max_bytes = plan.capacity_max_bytes };
    memcpy(super.magic, BN_MAGIC, 8);
    memcpy(super.regions, plan.regions, sizeof super.regions);
    int os = bn_os_random(super.store_id, 16);
    os = os != 0 ? os : bn_os_random(&super.hash_seed, 8);
    memcpy(store_id, super.store_id, 16);
    super.checksum = bn_layout_checksum(&super);
    uint64_t values = bn_align_up(4 * capacity_bytes + 2 * MIB, 2 * MIB);
    values = values > plan.regions[BN_REGION_VALUES].size_bytes
                 ? plan.regions[BN_REGION_VALUES].size_bytes
                 : values;
    struct bn_state_rec state;
    first_state(&state, capacity_bytes, values);
    if (os == 0 && ftruncate(fd, (off_t)(plan.regions[BN_REGION_VALUES].off + values)) != 0) {
        os = -errno;
    }
    os = os != 0 ? os : bn_os_back(fd, 0, 2 * BN_PAGE);
    for (int i = 0; i < BN_REGION_VALUES && os == 0; i++) {
        os = state.backed[i] == 0
                 ? 0
                 : bn_os_back(fd, plan.regions[i].off, state.backed[i] + slack((enum bn_region)i));
    }
    struct bn_space_rec root = { .gen = 1, .tally[0].number = 1 };
    os = os != 0 ? os : bn_os_write(fd, &root, sizeof root, plan.regions[BN_REGION_SPACES].off);
    os = os != 0 ? os : bn_os_write(fd, &state, sizeof state, BN_STATE_OFF);
    return os != 0 ? os : bn_os_write(fd, &super, sizeof super, 0);
}

static int write_clients(int fd, const uint8_t store_id[16])
{
    struct bn_clients_rec head = { .n_rows = 0 };
    memcpy(head.magic, BN_MAGIC, 8);
    memcpy(head.store_id, store_id, 16);
    int os = ftruncate(fd, (off_t)BN_CLIENTS_BYTES) != 0 ? -errno : 0;
    /* With what the first client needs: a store that could be made can be attached to. */
    os = os != 0 ? os : bn_os_back(fd, 0, BN_ROWS_OFF + BN_PAGE);
    /* With pages for the views of some clients more: a store on a full file system can still be
     * opened. */
    os = os != 0
             ? os
             : bn_os_back(fd, BN_WAKE_OFF, BN_CHUNKS_OFF + RESERVED_CHUNKS * BN_PAGE - BN_WAKE_OFF);
    return os != 0 ? os : bn_os_write(fd, &head, sizeof head, 0);
}

int bn_store_build(int dir_fd, const char *directory, const brain_options *options,
                   uint64_t capacity_bytes, int *guard_out)
{
    int data = -1, clients = -1, os = 0;
    uint8_t store_id[16];
    uint32_t clients_mode = options->mode == 0640 ? 0660 : options->mode; /* readers pin */
    int err = make_file(dir_fd, "data", directory, options, options->mode, &data);
    if (err == 0) {
        *guard_out = data;
        os = write_data(data, capacity_bytes, store_id);
    }
    if (err == 0 && os == 0) {
        err = make_file(dir_fd, "clients", directory, options, clients_mode, &clients);
        os = err != 0 ? 0 : write_clients(clients, store_id);
    }
    if (clients >= 0) {
        close(clients);
    }
    if (err != 0 || os == 0) {
        return err;
    }
    return bn_error_os(os, "cannot make a store of %llu bytes in %s",
                       (unsigned long long)capacity_bytes, directory);
}
