/* os_linux.c - os.h for Linux 5.4 and later. */
#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/atomic.h"

#define HUGE_BYTES ((uint64_t)2 << 20)
#define STEP_MIN   ((uint64_t)4 << 10) /* where signals keep undoing longer ones */

/* How long one sleeps who may not wait for a word. */
#define POLL_NS   ((int64_t)1000 * 1000)

#define GROUP_MAX 8192 /* bytes in the path of a cgroup's folder */

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#define MADV_UNKNOWN 9999 /* that no kernel has */

size_t bn_os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

int bn_os_allocate(size_t size, void **addr_out)
{
    void *addr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (addr == MAP_FAILED) {
        return -errno;
    }
    *addr_out = addr;
    return 0;
}

int bn_os_reserve(size_t size, void **addr_out)
{
    void *addr = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (addr == MAP_FAILED) {
        return -errno;
    }
    *addr_out = addr;
    return 0;
}

int bn_os_map(void *addr, size_t size, int fd, uint64_t off, bool writable)
{
    int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *got = mmap(addr, size, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, (off_t)off);
    if (got == MAP_FAILED) {
        return -errno;
    }
    (void)madvise(addr, size, MADV_DONTDUMP); /* a core file need not hold the store */
    return 0;
}

int bn_os_map_anywhere(size_t size, int fd, uint64_t off, void **addr_out)
{
    void *addr =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, (off_t)off);
    if (addr == MAP_FAILED) {
        return -errno;
    }
    *addr_out = addr;
    return 0;
}

int bn_os_map_private(void *addr, size_t size, int fd, uint64_t off)
{
    void *got = mmap(addr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                     fd, (off_t)off);
    return got == MAP_FAILED ? -errno : 0;
}

void bn_os_unmap(void *addr, size_t size)
{
    if (addr != NULL && size > 0) {
        (void)munmap(addr, size);
    }
}

int bn_os_dont_fork(void *addr, size_t size)
{
    return madvise(addr, size, MADV_DONTFORK) != 0 ? -errno : 0;
}

int bn_os_wipe_on_fork(size_t size, void **addr_out)
{
    void *addr = NULL;
    int error = bn_os_allocate(size, &addr);
    if (error != 0) {
        return error;
    }
    if (madvise(addr, size, MADV_WIPEONFORK) != 0) {
        error = -errno;
        munmap(addr, size);
        return error;
    }
    *addr_out = addr;
    return 0;
}

/* How far one call goes: one long call keeps everybody else's small one waiting (3.4 s behind one of 1 GB, measured).
 * To the end of a huge page: of one that is backed or written in halves the kernel clears both first. */
static uint64_t step_at(uint64_t off, uint64_t size)
{
    uint64_t step = HUGE_BYTES - off % HUGE_BYTES;
    return step < size ? step : size;
}

int bn_os_back(int fd, uint64_t off, uint64_t size)
{
    while (size > 0) {
        uint64_t step = step_at(off, size);
        while (fallocate(fd, 0, (off_t)off, (off_t)step) != 0) {
            if (errno != EINTR) {
                return -errno;
            }
            /* Less to be undone, where signals come and come. */
            step = step > STEP_MIN ? step / 2 : step;
        }
        off += step;
        size -= step;
    }
    return 0;
}

int bn_os_back_mapped(void *addr, uint64_t size)
{
    uint64_t skipped = (uintptr_t)addr % bn_os_page_bytes();
    void *first = (char *)addr - skipped;
    /* An emulator that says yes to whatever it does not know (qemu-user) has backed nothing. */
    if (madvise(first, 1, MADV_UNKNOWN) == 0) {
        return -ENOSYS;
    }
    return madvise(first, size + skipped, MADV_POPULATE_WRITE) != 0 ? -errno : 0;
}

int bn_os_punch(int fd, uint64_t off, uint64_t size)
{
    while (size > 0) {
        uint64_t step = size < 8 * HUGE_BYTES ? size : 8 * HUGE_BYTES;
        while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)step) !=
               0) {
            if (errno != EINTR) {
                return -errno;
            }
        }
        off += step;
        size -= step;
    }
    return 0;
}

/* Whether the process may make files as long as that: one that tries all the same is killed
 * (SIGXFSZ), and pwrite asks even where the file is longer already. */
static bool may_reach(uint64_t end)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
           end <= limit.rlim_cur;
}

int bn_os_lengthen(int fd, uint64_t size)
{
    if (!may_reach(size)) {
        return -EFBIG;
    }
    return ftruncate(fd, (off_t)size) != 0 ? -errno : 0;
}

int bn_os_write(int fd, const void *bytes, uint64_t size, uint64_t off)
{
    const char *from = bytes;
    if (!may_reach(off + size)) {
        return -EFBIG;
    }
    while (size > 0) {
        ssize_t n = pwrite(fd, from, step_at(off, size), (off_t)off);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        from += n;
        off += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return 0;
}

bool bn_os_has_huge_pages(int fd)
{
    struct stat st; /* tmpfs says it there */
    return fstat(fd, &st) == 0 && (uint64_t)st.st_blksize >= HUGE_BYTES;
}

int bn_os_backed_bytes(int fd, uint64_t off, uint64_t size, uint64_t *bytes_out)
{
    uint64_t end = off + size, at = off, sum = 0;
    while (at < end) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA);
        if (data < 0) {
            if (errno == ENXIO) {
                break; /* a hole up to the end */
            }
            return -errno;
        }
        if ((uint64_t)data >= end) {
            break;
        }
        off_t hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0) {
            return -errno;
        }
        at = (uint64_t)hole < end ? (uint64_t)hole : end;
        sum += at - (uint64_t)data;
    }
    *bytes_out = sum;
    return 0;
}

int bn_os_file_of_ones_own(void)
{
    return bn_os_beside_streams(memfd_create("brain", MFD_CLOEXEC));
}

bool bn_os_same_file(int fd, dev_t device, ino_t inode)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int bn_os_beside_streams(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO) {
        return fd;
    }
    int beside = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), err = errno;
    close(fd);
    errno = err;
    return beside;
}

int bn_os_rename_new(int dir_fd, const char *from, const char *to)
{
    return renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) != 0 ? -errno : 0;
}

int bn_os_in_memory(int fd, bool *in_memory_out, bool *is_tmpfs_out)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0) {
        return -errno;
    }
    *is_tmpfs_out = fs.f_type == TMPFS_MAGIC;
    *in_memory_out = *is_tmpfs_out || fs.f_type == RAMFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC;
    return 0;
}

int bn_os_byte_lock(int fd, int64_t off)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = off, .l_len = 1 };
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        return errno == EACCES ? -EAGAIN : -errno;
    }
    return 0;
}

int bn_os_byte_lock_wait(int fd, int64_t off)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = off, .l_len = 1 };
    while (fcntl(fd, F_OFD_SETLKW, &lock) != 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

void bn_os_byte_unlock(int fd, int64_t off)
{
    struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = off, .l_len = 1 };
    (void)fcntl(fd, F_OFD_SETLK, &lock);
}

int bn_os_byte_locked(int fd, int64_t off, bool *held_out)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = off, .l_len = 1 };
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
        return -errno;
    }
    *held_out = lock.l_type != F_UNLCK;
    return 0;
}

int bn_os_wait(const void *word, uint32_t value, int64_t timeout_ns)
{
    struct timespec ts = { .tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000 };
    if (syscall(SYS_futex, word, FUTEX_WAIT, value, &ts, NULL, 0) == 0 || errno == EAGAIN) {
        return 0;
    }
    int error = -errno;
    if (error != -ETIMEDOUT && error != -EINTR) {
        int64_t ns = timeout_ns < POLL_NS ? timeout_ns : POLL_NS;
        ts = (struct timespec){ .tv_nsec = ns > 0 ? (long)ns : 0 };
        error = nanosleep(&ts, NULL) != 0 && errno == EINTR ? -EINTR : error;
    }
    return error;
}

void bn_os_wake(const void *word, int n)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
}

void bn_os_fence_all_threads(void)
{
    bn_fence_seq();
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0 ||
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = POLL_NS }, NULL);
    }
    bn_fence_seq();
}

uint32_t bn_os_n_processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                        : 1; /* above 1,024 it is refused */
    return n > 1 ? (uint32_t)n : 1;
}

static uint64_t wall_ns(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t bn_os_wall_ns(void)
{
    return wall_ns(CLOCK_REALTIME_COARSE);
}

uint64_t bn_os_wall_exact_ns(void)
{
    return wall_ns(CLOCK_REALTIME);
}

int64_t bn_os_monotonic_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int bn_os_random(void *bytes, size_t n)
{
    ssize_t got = getrandom(bytes, n, 0);
    return got == (ssize_t)n ? 0 : got < 0 ? -errno : -EIO;
}

uint64_t bn_os_pid_namespace(void)
{
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* Read a small file whole. Returns its length, or -errno. */
static ssize_t read_text(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n = read(fd, text, room - 1);
    n = n < 0 ? -errno : n;
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n;
}

void bn_os_command_line(char *text, size_t room)
{
    ssize_t n = read_text("/proc/self/cmdline", text, room);
    for (ssize_t i = 0; i + 1 < n; i++) {
        if ((unsigned char)text[i] < ' ') {
            text[i] = ' ';
        }
    }
}

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int bn_os_boot_id(char text[37])
{
    static _Thread_local char known[37]; /* no process outlives a boot */
    ssize_t n = known[0] != '\0' ? 36 : read_text(BOOT_ID, known, sizeof known);
    if (n < 36) {
        known[0] = '\0';
        return n < 0 ? (int)n : -ENOENT;
    }
    memcpy(text, known, sizeof known);
    return 0;
}

static uint64_t read_number(const char *path)
{
    char text[64];
    if (read_text(path, text, sizeof text) <= 0 || text[0] < '0' || text[0] > '9') {
        return UINT64_MAX; /* "max", or no such file */
    }
    return strtoull(text, NULL, 10);
}

/* What one cgroup leaves: limit less usage. */
static uint64_t group_left(const char *dir, bool is_first_version)
{
    char path[GROUP_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", dir,
             is_first_version ? "memory.limit_in_bytes" : "memory.max");
    uint64_t limit = read_number(path);
    snprintf(path, sizeof path, "%s/%s", dir,
             is_first_version ? "memory.usage_in_bytes" : "memory.current");
    uint64_t usage = read_number(path);
    if (limit >= (uint64_t)1 << 62) { /* version 1 says "none" with a huge number */
        return UINT64_MAX;
    }
    if (usage == UINT64_MAX) { /* it may not be read: of what the limit allows nobody knows less */
        return limit;
    }
    return usage > limit ? 0 : limit - usage;
}

/* The least of what the groups on the way from the top `mount` down to `group` leave. In a container
 * `group` may be a path of the host that is not there: the top is the container's own then. */
static uint64_t path_left(const char *mount, const char *group, bool is_first_version)
{
    char dir[GROUP_MAX];
    snprintf(dir, sizeof dir, "%s%s", mount, group);
    uint64_t left = group_left(mount, is_first_version);
    for (char *slash; (slash = strrchr(dir, '/')) != NULL && slash >= dir + strlen(mount);
         *slash = '\0') {
        uint64_t here = group_left(dir, is_first_version);
        left = here < left ? here : left;
    }
    return left;
}

static bool has_memory(const char *controllers)
{
    for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "memory", 6) == 0 && (at[6] == '\0' || at[6] == ',')) {
            return true;
        }
    }
    return false;
}

uint64_t bn_os_cgroup_left(const char *mounts, const char *own)
{
    char text[16384], first_mount[GROUP_MAX / 2];
    snprintf(first_mount, sizeof first_mount, "%s/memory", mounts);
    uint64_t left = path_left(first_mount, "", true), second = path_left(mounts, "", false);
    left = second < left ? second : left;
    if (read_text(own, text, sizeof text) <= 0) {
        return left;
    }
    /* A line for each hierarchy: its number, its controllers, the process's group in it. */
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        const char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
        if (line == NULL) {
            continue;
        }
        uint64_t here = UINT64_MAX;
        if (strcmp(number, "0") == 0) {
            here = path_left(mounts, line, false);
        } else if (has_memory(controllers)) {
            here = path_left(first_mount, line, true);
        }
        left = here < left ? here : left;
    }
    return left;
}

bool bn_os_is_dead_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        return false;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    int result = connect(fd, (const struct sockaddr *)&address, sizeof address);
    bool is_dead = result != 0 && errno == ECONNREFUSED;
    close(fd);
    return is_dead;
}
