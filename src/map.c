/* map.c - the files and the mappings of a store in this process.
 *
 * Owns:     descriptors and mappings, and the list of them.
 * Promise:  what is mapped was checked: the superblock, that `clients` belongs to `data`, that the
 *           watermarks can be true. A mapping that is shared is checked anew at each open.
 * Never:    touches what is not backed: that is for whoever goes by the watermarks (store.c).
 */
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/os.h"
#include "mark.h"

/* Recursive: a fork holds it, and meanwhile handlers of others run in that thread, which may put. */
static pthread_mutex_t maps_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static struct bn_map *maps;
static _Atomic uint32_t *same_process; /* 1; 0 in a child that has not looked yet */

void bn_map_hold(void)
{
    pthread_mutex_lock(&maps_mutex);
}

void bn_map_let_go(void)
{
    pthread_mutex_unlock(&maps_mutex);
}

void bn_map_renew(void)
{
    static const pthread_mutex_t fresh = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
    maps_mutex = fresh; /* its owner is the parent's thread */
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

/* Open a file of the store, or "." for its directory, by its path once more, and see that it is the
 * same one. */
static int reopen(const struct bn_map *map, const char *name, int flags, const struct bn_file *file,
                  int *fd_out)
{
    char path[4352];
    snprintf(path, sizeof path, "%s/%s", map->directory, name);
    /* Not blocking: somebody may have put a FIFO there, and the mutex is held. */
    int fd = bn_os_beside_streams(open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd < 0) {
        int os = -errno;
        /* Not mapped yet: path.c sees whether it was removed. */
        bool was_destroyed =
            os == -ENOENT && map->state != NULL && bn_load_relaxed(&map->state->destroyed) != 0;
        return was_destroyed ? bn_error(BRAIN_E_DESTROYED,
                                        "%s was destroyed while it was open here: open it anew for "
                                        "a new store",
                                        map->path)
                             : bn_error_os(os, "cannot open %s again", path);
    }
    struct bn_file now = { .fd = -1 };
    int err = 0, os = note_file(fd, &now);
    if (os != 0) {
        err = bn_error_os(os, "cannot look at %s", path);
    } else if (now.device != file->device || now.inode != file->inode) {
        err =
            bn_error(BRAIN_E_DESTROYED, "%s is not the store any more that was opened here", path);
    }
    if (err != 0) {
        close(fd);
    } else {
        *fd_out = fd;
    }
    return err;
}

/* With the mutex held, or of a mapping that nobody else knows yet. */
static int checked_fd(const struct bn_map *map, struct bn_file *file, const char *name, int flags,
                      int *fd_out)
{
    int err = 0, fd = bn_load_acquire(&file->fd);
    if (!bn_os_same_file(fd, file->device, file->inode) &&
        (err = reopen(map, name, flags, file, &fd)) == 0) {
        bn_store_release(&file->fd, fd);
    }
    *fd_out = fd;
    return err;
}

/* The same without the mutex, where nobody has closed it: a raw clone that finds the mutex held by a
 * thread that it has not would wait for ever. */
static int any_fd(const struct bn_map *map, struct bn_file *file, const char *name, int flags,
                  int *fd_out)
{
    int fd = bn_load_acquire(&file->fd);
    if (bn_os_same_file(fd, file->device, file->inode)) {
        *fd_out = fd;
        return 0;
    }
    pthread_mutex_lock(&maps_mutex);
    int err = checked_fd(map, file, name, flags, fd_out);
    pthread_mutex_unlock(&maps_mutex);
    return err;
}

static int data_flags(const struct bn_map *map)
{
    return map->read_only ? O_RDONLY : O_RDWR;
}

static int checked_data_fd(struct bn_map *map, int *fd_out)
{
    return checked_fd(map, &map->data_file, "data", data_flags(map), fd_out);
}

int bn_map_data_fd(struct bn_map *map, int *fd_out)
{
    return any_fd(map, &map->data_file, "data", data_flags(map), fd_out);
}

int bn_map_clients_fd(struct bn_map *map, int *fd_out)
{
    return any_fd(map, &map->clients_file, "clients", O_RDWR, fd_out);
}

int bn_map_dir_fd(struct bn_map *map, int *fd_out)
{
    return any_fd(map, &map->dir_file, ".", O_RDONLY | O_DIRECTORY, fd_out);
}

int bn_map_reopen_data(const struct bn_map *map, int *fd_out)
{
    return reopen(map, "data", O_RDWR, &map->data_file, fd_out);
}

int bn_map_reopen_clients(const struct bn_map *map, int *fd_out)
{
    return reopen(map, "clients", O_RDWR, &map->clients_file, fd_out);
}

/* ---- growth */

/* What of a file can be mapped. */
static uint64_t whole_pages(uint64_t file_bytes)
{
    return file_bytes & ~(uint64_t)(BN_PAGE - 1);
}

static int cannot_map(const struct bn_map *map, int os)
{
    return bn_error_os(os, "cannot map %s%s", map->directory, os == -ENOMEM ? " (ulimit -v?)" : "");
}

/* Whether readers look at a mapping of their own. ThreadSanitizer takes two addresses for two memories:
 * in a build for it (-Done_mapping=true) they look where writers write. */
static bool has_own_view(const struct bn_map *map)
{
#ifdef BN_ONE_MAPPING
    return map->read_only;
#else
    (void)map;
    return true;
#endif
}

static int map_range(struct bn_map *map, uint64_t from, uint64_t to)
{
    int fd, err = checked_data_fd(map, &fd);
    if (err != 0) {
        return err;
    }
    int os = 0;
    if (map->data != NULL) {
        os = bn_os_map(map->data + from, to - from, fd, from, true);
    }
    if (os == 0 && has_own_view(map)) {
        int ro = -1;
        err = reopen(map, "data", O_RDONLY, &map->data_file, &ro);
        if (err != 0) {
            return err;
        }
        os = bn_os_map((void *)(uintptr_t)(map->view + from), to - from, ro, from, false);
        close(ro);
    }
    return os == 0 ? 0 : cannot_map(map, os);
}

/* With the mutex held. */
static int grow(struct bn_map *map, uint64_t want_bytes)
{
    uint64_t from = bn_load_relaxed(&map->mapped_bytes);
    struct stat st;
    int fd, err = want_bytes <= from ? 0 : checked_data_fd(map, &fd);
    if (want_bytes <= from || err != 0) {
        return err;
    }
    if (fstat(fd, &st) != 0) {
        return bn_error_os(-errno, "cannot look at %s", map->directory);
    }
    uint64_t end = (uint64_t)st.st_size;
    if (end < want_bytes) {
        return bn_error_corrupt("%s/data is shorter than a record in it says", map->directory);
    }
    end = end > map->reserved_bytes ? map->reserved_bytes : whole_pages(end);
    if (end < want_bytes) {
        return bn_error(BRAIN_E_NOMEM,
                        "%s has grown beyond the address space that this process could "
                        "set aside (%llu bytes): raise the limit (ulimit -v) and open it anew",
                        map->path, (unsigned long long)map->reserved_bytes);
    }
    err = map_range(map, from, end);
    if (err == 0) {
        bn_store_release(&map->mapped_bytes, end);
    }
    return err;
}

int bn_map_grow(struct bn_map *map, uint64_t want_bytes)
{
    pthread_mutex_lock(&maps_mutex);
    int err = grow(map, want_bytes);
    pthread_mutex_unlock(&maps_mutex);
    return err;
}

/* ---- what is checked */

static int check_clients(const struct bn_map *map, const struct bn_clients_rec *head,
                         const struct bn_super_rec *super)
{
    struct stat st;
    if (fstat(map->clients_file.fd, &st) != 0) {
        return bn_error_os(-errno, "cannot look at %s/clients", map->directory);
    }
    if ((uint64_t)st.st_size != BN_CLIENTS_BYTES || memcmp(head->magic, BN_MAGIC, 8) != 0 ||
        memcmp(head->store_id, super->store_id, 16) != 0) {
        return bn_error_corrupt("%s/clients does not belong to %s/data", map->directory,
                                map->directory);
    }
    /* Each page of the ledger was used before it counted. To look at pages that nobody has used
     * makes them. */
    uint64_t n_chunks = bn_load_acquire(&head->n_chunks);
    bool fits = n_chunks * BN_PAGE <= (uint64_t)st.st_blocks * 512;
    if (!fits && fstat(map->clients_file.fd, &st) == 0) {
        /* Others may have taken pages since we looked: once more, for the same count. */
        fits = n_chunks * BN_PAGE <= (uint64_t)st.st_blocks * 512;
    }
    if (!fits) {
        return bn_error_corrupt("%s/clients counts %u pages of pins, more than it has memory",
                                map->directory, (unsigned)n_chunks);
    }
    return 0;
}

static int check_super(const struct bn_map *map, const struct bn_super_rec *super,
                       uint64_t file_bytes)
{
    int err = bn_layout_validate(super, file_bytes, map->directory);
    if (err == 0 && super->features_read_only != 0 && !map->read_only) {
        err = bn_error(BRAIN_E_FORMAT,
                       "%s was made by a newer version of this library, and may only be "
                       "read by this one: open it read-only",
                       map->directory);
    }
    return err;
}

/* The watermarks, by which all else is checked: they rise only, by what this library backs, so once
 * is enough. A reader goes by the regions' ends as well, and may look at what there is. */
static int check_watermarks(const struct bn_map *map)
{
    static const uint64_t least[BN_N_REGIONS] = {
        /* what a change uses without asking for it */
        [BN_REGION_UNDO] = 4 * BN_PAGE,
        [BN_REGION_PUBLISH] = BN_PAGE,
        [BN_REGION_SPACES] = BN_PAGE,
    };
    for (int i = 0; i < BN_N_REGIONS && !map->read_only; i++) {
        uint64_t backed = bn_load_acquire(&map->state->backed[i]);
        uint64_t size_bytes = map->super->regions[i].size_bytes;
        if (backed > size_bytes || backed < least[i]) {
            return bn_error_corrupt("%s: region %d of %llu bytes says that %llu are there "
                                    "(read-only it may open)",
                                    map->path, i, (unsigned long long)size_bytes,
                                    (unsigned long long)backed);
        }
    }
    return 0;
}

/* ---- mapping */

static int open_files(int dir_fd, struct bn_map *map)
{
    int flags = data_flags(map) | O_CLOEXEC | O_NOFOLLOW;
    int data = bn_os_beside_streams(openat(dir_fd, "data", flags));
    if (data < 0 && errno == ENOENT) {
        return bn_error(BRAIN_E_CORRUPT,
                        "%s%s%s is a directory, but not a store (it has no file 'data'). "
                        "Choose another path",
                        map->path, strcmp(map->path, map->directory) != 0 ? " leads to " : "",
                        strcmp(map->path, map->directory) != 0 ? map->directory : "");
    }
    if (data < 0 && !map->read_only && (errno == EACCES || errno == EROFS)) {
        return bn_error(BRAIN_E_PERM, "%s may not be written by this user: open it read-only",
                        map->directory);
    }
    if (data < 0) {
        return bn_error_os(-errno, "cannot open %s/data", map->directory);
    }
    map->data_file.fd = data;
    int os = note_file(data, &map->data_file);
    if (os != 0) {
        return bn_error_os(os, "cannot look at %s/data", map->directory);
    }
    int clients = bn_os_beside_streams(openat(dir_fd, "clients", O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (clients < 0) {
        return bn_error_os(-errno, "cannot open %s/clients", map->directory);
    }
    map->clients_file.fd = clients;
    os = note_file(clients, &map->clients_file);
    int dir = os == 0 ? fcntl(dir_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (dir < 0 || (os = note_file(dir, &map->dir_file)) != 0) {
        return bn_error_os(os != 0 ? os : -errno, "cannot look at %s", map->directory);
    }
    return 0;
}

static uint32_t access_to(const struct stat *data, bool read_only)
{
    return (read_only ? BRAIN_ACCESS_READ_ONLY : 0) |
           (data->st_uid == geteuid() ? BRAIN_ACCESS_OWNED : 0) |
           ((data->st_mode & 0022) != 0 ? BRAIN_ACCESS_OTHERS_WRITE : 0);
}

static int read_start(const struct bn_map *map, const char *name, int fd, void *bytes, size_t size)
{
    ssize_t n = pread(fd, bytes, size, 0);
    if (n < 0) {
        return bn_error_os(-errno, "cannot read %s/%s", map->directory, name);
    }
    return n == (ssize_t)size ? 0 : bn_error_corrupt("%s/%s is cut short", map->directory, name);
}

/* Read and check the first page, without a mapping: the file may be cut short. */
static int read_super(struct bn_map *map, struct bn_super_rec *super, uint64_t *bytes_out,
                      uint32_t *access_out)
{
    struct stat st;
    if (fstat(map->data_file.fd, &st) != 0) {
        return bn_error_os(-errno, "cannot look at %s/data", map->directory);
    }
    if (!S_ISREG(st.st_mode)) {
        return bn_error(BRAIN_E_CORRUPT, "%s/data is not a file", map->directory);
    }
    int err = read_start(map, "data", map->data_file.fd, super, sizeof *super);
    if (err != 0) {
        return err;
    }
    *access_out = access_to(&st, map->read_only);
    *bytes_out = (uint64_t)st.st_size;
    return check_super(map, super, (uint64_t)st.st_size);
}

static int map_clients(struct bn_map *map, const struct bn_super_rec *super)
{
    struct bn_clients_rec head;
    int fd = map->clients_file.fd;
    void *addr;
    int err = read_start(map, "clients", fd, &head, sizeof head);
    err = err != 0 ? err : check_clients(map, &head, super);
    if (err != 0) {
        return err;
    }
    int os = bn_os_map_anywhere(BN_CLIENTS_BYTES, fd, 0, &addr);
    if (os != 0) {
        return cannot_map(map, os);
    }
    map->clients = addr;
    return 0;
}

/* Set aside room for all that the store can grow to; where the process may not have so much (a
 * limit on address space), for what it is now. */
static int reserve(struct bn_map *map, uint64_t most, uint64_t now)
{
    const uint64_t sizes[] = { most, now };
    void *data = NULL, *view = NULL;
    int os = 0;
    for (int i = 0; i < 2; i++) {
        os = map->read_only ? 0 : bn_os_reserve(sizes[i], &data);
        if (os == 0 && (!has_own_view(map) || (os = bn_os_reserve(sizes[i], &view)) == 0)) {
            map->data = data;
            map->view = has_own_view(map) ? view : data;
            map->reserved_bytes = sizes[i];
            return 0;
        }
        bn_os_unmap(data, data != NULL ? sizes[i] : 0);
        data = NULL;
    }
    return bn_error_os(os, "cannot set aside %llu bytes of address space for %s (ulimit -v?)",
                       (unsigned long long)now, map->path);
}

static int map_data(struct bn_map *map, const struct bn_super_rec *super, uint64_t file_bytes)
{
    const struct bn_region_rec *values = &super->regions[BN_REGION_VALUES];
    uint64_t now = whole_pages(file_bytes);
    int err = reserve(map, values->off + values->size_bytes, now);
    if (err == 0) {
        err = map_range(map, 0, now);
    }
    if (err != 0) {
        return err;
    }
    bn_store_relaxed(&map->mapped_bytes, now);
    map->super = (const struct bn_super_rec *)(const void *)map->view;
    map->state = (const struct bn_state_rec *)(const void *)(map->view + BN_STATE_OFF);
    return check_watermarks(map);
}

/* ---- lives that are kept */

/* With the mutex held. What lists say in a child is of its parent. */
static void forget_inherited(void)
{
    if (bn_load_relaxed(same_process) == 0) {
        for (struct bn_map *map = maps; map != NULL; map = map->next) {
            map->n_kept = 0; /* whose pages it did not inherit */
        }
        bn_store_relaxed(same_process, 1u);
    }
}

bool bn_map_keep_life(struct bn_map *map, struct bn_life life)
{
    pthread_mutex_lock(&maps_mutex);
    forget_inherited();
    bool kept = map->n_kept < BN_LIVES_KEPT_MAX;
    if (kept) {
        map->kept[map->n_kept++] = life;
    }
    pthread_mutex_unlock(&maps_mutex);
    return kept;
}

bool bn_map_take_life(struct bn_map *map, struct bn_life *life_out)
{
    pthread_mutex_lock(&maps_mutex);
    forget_inherited();
    bool taken = map->n_kept > 0;
    if (taken) {
        *life_out = map->kept[--map->n_kept];
    }
    pthread_mutex_unlock(&maps_mutex);
    return taken;
}

/* ---- making and ending one */

static void close_file(struct bn_file *file)
{
    if (bn_os_same_file(file->fd, file->device, file->inode)) {
        close(file->fd);
    }
    file->fd = -1;
}

static void unmap(struct bn_map *map)
{
    for (uint32_t i = 0; i < map->n_kept; i++) {
        bn_os_unmap(map->kept[i].map, BN_PAGE);
    }
    bn_os_unmap(map->data, map->data != NULL ? map->reserved_bytes : 0);
    bool apart = map->view != map->data; /* neither, where it was not mapped */
    bn_os_unmap((void *)(uintptr_t)map->view, apart ? map->reserved_bytes : 0);
    bn_os_unmap(map->clients, map->clients != NULL ? BN_CLIENTS_BYTES : 0);
    close_file(&map->data_file);
    close_file(&map->clients_file);
    close_file(&map->dir_file);
    free(map->path);
    free(map->directory);
    free(map);
}

/* Map the files; nobody else knows it yet. */
static int map_new(int dir_fd, const char *directory, const char *path, bool read_only,
                   struct bn_map **map_out, uint32_t *access_out)
{
    struct bn_map *map = calloc(1, sizeof *map);
    if (map == NULL) {
        return bn_error(BRAIN_E_NOMEM, "no memory to open %s", path);
    }
    map->data_file.fd = map->clients_file.fd = map->dir_file.fd = -1;
    map->read_only = read_only;
    map->since_ns = bn_os_wall_ns();
    map->user = geteuid();
    map->group = getegid();
    map->n_handles = 1;
    map->path = strdup(path);
    map->directory = strdup(directory);
    struct bn_super_rec super;
    uint64_t file_bytes = 0;
    int err = map->path != NULL && map->directory != NULL
                  ? open_files(dir_fd, map)
                  : bn_error(BRAIN_E_NOMEM, "no memory to open %s", path);
    if (err == 0 && (err = read_super(map, &super, &file_bytes, access_out)) == 0 &&
        (err = map_clients(map, &super)) == 0) {
        err = map_data(map, &super, file_bytes);
    }
    if (err != 0) {
        unmap(map);
        return err;
    }
    *map_out = map;
    return 0;
}

/* ---- sharing */

/* Whether it is of the file that `st` is of, and by the same name: its files are opened again by
 * that. */
static bool is_of(const struct bn_map *map, const struct stat *st, const char *directory)
{
    return map->data_file.inode == st->st_ino && map->data_file.device == st->st_dev &&
           strcmp(map->directory, directory) == 0;
}

/* Not where the file has become shorter than what is mapped: to open it anew says so; nor where it
 * has become longer than the room that was set aside. */
static bool has_room_for(const struct bn_map *map, uint64_t file_bytes)
{
    return file_bytes >= bn_load_relaxed(&map->mapped_bytes) &&
           whole_pages(file_bytes) <= map->reserved_bytes;
}

static bool is_of_this_user(const struct bn_map *map)
{
    return map->user == geteuid() && map->group == getegid();
}

/* A mapping of the file that `st` is of, which whoever opens that now would get as well. With the
 * mutex held. */
static struct bn_map *find(const struct stat *st, const char *directory, bool read_only)
{
    struct bn_map *map = maps;
    while (map != NULL && (!is_of(map, st, directory) || map->read_only != read_only ||
                           !is_of_this_user(map) || !has_room_for(map, (uint64_t)st->st_size))) {
        map = map->next;
    }
    return map;
}

/* Check what may have been damaged since it was mapped. With the mutex held. */
static int check_shared(struct bn_map *map, uint64_t file_bytes)
{
    int fd, err = checked_fd(map, &map->clients_file, "clients", O_RDWR, &fd);
    if (err == 0 && (err = check_super(map, map->super, file_bytes)) == 0 &&
        (err = check_clients(map, map->clients, map->super)) == 0) {
        err = check_watermarks(map);
    }
    return err;
}

/* Whether this process has it mapped: then one handle more, or an error in `*err_out`. */
static struct bn_map *take_shared(int dir_fd, const char *directory, bool read_only,
                                  uint32_t *access_out, int *err_out)
{
    struct stat st;
    struct bn_map *map = NULL;
    *err_out = 0;
    pthread_mutex_lock(&maps_mutex);
    /* The mapping keeps its inode: no other file can have that number. */
    if (maps != NULL && fstatat(dir_fd, "data", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (map = find(&st, directory, read_only)) != NULL &&
        faccessat(dir_fd, "data", read_only ? R_OK : R_OK | W_OK, AT_EACCESS) != 0) {
        map = NULL; /* a mode that changed, capabilities or groups that were given up */
    }
    if (map != NULL) {
        *err_out = check_shared(map, (uint64_t)st.st_size);
        map->n_handles += *err_out == 0;
        *access_out = access_to(&st, read_only);
    }
    pthread_mutex_unlock(&maps_mutex);
    return map;
}

static int enlist(struct bn_map *map)
{
    pthread_mutex_lock(&maps_mutex);
    same_process = same_process == NULL ? bn_mark_new() : same_process;
    bool enlisted = same_process != NULL;
    if (enlisted) {
        forget_inherited();
        map->next = maps;
        maps = map;
    }
    pthread_mutex_unlock(&maps_mutex);
    if (!enlisted) {
        int err = bn_error(BRAIN_E_NOMEM, "no memory to open %s", map->path);
        unmap(map);
        return err;
    }
    return 0;
}

int bn_map_open(int dir_fd, const char *directory, const char *path, bool read_only,
                struct bn_map **map_out, uint32_t *access_out)
{
    int err;
    struct bn_map *map = take_shared(dir_fd, directory, read_only, access_out, &err);
    if (map == NULL && (err = map_new(dir_fd, directory, path, read_only, &map, access_out)) == 0) {
        err = enlist(map);
    }
    if (err == 0) {
        *map_out = map;
    }
    return err;
}

void bn_map_drop(struct bn_map *map)
{
    if (map == NULL) {
        return;
    }
    pthread_mutex_lock(&maps_mutex);
    forget_inherited();
    bool was_last = --map->n_handles == 0;
    struct bn_map **link = &maps;
    while (was_last && *link != map) {
        link = &(*link)->next;
    }
    if (was_last) {
        *link = map->next;
    }
    pthread_mutex_unlock(&maps_mutex);
    if (was_last) {
        unmap(map);
    }
}
