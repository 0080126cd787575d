/* map.h - the files and the mappings of a store in this process, which all its handles share.
 *
 * The `data` file is mapped twice over address space that is set aside for all it can grow to:
 * writable at `data` (writers), read-only at `view`, from a descriptor opened read-only so that
 * mprotect cannot undo it (readers, and what users get). A read-only one has `view` alone.
 * `clients` is mapped once, writable.
 *
 * Who opens a store that is mapped here already, with the same access and by the same user, gets
 * that mapping: a second handle costs a client row, and no page table. The last handle's end unmaps
 * it: what nobody has open takes no memory, also where the store was destroyed.
 *
 * Thread safety: all functions, and those of a handle above it. Guarded by one mutex of the process
 * (bn_map_hold()): the list of mappings, their counts, their descriptors and their growth. What a
 * mapping says of itself does not change, but for `mapped_bytes`, which rises.
 *
 * Fork safety: a child has the mappings as they are; fork.c holds the mutex meanwhile.
 */
#ifndef BN_MAP_H
#define BN_MAP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/atomic.h"
#include "error.h"
#include "layout.h"

/* A descriptor that somebody else may close, and its number be given to another file. */
struct bn_file {
    _Atomic int fd;
    dev_t device;
    ino_t inode;
};

/* A row of the client table that is KEPT: its last handle has left it, its life byte locked, to the
 * next one of this process: to lock it takes five system calls. */
struct bn_life {
    uint32_t row;
    void *map; /* the page that keeps the lock */
};

#define BN_LIVES_KEPT_MAX 32u

struct bn_map {
    uint8_t *data; /* NULL: read-only */
    const uint8_t *view;
    struct bn_clients_rec *clients;
    const struct bn_super_rec *super; /* in `view`, and checked at each open */
    const struct bn_state_rec *state; /* in `view` */
    uint64_t reserved_bytes;          /* of each of `data` and `view` */
    _Atomic uint64_t mapped_bytes;    /* of them, mapped so far */
    struct bn_file data_file, clients_file, dir_file;
    char *path;      /* as who mapped it gave it, absolute: for messages */
    char *directory; /* where it really lies */
    bool read_only;
    uint64_t since_ns; /* when it was mapped, by bn_os_wall_ns() */
    uid_t user;        /* who opened the files */
    gid_t group;
    uint32_t n_handles;
    uint32_t n_kept;
    struct bn_life kept[BN_LIVES_KEPT_MAX];
    struct bn_map *next;
};

/* Map the store in the directory `dir_fd` (which stays the caller's), or take the mapping that this
 * process has of it. Both are checked: CORRUPT, FORMAT and so on, with a detail text. To be given
 * back by bn_map_drop(). `*access_out`: BRAIN_ACCESS_..., as it is now. */
int bn_map_open(int dir_fd, const char *directory, const char *path, bool read_only,
                struct bn_map **map_out, uint32_t *access_out);

/* One handle less; the last one's unmaps and closes. NULL is none. */
void bn_map_drop(struct bn_map *map);

/* A descriptor of `data` (for writing, unless read-only) / of `clients` / of the directory that is
 * what it was when the store was opened: it is opened anew where somebody closed it. The mapping's,
 * not to be closed. DESTROYED where the store was removed meanwhile. */
int bn_map_data_fd(struct bn_map *map, int *fd_out);
int bn_map_clients_fd(struct bn_map *map, int *fd_out);
int bn_map_dir_fd(struct bn_map *map, int *fd_out);

/* A new open description of `data` / of `clients`, for writing, the caller's to close. */
int bn_map_reopen_data(const struct bn_map *map, int *fd_out);
int bn_map_reopen_clients(const struct bn_map *map, int *fd_out);

/* See that the first `want_bytes` of the file are mapped. CORRUPT where it is shorter, NOMEM where
 * the address space that was set aside is. */
int bn_map_grow(struct bn_map *map, uint64_t want_bytes);

/* Keep the life of a row that is KEPT from now on / take the last that was kept. False: there is no
 * room for it, or none. */
bool bn_map_keep_life(struct bn_map *map, struct bn_life life);
bool bn_map_take_life(struct bn_map *map, struct bn_life *life_out);

/* Over a fork: no mapping changes from before it / until after it in the parent / in the child. */
void bn_map_hold(void);
void bn_map_let_go(void);
void bn_map_renew(void);

#endif
