/* files.c - the two files of a store, watched from outside.
 *
 * A hole must not be read: that would back it. So each look asks the kernel where data is
 * (SEEK_DATA) and compares only that with the shadow. The shadow is as sparse as the file: a page
 * is there once it was data, and a range that is data no longer becomes zero in it.
 *
 * What SEEK_DATA does not show are pages that were backed and never touched. The log of fallocate
 * calls has them: a copy first repeats the calls, then writes the data, and must then take as many
 * blocks as the original. A call that was asked for and has not returned counts from the moment
 * when the blocks change.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit.h"

static const char *const names[FILES_N] = { "data", "clients" };

/* Values that a watched store may come to take beyond its first length. */
#define VALUES_ROOM ((uint64_t)4 << 30)

/* Looks that are not thorough ask the kernel where data is only every so often. */
#define LOOKS_PER_SCAN 16u

static int open_file(const char *directory, int which, int flags)
{
    char path[KIT_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", directory, names[which]);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    kit_must(fd >= 0, path);
    return fd;
}

static void *map_room(uint64_t room, int protection, int flags, int fd)
{
    void *at = mmap(NULL, room, protection, flags | MAP_NORESERVE, fd, 0);
    kit_must(at != MAP_FAILED, "mmap");
    return at;
}

static void read_regions(struct files *files)
{
    struct bn_super_rec super;
    kit_must(pread(files->one[FILES_DATA].fd, &super, sizeof super, 0) == (ssize_t)sizeof super,
             "the superblock");
    memcpy(files->regions, super.regions, sizeof files->regions);
}

void files_open(struct files *files, const char *directory, struct backing_log *log)
{
    memset(files, 0, sizeof *files);
    files->log = log;
    for (int i = 0; i < FILES_N; i++) {
        struct files_one *one = &files->one[i];
        one->fd = open_file(directory, i, O_RDONLY);
        struct stat status;
        kit_must(fstat(one->fd, &status) == 0, "fstat");
        one->inode = status.st_ino;
        one->room = (uint64_t)status.st_size + VALUES_ROOM;
        one->map = map_room(one->room, PROT_READ, MAP_SHARED, one->fd);
        one->shadow = map_room(one->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    }
    read_regions(files);
    (void)files_look(files, true);
}

void files_close(struct files *files)
{
    for (int i = 0; i < FILES_N; i++) {
        struct files_one *one = &files->one[i];
        munmap((void *)(uintptr_t)one->map, one->room);
        munmap(one->shadow, one->room);
        free(one->ranges);
        close(one->fd);
    }
    memset(files, 0, sizeof *files);
}

/* ---- looking --------------------------------------------------------------------------------- */

static void add_range(struct files_one *one, uint32_t n, struct files_range range)
{
    if (n == one->ranges_room) {
        one->ranges_room = 2 * one->ranges_room + 16;
        one->ranges = realloc(one->ranges, one->ranges_room * sizeof *one->ranges);
        kit_must(one->ranges != NULL, "realloc");
    }
    one->ranges[n] = range;
}

/* Zero the shadow of what is data no longer: of [from, to), the gap between two ranges of data. */
static bool forget_gap(const struct files_one *one, const struct files_range *old, uint32_t n_old,
                       uint64_t from, uint64_t to)
{
    bool any = false;
    for (uint32_t i = 0; i < n_old; i++) {
        uint64_t off = old[i].off > from ? old[i].off : from;
        uint64_t end = old[i].end < to ? old[i].end : to;
        if (off < end) {
            memset(one->shadow + off, 0, end - off);
            any = true;
        }
    }
    return any;
}

/* Ask the kernel where data is. Returns whether a page that was data is a hole now. */
static bool find_ranges(struct files_one *one)
{
    struct files_range old[256];
    uint32_t n_old = one->n_ranges, n = 0;
    uint64_t at = 0;
    bool lost = false;
    if (n_old > 256) {
        kit_die("the store is in too many pieces");
    }
    if (n_old > 0) {
        memcpy(old, one->ranges, n_old * sizeof *old);
    }
    for (;;) {
        off_t data = lseek(one->fd, (off_t)at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) {
            break;
        }
        off_t hole = lseek(one->fd, data, SEEK_HOLE);
        kit_must(data >= 0 && hole >= 0, "lseek");
        lost |= forget_gap(one, old, n_old, at, (uint64_t)data);
        add_range(one, n++, (struct files_range){ (uint64_t)data, (uint64_t)hole });
        at = (uint64_t)hole;
    }
    lost |= forget_gap(one, old, n_old, at, UINT64_MAX);
    one->n_ranges = n;
    return lost;
}

/* Bring the shadow of one range up to date; which kinds of bytes differed. */
static uint32_t compare_range(const struct files_one *one, struct files_range range,
                              uint64_t values)
{
    uint32_t changed = FILES_SAME;
    if (memcmp(one->map + range.off, one->shadow + range.off, range.end - range.off) == 0) {
        return FILES_SAME;
    }
    for (uint64_t at = range.off; at < range.end; at += BN_PAGE) {
        if (memcmp(one->map + at, one->shadow + at, BN_PAGE) != 0) {
            memcpy(one->shadow + at, one->map + at, BN_PAGE);
            changed |= at >= values ? FILES_VALUES : FILES_META;
        }
    }
    return changed;
}

/* Length and blocks; true where one of them has changed. */
static bool look_at_size(struct files_one *one)
{
    struct stat status;
    kit_must(fstat(one->fd, &status) == 0, "fstat");
    bool changed =
        one->size_bytes != (uint64_t)status.st_size || one->blocks != (uint64_t)status.st_blocks;
    one->size_bytes = (uint64_t)status.st_size;
    one->blocks = (uint64_t)status.st_blocks;
    if (one->size_bytes > one->room) {
        kit_die("the store grew beyond what is watched");
    }
    return changed;
}

static void mark_applied(const struct files *files, const struct files_one *one, bool size_changed)
{
    uint32_t n = files->log == NULL ? 0 : atomic_load(&files->log->n);
    for (uint32_t i = n; i-- > 0;) {
        struct backing_call *call = &files->log->calls[i];
        if (call->inode != one->inode || atomic_load(&call->step) == BACKING_REFUSED) {
            continue;
        }
        if (call->applied) {
            return; /* all calls before it are, too */
        }
        call->applied = size_changed || atomic_load(&call->step) == BACKING_DONE;
    }
}

static uint64_t values_begin(const struct files *files, int which)
{
    return which == FILES_DATA ? files->regions[BN_REGION_VALUES].off : UINT64_MAX;
}

uint32_t files_look(struct files *files, bool thorough)
{
    uint32_t changed = FILES_SAME;
    thorough = thorough || ++files->n_looks % LOOKS_PER_SCAN == 0;
    for (int i = 0; i < FILES_N; i++) {
        struct files_one *one = &files->one[i];
        bool size_changed = look_at_size(one);
        mark_applied(files, one, size_changed);
        changed |= size_changed ? FILES_META : FILES_SAME;
        if (thorough || size_changed) {
            changed |= find_ranges(one) ? FILES_META : FILES_SAME;
        }
        for (uint32_t k = 0; k < one->n_ranges; k++) {
            changed |= compare_range(one, one->ranges[k], values_begin(files, i));
        }
    }
    return changed;
}

bool files_unchanged(struct files *files)
{
    return files_look(files, true) == FILES_SAME;
}

/* ---- copying --------------------------------------------------------------------------------- */

static void repeat_calls(const struct files *files, const struct files_one *one, int to_fd)
{
    uint32_t n = files->log == NULL ? 0 : atomic_load(&files->log->n);
    for (uint32_t i = 0; i < n; i++) {
        const struct backing_call *call = &files->log->calls[i];
        if (call->inode == one->inode && call->applied) {
            kit_must(fallocate(to_fd, call->mode, call->off, call->len) == 0, "fallocate");
        }
    }
}

static void write_range(const struct files_one *one, struct files_range range, int to_fd)
{
    for (uint64_t at = range.off; at < range.end;) {
        ssize_t n = pwrite(to_fd, one->shadow + at, range.end - at, (off_t)at);
        kit_must(n > 0, "pwrite");
        at += (uint64_t)n;
    }
}

/* Returns the inode of the copy. */
static ino_t copy_one(const struct files *files, int which, const char *directory)
{
    const struct files_one *one = &files->one[which];
    int fd = open_file(directory, which, O_RDWR | O_CREAT | O_EXCL);
    struct stat status;
    repeat_calls(files, one, fd);
    for (uint32_t i = 0; i < one->n_ranges; i++) {
        write_range(one, one->ranges[i], fd);
    }
    kit_must(ftruncate(fd, (off_t)one->size_bytes) == 0, "ftruncate");
    kit_must(fstat(fd, &status) == 0, "fstat");
    if (files->log != NULL && (uint64_t)status.st_blocks != one->blocks) {
        kit_die("a copy of %s takes %ju blocks, the original %ju", names[which],
                (uintmax_t)status.st_blocks, (uintmax_t)one->blocks);
    }
    close(fd);
    return status.st_ino;
}

static void copy_log(const struct files *files, const ino_t *inodes, struct backing_log *to)
{
    uint32_t n_to = 0, n = atomic_load(&files->log->n);
    for (uint32_t i = 0; i < n; i++) {
        struct backing_call call = files->log->calls[i];
        for (int k = 0; k < FILES_N; k++) {
            if (call.applied && call.inode == files->one[k].inode) {
                call.inode = inodes[k];
                atomic_store(&call.step, BACKING_DONE);
                to->calls[n_to++] = call;
                break;
            }
        }
    }
    atomic_store(&to->n, n_to);
}

void files_copy(const struct files *files, const char *directory, struct backing_log *log)
{
    ino_t inodes[FILES_N];
    kit_must(mkdir(directory, 0700) == 0, directory);
    for (int i = 0; i < FILES_N; i++) {
        inodes[i] = copy_one(files, i, directory);
    }
    if (log != NULL) {
        copy_log(files, inodes, log);
    }
}

/* ---- weighing -------------------------------------------------------------------------------- */

static uint64_t bytes_of(int fd)
{
    struct stat status;
    kit_must(fstat(fd, &status) == 0, "fstat");
    return (uint64_t)status.st_blocks * 512;
}

void files_weigh(const char *directory, uint64_t *value_bytes_out, uint64_t *meta_bytes_out)
{
    struct files files = { .one = { [FILES_DATA] = {
                                        .fd = open_file(directory, FILES_DATA, O_RDWR) } } };
    int fd = files.one[FILES_DATA].fd, clients_fd = open_file(directory, FILES_CLIENTS, O_RDONLY);
    read_regions(&files);
    uint64_t before = bytes_of(fd);
    kit_must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       (off_t)files.regions[BN_REGION_VALUES].off,
                       (off_t)files.regions[BN_REGION_VALUES].size_bytes) == 0,
             "punching the values");
    *value_bytes_out = before - bytes_of(fd);
    *meta_bytes_out = bytes_of(fd) + bytes_of(clients_fd);
    close(clients_fd);
    close(fd);
}
