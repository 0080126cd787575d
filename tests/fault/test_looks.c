/* test_looks.c - what an open and a fork look at: in between others change it, and how often they ask.
 *
 * fstat(), fcntl() and sched_yield() are wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include <sys/prctl.h>

#include "client.h"
#include "recover.h"
#include "wrap_fcntl.h"

/* ---- fstat: after each look at `clients` another process takes pages of it */

#define N_VIEWS 40000 /* of 1008 a page: more pages than what else `clients` has memory for */

static struct check_gate looked, taken;
static bool is_armed;
static int n_looks;

static void after_look(const struct stat *st)
{
    if (is_armed && (uint64_t)st->st_size == BN_CLIENTS_BYTES) {
        n_looks++;
        check_gate_open(&looked);
        check_gate_pass(&taken);
    }
}

#define WRAP_FSTAT(name)                                                                           \
    int __real_##name(int fd, struct stat *st);                                                    \
    int __wrap_##name(int fd, struct stat *st);                                                    \
    int __wrap_##name(int fd, struct stat *st)                                                     \
    {                                                                                              \
        int result = __real_##name(fd, st);                                                        \
        if (result == 0) {                                                                         \
            after_look(st);                                                                        \
        }                                                                                          \
        return result;                                                                             \
    }

WRAP_FSTAT(fstat)
WRAP_FSTAT(fstat64) /* of the same layout here: 64-bit systems alone are served */

/* ---- fcntl: who asks the kernel whether a row lives, and who locks its life byte */

static uint32_t n_asked;
static brain_store
    *dies_in; /* of the next life byte that is locked: its owner until now had the lock of this */

static bool before_fcntl(int fd, int command, void *argument)
{
    const struct flock *range = argument;
    (void)fd;
    n_asked += command == F_OFD_GETLK;
    if (dies_in != NULL && command == F_OFD_SETLK && range->l_type == F_WRLCK &&
        range->l_start >= BN_LIFE_OFF(0) && (range->l_start - BN_LIFE_OFF(0)) % 2 == 0) {
        uint64_t row = (uint64_t)(range->l_start - BN_LIFE_OFF(0)) / 2;
        bn_store_seq(&dies_in->state->lock_word, row + 1);
        dies_in = NULL;
    }
    return true;
}

/* ---- sched_yield: on a busy machine it takes milliseconds until it is our turn again */

#define TURN_US 5000

static uint32_t n_turns;

int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __wrap_sched_yield(void)
{
    n_turns++;
    usleep(TURN_US);
    return __real_sched_yield();
}

/* ---- the tests */

/* A child that waits, and does not outlive a test that fails. */
static pid_t fork_helper(void)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_SYS(prctl(PR_SET_PDEATHSIG, SIGKILL));
    }
    return pid;
}

static pid_t start_taker(const char *path)
{
    pid_t pid = fork_helper();
    if (pid == 0) {
        brain_view view; /* never dropped */
        brain_store *store = check_open(path, 0);
        brain_space *space = check_space(store, "default");
        static uint8_t bytes[20000];
        CHECK_OK(brain_put_bytes(space, "a", 1, bytes, sizeof bytes));
        check_gate_open(&taken);
        for (;;) {
            check_gate_pass(&looked);
            for (int i = 0; i < N_VIEWS; i++) {
                CHECK_OK(brain_get(space, "a", 1, &view));
            }
            check_gate_open(&taken);
        }
    }
    check_gate_pass(&taken);
    return pid;
}

/* The count of pages is not that of the moment of the look at the file. */
static void test_pages_that_others_take_meanwhile_are_no_damage(const char *path)
{
    looked = check_gate_new();
    taken = check_gate_new();
    brain_store *first = check_open(path, CHECK_MIB);
    pid_t taker = start_taker(path);
    is_armed = true;
    brain_store *second = check_open(path, 0);
    is_armed = false;
    CHECK(n_looks > 0);
    check_kill(taker);
    brain_close(second);
    check_destroy(first);
    check_gate_free(&looked);
    check_gate_free(&taken);
}

#define N_PROCESSES 50
#define N_KEPT      8

/* Start one that keeps rows until `done` opens. */
static pid_t start_keeper(const char *path, struct check_gate *ready, struct check_gate *done)
{
    pid_t pid = fork_helper();
    if (pid == 0) {
        brain_store *handles[N_KEPT + 1];
        for (int i = 0; i <= N_KEPT; i++) {
            handles[i] = check_open(path, 0);
        }
        for (int i = 1; i <= N_KEPT; i++) {
            brain_close(handles[i]);
        }
        check_gate_open(ready);
        check_gate_pass(done);
        _exit(0);
    }
    check_gate_pass(ready);
    return pid;
}

/* Rows that others keep cost a fork nothing, however many there are. */
static void test_a_fork_asks_about_few_rows(const char *path)
{
    struct check_gate ready = check_gate_new(), done = check_gate_new();
    pid_t keepers[N_PROCESSES];
    brain_close(check_open(path, CHECK_MIB));
    for (int i = 0; i < N_PROCESSES; i++) {
        keepers[i] = start_keeper(path, &ready, &done);
    }
    brain_store *store = check_open(path, 0);
    CHECK(bn_client_n_rows(store) > N_PROCESSES * N_KEPT);
    n_asked = 0;
    pid_t pid = check_fork();
    if (pid == 0) {
        _exit(0);
    }
    uint32_t n = n_asked;
    CHECK_CHILD(pid);
    CHECK(n > 0 && n <= 40); /* MAX_ASKED of client.c, and some */
    for (int i = 0; i < N_PROCESSES; i++) {
        check_gate_open(&done);
    }
    for (int i = 0; i < N_PROCESSES; i++) {
        CHECK_CHILD(keepers[i]);
    }
    check_destroy(store);
    check_gate_free(&ready);
    check_gate_free(&done);
}

/* Somebody sat on the row that an open has looked at, took the lock and died, all before the open locked
 * the row's life byte: the lock must not pass for that of the newcomer, or nobody takes it over. */
static void test_the_lock_of_who_died_on_a_row_is_taken_over(const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.lock_timeout_ns = 200000000;
    brain_store *first, *second;
    CHECK_OK(brain_open(path, &options, &first));
    brain_space *space = check_space(first, "default");
    dies_in = first;
    CHECK_OK(brain_open(path, NULL, &second));
    CHECK(dies_in == NULL);
    CHECK((bn_load_seq(&first->state->lock_word) & 0x7fff) != second->row + 1);
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    CHECK_SOUND(first);
    brain_space_close(space);
    brain_close(second);
    check_destroy(first);
}

/* Start one that takes the lock, and keeps it. */
static pid_t start_holder(const char *path, struct check_gate *ready)
{
    pid_t pid = fork_helper();
    if (pid == 0) {
        CHECK_OK(bn_recover_enter(check_open(path, 0), true));
        check_gate_open(ready);
        pause();
    }
    check_gate_pass(ready);
    return pid;
}

static pid_t start_idler(const char *path, struct check_gate *ready)
{
    pid_t pid = fork_helper();
    if (pid == 0) {
        (void)check_open(path, 0);
        check_gate_open(ready);
        pause();
    }
    check_gate_pass(ready);
    return pid;
}

/* An open would reap the dead, but does not wait for a writer that has the lock. */
static void test_an_open_does_not_wait_for_the_lock(const char *path)
{
    struct check_gate ready = check_gate_new();
    brain_store *first = check_open(path, CHECK_MIB);
    pid_t idler = start_idler(path, &ready), holder = start_holder(path, &ready);
    check_kill(idler);
    n_turns = 0;
    brain_store *second = check_open(path, 0);
    CHECK(n_turns > 0 && n_turns < 100); /* in twice the 0.1 s that it may try */
    check_kill(holder);
    brain_close(second);
    check_destroy(first);
    check_gate_free(&ready);
}

int main(void)
{
    check_begin();
    const char *path = check_path();
    test_pages_that_others_take_meanwhile_are_no_damage(path);
    test_a_fork_asks_about_few_rows(path);
    test_the_lock_of_who_died_on_a_row_is_taken_over(path);
    test_an_open_does_not_wait_for_the_lock(path);
    return 0;
}
