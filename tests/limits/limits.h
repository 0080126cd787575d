/* limits.h - what tests of limits share: a /dev/shm of one's own, values of mixed sizes. */
#ifndef BN_TESTS_LIMITS_H
#define BN_TESTS_LIMITS_H

#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "../unit/check.h"

/* As check_fork(); but the child, which may be stopped, does not outlive a test that fails. */
static inline pid_t limits_fork(void)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_SYS(prctl(PR_SET_PDEATHSIG, SIGKILL));
    }
    return pid;
}

static inline void limits_write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK_SYS(fd);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK_SYS(close(fd));
}

/* A user namespace in which this process is root, as `unshare --map-root-user` makes it. */
static inline bool limits_own_users(int flags)
{
    char uids[64], gids[64];
    snprintf(uids, sizeof uids, "0 %u 1", (unsigned)geteuid());
    snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | flags) != 0) {
        return false;
    }
    limits_write_file("/proc/self/setgroups", "deny");
    limits_write_file("/proc/self/uid_map", uids);
    limits_write_file("/proc/self/gid_map", gids);
    return true;
}

/* A /dev/shm of that size for this process and its children: "64m" as a container has it. Says why not, where
 * that is not allowed. */
static inline bool limits_own_shm(const char *size)
{
    char options[64];
    bool is_root = geteuid() == 0;
    if (is_root ? unshare(CLONE_NEWNS) != 0 : !limits_own_users(CLONE_NEWNS)) {
        printf("SKIPPED: a mount namespace is not allowed here: %s\n", strerror(errno));
        return false;
    }
    snprintf(options, sizeof options, "size=%s", size);
    CHECK_SYS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_SYS(mount("none", "/dev/shm", "tmpfs", 0, options));
    return true;
}

/* Run it in a child with such a /dev/shm. Exits with CHECK_SKIPPED where that is not allowed. */
static inline void limits_run_in_shm(const char *size, void (*run)(void))
{
    pid_t pid = limits_fork();
    int status;
    if (pid == 0) {
        if (!limits_own_shm(size)) {
            fflush(stdout);
            _exit(CHECK_SKIPPED);
        }
        run();
        fflush(NULL);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SKIPPED) {
        exit(CHECK_SKIPPED);
    }
    if (status != 0) {
        check_fail(__FILE__, __LINE__, "the child ended with status %x", (unsigned)status);
    }
}

/* Sizes of all classes: beside the name, in slots, in extents; none is larger than the largest. */
static const size_t limits_sizes[] = { 8, 100, 1500, 2500, 30000, 200000, 1000000, 5000000 };
#define LIMITS_N_SIZES (sizeof limits_sizes / sizeof *limits_sizes)
#define LIMITS_LARGEST 5000000u

static inline size_t limits_size(uint64_t i)
{
    return limits_sizes[i % LIMITS_N_SIZES];
}

static inline void limits_check_value(brain_space *space, const void *name, size_t len, size_t size,
                                      uint64_t seed)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, len, &view));
    CHECK_U64(view.size_bytes, size);
    CHECK(check_is_filled(view.data, size, seed));
    brain_view_drop(&view);
}

#endif
