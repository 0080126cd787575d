/* test_process_limits.c - limits of the process (ulimit) and read-only file systems: an error that names the
 * limit, nothing changed, nothing leaked; and no signal.
 */
#include "../unit/check.h"

#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

static uint8_t data[3 * CHECK_MIB];
static const size_t sizes[] = { 1, 100, 3000, 70000, sizeof data };
#define N_SIZES (sizeof sizes / sizeof *sizes)

/* ---- what is there, before and after */

static void put_all(brain_space *space, uint32_t round)
{
    for (uint32_t i = 0; i < N_SIZES; i++) {
        check_fill(data, sizes[i], i + 100 * round);
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, data, sizes[i]));
    }
}

static void check_all(brain_space *space, uint32_t round)
{
    for (uint32_t i = 0; i < N_SIZES; i++) {
        brain_view view;
        CHECK_OK(brain_get(space, &i, sizeof i, &view));
        CHECK(view.size_bytes == sizes[i] && check_is_filled(view.data, sizes[i], i + 100 * round));
        brain_view_drop(&view);
    }
}

static uint32_t count_fds(void)
{
    uint32_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

/* After it all: nobody else is there, nothing is pinned or half-done, and all memory comes back. */
static void end(brain_store *store, brain_space *space, uint32_t n_fds)
{
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_clients, 1);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(store);
    CHECK_U64(count_fds(), n_fds);
    brain_space_close(space);
    check_destroy(store);
}

static struct rlimit set_limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit old;
    CHECK_SYS(getrlimit(what, &old));
    CHECK_SYS(setrlimit(what, &(struct rlimit){ value, old.rlim_max }));
    return old;
}

static void reset_limit(__rlimit_resource_t what, struct rlimit old)
{
    CHECK_SYS(setrlimit(what, &old));
}

/* ---- descriptors */

/* No descriptor is to be had any more: as many as are open, and their numbers have no gaps. */
static struct rlimit take_all_fds(int fillers[64], int *n_out)
{
    struct rlimit old = set_limit(RLIMIT_NOFILE, 64);
    for (*n_out = 0; *n_out < 64; ++*n_out) {
        fillers[*n_out] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (fillers[*n_out] < 0) {
            CHECK(errno == EMFILE);
            return old;
        }
    }
    check_fail(__FILE__, __LINE__, "a limit of 64 descriptors does not hold");
}

static void give_fds_back(const int *fillers, int n, struct rlimit old)
{
    for (int i = 0; i < n; i++) {
        close(fillers[i]);
    }
    reset_limit(RLIMIT_NOFILE, old);
}

static void wait_briefly(brain_space *space)
{
    uint64_t version;
    CHECK_CODE(brain_wait(space, "none", 4, 0, 1000000, &version), BRAIN_E_TIMEOUT);
}

/* One that dies with a pin and an object that it is writing. */
static void die_with_something(const char *path)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *its = check_open(path, 0);
        brain_space *its_space = check_space(its, "default");
        brain_object *object;
        brain_view view;
        uint32_t large = N_SIZES - 1;
        CHECK_OK(brain_get(its_space, &large, sizeof large, &view));
        CHECK_OK(brain_create(its, 1000000, &object));
        _exit(0);
    }
    CHECK_CHILD(pid);
}

static void test_without_descriptors_an_open_store_goes_on(void)
{
    const char *path = check_path(), *another = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB), *second = NULL;
    brain_space *space = check_space(store, "default");
    put_all(space, 0);
    die_with_something(path);
    uint32_t n_fds = count_fds();
    int fillers[64], n;
    struct rlimit old = take_all_fds(fillers, &n);

    /* What needs a descriptor says so, and which limit it is. */
    CHECK_CODE(brain_open(another, NULL, &second), BRAIN_E_IO);
    CHECK_DETAIL("ulimit -n");
    CHECK_CODE(brain_open(another,
                          &(brain_options){ .struct_size = sizeof(brain_options),
                                            .directory = "/dev/shm" },
                          &second),
               BRAIN_E_IO);
    CHECK_DETAIL("ulimit -n");
    CHECK(second == NULL);

    /* All else goes on: gets, puts of all sizes, waits, also where dead clients hold something. */
    check_all(space, 0);
    put_all(space, 1);
    check_all(space, 1);
    wait_briefly(space);
    CHECK_CODE(brain_delete(space, "none", 4, BRAIN_ANY_VERSION), BRAIN_E_NOT_FOUND);

    give_fds_back(fillers, n, old);
    struct stat st;
    CHECK(lstat(another, &st) != 0 && errno == ENOENT);
    check_all(space, 1);
    CHECK_U64(count_fds(), n_fds);
    end(store, space, n_fds);
}

/* The store keeps a descriptor for that: the child is a client as any other, and what it has is pinned, whatever
 * the parent does. */
static void test_a_child_forked_without_descriptors_keeps_its_views(void)
{
    const char *path = check_path();
    struct check_gate go = check_gate_new();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    brain_view view;
    uint32_t large = N_SIZES - 1;
    put_all(space, 0);
    uint32_t n_fds = count_fds();
    CHECK_OK(brain_get(space, &large, sizeof large, &view));
    int fillers[64], n;
    struct rlimit old = take_all_fds(fillers, &n);
    for (int i = 0; i < 3; i++) { /* it is kept for the next one, too */
        pid_t pid = check_fork();
        if (pid == 0) {
            check_gate_pass(&go);
            CHECK(check_is_filled(view.data, sizes[large], large));
            CHECK_OK(brain_put_bytes(space, "child", 5, "x", 1));
            pid_t grandchild = check_fork();
            if (grandchild == 0) {
                CHECK(check_is_filled(view.data, sizes[large], large));
                CHECK_OK(brain_delete(space, "child", 5, BRAIN_ANY_VERSION));
                _exit(0);
            }
            CHECK_CHILD(grandchild);
            _exit(0);
        }
        if (i == 2) {
            brain_view_drop(&view);
        }
        for (uint32_t round = 1; round < 5; round++) {
            put_all(space, round);
        }
        check_gate_open(&go);
        CHECK_CHILD(pid);
    }
    give_fds_back(fillers, n, old);
    CHECK_U64(count_fds(), n_fds);
    check_gate_free(&go);
    end(store, space, n_fds - 2);
}

/* The number that was kept is lost to somebody else: a child for which no row can be had says what is to be done. */
static void test_a_fork_without_any_descriptor(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    brain_view view;
    uint32_t large = N_SIZES - 1;
    put_all(space, 0);
    uint32_t n_fds = count_fds();
    CHECK_OK(brain_get(space, &large, sizeof large, &view));
    struct rlimit old = set_limit(RLIMIT_NOFILE, 3);
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK(check_is_filled(view.data, sizes[large], large));
        CHECK_CODE(brain_put_bytes(space, "child", 5, "x", 1), BRAIN_E_FORKED);
        CHECK_DETAIL("ulimit -n");
        reset_limit(RLIMIT_NOFILE, old);
        brain_store *its = check_open(path, 0); /* anew, as the text says */
        brain_space *its_space = check_space(its, "default");
        check_all(its_space, 0);
        CHECK_OK(brain_put_bytes(its_space, "child", 5, "x", 1));
        CHECK_OK(brain_delete(its_space, "child", 5, BRAIN_ANY_VERSION));
        _exit(0);
    }
    CHECK_CHILD(pid);
    put_all(space, 1);
    CHECK(check_is_filled(view.data, sizes[large], large));
    brain_view_drop(&view);
    reset_limit(RLIMIT_NOFILE, old);
    check_all(space, 1);
    end(store, space, n_fds - 1); /* the one that is kept is taken again at the next fork */
}

/* ---- the size of files: the kernel ends who goes beyond it (SIGXFSZ), unless the signal is ignored, as
 * Python does */

static void test_with_a_limit_on_files_an_open_store_goes_on(bool ignored)
{
    const char *path = check_path(), *another = check_path();
    brain_close(check_open(path, 64 * CHECK_MIB));
    pid_t pid = check_fork();
    if (pid == 0) {
        if (ignored) {
            CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        }
        set_limit(RLIMIT_FSIZE, 100000);
        brain_store *store = check_open(path, 0), *second = NULL;
        brain_space *space = check_space(store, "default");
        uint32_t n_fds = count_fds();
        brain_object *object;
        brain_value bare = { .kind = BRAIN_KIND_BYTES };
        put_all(space, 0);
        check_all(space, 0);
        put_all(space, 1); /* into memory that is there */
        check_all(space, 1);
        CHECK_OK(brain_create(store, 2000000, &object));
        check_fill(brain_object_data(object), 2000000, 7);
        CHECK_OK(brain_object_seal(object, space, "object", 6, &bare, 0, NULL));
        brain_object_release(object);
        /* To make a store, or to lengthen one, takes a long file. */
        CHECK_CODE(brain_open(another, NULL, &second), BRAIN_E_IO);
        CHECK_DETAIL("ulimit -f");
        struct stat st;
        CHECK(lstat(another, &st) != 0 && errno == ENOENT);
        CHECK_OK(brain_resize(store, 400 * CHECK_MIB));
        int err = 0;
        for (uint32_t i = 0; i < 130 && err == 0; i++) {
            uint32_t name = 1000 + i;
            err = brain_put_bytes(space, &name, sizeof name, data, sizeof data);
        }
        CHECK_CODE(err, BRAIN_E_IO);
        CHECK_DETAIL("ulimit -f");
        check_all(space, 1);
        end(store, space, n_fds);
        _exit(0);
    }
    CHECK_CHILD(pid);
    struct stat st;
    CHECK(lstat(path, &st) != 0 && errno == ENOENT);
}

/* ---- address space */

static void test_without_address_space(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    put_all(space, 0);
    uint32_t n_fds = count_fds();
    pid_t pid = CHECK_ASAN ? -1 : check_fork();
    if (pid == 0) {
        brain_store *second = NULL;
        brain_close(store);
        set_limit(RLIMIT_AS, 32 * CHECK_MIB);
        CHECK_CODE(brain_open(path, NULL, &second), BRAIN_E_NOMEM);
        CHECK_DETAIL("ulimit -v");
        CHECK(second == NULL);
        _exit(0);
    }
    if (pid > 0) {
        CHECK_CHILD(pid);
        pid = check_fork();
    }
    if (pid == 0) { /* it has the store, and nothing more is to be had: what takes none goes on */
        set_limit(RLIMIT_AS, 4096);
        check_all(space, 0);
        put_all(space, 1);
        check_all(space, 1);
        brain_object *object = NULL;
        CHECK_CODE(brain_create(store, 2000000, &object), BRAIN_E_NOMEM);
        CHECK(object == NULL);
        CHECK_U64(check_stat(store).private_bytes, 0);
        _exit(0);
    }
    if (pid > 0) {
        CHECK_CHILD(pid);
    }
    end(store, space, n_fds);
}

/* ---- locked memory: none is used, so none may be had */

static void test_without_locked_memory(void)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        set_limit(RLIMIT_MEMLOCK, 0);
        brain_store *store = check_open(check_path(), 64 * CHECK_MIB);
        brain_space *space = check_space(store, "default");
        uint32_t n_fds = count_fds();
        put_all(space, 0);
        check_all(space, 0);
        end(store, space, n_fds);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

/* ---- a file system that may not be written */

static void open_read_only_file_system(const char *dir)
{
    char path[200], another[200];
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(another, sizeof another, "%s/another", dir);
    CHECK_SYS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    CHECK_SYS(mount("none", dir, "tmpfs", 0, "size=64m"));
    brain_store *store = check_open(path, 16 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    put_all(space, 0);
    brain_space_close(space);
    brain_close(store);
    CHECK_SYS(mount("none", dir, NULL, MS_REMOUNT | MS_RDONLY, NULL));
    store = NULL;
    CHECK_CODE(brain_open(path, NULL, &store), BRAIN_E_PERM);
    CHECK_DETAIL(path);
    CHECK_CODE(brain_open(another, NULL, &store), BRAIN_E_PERM);
    CHECK_DETAIL("ead-only file system");
    /* Also to read takes a place in `clients`. */
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_READ_ONLY;
    CHECK_CODE(brain_open(path, &options, &store), BRAIN_E_PERM);
    CHECK_DETAIL("ead-only file system");
    CHECK(store == NULL);
    CHECK_SYS(mount("none", dir, NULL, MS_REMOUNT, NULL));
    store = check_open(path, 0);
    space = check_space(store, "default");
    check_all(space, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
    CHECK_SYS(umount(dir));
}

static void test_a_read_only_file_system(void)
{
    char dir[] = "/dev/shm/brain-test-mount-XXXXXX";
    pid_t pid = check_fork();
    if (pid == 0) {
        if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
            printf("a read-only file system: SKIPPED, it takes root to mount one\n");
            fflush(stdout);
            _exit(0);
        }
        CHECK(mkdtemp(dir) != NULL);
        open_read_only_file_system(dir);
        CHECK_SYS(rmdir(dir));
        _exit(0);
    }
    CHECK_CHILD(pid);
}

int main(void)
{
    check_begin();
    test_without_descriptors_an_open_store_goes_on();
    test_a_child_forked_without_descriptors_keeps_its_views();
    test_a_fork_without_any_descriptor();
    test_with_a_limit_on_files_an_open_store_goes_on(false);
    test_with_a_limit_on_files_an_open_store_goes_on(true);
    if (check_heeds_address_limit()) {
        test_without_address_space();
    } else {
        printf("SKIPPED: a limit of the address space is not heeded here (qemu-user?)\n");
    }
    test_without_locked_memory();
    test_a_read_only_file_system();
    return 0;
}
