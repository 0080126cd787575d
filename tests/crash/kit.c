/* kit.c - what every proof needs.
 *
 * The folder of a run lies in memory, and a run may be ended in any way. So a second process, which
 * does nothing else, waits for the end of the first and removes the folder then.
 */
#include "kit.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char workdir[KIT_PATH_MAX / 2];
static pid_t workdir_owner;

_Noreturn void kit_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("the proof cannot go on: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

void kit_must(bool ok, const char *what)
{
    if (!ok) {
        kit_die("%s: %s", what, strerror(errno));
    }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

void kit_remove_tree(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        fprintf(stderr, "cannot remove %s: %s\n", path, strerror(errno));
    }
}

static void remove_workdir(void)
{
    if (getpid() == workdir_owner) {
        kit_remove_tree(workdir);
    }
}

/* The second process: told by the kernel of the first one's end. */
static void wait_and_remove(pid_t owner)
{
    sigset_t all;
    int signal_number = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    sigset_t end;
    sigemptyset(&end);
    sigaddset(&end, SIGUSR1);
    if (getppid() == owner) {
        sigwait(&end, &signal_number);
    }
    kit_remove_tree(workdir);
    _exit(0);
}

/* Elsewhere the library would make the store in another place, and leave a link. */
static void must_be_memory(const char *parent)
{
    char real[PATH_MAX];
    struct statfs status;
    kit_must(realpath(parent, real) != NULL && statfs(real, &status) == 0, parent);
    if (status.f_type != TMPFS_MAGIC || strncmp(real, "/tmp", 4) == 0 ||
        strncmp(real, "/var/tmp", 8) == 0) {
        kit_die("%s is not a file system in memory, or under /tmp", parent);
    }
}

const char *kit_workdir(const char *parent)
{
    if (workdir_owner == 0) {
        must_be_memory(parent == NULL ? "/dev/shm" : parent);
        snprintf(workdir, sizeof workdir, "%s/brain-crash-XXXXXX",
                 parent == NULL ? "/dev/shm" : parent);
        kit_must(mkdtemp(workdir) != NULL, workdir);
        workdir_owner = getpid();
        fflush(NULL);
        pid_t pid = fork();
        kit_must(pid >= 0, "fork");
        if (pid == 0) {
            wait_and_remove(workdir_owner);
        }
        atexit(remove_workdir);
    }
    return workdir;
}

void kit_path(char *path, const char *format, ...)
{
    va_list args;
    int n = snprintf(path, KIT_PATH_MAX, "%s/", kit_workdir(NULL));
    va_start(args, format);
    vsnprintf(path + n, (size_t)(KIT_PATH_MAX - n), format, args);
    va_end(args);
}

pid_t kit_fork(void)
{
    pid_t parent = getpid();
    fflush(NULL); /* what is in the buffers must not be printed twice */
    pid_t pid = fork();
    kit_must(pid >= 0, "fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(0);
        }
    }
    return pid;
}

int kit_reap(pid_t pid)
{
    int status = 0;
    pid_t got;
    do {
        got = waitpid(pid, &status, __WALL);
    } while (got < 0 && errno == EINTR);
    kit_must(got == pid, "waitpid");
    return status;
}

double kit_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

uint64_t kit_random(uint64_t *seed)
{
    uint64_t x = *seed += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

void kit_fill(void *bytes, size_t n, uint64_t seed)
{
    char *to = bytes;
    for (size_t at = 0; at < n; at += 8) {
        uint64_t word = kit_random(&seed);
        memcpy(to + at, &word, n - at < 8 ? n - at : 8);
    }
}

bool kit_filled(const void *bytes, size_t n, uint64_t seed)
{
    const char *from = bytes;
    for (size_t at = 0; at < n; at += 8) {
        uint64_t word = kit_random(&seed);
        if (memcmp(from + at, &word, n - at < 8 ? n - at : 8) != 0) {
            return false;
        }
    }
    return true;
}

uint64_t kit_sum(const void *bytes, size_t n)
{
    const char *from = bytes;
    uint64_t sum = n * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t at = 0; at < n; at += 8) {
        uint64_t word = 0;
        memcpy(&word, from + at, n - at < 8 ? n - at : 8);
        sum = (sum ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        sum ^= sum >> 32;
    }
    return sum;
}
