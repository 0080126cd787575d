/* test_fault.c - the system refuses something, once or from then on, at every place where it can.
 *
 * Each operation runs again and again in a store of its own, while the Nth call of the system or for memory
 * fails: N = 1, 2, ... until no call is left to fail. It must then say what failed, have changed nothing, and
 * leak nothing; or have got by without. Done again, it must succeed. Then the same with calls that a signal
 * interrupts, which nobody may notice. The calls are wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

/* ---- the calls that fail */

static enum mode {
    ONCE, /* the Nth */
    ON,   /* the Nth and all after it, of those that can be used up: memory, room, descriptors */
    INTERRUPTED /* the Nth of those that a signal may interrupt */
} mode;
static int fail_at; /* 0: none; counts down */
static int n_calls; /* in all since it was set to 0 */
static bool has_failed;
static int failed_error;
static const char *failed_call = "no call";
static int n_calls_of_run;

enum {
    SCARCE = 1, /* refuses when something is used up, and goes on to */
    SLOW = 2,   /* may be interrupted */
};

static bool fails(const char *call, int error, int kind)
{
    if ((mode == ON && !(kind & SCARCE)) || (mode == INTERRUPTED && !(kind & SLOW))) {
        return false;
    }
    n_calls++;
    if (fail_at == 0 || (fail_at > 1 && --fail_at > 0)) {
        return false;
    }
    fail_at = mode == ON ? 1 : 0;
    has_failed = true;
    failed_call = call;
    errno = failed_error = mode == INTERRUPTED ? EINTR : error;
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

/* With a mode or without; without, what stands for it is not used. */
#define WRAP_OPEN(name, declared, given)                                                           \
    int __real_##name declared;                                                                    \
    int __wrap_##name declared;                                                                    \
    int __wrap_##name declared                                                                     \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        int bits = va_arg(args, int);                                                              \
        va_end(args);                                                                              \
        return fails(#name, EMFILE, SCARCE) ? -1 : __real_##name given;                            \
    }
WRAP_OPEN(open, (const char *name, int flags, ...), (name, flags, bits))
WRAP_OPEN(open64, (const char *name, int flags, ...), (name, flags, bits))
WRAP_OPEN(openat, (int dir, const char *name, int flags, ...), (dir, name, flags, bits))
WRAP_OPEN(openat64, (int dir, const char *name, int flags, ...), (dir, name, flags, bits))

/* To unlock never fails. A lock that is waited for may be interrupted. */
static bool fcntl_fails(int command, void *argument)
{
    if (command == F_DUPFD_CLOEXEC) {
        return fails("fcntl(F_DUPFD_CLOEXEC)", EMFILE, SCARCE);
    }
    const struct flock *lock = argument;
    return lock->l_type != F_UNLCK && fails("fcntl", ENOLCK, command == F_OFD_SETLKW ? SLOW : 0);
}
#define WRAP_FCNTL(name)                                                                           \
    int __real_##name(int fd, int command, ...);                                                   \
    int __wrap_##name(int fd, int command, ...);                                                   \
    int __wrap_##name(int fd, int command, ...)                                                    \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, command);                                                                   \
        void *argument = va_arg(args, void *);                                                     \
        va_end(args);                                                                              \
        return fcntl_fails(command, argument) ? -1 : __real_##name(fd, command, argument);         \
    }
WRAP_FCNTL(fcntl)
WRAP_FCNTL(fcntl64)

/* Of the library nothing but futexes. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    long given[6];
    for (int i = 0; i < 6; i++) {
        given[i] = va_arg(args, long);
    }
    va_end(args);
    CHECK(number == SYS_futex);
    if (given[1] == FUTEX_WAIT && fails("futex", ENOSYS, SLOW)) {
        return -1;
    }
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

static bool failed_one_of(const char *const *calls)
{
    for (; *calls != NULL; calls++) {
        if (strncmp(failed_call, *calls, strlen(*calls)) == 0) {
            return true;
        }
    }
    return false;
}

/* What cannot be removed is still there; whether a descriptor is still the store's cannot be told. */
static bool may_leave_files(void)
{
    static const char *const calls[] = { "unlink", "rmdir", NULL };
    return has_failed && failed_one_of(calls);
}

/* The text of the last error, before other calls fail as well. */
static char said[1000];

static int note(int err)
{
    if (err != 0) {
        snprintf(said, sizeof said, "%s", brain_error_detail());
    }
    return err;
}

/* ---- the store under test */

#define N_VALUES 12
#define N_SMALL  3000u
#define LARGE    300000u

static const char *path;
static brain_store *store;
static brain_space *space, *other;
static uint8_t data[2 * LARGE];
static char long_name[60000];
static uint32_t n_done; /* of many: how many were */
static brain_view views[3 * 1008];

static size_t size_of(uint32_t i)
{
    static const size_t sizes[] = { 0, 10, 300, 2000, 5000, 100000 };
    return sizes[i % 6];
}

static int put(brain_space *where, const void *name, size_t len, size_t size, uint64_t seed)
{
    check_fill(data, size, seed);
    return brain_put_bytes(where, name, len, data, size);
}

static void check_value(brain_space *where, const void *name, size_t len, size_t size,
                        uint64_t seed)
{
    brain_view view;
    CHECK_OK(brain_get(where, name, len, &view));
    CHECK(view.size_bytes == size && check_is_filled(view.data, size, seed));
    brain_view_drop(&view);
}

static void set_up(void)
{
    store = check_open(path, 16 * CHECK_MIB);
    space = check_space(store, "default");
    other = check_space(store, "other");
    for (uint32_t i = 0; i < N_VALUES; i++) {
        CHECK_OK(put(space, &i, sizeof i, size_of(i), i));
    }
    n_done = 0;
}

/* What this process holds of the system. */
struct held {
    int n_fds, n_maps;
};

static struct held look_at_held(void)
{
    struct held held = { 0, 0 };
    char line[600];
    DIR *dir = opendir("/proc/self/fd");
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(dir != NULL && maps != NULL);
    while (readdir(dir) != NULL) {
        held.n_fds++;
    }
    while (fgets(line, sizeof line, maps) != NULL) { /* of a store, or room for one */
        held.n_maps +=
            strstr(line, "/dev/shm/") != NULL || strstr(line, " ---p 00000000 00:00") != NULL;
    }
    closedir(dir);
    CHECK(fclose(maps) == 0);
    return held;
}

/* A descriptor of which the kernel does not say what it is stays open: it may be somebody else's. */
static void check_held(struct held before)
{
    static const char *const looks[] = { "fstat", NULL };
    struct held after = look_at_held();
    CHECK_U64(after.n_maps, before.n_maps);
    if (!has_failed || !failed_one_of(looks)) {
        CHECK_U64(after.n_fds, before.n_fds);
    }
}

/* Where stores are made, and nothing else is. */
static char home[200];

static int count_entries(const char *where)
{
    int n = -2;
    DIR *dir = opendir(where);
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

static const char *made_path(const char *where)
{
    static char text[260];
    snprintf(text, sizeof text, "%s/made", where);
    return text;
}

/* ---- operations: `run` may fail; `undo` removes what it made where it did not */

static int run_put_small(void)
{
    int err = 0;
    for (n_done = 0; n_done < N_SMALL && err == 0; n_done += err == 0) {
        uint32_t name = 1000 + n_done;
        err = put(space, &name, sizeof name, 8, name);
    }
    return err;
}

static void undo_small(void) /* all up to the failure are there, and no more */
{
    for (uint32_t i = 0; i < n_done; i++) {
        uint32_t name = 1000 + i;
        check_value(space, &name, sizeof name, 8, name);
        CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    }
}

static int run_put_large(void)
{
    return put(space, "large", 5, LARGE, 1);
}
static void undo_large(void)
{
    check_value(space, "large", 5, LARGE, 1);
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
}

static int run_put_long(void)
{
    return put(space, long_name, sizeof long_name, 100, 1);
}
static void undo_long(void)
{
    check_value(space, long_name, sizeof long_name, 100, 1);
    CHECK_OK(brain_delete(space, long_name, sizeof long_name, BRAIN_ANY_VERSION));
}

static int add_to_batch(brain_batch *batch)
{
    int err = 0;
    for (uint32_t i = 0; i < N_SMALL + 3 && err == 0; i++) {
        uint32_t name = 1000 + i;
        brain_part part = { .data = data, .size_bytes = i < N_SMALL ? 8 : LARGE };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        check_fill(data, part.size_bytes, name);
        err = brain_batch_put(batch, space, &name, sizeof name, &value);
    }
    for (uint32_t i = 0; i < N_VALUES && err == 0; i++) {
        err = brain_batch_delete(batch, space, &i, sizeof i);
    }
    return err;
}

static int run_batch(void)
{
    brain_batch *batch = NULL;
    int err = brain_batch_new(store, &batch);
    err = err != 0 ? err : add_to_batch(batch);
    err = err != 0 ? err : brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    return err;
}

static void undo_batch(void)
{
    for (uint32_t i = 0; i < N_SMALL + 3; i++) {
        uint32_t name = 1000 + i;
        check_value(space, &name, sizeof name, i < N_SMALL ? 8 : LARGE, name);
    }
    CHECK_OK(brain_space_remove(space));
    for (uint32_t i = 0; i < N_VALUES; i++) {
        CHECK_OK(put(space, &i, sizeof i, size_of(i), i));
    }
}

static int run_object(void)
{
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create(store, LARGE, &object);
    if (err != 0) {
        return err;
    }
    check_fill(brain_object_data(object), LARGE, 1);
    err = brain_object_seal(object, space, "large", 5, &bare, BRAIN_ANY_VERSION, NULL);
    if (err != 0) { /* as it was before */
        CHECK(check_is_filled(brain_object_data(object), LARGE, 1));
    }
    brain_object_release(object);
    return err;
}

/* The object into a namespace that is missing, with changes there and here, and conditions. */
static int add_conditions(brain_batch *batch)
{
    uint32_t first = 0, last = N_VALUES - 1;
    brain_part part = { .data = data, .size_bytes = LARGE };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    check_fill(data, LARGE, 2);
    int err = brain_batch_put_if(batch, space, "beside", 6, &value, 0);
    part.size_bytes = 10;
    err = err != 0 ? err : brain_batch_put(batch, other, "a", 1, &value);
    err = err != 0 ? err : brain_batch_require(batch, other, "none", 4, 0);
    err = err != 0 ? err : brain_batch_require(batch, space, &last, sizeof last, BRAIN_ANY_VERSION);
    return err != 0 ? err : brain_batch_delete(batch, space, &first, sizeof first);
}

static int run_object_in_batch(void)
{
    brain_object *object = NULL;
    brain_batch *batch = NULL;
    uint64_t version = 0;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create(store, LARGE, &object);
    if (err != 0) {
        return err;
    }
    check_fill(brain_object_data(object), LARGE, 1);
    err = brain_batch_new(store, &batch);
    err = err != 0 ? err : add_conditions(batch);
    err =
        err != 0 ? err : brain_object_seal_in(object, batch, other, "large", 5, &bare, 0, &version);
    CHECK((err == 0) == (version != 0));
    CHECK(check_is_filled(brain_object_data(object), LARGE, 1));
    brain_batch_free(batch);
    brain_object_release(object);
    return err;
}

static void undo_object_in_batch(void)
{
    uint32_t first = 0;
    check_value(space, "beside", 6, LARGE, 2);
    check_value(other, "large", 5, LARGE, 1);
    CHECK_OK(brain_exists(other, "a", 1, NULL));
    CHECK_OK(brain_space_remove(other));
    CHECK_OK(brain_delete(space, "beside", 6, BRAIN_ANY_VERSION));
    CHECK_OK(put(space, &first, sizeof first, size_of(0), 0));
}

/* By ids, with the namespaces; more than one page of the ledger holds. */
static int run_by_id(void)
{
    uint8_t id[BRAIN_ID_BYTES];
    uint32_t last = N_VALUES - 1, n = 0;
    int err = brain_get(space, &last, sizeof last, &views[0]);
    if (err != 0) {
        return err;
    }
    brain_view_id(&views[0], id);
    for (n = 1; n < 1100 && err == 0; n++) {
        brain_space *its;
        err = brain_get_by_id(store, id, &views[n]);
        if (err == 0) {
            err = brain_view_space(&views[n], &its, NULL, NULL);
            if (err == 0) {
                brain_space_close(its);
            }
        } else {
            break;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int run_space(void)
{
    int err = brain_space_create(other);
    return err != 0 ? err : put(other, "a", 1, 10, 1);
}

static void undo_space(void)
{
    check_value(other, "a", 1, 10, 1);
    CHECK_OK(brain_space_remove(other));
}

static int run_views(void)
{
    uint32_t name = 1;
    int err = 0;
    for (n_done = 0; n_done < sizeof views / sizeof *views && err == 0; n_done += err == 0) {
        err = brain_get(space, &name, sizeof name, &views[n_done]);
    }
    for (uint32_t i = 0; i < n_done; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int run_many(void)
{
    enum {
        N = 30
    };
    brain_key keys[N];
    brain_view got[N];
    uint32_t names[N];
    for (uint32_t i = 0; i < N; i++) {
        names[i] = i;
        keys[i] = (brain_key){ space, &names[i], sizeof names[i] };
    }
    int err = brain_get_many(store, keys, N, got, NULL);
    for (uint32_t i = 0; i < N && err == 0; i++) {
        CHECK((got[i].store != NULL) == (i < N_VALUES));
        brain_view_drop(&got[i]);
    }
    return err;
}

static int run_walk(void)
{
    brain_iter *iter = NULL;
    const void *name;
    size_t len;
    uint32_t n = 0;
    int err = brain_iter_names(space, NULL, &iter);
    if (err != 0) {
        return err;
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        n++;
    }
    brain_iter_free(iter);
    CHECK(err != BRAIN_E_NOT_FOUND || n == N_VALUES);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int run_replace_and_delete(void) /* a change back and forth: either is what was there */
{
    uint32_t name = 5;
    int err = brain_put_bytes(space, "temporary", 9, "x", 1);
    err = err != 0 ? err : put(space, &name, sizeof name, size_of(name), name);
    n_done = err == 0 || brain_exists(space, "temporary", 9, NULL) == 0;
    return err;
}

static void undo_temporary(void)
{
    if (n_done != 0) {
        CHECK_OK(brain_delete(space, "temporary", 9, BRAIN_ANY_VERSION));
    }
}

static int run_trim(void)
{
    uint64_t freed = 0;
    int fail_later = fail_at;
    fail_at = 0;
    CHECK_OK(put(space, "temporary", 9, LARGE, 1));
    CHECK_OK(brain_delete(space, "temporary", 9, BRAIN_ANY_VERSION));
    fail_at = fail_later;
    n_calls = 0;
    int err = brain_trim(store, &freed);
    CHECK(err != 0 || freed >= LARGE);
    return err;
}

static int run_get(void)
{
    uint8_t buf[100];
    brain_view view;
    uint32_t name = 1, last = N_VALUES - 1;
    uint64_t n = 0;
    int err = brain_get(space, &last, sizeof last, &view);
    if (err == 0) {
        CHECK(check_is_filled(view.data, view.size_bytes, last));
        brain_view_drop(&view);
    }
    err = err != 0 ? err
                   : brain_get_copy(space, &name, sizeof name, buf, sizeof buf, NULL, NULL, NULL);
    err = err != 0 ? err : brain_get_or_copy(space, &name, sizeof name, NULL, data, LARGE, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    err = err != 0 ? err : brain_exists(space, &name, sizeof name, NULL);
    err = err != 0 ? err : brain_space_exists(space);
    return err != 0 ? err : brain_space_count(space, &n);
}

/* Of a value that another process put after it had made the file longer: more has to be mapped. */
static int run_get_grown(void)
{
    static const uint64_t capacity = 512 * CHECK_MIB;
    int fail_later = fail_at;
    fail_at = 0;
    brain_view view;
    brain_store *it = check_open(made_path(home), CHECK_MIB);
    brain_space *its = check_space(it, "default");
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_resize(it, capacity));
        for (uint32_t i = 0; i < 30; i++) {
            CHECK_OK(put(its, &i, sizeof i, 2 * LARGE, i));
        }
        _exit(0);
    }
    CHECK_CHILD(pid);
    fail_at = fail_later;
    uint32_t last = 29;
    int err = brain_get(its, &last, sizeof last, &view);
    fail_later = fail_at;
    fail_at = 0;
    if (err == 0) {
        CHECK(check_is_filled(view.data, view.size_bytes, last));
        brain_view_drop(&view);
    }
    brain_space_close(its);
    check_destroy(it);
    fail_at = fail_later;
    return err;
}

/* Notes and second views of one that is held. */
static int second_views(const brain_view *view)
{
    brain_view copy, found;
    brain_space *its = NULL;
    void *mine = NULL;
    int err = brain_view_dup(view, &copy);
    if (err != 0) {
        return err;
    }
    brain_view_drop(&copy);
    err = brain_view_at(store, (const uint8_t *)view->data + view->size_bytes / 2, &found);
    if (err != 0) {
        return err;
    }
    CHECK(found.object == view->object);
    brain_view_drop(&found);
    err = brain_view_private(view, &mine);
    if (err != 0) {
        return err;
    }
    CHECK(memcmp(mine, view->data, view->size_bytes) == 0);
    memset(mine, 1, view->size_bytes);
    brain_private_free(mine, view->size_bytes);
    err = brain_view_space(view, &its, NULL, NULL);
    brain_space_close(its);
    return err;
}

static int run_second_views(void)
{
    brain_view view;
    uint32_t last = N_VALUES - 1;
    int err = brain_get(space, &last, sizeof last, &view);
    if (err == 0) {
        err = second_views(&view);
        brain_view_drop(&view);
    }
    return err;
}

static int run_note(void)
{
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_view view;
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = meta, .meta_len = sizeof meta };
    int err = brain_put(space, "temporary", 9, &value, BRAIN_ANY_VERSION, NULL);
    err = err != 0 ? err : brain_get(space, "temporary", 9, &view);
    if (err == 0) {
        brain_view_set_note(&view, 5);
        CHECK(brain_view_swap_note(&view, 5, 6) == 1 && brain_view_note(&view) == 6);
        brain_view_drop(&view);
    }
    n_done = brain_exists(space, "temporary", 9, NULL) == 0;
    return err;
}

static int run_snapshot(void)
{
    brain_snapshot *snapshot = NULL;
    brain_iter *iter = NULL;
    brain_view view;
    const void *name;
    size_t len;
    uint32_t first = 1;
    int err = brain_snapshot_open(store, &snapshot);
    if (err != 0) {
        return err;
    }
    err = brain_snapshot_get(snapshot, space, &first, sizeof first, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    err = err != 0 ? err : brain_iter_spaces(store, snapshot, &iter);
    err = err != 0 ? err : brain_iter_next(iter, &name, &len);
    brain_iter_free(iter);
    brain_snapshot_close(snapshot);
    return err;
}

static int run_walk_with_views(void)
{
    brain_iter *iter = NULL;
    brain_view view;
    const void *name;
    size_t len;
    int err = brain_iter_names(space, NULL, &iter);
    while (err == 0 && (err = brain_iter_next(iter, &name, &len)) == 0) {
        err = brain_iter_get(iter, &view);
        if (err == 0) {
            brain_view_drop(&view);
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int run_wait(void)
{
    uint32_t name = 1;
    uint64_t version = 0, number = 0;
    int err = brain_wait(space, &name, sizeof name, 0, 0, &version);
    err = err != 0 ? err : brain_wait_space(space, 0, 0, &number);
    err = err != 0 ? err : brain_wait(space, &name, sizeof name, version, 1000000, &version);
    /* A signal that ends a wait is the caller's matter. */
    return err == BRAIN_E_TIMEOUT || (err == BRAIN_E_INTR && mode == INTERRUPTED) ? 0 : err;
}

static int run_look(void)
{
    brain_client clients[4], self;
    brain_pin pins[4];
    brain_problem problems[4];
    brain_stat stat = { .struct_size = sizeof stat };
    size_t n;
    uint32_t n_dead;
    int err = brain_stat_get(store, &stat);
    err = err != 0 ? err : brain_clients(store, clients, 4, &n);
    err = err != 0 ? err : brain_pins(store, pins, 4, &n);
    err = err != 0 ? err : brain_self(store, &self);
    if (err == 0) {
        CHECK(brain_client_lives(store, self.row, self.seat) == 1);
    }
    err = err != 0 ? err : brain_reap(store, &n_dead);
    err = err != 0 ? err : brain_check(store, problems, 4, &n);
    if (err == 0 && n != 0) {
        check_fail(__FILE__, __LINE__, "a failed call is taken for a problem: %s",
                   problems[0].text);
    }
    return err;
}

static int run_resize(void)
{
    return brain_resize(store, 16 * CHECK_MIB); /* as it is */
}

static int run_delete(void)
{
    uint32_t last = N_VALUES - 1;
    int err = brain_delete(space, &last, sizeof last, BRAIN_ANY_VERSION);
    n_done = brain_exists(space, &last, sizeof last, NULL) != 0;
    return err;
}
static void undo_delete(void)
{
    uint32_t last = N_VALUES - 1;
    if (n_done != 0) {
        CHECK_OK(put(space, &last, sizeof last, size_of(last), last));
    }
}

static int run_try_put(void)
{
    uint32_t name = 1;
    brain_hint hint = { 0 };
    brain_part part = { .data = data, .size_bytes = size_of(name) };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    check_fill(data, part.size_bytes, name);
    int err = 0;
    for (int i = 0; i < 300 && err == 0; i++) {
        err = brain_try_put(space, &name, sizeof name, &hint, &value, BRAIN_ANY_VERSION, NULL);
        if (err == BRAIN_E_BUSY) { /* which has no text */
            err = brain_put(space, &name, sizeof name, &value, BRAIN_ANY_VERSION, NULL);
        }
    }
    return err;
}

static int run_in_place(void)
{
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create_in_place(store, LARGE, &object);
    if (err == 0) {
        check_fill(brain_object_data(object), LARGE, 1);
        err = brain_object_seal(object, space, "large", 5, &bare, BRAIN_ANY_VERSION, NULL);
    }
    brain_object_release(object);
    return err;
}

static int run_abort(void)
{
    static const uint64_t sizes[] = { 10, 3000, LARGE };
    int err = 0;
    for (int i = 0; i < 3 && err == 0; i++) {
        brain_object *object = NULL;
        err = brain_create(store, sizes[i], &object);
        brain_object_release(object);
    }
    return err;
}

static int run_put_sizes(void)
{
    static const size_t sizes[] = { 0, 8, 255, 256, 1900, 2100, 5000, 70000 };
    int err = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && err == 0; i++) {
        err = put(space, "temporary", 9, sizes[i], i);
    }
    n_done = brain_exists(space, "temporary", 9, NULL) == 0;
    return err;
}

/* What fails in a child is the child's matter; what fails before, or in the parent, the parent goes on with.
 * The child says by its status how it went: 0: well; 2: something failed. */
static int run_fork(void)
{
    pid_t pid = fork();
    CHECK_SYS(pid);
    if (pid == 0) {
        brain_view view;
        uint32_t name = 1;
        int err = brain_get(space, &name, sizeof name, &view);
        if (err == 0) {
            brain_view_drop(&view);
        }
        err = err != 0 ? err : put(space, &name, sizeof name, size_of(name), name);
        CHECK(err == 0 || has_failed);
        CHECK(err == 0 || err == BRAIN_E_FORKED || err == BRAIN_E_NOMEM || err == BRAIN_E_FULL ||
              err == BRAIN_E_IO || err == BRAIN_E_BUSY);
        CHECK(err == 0 || strlen(brain_error_detail()) > 10);
        _exit(has_failed ? 2 : 0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 1);
    has_failed = has_failed || WEXITSTATUS(status) == 2;
    return 0;
}

static int run_open_again(void)
{
    brain_store *second = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(path, &options, &second);
    CHECK((err == 0) == (second != NULL));
    brain_close(second);
    return err;
}

/* ---- stores that are made, opened and destroyed */

/* At home/made, as `options` say. The first thing that fails is said; nothing of it is left, or it is whole:
 * the last steps come after the making. */
static int make(const char *its_path, const brain_options *given)
{
    brain_store *made = NULL;
    struct stat st;
    int err = note(brain_open(its_path, given, &made));
    int fail_later = fail_at;
    fail_at = 0;
    if (err != 0) {
        CHECK(made == NULL);
        if (lstat(its_path, &st) == 0) {
            made = check_open_with(its_path, 0, BRAIN_OPEN_EXISTING);
        }
    }
    if (made != NULL) {
        brain_stat stat = check_stat(made);
        CHECK_SOUND(made);
        CHECK(stat.capacity_bytes >= CHECK_MIB);
        check_destroy(made);
    }
    CHECK(lstat(its_path, &st) < 0);
    fail_at = fail_later;
    return err;
}

static int run_make(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.has_group = 1;
    options.group = (uint32_t)getegid();
    return make(made_path(home), &options);
}

static int run_make_default(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    return make(made_path(home), &options);
}

static int run_make_elsewhere(void)
{
    char its_path[200];
    snprintf(its_path, sizeof its_path, "/tmp/%s-made", strrchr(path, '/') + 1);
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = home;
    return make(its_path, &options);
}

/* Where the store that is there is this process's first, and so has to be mapped. */
static int run_open(void)
{
    const char *its_path = made_path(home);
    int fail_later = fail_at;
    fail_at = 0;
    brain_close(check_open(its_path, CHECK_MIB));
    fail_at = fail_later;
    brain_store *it = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(its_path, &options, &it);
    CHECK((err == 0) == (it != NULL));
    brain_close(it);
    fail_later = fail_at;
    fail_at = 0;
    check_destroy(check_open_with(its_path, 0, BRAIN_OPEN_EXISTING));
    fail_at = fail_later;
    return err;
}

static int run_open_read_only(void)
{
    brain_store *it = NULL;
    brain_space *its = NULL;
    brain_view view;
    uint32_t name = 1;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_READ_ONLY;
    int err = brain_open(path, &options, &it);
    err = err != 0 ? err : brain_space_open(it, "default", 7, &its);
    err = err != 0 ? err : brain_get(its, &name, sizeof name, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    brain_space_close(its);
    brain_close(it);
    return err;
}

/* Whoever was refused opens it anew, or finds it gone. */
static int run_destroy(void)
{
    const char *its_path = made_path(home);
    int fail_later = fail_at;
    fail_at = 0;
    brain_store *it = check_open(its_path, CHECK_MIB);
    fail_at = fail_later;
    int err = note(brain_destroy(it));
    brain_close(it);
    fail_later = fail_at;
    fail_at = 0;
    if (err == 0) {
        CHECK_U64(count_entries(home), 0);
    } else {
        it = check_open(its_path, CHECK_MIB);
        CHECK_U64(check_stat(it).n_objects, 0);
        check_destroy(it);
    }
    fail_at = fail_later;
    return err;
}

/* ---- the rounds */

static const struct operation {
    const char *name;
    int (*run)(void);
    void (*undo)(void);
    bool is_partial; /* what was done before the failure stays, and `undo` is for that, too */
} operations[] = {
    { "put small", run_put_small, undo_small, true },
    { "put large", run_put_large, undo_large, false },
    { "put long name", run_put_long, undo_long, false },
    { "put sizes", run_put_sizes, undo_temporary, true },
    { "try to put", run_try_put, NULL, false },
    { "delete", run_delete, undo_delete, true },
    { "batch", run_batch, undo_batch, false },
    { "object", run_object, undo_large, false },
    { "object in place", run_in_place, undo_large, false },
    { "object given up", run_abort, NULL, false },
    { "object in a batch", run_object_in_batch, undo_object_in_batch, false },
    { "by id", run_by_id, NULL, false },
    { "namespace", run_space, undo_space, false },
    { "get", run_get, NULL, false },
    { "get what is grown", run_get_grown, NULL, false },
    { "views", run_views, NULL, false },
    { "second views", run_second_views, NULL, false },
    { "note", run_note, undo_temporary, true },
    { "get many", run_many, NULL, false },
    { "snapshot", run_snapshot, NULL, false },
    { "walk", run_walk, NULL, false },
    { "walk with views", run_walk_with_views, NULL, false },
    { "wait", run_wait, NULL, false },
    { "replace", run_replace_and_delete, undo_temporary, true },
    { "trim", run_trim, NULL, false },
    { "resize", run_resize, NULL, false },
    { "look", run_look, NULL, false },
    { "fork", run_fork, NULL, false },
    { "open again", run_open_again, NULL, false },
    { "open read-only", run_open_read_only, NULL, false },
    { "open", run_open, NULL, false },
    { "make", run_make, NULL, false },
    { "make of the default size", run_make_default, NULL, false },
    { "make elsewhere", run_make_elsewhere, NULL, false },
    { "destroy", run_destroy, NULL, false },
};

static void check_unchanged(void)
{
    uint64_t live = 0, n = 0;
    for (uint32_t i = 0; i < N_VALUES; i++) {
        check_value(space, &i, sizeof i, size_of(i), i);
        live += size_of(i);
    }
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, N_VALUES);
    CHECK_U64(check_live(store), live);
    CHECK_OK(brain_reap(store, NULL)); /* a child that could not begin */
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.n_clients, 1);
    CHECK_SOUND(store);
}

static void check_nothing_leaked(void)
{
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(store);
}

/* An error that says what failed. */
static void check_error(int err)
{
    static const char *const memory[] = { "malloc",        "calloc", "realloc",
                                          "aligned_alloc", "strdup", NULL };
    CHECK(has_failed && mode != INTERRUPTED);
    CHECK(strlen(said) > 10);
    if (err != BRAIN_E_FULL && err != BRAIN_E_NOMEM && err != BRAIN_E_BUSY && err != BRAIN_E_IO) {
        check_fail(__FILE__, __LINE__, "%s is refused, and that is said: %s: %s", failed_call,
                   brain_strerror(err), said);
    }
    if (mode == ONCE && failed_one_of(memory)) {
        CHECK(err == BRAIN_E_NOMEM || err == BRAIN_E_BUSY);
    }
    if (mode == ONCE && err == BRAIN_E_IO && strstr(said, strerror(failed_error)) == NULL) {
        check_fail(__FILE__, __LINE__, "%s fails with %s, and that is said: %s", failed_call,
                   strerror(failed_error), said);
    }
}

static void after_run(const struct operation *op, int err)
{
    if (op->undo != NULL && (err == 0 || op->is_partial)) {
        op->undo();
    }
    if (brain_space_exists(other) == 0) { /* of "namespace", made by the first half */
        CHECK_OK(brain_space_remove(other));
    }
    check_unchanged();
    if (!may_leave_files() && (!has_failed || mode != ON)) { /* or is found when it is made again */
        CHECK_U64(count_entries(home), 0);
    }
}

/* Fail call `at`. Returns whether there was one. */
static bool round_of(const struct operation *op, int at, enum mode how)
{
    static const char *const modes[] = { "", " and all after it", " by a signal" };
    snprintf(check_note, sizeof check_note, "%s, call %d fails%s", op->name, at, modes[how]);
    struct held before = look_at_held();
    set_up();
    has_failed = false;
    mode = how;
    fail_at = at;
    n_calls = 0;
    said[0] = '\0';
    int err = op->run();
    if (said[0] == '\0') {
        (void)note(err);
    }
    n_calls_of_run = n_calls;
    fail_at = 0;
    bool had = has_failed;
    if (had) {
        size_t len = strlen(check_note);
        snprintf(check_note + len, sizeof check_note - len, " (%s)", failed_call);
    }
    if (err != 0) {
        check_error(err);
    }
    after_run(op, err);
    has_failed = false;
    CHECK_OK(op->run()); /* and sweeps what was left */
    after_run(op, 0);
    check_nothing_leaked();
    brain_space_close(space);
    brain_space_close(other);
    check_destroy(store);
    has_failed = had;
    check_held(before);
    return had;
}

int main(int argc, char **argv)
{
    check_begin();
    path = check_path();
    snprintf(home, sizeof home, "%s", check_path());
    CHECK_SYS(mkdir(home, 0700));
    check_fill(long_name, sizeof long_name, 9);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        if (argc > 1 && strcmp(argv[1], operations[i].name) != 0) {
            continue;
        }
        for (int how = ONCE; how <= INTERRUPTED; how++) {
            CHECK(!round_of(&operations[i], 1000000, (enum mode)how));
            int n = n_calls_of_run;
            for (int at = 1; round_of(&operations[i], at, (enum mode)how); at++) {
                if (at == 60 && n > 300) { /* hundreds of copies in a batch are all the same */
                    at = n - 100;
                }
            }
            printf("%s: %d calls%s", operations[i].name, n, how == INTERRUPTED ? "\n" : ", ");
            fflush(stdout);
        }
    }
    return 0;
}
