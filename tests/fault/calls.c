/* calls.c - the calls of the system and for memory: __wrap_NAME stands before each, and fails it or calls it; and the
 * writer lock, which somebody else may have.
 */
#include "calls.h"

#include <dirent.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "../unit/check.h"
#include "base/step.h"
#include "error.h"
#include "lock.h"
#include "wrap_fcntl.h"
#include "wrap_futex.h"
#include "wrap_open.h"

struct calls calls = { .failed = "no call" };

enum {
    SCARCE = 1, /* refuses when something is used up, and goes on to */
    SLOW = 2,   /* may be interrupted */
    LOCK = 4,   /* no call: the writer lock */
};

static bool fails(const char *call, int error, int kind)
{
    bool is_of_lock = calls.mode == CALLS_LOCKED || calls.mode == CALLS_LOCKED_ON;
    if ((calls.mode == CALLS_ON && !(kind & SCARCE)) ||
        (calls.mode == CALLS_INTERRUPTED && !(kind & SLOW)) || is_of_lock != ((kind & LOCK) != 0)) {
        return false;
    }
    calls.n++;
    if (calls.fail_at == 0 || (calls.fail_at > 1 && --calls.fail_at > 0)) {
        return false;
    }
    calls.fail_at = calls.mode == CALLS_ON || calls.mode == CALLS_LOCKED_ON ? 1 : 0;
    calls.has_failed = true;
    calls.failed = call;
    calls.error = calls.mode == CALLS_INTERRUPTED ? EINTR : error;
    if (!is_of_lock) {
        errno = calls.error;
    }
    return true;
}

#define WRAP(type, name, declared, given, error, failed, kind)                                     \
    type __real_##name declared;                                                                   \
    type __wrap_##name declared;                                                                   \
    type __wrap_##name declared                                                                    \
    {                                                                                              \
        return fails(#name, error, kind) ? failed : __real_##name given;                           \
    }
#define WRAP_BOTH(type, name, declared, given, error, failed, kind)                                \
    WRAP(type, name, declared, given, error, failed, kind)                                         \
    WRAP(type, name##64, declared, given, error, failed, kind)

WRAP(void *, malloc, (size_t size), (size), ENOMEM, NULL, SCARCE)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL, SCARCE)
WRAP(void *, realloc, (void *old, size_t size), (old, size), ENOMEM, NULL, SCARCE)
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), ENOMEM, NULL, SCARCE)
WRAP(char *, strdup, (const char *text), (text), ENOMEM, NULL, SCARCE)
WRAP_BOTH(void *, mmap, (void *addr, size_t size, int prot, int flags, int fd, off_t off),
          (addr, size, prot, flags, fd, off), ENOMEM, MAP_FAILED, SCARCE)
WRAP_BOTH(int, fallocate, (int fd, int how, off_t off, off_t size), (fd, how, off, size), ENOSPC,
          -1, SCARCE | SLOW)
WRAP_BOTH(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t off),
          (fd, bytes, size, off), ENOSPC, -1, SCARCE | SLOW)
WRAP_BOTH(int, ftruncate, (int fd, off_t size), (fd, size), ENOSPC, -1, SCARCE)
WRAP(int, madvise, (void *addr, size_t size, int advice), (addr, size, advice), ENOMEM, -1, 0)
WRAP_BOTH(int, fstat, (int fd, struct stat *st), (fd, st), EIO, -1, 0)
WRAP_BOTH(int, stat, (const char *name, struct stat *st), (name, st), EIO, -1, 0)
WRAP_BOTH(int, lstat, (const char *name, struct stat *st), (name, st), EIO, -1, 0)
WRAP_BOTH(int, fstatat, (int dir, const char *name, struct stat *st, int flags),
          (dir, name, st, flags), EIO, -1, 0)
WRAP_BOTH(int, fstatvfs, (int fd, struct statvfs *fs), (fd, fs), EIO, -1, 0)
WRAP_BOTH(int, fstatfs, (int fd, struct statfs *fs), (fd, fs), EIO, -1, 0)
WRAP_BOTH(off_t, lseek, (int fd, off_t off, int whence), (fd, off, whence), EIO, -1, 0)
WRAP_BOTH(ssize_t, pread, (int fd, void *bytes, size_t size, off_t off), (fd, bytes, size, off),
          EIO, -1, 0)
WRAP(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size), EIO, -1, 0)
WRAP(int, mkdirat, (int dir, const char *name, mode_t bits), (dir, name, bits), ENOSPC, -1, SCARCE)
WRAP(int, symlink, (const char *target, const char *name), (target, name), ENOSPC, -1, SCARCE)
WRAP(int, linkat, (int from, const char *name, int to, const char *new_name, int flags),
     (from, name, to, new_name, flags), ENOSPC, -1, SCARCE)
WRAP(int, renameat2, (int from, const char *name, int to, const char *new_name, unsigned flags),
     (from, name, to, new_name, flags), EIO, -1, 0)
WRAP(ssize_t, readlink, (const char *name, char *text, size_t room), (name, text, room), EIO, -1, 0)
WRAP(char *, realpath, (const char *name, char *real), (name, real), EIO, NULL, 0)
WRAP(int, fchmod, (int fd, mode_t bits), (fd, bits), EIO, -1, 0)
WRAP(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), EIO, -1, 0)
WRAP(DIR *, fdopendir, (int fd), (fd), ENOMEM, NULL, SCARCE)
WRAP(ssize_t, getrandom, (void *bytes, size_t size, unsigned flags), (bytes, size, flags), ENOSYS,
     -1, 0)
WRAP(int, unlink, (const char *name), (name), EIO, -1, 0)
WRAP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags), EIO, -1, 0)
WRAP(int, rmdir, (const char *name), (name), EIO, -1, 0)

WRAP_OPEN(open, !fails("open", EMFILE, SCARCE))
WRAP_OPEN(open64, !fails("open64", EMFILE, SCARCE))
WRAP_OPENAT(openat, !fails("openat", EMFILE, SCARCE))
WRAP_OPENAT(openat64, !fails("openat64", EMFILE, SCARCE))

/* To unlock never fails. A lock that is waited for may be interrupted. */
static bool before_fcntl(int fd, int command, void *argument)
{
    (void)fd;
    if (command == F_DUPFD_CLOEXEC) {
        return !fails("fcntl(F_DUPFD_CLOEXEC)", EMFILE, SCARCE);
    }
    const struct flock *lock = argument;
    return lock->l_type == F_UNLCK || !fails("fcntl", ENOLCK, command == F_OFD_SETLKW ? SLOW : 0);
}

static bool before_wait(void)
{
    return !fails("futex", ENOSYS, SLOW);
}

/* ---- the lock: somebody has it just before the Nth attempt, and no longer once it was waited for */

#define STRANGER UINT64_C(0x7ff0) /* a row + 1 of the lock word, which nobody asks about */

static _Atomic uint64_t *lock_word;
static bool is_acquiring; /* really: what it tries is not counted */

static void before_step(const char *name, uint64_t a, uint64_t b)
{
    (void)a, (void)b;
    if (strcmp(name, "lock_try") == 0 && !is_acquiring && fails("the lock", 0, LOCK)) {
        uint64_t word = bn_load_relaxed(lock_word);
        /* Where it is somebody's by now (a child's), it is not had either, and is waited for. */
        (void)((word & BN_LOCK_OWNER) == 0 && bn_cas_seq(lock_word, &word, word | STRANGER));
    }
}

static bool let_go(void)
{
    uint64_t word = lock_word != NULL ? bn_load_relaxed(lock_word) : 0;
    bool was_taken = (word & STRANGER) == STRANGER;
    if (was_taken) {
        bn_store_release(lock_word, word & ~STRANGER);
    }
    return was_taken;
}

int __real_bn_lock_acquire(struct brain_store *store, bool wait, uint32_t *died_out,
                           uint64_t *waited_ns_out);
int __wrap_bn_lock_acquire(struct brain_store *store, bool wait, uint32_t *died_out,
                           uint64_t *waited_ns_out);
int __wrap_bn_lock_acquire(struct brain_store *store, bool wait, uint32_t *died_out,
                           uint64_t *waited_ns_out)
{
    if (!let_go()) {
        is_acquiring = true;
        int err = __real_bn_lock_acquire(store, wait, died_out, waited_ns_out);
        is_acquiring = false;
        return err;
    }
    *died_out = 0;
    *waited_ns_out = 0;
    return !wait ? BRAIN_E_BUSY : bn_error(BRAIN_E_TIMEOUT, "a stranger has the lock");
}

void calls_watch_lock(struct brain_store *store)
{
    (void)let_go();
    lock_word = store != NULL ? &store->state->lock_word : NULL;
    bn_step_hook = store != NULL ? before_step : NULL;
}

bool calls_failed_one_of(const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strncmp(calls.failed, *names, strlen(*names)) == 0) {
            return true;
        }
    }
    return false;
}

int calls_pause(void)
{
    int fail_at = calls.fail_at;
    calls.fail_at = 0;
    return fail_at;
}

void calls_resume(int fail_at)
{
    calls.fail_at = fail_at;
}
