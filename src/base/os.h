/* os.h - everything that libbrain asks of the operating system. One implementation file per system.
 *
 * Functions that return int give 0, or -errno. Sizes and offsets are bytes; offsets and lengths of
 * mappings and of backing are page-aligned. Nothing here knows what a store is.
 */
#ifndef BN_OS_H
#define BN_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* ---- memory */

/* What the kernel maps files by. */
size_t bn_os_page_bytes(void);
/* Memory of the process's own, zeroed, for bn_os_unmap(): pages that are not touched take none. */
int bn_os_allocate(size_t size, void **addr_out);
/* Set aside address space that nothing else will be mapped into, without access. */
int bn_os_reserve(size_t size, void **addr_out);
/* Map part of a file over reserved space. Pages are not made by this, are left out of core
 * dumps. */
int bn_os_map(void *addr, size_t size, int fd, uint64_t off, bool writable);
/* Map part of a file anywhere: writable and shared. */
int bn_os_map_anywhere(size_t size, int fd, uint64_t off, void **addr_out);
/* Replace a mapping of part of a file by a private one of the same bytes. */
int bn_os_map_private(void *addr, size_t size, int fd, uint64_t off);
void bn_os_unmap(void *addr, size_t size);
/* A child of fork() shall not have this mapping / shall find it zeroed. */
int bn_os_dont_fork(void *addr, size_t size);
int bn_os_wipe_on_fork(size_t size, void **addr_out);

/* ---- files */

/* Back a range of a file with memory, in steps of at most 2 MiB: a long call keeps others waiting, and a signal undoes
 * what it has done. ENOSPC where there is none. */
int bn_os_back(int fd, uint64_t off, uint64_t size);
/* Back the pages that a writable mapping shows from `addr` on, and map them: in one call, so give it 2 MiB at most.
 * Several threads may do it at once, where bn_os_back() and bn_os_write() let in one. Any error may mean no more than
 * that this kernel cannot do it. */
int bn_os_back_mapped(void *addr, uint64_t size);
/* Give the memory of a range back; it reads as zeros from then on. */
int bn_os_punch(int fd, uint64_t off, uint64_t size);
/* Make a file longer; nothing of it is backed by that. EFBIG where the process may not (ulimit -f). */
int bn_os_lengthen(int fd, uint64_t size);
/* Write all, in steps of at most 2 MiB; backs what it writes. EFBIG where the process may not write that
 * far into a file, though it may have it backed and use a mapping. */
int bn_os_write(int fd, const void *bytes, uint64_t size, uint64_t off);
/* Whether the file system says that it backs the file with pages of 2 MiB or more. */
bool bn_os_has_huge_pages(int fd);
/* Bytes that are backed within a range. */
int bn_os_backed_bytes(int fd, uint64_t off, uint64_t size, uint64_t *bytes_out);
/* A file without a name, which nobody else has. Returns a descriptor, beside the standard streams. */
int bn_os_file_of_ones_own(void);
bool bn_os_same_file(int fd, dev_t device, ino_t inode);
/* A descriptor that was just opened, -1 with errno included, under a number from 3 on: where the
 * process has closed its standard streams, what is meant for them would go into the file. */
int bn_os_beside_streams(int fd);
/* Rename, failing with EEXIST where the target is there, an empty directory included. */
int bn_os_rename_new(int dir_fd, const char *from, const char *to);
/* Whether the file system of `fd` lives in memory; and whether it is of the kind that stores are made
 * for: pages by fallocate() and write, holes. */
int bn_os_in_memory(int fd, bool *in_memory_out, bool *is_tmpfs_out);

/* ---- locks on a byte of a file, owned by the open description (not the process or thread) */

/* EAGAIN where another description holds it. */
int bn_os_byte_lock(int fd, int64_t off);
void bn_os_byte_unlock(int fd, int64_t off);
/* Wait for it. */
int bn_os_byte_lock_wait(int fd, int64_t off);
/* Whether another description holds it. */
int bn_os_byte_locked(int fd, int64_t off, bool *held_out);

/* ---- sleeping */

/* Sleep while `*word == value`, up to `timeout_ns`, also across processes. 0 when woken or changed;
 * -ETIMEDOUT; -EINTR; or another -errno where the system refuses it, after a millisecond: who looks again then
 * takes no processor. */
int bn_os_wait(const void *word, uint32_t value, int64_t timeout_ns);
void bn_os_wake(const void *word, int n);

/* A full barrier in every thread of this process that runs, the caller's among them: for one side of a handshake
 * that is rare, where the other is not to pay for a fence. Where the system has none a millisecond is waited, in
 * which stores have long become visible. */
void bn_os_fence_all_threads(void);

/* On how many processors this thread may run: at least 1. */
uint32_t bn_os_n_processors(void);

/* ---- time, names, limits */

/* Since 1970. The coarse one is up to some milliseconds behind, and costs a few loads. */
uint64_t bn_os_wall_ns(void);
uint64_t bn_os_wall_exact_ns(void);
int64_t bn_os_monotonic_ns(void);
int bn_os_random(void *bytes, size_t n);
uint64_t bn_os_pid_namespace(void); /* its inode number; 0: unknown */
void bn_os_command_line(char *text, size_t room);
int bn_os_boot_id(char text[37]); /* 36 characters; 0, or -errno: -ENOENT where there is none */

/* Whether nobody listens on the socket at `path`. What cannot be found out counts as listening. */
bool bn_os_is_dead_socket(const char *path);
/* What is left of the process's memory cgroup and of those above it, of either version of cgroups;
 * UINT64_MAX where there is no limit.
 * mounts   where they are mounted: BN_OS_CGROUPS    own   which the process is in: BN_OS_OWN_CGROUPS */
uint64_t bn_os_cgroup_left(const char *mounts, const char *own);
#define BN_OS_CGROUPS     "/sys/fs/cgroup"
#define BN_OS_OWN_CGROUPS "/proc/self/cgroup"

#endif
