/* test_other_users.c - a store that its group may read, one that nobody else may, and user namespaces.
 *
 * Root makes the stores; a child becomes somebody else for good.
 */
#include "limits.h"

enum {
    USER = 65533,
    GROUP = 65532,
    STRANGER = 65531
};

static uint8_t data[300000];
static const char *path;

static brain_options options_of(uint32_t flags)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = flags | BRAIN_OPEN_EXISTING;
    return options;
}

static void become(uid_t user, gid_t group)
{
    CHECK_SYS(setgroups(0, NULL));
    CHECK_SYS(setresgid(group, group, group));
    CHECK_SYS(setresuid(user, user, user));
    CHECK_SYS(prctl(PR_SET_DUMPABLE, 1)); /* else its own /proc/self is not its own */
}

static brain_store *make(uint32_t mode)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    options.capacity_bytes = 64 * CHECK_MIB;
    options.mode = mode;
    options.has_group = mode != 0600;
    options.group = mode != 0600 ? GROUP : 0;
    path = check_path();
    CHECK_OK(brain_open(path, &options, &store));
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < LIMITS_N_SIZES - 2; i++) {
        check_fill(data, limits_size(i) % sizeof data, i);
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, data, limits_size(i) % sizeof data));
    }
    brain_space_close(space);
    return store;
}

static void check_values(brain_space *space)
{
    for (uint32_t i = 0; i < LIMITS_N_SIZES - 2; i++) {
        limits_check_value(space, &i, sizeof i, limits_size(i) % sizeof data, i);
    }
}

static void refuse(uint32_t flags, const char *word)
{
    brain_options options = options_of(flags);
    brain_store *store = NULL;
    CHECK_CODE(brain_open(path, &options, &store), BRAIN_E_PERM);
    CHECK(store == NULL);
    CHECK_DETAIL(path);
    CHECK_DETAIL(word);
}

/* All that a reader may do, and that what it may not is an error. */
static void read_only(void)
{
    brain_options options = options_of(BRAIN_OPEN_SHARED | BRAIN_OPEN_READ_ONLY);
    brain_store *store;
    brain_view view;
    brain_snapshot *snapshot;
    brain_iter *iter;
    brain_object *object = NULL;
    const void *name;
    size_t len;
    uint32_t n = 0, large = LIMITS_N_SIZES - 3;
    refuse(BRAIN_OPEN_SHARED, "read-only");
    CHECK_OK(brain_open(path, &options, &store));
    CHECK_U64(brain_access(store), BRAIN_ACCESS_READ_ONLY);
    brain_space *space = check_space(store, "default");
    check_values(space);
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_iter_names(space, snapshot, &iter));
    while (brain_iter_next(iter, &name, &len) == 0) {
        n++;
    }
    CHECK_U64(n, LIMITS_N_SIZES - 2);
    brain_iter_free(iter);
    brain_snapshot_close(snapshot);

    CHECK_CODE(brain_put_bytes(space, "a", 1, "1", 1), BRAIN_E_PERM);
    CHECK_DETAIL("read-only");
    CHECK_CODE(brain_put_bytes(space, "a", 1, data, sizeof data), BRAIN_E_PERM);
    CHECK_CODE(brain_delete(space, &n, sizeof n, BRAIN_ANY_VERSION), BRAIN_E_PERM);
    CHECK_CODE(brain_create(store, sizeof data, &object), BRAIN_E_PERM);
    CHECK_CODE(brain_space_remove(space), BRAIN_E_PERM);
    CHECK_CODE(brain_resize(store, 128 * CHECK_MIB), BRAIN_E_PERM);
    CHECK_CODE(brain_trim(store, NULL), BRAIN_E_PERM);
    CHECK_CODE(brain_destroy(store), BRAIN_E_PERM);
    CHECK(object == NULL);

    /* Nor past the library: the memory is read-only, and so is the file. */
    char file[300];
    snprintf(file, sizeof file, "%s/data", path);
    CHECK(open(file, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES);
    CHECK_OK(brain_get(space, &large, sizeof large, &view));
    pid_t pid = check_fork();
    if (pid == 0) {
        memset((void *)(uintptr_t)view.data, 1, 1);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(CHECK_ASAN ? status != 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    brain_view_drop(&view);
    brain_space_close(space);
    brain_close(store);
}

static void run_as(uid_t user, gid_t group, void (*run)(void))
{
    pid_t pid = limits_fork();
    if (pid == 0) {
        become(user, group);
        run();
        _exit(0);
    }
    CHECK_CHILD(pid);
}

static void refuse_all(void)
{
    refuse(0, "");
    refuse(BRAIN_OPEN_SHARED, "");
    refuse(BRAIN_OPEN_SHARED | BRAIN_OPEN_READ_ONLY, "");
}

/* It may read, but did not say that it trusts the store's owner. */
static void refuse_unasked(void)
{
    refuse(0, "belongs to user");
    refuse(BRAIN_OPEN_READ_ONLY, "belongs to user");
}

static void test_a_groups_reader_reads_and_cannot_write(void)
{
    brain_store *store = make(0640);
    struct stat st;
    CHECK_SYS(stat(path, &st));
    CHECK_U64(st.st_mode & 0777, 0750);
    run_as(USER, GROUP, read_only);
    run_as(USER, GROUP, refuse_unasked);
    run_as(USER, STRANGER, refuse_all);
    brain_space *space = check_space(store, "default");
    check_values(space);
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_U64(check_stat(store).n_pins, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void test_a_store_of_ones_own_is_closed_to_others(void)
{
    brain_store *store = make(0600);
    run_as(USER, GROUP, refuse_all);
    check_destroy(store);
}

/* A reader's view keeps what the owner replaces and deletes. It holds none of the owner's locks: the owner goes
 * on while it is stopped, and when it is killed all is given back. */
static void hold_view(void)
{
    brain_options options = options_of(BRAIN_OPEN_SHARED | BRAIN_OPEN_READ_ONLY);
    brain_store *store;
    brain_view view;
    uint32_t large = LIMITS_N_SIZES - 3;
    CHECK_OK(brain_open(path, &options, &store));
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_get(space, &large, sizeof large, &view));
    CHECK_SYS(raise(SIGSTOP));
    CHECK(check_is_filled(view.data, view.size_bytes, large));
    CHECK_SYS(raise(SIGSTOP));
}

static void test_a_groups_reader_keeps_what_it_has(void)
{
    brain_store *store = make(0640);
    brain_space *space = check_space(store, "default");
    int status;
    uint32_t large = LIMITS_N_SIZES - 3;
    pid_t pid = limits_fork();
    if (pid == 0) {
        become(USER, GROUP);
        CHECK_SYS(prctl(PR_SET_PDEATHSIG, SIGKILL)); /* to become another user took it away */
        hold_view();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    CHECK_OK(brain_delete(space, &large, sizeof large, BRAIN_ANY_VERSION));
    for (uint32_t i = 0; i < 300; i++) {
        memset(data, (int)i, sizeof data);
        CHECK_OK(brain_put_bytes(space, "other", 5, data, limits_size(large)));
    }
    CHECK_U64(check_stat(store).limbo_bytes, limits_size(large));
    CHECK_SYS(kill(pid, SIGCONT));
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    check_kill(pid);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* Somebody else who is root in a user namespace of his own: to the store he is who he is outside. */
static void be_root_inside(void)
{
    CHECK(limits_own_users(0));
    CHECK_U64(geteuid(), 0);
}

static void refuse_all_inside(void)
{
    be_root_inside();
    refuse_all();
}

static void read_only_inside(void)
{
    be_root_inside();
    read_only();
}

/* One that he makes himself is his, inside and outside. */
static void make_inside(void)
{
    be_root_inside();
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK((brain_access(store) & BRAIN_ACCESS_OWNED) != 0);
    CHECK_SOUND(store);
    check_destroy(store);
}

static void test_root_of_a_user_namespace_is_nobody_else(void)
{
    brain_store *store = make(0600);
    run_as(USER, GROUP, refuse_all_inside);
    check_destroy(store);
    store = make(0640);
    run_as(USER, GROUP, read_only_inside);
    run_as(USER, STRANGER, refuse_all_inside);
    check_destroy(store);
    path = check_path();
    run_as(USER, GROUP, make_inside);
}

static bool has_user_namespaces(void)
{
    pid_t pid = limits_fork();
    int status;
    if (pid == 0) {
        become(USER, GROUP);
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status == 0;
}

int main(void)
{
    check_begin();
    if (geteuid() != 0) {
        check_skip("to become another user takes root");
    }
    test_a_groups_reader_reads_and_cannot_write();
    test_a_store_of_ones_own_is_closed_to_others();
    test_a_groups_reader_keeps_what_it_has();
    if (has_user_namespaces()) {
        test_root_of_a_user_namespace_is_nobody_else();
    } else {
        printf("SKIPPED: user namespaces are not allowed here\n");
    }
    return 0;
}
