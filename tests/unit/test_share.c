/* test_share.c - handles of one process share files and mappings, and nothing else. */
#include "check.h"

#include "client.h"
#include "store.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
    char file[4200];
    snprintf(file, sizeof file, "%s/data", brain_directory(first));
    CHECK_SYS(chmod(file, 0622));
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

/* ---- lives that are kept */

static void test_a_closed_handles_row_is_the_next_ones(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *second = check_open(path, CHECK_MIB);
    uint32_t row = second->row;
    uint64_t seat = bn_load_relaxed(&bn_client_row(first, row)->n_seats);
    brain_close(second);
    CHECK(bn_load_relaxed(&bn_client_row(first, row)->state) == BN_ROW_KEPT);
    CHECK(bn_client_alive(first, row)); /* as far as the lock says */
    CHECK(!bn_client_lives(first, row, seat));
    second = check_open(path, CHECK_MIB);
    CHECK(second->row == row && bn_client_lives(first, row, seat + 1));
    CHECK(!bn_client_lives(first, row, seat));
    brain_close(second);
    check_destroy(first);
}

/* Others do not get such a row, and do once its process is gone. */
static void test_a_kept_row_is_its_process_alone(const char *path)
{
    int ready[2], go[2], status;
    char c;
    CHECK_SYS(pipe(ready));
    CHECK_SYS(pipe(go));
    pid_t pid = fork();
    CHECK_SYS(pid);
    if (pid == 0) {
        brain_store *first = check_open(path, CHECK_MIB), *second = check_open(path, CHECK_MIB);
        uint32_t row = second->row;
        brain_close(second);
        CHECK(write(ready[1], &row, sizeof row) == sizeof row && read(go[0], &c, 1) == 1);
        CHECK(first != NULL);
        _exit(0);
    }
    uint32_t row;
    CHECK(read(ready[0], &row, sizeof row) == sizeof row);
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(store->row != row && bn_load_relaxed(&bn_client_row(store, row)->state) == BN_ROW_KEPT);
    CHECK(write(go[1], "x", 1) == 1 && waitpid(pid, &status, 0) == pid && status == 0);
    /* The child's two rows: one is to be reaped, the other as good as free. */
    brain_store *next = check_open(path, CHECK_MIB), *last = check_open(path, CHECK_MIB);
    CHECK(next->row == row || last->row == row);
    brain_close(last);
    brain_close(next);
    check_destroy(store);
}

/* A child has none of its parent's lives, however it came about. */
static void check_child_seat(brain_store *parent, uint32_t row, const char *path)
{
    CHECK(bn_load_relaxed(&bn_client_row(parent, row)->state) == BN_ROW_KEPT);
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(store->row != row && store->map == parent->map);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    brain_space_close(space);
    brain_close(store);
    _exit(0);
}

static void test_a_child_does_not_take_its_parents(const char *path)
{
    for (int raw = 0; raw < 2; raw++) {
        brain_store *first = check_open(path, CHECK_MIB), *second = check_open(path, CHECK_MIB);
        uint32_t row = second->row;
        int status;
        brain_close(second);
        pid_t pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork();
        CHECK_SYS(pid);
        if (pid == 0) {
            check_child_seat(first, row, path);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        second = check_open(path, CHECK_MIB);
        CHECK(second->row == row); /* still ours */
        brain_close(second);
        check_destroy(first);
    }
}

static void test_no_more_are_kept_than_there_is_room_for(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *many[BN_LIVES_KEPT_MAX + 8];
    int n = n_mappings_of("/clients");
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = check_open(path, CHECK_MIB);
    }
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        brain_close(many[i]);
    }
    CHECK(first->map->n_kept == BN_LIVES_KEPT_MAX);
    CHECK(n_mappings_of("/clients") <= n + (int)BN_LIVES_KEPT_MAX);
    check_destroy(first);
    CHECK(n_mappings_of("/clients") == 0);
}

int main(void)
{
    check_begin();
    const char *path = check_path();
    test_a_second_handle_maps_nothing_but_its_life(path);
    test_a_view_keeps_what_its_handle_has(path);
    test_one_that_only_reads_has_a_mapping_of_its_own(path);
    test_a_successor_is_another(path);
    test_access_is_as_of_the_open(path);
    test_a_mapping_is_checked_anew(path);
    test_a_file_that_became_shorter_is_seen(path);
    test_another_user_opens_the_files_himself(path);
    test_a_closed_handles_row_is_the_next_ones(path);
    test_a_kept_row_is_its_process_alone(path);
    test_a_child_does_not_take_its_parents(path);
    test_no_more_are_kept_than_there_is_room_for(path);
    return 0;
}
