/* build.c - the files of a new store.
 *
 * Promise:  a store that was built can be opened, and what it holds be deleted, without more memory.
 * Crash:    the directory is under a temporary name meanwhile; sweepers tell by the lock on `data`
 *           that its maker lives (path.c).
 */
#include "build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/os.h"
#include "store.h"

#define MIB ((uint64_t)1 << 20)

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
    } else if (fchmod(fd, mode) != 0) {
        /* Not by openat(): the umask shall not narrow what was asked. */
        err = bn_error_os(-errno, "cannot set the mode of %s/%s", directory, name);
    }
    if (err != 0) {
        close(fd);
        return err;
    }
    *fd_out = fd;
    return 0;
}

static void first_state(struct bn_state_rec *state, uint64_t capacity_bytes, uint32_t full_mode,
                        uint64_t values_bytes)
{
    *state = (struct bn_state_rec){ .capacity_bytes = capacity_bytes, .full_mode = full_mode };
    state->index_state = 64u << 1; /* one page of buckets */
    state->committed = 1;
    /* A start of each: to delete and to trim needs no more. */
    for (int i = 0; i < BN_REGION_BLOCKS; i++) {
        state->backed[i] = BN_PAGE;
    }
    state->backed[BN_REGION_UNDO] = 4 * BN_PAGE;
    state->backed[BN_REGION_SLOTS] = 2 * BN_SLAB_BYTES;
    state->backed[BN_REGION_VALUES] = values_bytes;
    state->n_spaces = 1;                          /* the root */
    state->names_end = BN_SEGMENT_HEAD_CELLS * 4; /* cell 0 is nobody's */
    state->live[0].number = 1;
}

static int write_data(int fd, uint64_t capacity_bytes, uint32_t full_mode, uint8_t store_id[16])
{
    struct bn_geometry plan;
    bn_layout_plan(capacity_bytes, &plan);
    struct bn_super_rec super = { .format = BN_FORMAT,
                                  .record_signature = bn_layout_signature(),
                                  .created_ns = bn_os_wall_exact_ns(),
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
    first_state(&state, capacity_bytes, full_mode, values);
    os = os != 0 ? os : bn_os_lengthen(fd, plan.regions[BN_REGION_VALUES].off + values);
    os = os != 0 ? os : bn_os_back(fd, 0, 2 * BN_PAGE);
    for (int i = 0; i < BN_REGION_VALUES && os == 0; i++) {
        uint64_t bytes = state.backed[i] + bn_store_slack((enum bn_region)i);
        os = state.backed[i] == 0 ? 0 : bn_os_back(fd, plan.regions[i].off, bytes);
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
    int os = bn_os_lengthen(fd, BN_CLIENTS_BYTES);
    /* With what the first client needs: a store that could be made can be attached to. */
    os = os != 0 ? os : bn_os_back(fd, 0, BN_ROWS_OFF + BN_PAGE);
    /* With pages for the views of some clients more: a store on a full file system can still be
     * opened. */
    os = os != 0 ? os
                 : bn_os_back(fd, BN_WAKE_OFF,
                              BN_CHUNKS_OFF + BN_CHUNKS_RESERVED * BN_PAGE - BN_WAKE_OFF);
    return os != 0 ? os : bn_os_write(fd, &head, sizeof head, 0);
}

int bn_build(int dir_fd, const char *directory, const brain_options *options,
             uint64_t capacity_bytes, int *guard_out)
{
    int data = -1, clients = -1, os = 0;
    uint8_t store_id[16];
    uint32_t clients_mode = options->mode == 0640 ? 0660 : options->mode; /* readers pin */
    int err = make_file(dir_fd, "data", directory, options, options->mode, &data);
    if (err == 0) {
        *guard_out = data;
        os = write_data(data, capacity_bytes, options->full, store_id);
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
    return bn_error_os(os, "cannot make a store of %llu bytes in %s%s",
                       (unsigned long long)capacity_bytes, directory,
                       bn_error_if_full(os, "; the file system there is full: free some of it, or "
                                            "make it larger (Docker: --shm-size)"));
}
