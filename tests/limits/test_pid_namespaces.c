/* test_pid_namespaces.c - two PID namespaces, as of two containers, on one store; one of them ends whole.
 *
 * All process ids are the same in both. When process 1 of one is killed, the kernel kills all others there at
 * once: what they held (the lock, pins, a snapshot, an object) is given back, what the other has stays.
 */
#include "limits.h"

#include "journal.h"
#include "lock.h"

enum {
    N_NAMES = 8,
    SIZE = 300000
};

static uint8_t data[SIZE];

/* What the processes of a namespace have come to. */
struct board {
    _Atomic uint32_t n_ready;
    _Atomic uint32_t is_over;
};

static struct board *boards; /* of both */

static void put(brain_space *space, uint32_t name, uint64_t seed)
{
    check_fill(data, SIZE, seed);
    CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, SIZE));
}

static void ready(struct board *board)
{
    atomic_fetch_add(&board->n_ready, 1);
    while (board->is_over == 0) {
        sched_yield();
    }
}

/* ---- the processes of a namespace */

static void hold_view(const char *path, struct board *board, uint32_t name)
{
    brain_view view;
    brain_store *store = check_open(path, 0);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_get(space, &name, sizeof name, &view));
    ready(board);
    CHECK(check_is_filled(view.data, SIZE, name));
    brain_view_drop(&view);
    brain_space_close(space);
    brain_close(store);
}

static void hold_snapshot(const char *path, struct board *board)
{
    brain_snapshot *snapshot;
    brain_store *store = check_open(path, 0);
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    ready(board);
    brain_snapshot_close(snapshot);
    brain_close(store);
}

static void hold_object(const char *path, struct board *board)
{
    brain_object *object;
    brain_store *store = check_open(path, 0);
    CHECK_OK(brain_create(store, SIZE, &object));
    ready(board);
    brain_object_release(object);
    brain_close(store);
}

/* In the middle of a change. */
static void hold_lock(const char *path, struct board *board)
{
    uint32_t died;
    brain_store *store = check_open(path, 0);
    CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
    bn_journal_begin(store);
    bn_journal_u64(store, &store->state->limbo_bytes, 12345);
    ready(board);
    check_fail(__FILE__, __LINE__, "it should have been killed");
}

/* Process 1, with children. */
static void run_namespace(const char *path, struct board *board, bool with_lock)
{
    CHECK_U64(getpid(), 1);
    for (uint32_t i = 0; i < 3; i++) {
        if (check_fork() == 0) {
            i == 0   ? hold_view(path, board, 1)
            : i == 1 ? hold_snapshot(path, board)
                     : hold_object(path, board);
            _exit(0);
        }
    }
    while (board->n_ready < 3) { /* the lock comes last: a snapshot and an object need it */
        sched_yield();
    }
    if (with_lock && check_fork() == 0) {
        hold_lock(path, board);
    }
    hold_view(path, board, 0);
    for (uint32_t i = 0; i < 3; i++) {
        int status;
        CHECK(wait(&status) > 0 && status == 0);
    }
}

/* Returns the outer process, which ends as process 1 does; `*first_out` is that one, as seen from here. */
static pid_t start(const char *path, struct board *board, bool with_lock, pid_t *first_out)
{
    int fds[2];
    CHECK_SYS(pipe2(fds, O_CLOEXEC));
    pid_t outer = limits_fork();
    if (outer == 0) {
        CHECK_SYS(unshare(CLONE_NEWPID));
        pid_t first = limits_fork();
        if (first == 0) {
            run_namespace(path, board, with_lock);
            _exit(0);
        }
        int status;
        CHECK(write(fds[1], &first, sizeof first) == sizeof first);
        CHECK(waitpid(first, &status, 0) == first);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status));
    }
    CHECK(read(fds[0], first_out, sizeof *first_out) == sizeof *first_out);
    close(fds[0]);
    close(fds[1]);
    return outer;
}

static void wait_until_ready(const struct board *board, uint32_t n)
{
    while (board->n_ready < n) {
        sched_yield();
    }
}

static void test_what_a_namespace_held_is_given_back_when_it_ends(bool with_lock)
{
    const char *path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    for (uint32_t name = 0; name < N_NAMES; name++) {
        put(space, name, name);
    }
    brain_space_close(space); /* a child has a row for each store that it inherits */
    brain_close(store);
    memset(boards, 0, 2 * sizeof *boards);
    pid_t firsts[2], outers[2];
    outers[1] = start(path, &boards[1], false, &firsts[1]); /* without the lock: it has to begin */
    wait_until_ready(&boards[1], 4);
    outers[0] = start(path, &boards[0], with_lock, &firsts[0]);
    wait_until_ready(&boards[0], with_lock ? 5 : 4);
    store = check_open(path, 0);
    space = check_space(store, "default");
    CHECK_U64(check_stat(store).n_clients, 9 + with_lock);
    CHECK_U64(check_stat(store).n_pins, 4);

    /* The whole namespace ends with its process 1. */
    int status;
    CHECK_SYS(kill(firsts[0], SIGKILL));
    CHECK(waitpid(outers[0], &status, 0) == outers[0]);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 100 + SIGKILL);

    uint64_t n_recoveries = check_stat(store).n_recoveries;
    put(space, N_NAMES, N_NAMES); /* where it had the lock: taken from it, its change undone */
    CHECK_U64(check_stat(store).n_recoveries, n_recoveries + with_lock);
    CHECK_OK(brain_reap(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_clients, 5); /* this one and the four of the other namespace */
    CHECK_U64(stat.n_pins, 2);
    CHECK_U64(stat.n_snapshots, 1);
    CHECK_U64(stat.private_bytes, SIZE);
    CHECK_SOUND(store);
    for (uint32_t name = 0; name <= N_NAMES; name++) {
        limits_check_value(space, &name, sizeof name, SIZE, name);
    }

    /* The other one, with the same process ids, has what it had. */
    CHECK_OK(brain_space_remove(space));
    for (uint32_t i = 0; i < 100; i++) {
        put(space, 0, 1000 + i);
    }
    boards[1].is_over = 1;
    CHECK_CHILD(outers[1]);
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    stat = check_stat(store);
    CHECK_U64(stat.n_clients, 1);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    pid_t pid = limits_fork();
    if (pid == 0) {
        _exit(unshare(CLONE_NEWPID) == 0 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status != 0) {
        check_skip("a PID namespace of one's own takes root, or a kernel that allows it");
    }
    boards = check_shared(2 * sizeof *boards);
    for (int i = 0; i < 5; i++) {
        test_what_a_namespace_held_is_given_back_when_it_ends(false);
        test_what_a_namespace_held_is_given_back_when_it_ends(true);
    }
    return 0;
}
