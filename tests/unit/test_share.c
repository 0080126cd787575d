/* test_share.c - handles of one process share files and mappings, and nothing else. */
#include "check.h"

#include "store.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LARGE (16 * CHECK_MIB) /* more than the file of a small store has room for at first */

static int n_mappings_of(const char *file)
{
    char line[1024];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        n += strstr(line, file) != NULL;
    }
    CHECK_SYS(fclose(maps));
    return n;
}

static const char *data_of(const char *directory)
{
    static char file[200];
    snprintf(file, sizeof file, "%s/data", directory);
    return file;
}

static void test_a_second_handle_maps_nothing_but_its_life(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB);
    int n = n_mappings_of("/data");
    CHECK(n > 0);
    brain_store *second = check_open(path, CHECK_MIB);
    CHECK(second->map == first->map && second->row != first->row);
    CHECK(n_mappings_of("/data") == n);
    brain_close(first);
    CHECK(n_mappings_of("/data") == n);
    brain_space *space = check_space(second, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    brain_space_close(space);
    check_destroy(second);
    CHECK(n_mappings_of("/data") == 0 && n_mappings_of("/clients") == 0);
}

static void test_a_view_keeps_what_its_handle_has(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *second = check_open(path, CHECK_MIB);
    brain_space *space = check_space(first, "default");
    brain_view view;
    CHECK_OK(brain_put_bytes(space, "a", 1, "abc", 3));
    CHECK_OK(brain_get(space, "a", 1, &view));
    brain_space_close(space);
    brain_close(first);
    check_destroy(second);
    CHECK(memcmp(view.data, "abc", 3) == 0 && n_mappings_of("/data") > 0);
    brain_view_drop(&view);
    CHECK(n_mappings_of("/data") == 0);
}

static void test_one_that_only_reads_has_a_mapping_of_its_own(const char *path)
{
    brain_store *writer = check_open(path, CHECK_MIB);
    brain_store *reader = check_open_with(path, CHECK_MIB, BRAIN_OPEN_READ_ONLY);
    brain_store *other = check_open_with(path, CHECK_MIB, BRAIN_OPEN_READ_ONLY);
    CHECK(reader->map != writer->map && reader->data == NULL && other->map == reader->map);
    brain_close(other);
    brain_close(reader);
    check_destroy(writer);
}

static void test_a_successor_is_another(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB);
    CHECK_OK(brain_destroy(first));
    brain_store *second = check_open(path, CHECK_MIB);
    CHECK(second->map != first->map);
    CHECK_CODE(brain_usage(first, &(uint64_t){ 0 }, &(uint64_t){ 0 }), BRAIN_E_DESTROYED);
    brain_close(first);
    check_destroy(second);
}

/* What a handle may do goes by what the files are when it is opened. */
static void test_access_is_as_of_the_open(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB);
    CHECK_SYS(chmod(data_of(brain_directory(first)), 0622));
    brain_store *second = check_open(path, CHECK_MIB);
    CHECK((brain_access(first) & BRAIN_ACCESS_OTHERS_WRITE) == 0);
    CHECK((brain_access(second) & BRAIN_ACCESS_OTHERS_WRITE) != 0);
    brain_close(first);
    check_destroy(second);
}

/* Damage since is seen as it would be without the mapping. */
static void test_a_mapping_is_checked_anew(const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *first = check_open(path, CHECK_MIB), *second;
    struct bn_super_rec *super = (void *)first->data;
    super->hash_seed ^= 1;
    CHECK_CODE(brain_open(path, &options, &second), BRAIN_E_CORRUPT);
    super->hash_seed ^= 1;
    uint64_t backed = bn_load_relaxed(&first->state->backed[BN_REGION_SLOTS]);
    bn_store_relaxed(&first->state->backed[BN_REGION_SLOTS], UINT64_MAX);
    CHECK_CODE(brain_open(path, &options, &second), BRAIN_E_CORRUPT);
    bn_store_relaxed(&first->state->backed[BN_REGION_SLOTS], backed);
    first->clients->store_id[0] ^= 1;
    CHECK_CODE(brain_open(path, &options, &second), BRAIN_E_CORRUPT);
    first->clients->store_id[0] ^= 1;
    second = check_open(path, CHECK_MIB);
    brain_close(first);
    check_destroy(second);
}

static void test_a_file_that_became_shorter_is_seen(const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *first = check_open(path, CHECK_MIB), *second;
    int fd;
    struct stat st;
    CHECK_OK(bn_map_data_fd(first->map, &fd));
    CHECK_SYS(fstat(fd, &st));
    CHECK_SYS(ftruncate(fd, 8 * (off_t)BN_PAGE));
    CHECK_CODE(brain_open(path, &options, &second), BRAIN_E_CORRUPT);
    CHECK_SYS(ftruncate(fd, st.st_size - (off_t)CHECK_MIB)); /* of values that nobody has used */
    CHECK_OK(brain_open(path, &options, &second));
    CHECK(second->map != first->map);
    brain_close(second);
    check_destroy(first);
}

/* Who has given up being somebody gets what he may get himself. */
static void test_another_user_opens_the_files_himself(const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_SHARED | BRAIN_OPEN_EXISTING;
    brain_store *first = check_open(path, CHECK_MIB), *second;
    CHECK_SYS(chmod(brain_directory(first), 0755));
    if (geteuid() == 0) {
        CHECK_SYS(seteuid(65534));
        CHECK_CODE(brain_open(path, &options, &second), BRAIN_E_PERM);
        CHECK(strstr(brain_error_detail(), "may not be written by this user") != NULL);
        CHECK_SYS(seteuid(0));
    }
    check_destroy(first);
}

/* Also where the mode alone has changed. */
static void test_who_may_not_write_any_more_may_not_open(const char *path)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        if (geteuid() == 0) { /* who may do anything */
            CHECK_SYS(seteuid(65534));
        }
        brain_options options = BRAIN_OPTIONS_INIT;
        brain_store *first = check_open(path, CHECK_MIB), *second;
        CHECK_SYS(chmod(data_of(path), 0400));
        CHECK_CODE(brain_open(path, &options, &second), BRAIN_E_PERM);
        CHECK_DETAIL("read-only");
        check_destroy(first);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

/* ---- other names */

static void test_a_store_that_was_moved_is_opened_where_it_is(const char *path)
{
    const char *to = check_path();
    brain_store *first = check_open(path, CHECK_MIB);
    CHECK_SYS(rename(path, to));
    brain_store *second = check_open_with(to, 0, BRAIN_OPEN_EXISTING);
    CHECK(strcmp(brain_directory(second), to) == 0);
    brain_close(first);
    check_destroy(second);
}

static void test_a_store_that_was_moved_is_not_the_one_in_its_place(const char *path)
{
    const char *to = check_path();
    brain_store *first = check_open(path, CHECK_MIB);
    CHECK_SYS(rename(path, to));
    brain_store *next = check_open(path, CHECK_MIB);
    brain_store *second = check_open_with(to, 0, BRAIN_OPEN_EXISTING);
    CHECK(strcmp(brain_directory(second), to) == 0 && strcmp(brain_directory(next), path) == 0);
    brain_close(first);
    check_destroy(second); /* and not the other */
    CHECK_SYS(access(data_of(path), F_OK));
    check_destroy(next);
}

/* The directory's own name differs in how it is spelt. */
static void test_a_link_goes_with_the_store_that_was_opened_by_it(const char *path)
{
    const char *link = check_path();
    char target[200];
    struct stat st;
    brain_store *first = check_open(path, CHECK_MIB);
    snprintf(target, sizeof target, "/dev/shm/.%s", strrchr(path, '/'));
    CHECK_SYS(symlink(target, link));
    check_destroy(check_open_with(link, 0, BRAIN_OPEN_EXISTING));
    CHECK(lstat(link, &st) != 0 && errno == ENOENT);
    brain_close(first);
    check_destroy(check_open(link, CHECK_MIB));
}

/* ---- growth */

static void raise_address_space(void)
{
    struct rlimit limit;
    CHECK_SYS(getrlimit(RLIMIT_AS, &limit));
    limit.rlim_cur = limit.rlim_max;
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
}

/* A process with a mapping of its own, not the one it inherits by `inherited`, puts a value. */
static void put_large_elsewhere(const char *path, brain_store *inherited)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        static uint8_t bytes[LARGE];
        brain_close(inherited);
        raise_address_space();
        brain_store *store = check_open(path, 0);
        brain_space *space = check_space(store, "default");
        CHECK_OK(brain_resize(store, 4 * LARGE));
        CHECK_OK(brain_put_bytes(space, "large", 5, bytes, sizeof bytes));
        _exit(0);
    }
    CHECK_CHILD(pid);
}

/* As much address space as the file takes now, and not what it may grow to. */
static void lower_address_space(const char *path)
{
    struct rlimit limit;
    struct stat st;
    CHECK_SYS(stat(data_of(path), &st));
    CHECK_SYS(getrlimit(RLIMIT_AS, &limit));
    limit.rlim_cur = 3 * (rlim_t)st.st_size + BN_CLIENTS_BYTES + ((rlim_t)1 << 30);
    CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
}

static void get_large(brain_store *store, int want)
{
    brain_view view;
    brain_space *space = check_space(store, "default");
    CHECK_CODE(brain_get(space, "large", 5, &view), want);
    if (want == 0) {
        CHECK_U64(view.size_bytes, LARGE);
        brain_view_drop(&view);
    }
    brain_space_close(space);
}

/* What the error advises helps, though the other handle stays open. */
static void test_with_a_higher_limit_all_of_a_store_is_mapped(const char *path)
{
    brain_close(check_open(path, CHECK_MIB));
    lower_address_space(path);
    brain_store *first = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    put_large_elsewhere(path, first);
    get_large(first, BRAIN_E_NOMEM);
    CHECK_DETAIL("raise the limit");
    raise_address_space();
    brain_store *second = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    get_large(second, 0);
    get_large(first, BRAIN_E_NOMEM);
    brain_close(first);
    check_destroy(second);
}

/* To open a FIFO waits for who writes to it. */
static void test_a_fifo_in_place_of_a_file_keeps_nobody_waiting(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB);
    put_large_elsewhere(path, first);
    CHECK_SYS(unlink(data_of(path)));
    CHECK_SYS(mkfifo(data_of(path), 0600));
    pid_t pid = check_fork();
    if (pid == 0) {
        alarm(20); /* instead of hanging */
        get_large(first, BRAIN_E_DESTROYED);
        _exit(0);
    }
    CHECK_CHILD(pid);
    brain_close(first);
    check_remove_dir(path);
}

/* ---- the mutex of the mappings */

/* As it is where another library's fork handlers were there first, and so run between ours. */
static struct {
    brain_store *store;
    const char *phase;
    bool has_run;
} handler;

static void run_in(const char *phase)
{
    static uint8_t bytes[LARGE];
    if (handler.store != NULL && strcmp(phase, handler.phase) == 0) {
        brain_space *space = check_space(handler.store, "default");
        CHECK_OK(brain_put_bytes(space, "large", 5, bytes, sizeof bytes));
        get_large(handler.store, 0); /* the file has grown: it is mapped, with the mutex held */
        brain_space_close(space);
        handler.has_run = true;
    }
}

static void run_in_prepare(void)
{
    run_in("prepare");
}

static void run_in_parent(void)
{
    run_in("parent");
}

static void test_fork_handlers_of_others_may_put(const char *path, const char *phase)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        alarm(20); /* instead of hanging */
        handler.store = check_open(path, 4 * LARGE);
        handler.phase = phase;
        pid_t child = check_fork();
        if (child == 0) {
            _exit(0);
        }
        CHECK_CHILD(child);
        CHECK(handler.has_run);
        check_destroy(handler.store);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

__attribute__((noreturn)) static void *hold_for_ever(void *held)
{
    bn_map_hold();
    check_gate_open(held);
    for (;;) {
        pause();
    }
}

/* A raw clone has the mutex as it was, and the thread that holds it not. */
static void test_descriptors_are_had_while_the_mutex_is_held(const char *path)
{
    brain_store *store = check_open(path, CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        int fd;
        pthread_t thread;
        struct check_gate held = check_gate_new();
        alarm(20); /* instead of hanging */
        CHECK(pthread_create(&thread, NULL, hold_for_ever, &held) == 0);
        check_gate_pass(&held);
        CHECK_OK(bn_map_data_fd(store->map, &fd));
        CHECK_OK(bn_map_clients_fd(store->map, &fd));
        CHECK_OK(bn_map_dir_fd(store->map, &fd));
        _exit(0);
    }
    CHECK_CHILD(pid);
    check_destroy(store);
}

static _Atomic int is_over;

static void *ask_who_lives(void *store)
{
    while (!is_over) {
        (void)check_stat(store);
    }
    return NULL;
}

static void test_a_clone_opens_while_others_ask_who_lives(const char *path)
{
    brain_store *store = check_open(path, CHECK_MIB), *others[20];
    pthread_t thread;
    for (int i = 0; i < 20; i++) {
        others[i] = check_open(path, 0);
    }
    is_over = 0;
    CHECK(pthread_create(&thread, NULL, ask_who_lives, store) == 0);
    for (int i = 0; i < 200; i++) {
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        CHECK_SYS(pid);
        if (pid == 0) {
            alarm(20); /* instead of hanging */
            brain_close(check_open_with(path, 0, BRAIN_OPEN_EXISTING));
            _exit(0);
        }
        CHECK_CHILD(pid);
    }
    is_over = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    for (int i = 0; i < 20; i++) {
        brain_close(others[i]);
    }
    check_destroy(store);
}

int main(void)
{
    check_needs_fork_advice();
    check_begin();
    /* Before ours, which come with the first store. */
    CHECK(pthread_atfork(run_in_prepare, run_in_parent, NULL) == 0);
    const char *path = check_path();
    test_a_second_handle_maps_nothing_but_its_life(path);
    test_a_view_keeps_what_its_handle_has(path);
    test_one_that_only_reads_has_a_mapping_of_its_own(path);
    test_a_successor_is_another(path);
    test_access_is_as_of_the_open(path);
    test_a_mapping_is_checked_anew(path);
    test_a_file_that_became_shorter_is_seen(path);
    test_another_user_opens_the_files_himself(path);
    test_who_may_not_write_any_more_may_not_open(path);
    test_a_store_that_was_moved_is_opened_where_it_is(path);
    test_a_store_that_was_moved_is_not_the_one_in_its_place(path);
    test_a_link_goes_with_the_store_that_was_opened_by_it(path);
    test_a_fifo_in_place_of_a_file_keeps_nobody_waiting(path);
    test_fork_handlers_of_others_may_put(path, "prepare");
    test_fork_handlers_of_others_may_put(path, "parent");
    test_descriptors_are_had_while_the_mutex_is_held(path);
    if (!CHECK_ASAN) { /* whose own address space knows no limit, and who locks its allocator */
        if (check_heeds_address_limit()) {
            test_with_a_higher_limit_all_of_a_store_is_mapped(path);
        } else {
            printf("SKIPPED: a limit of the address space is not heeded here (qemu-user?)\n");
        }
        test_a_clone_opens_while_others_ask_who_lives(path);
    }
    return 0;
}
