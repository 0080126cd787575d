/* test_rows.c - client rows that a process keeps for its next handles, and those of the dead. */
#include "check.h"

#include "client.h"
#include "lock.h"
#include "store.h"

#include <sys/resource.h>
#include <sys/syscall.h>

static uint32_t n_rows_in(const brain_store *store, enum bn_row_state state)
{
    uint32_t n = 0;
    for (uint32_t row = 0; row < bn_client_n_rows(store); row++) {
        n += bn_load_acquire(&bn_client_row(store, row)->state) == state;
    }
    return n;
}

/* ---- rows that are kept */

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
    struct check_gate ready = check_gate_new(), done = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *first = check_open(path, CHECK_MIB), *second = check_open(path, CHECK_MIB);
        CHECK_U64(first->row, 0);
        CHECK_U64(second->row, 1);
        brain_close(second);
        check_gate_open(&ready);
        check_gate_pass(&done);
        _exit(0);
    }
    check_gate_pass(&ready);
    uint32_t row = 1;
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(store->row != row && bn_load_relaxed(&bn_client_row(store, row)->state) == BN_ROW_KEPT);
    check_gate_open(&done);
    CHECK_CHILD(pid);
    check_gate_free(&ready);
    check_gate_free(&done);
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
        brain_close(second);
        pid_t pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork();
        CHECK_SYS(pid);
        if (pid == 0) {
            check_child_seat(first, row, path);
        }
        CHECK_CHILD(pid);
        second = check_open(path, CHECK_MIB);
        CHECK(second->row == row); /* still ours */
        brain_close(second);
        check_destroy(first);
    }
}

static void test_no_more_are_kept_than_there_is_room_for(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *many[BN_LIVES_KEPT_MAX + 8];
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = check_open(path, CHECK_MIB);
    }
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        brain_close(many[i]);
    }
    CHECK_U64(first->map->n_kept, BN_LIVES_KEPT_MAX);
    CHECK_U64(n_rows_in(first, BN_ROW_KEPT), BN_LIVES_KEPT_MAX);
    CHECK_U64(n_rows_in(first, BN_ROW_USED), 1);
    check_destroy(first);
}

/* A thread of it was ended in the middle of a change, and it is closed: whose lock that was does not seem
 * to live. */
static void test_a_row_that_the_lock_names_is_not_kept(const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *first = check_open(path, CHECK_MIB), *second;
    uint32_t died;
    options.lock_timeout_ns = 1000000000;
    CHECK_OK(brain_open(path, &options, &second));
    uint32_t row = first->row;
    CHECK_OK(bn_lock_acquire(first, true, &died, &(uint64_t){ 0 }));
    brain_close(first);
    CHECK(!bn_client_alive(second, row));
    brain_space *space = check_space(second, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    brain_space_close(space);
    check_destroy(second);
}

/* ---- rows of the dead */

/* Process 1 of a container that is started again has the id of the one that crashed. */
static void test_the_dead_with_our_process_id_are_reaped(const char *path)
{
    brain_close(check_open(path, CHECK_MIB));
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_object *object;
        brain_store *store = check_open(path, 0);
        CHECK_OK(brain_create(store, 100000, &object));
        struct bn_row_rec *rec = bn_client_row(store, store->row);
        rec->pid = getppid();
        rec->start_ns -= 1000000000;
        _exit(0); /* as good as killed: nothing runs at its end */
    }
    CHECK_CHILD(pid);
    brain_store *store = check_open(path, 0);
    CHECK_U64(n_rows_in(store, BN_ROW_USED), 1);
    CHECK_U64(check_stat(store).private_bytes, 0);
    check_destroy(store);
}

static void allow_no_process(void)
{
    if (geteuid() == 0) { /* for whom there is no limit */
        CHECK_SYS(setresgid(65533, 65533, 65533));
        CHECK_SYS(setresuid(65533, 65533, 65533));
    }
    CHECK_SYS(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, 0 }));
}

/* A row that was taken for a child does not seem to be who had it before: it is reaped. */
static void test_forks_that_fail_use_up_no_rows(const char *path)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *many[BN_LIVES_KEPT_MAX + 20];
        allow_no_process();
        brain_store *store = check_open(path, CHECK_MIB);
        for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
            many[i] = check_open(path, 0);
        }
        for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
            brain_close(many[i]);
        }
        for (int i = 0; i < 100; i++) {
            CHECK(fork() < 0);
        }
        CHECK(n_rows_in(store, BN_ROW_USED) <= 3); /* its own, and those of the last forks */
        check_destroy(store);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

int main(void)
{
    check_needs_fork_advice();
    check_begin();
    const char *path = check_path();
    test_a_closed_handles_row_is_the_next_ones(path);
    test_a_kept_row_is_its_process_alone(path);
    test_a_child_does_not_take_its_parents(path);
    test_no_more_are_kept_than_there_is_room_for(path);
    test_a_row_that_the_lock_names_is_not_kept(path);
    test_the_dead_with_our_process_id_are_reaped(path);
    test_forks_that_fail_use_up_no_rows(path);
    return 0;
}
