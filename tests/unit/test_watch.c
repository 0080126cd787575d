/* test_watch.c - waiting for a name and for a namespace, across processes. */
#include "check.h"

#include <sys/time.h>

#define MS ((int64_t)1000 * 1000)

static const char *path;
static brain_store *store;
static brain_space *space;
static struct check_gate ready;

static void begin(void)
{
    path = check_path();
    store = check_open(path, CHECK_MIB);
    space = check_space(store, "default");
    ready = check_gate_new();
}

static void end(void)
{
    CHECK_SOUND(store);
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

/* What a child waits for; it ends well once it has seen a version above `version`. */
static pid_t waiter(const char *name, bool of_space, uint64_t version)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *own = check_open(path, 0);
        brain_space *its = check_space(own, "default");
        uint64_t seen = 0;
        check_gate_open(&ready);
        if (of_space) {
            CHECK_OK(brain_wait_space(its, version, BRAIN_FOREVER, &seen));
        } else {
            CHECK_OK(brain_wait(its, name, strlen(name), version, BRAIN_FOREVER, &seen));
        }
        CHECK(seen > version);
        _exit(0);
    }
    check_gate_pass(&ready);
    return pid;
}

static void check_name(void)
{
    begin();
    uint64_t version = 0;
    CHECK_OK(brain_put_bytes(space, "other", 5, "", 0));
    for (int i = 0; i < 30; i++) { /* absent at first, then an ever newer version */
        pid_t pids[3];
        for (int k = 0; k < 3; k++) {
            pids[k] = waiter("name", false, version);
        }
        CHECK_OK(brain_put_bytes(space, "other", 5, "", 0));
        CHECK_OK(brain_put_bytes(space, "name", 4, "x", 1));
        for (int k = 0; k < 3; k++) {
            CHECK_CHILD(pids[k]);
        }
        CHECK_OK(brain_exists(space, "name", 4, &version));
    }
    uint64_t seen = 0;
    CHECK_OK(brain_wait(space, "name", 4, version - 1, 0, &seen)); /* it is there already */
    CHECK_U64(seen, version);
    end();
}

static void check_timeout(void)
{
    begin();
    uint64_t seen = 7;
    CHECK_CODE(brain_wait(space, "name", 4, 0, 0, &seen), BRAIN_E_TIMEOUT);
    CHECK_CODE(brain_wait(space, "name", 4, 0, 20 * MS, &seen), BRAIN_E_TIMEOUT);
    CHECK_OK(brain_put_bytes(space, "name", 4, "", 0));
    uint64_t version = 0;
    CHECK_OK(brain_exists(space, "name", 4, &version));
    CHECK_CODE(brain_wait(space, "name", 4, version, 20 * MS, &seen), BRAIN_E_TIMEOUT);
    CHECK_CODE(brain_wait_space(space, version, 20 * MS, &seen), BRAIN_E_TIMEOUT);
    CHECK_U64(seen, 7);
    CHECK_OK(brain_wait(space, "name", 4, 0, BRAIN_FOREVER - 1, &seen)); /* no overflow */
    CHECK_U64(seen, version);
    end();
}

static volatile sig_atomic_t n_signals;
static void on_signal(int number)
{
    (void)number;
    n_signals++;
}

static void check_interrupted(void)
{
    begin();
    struct sigaction action = { .sa_handler = on_signal };
    struct itimerval often = { .it_interval = { 0, 5000 }, .it_value = { 0, 5000 } }, never = { 0 };
    uint64_t seen = 0;
    CHECK_SYS(sigaction(SIGALRM, &action, NULL));
    CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
    CHECK_CODE(brain_wait(space, "name", 4, 0, BRAIN_FOREVER, &seen), BRAIN_E_INTR);
    CHECK(n_signals > 0);
    CHECK_CODE(brain_wait_space(space, 1000000, BRAIN_FOREVER, &seen), BRAIN_E_INTR);
    CHECK_SYS(setitimer(ITIMER_REAL, &never, NULL));
    end();
}

static void check_space_changes(void)
{
    begin();
    uint64_t number = 0;
    brain_batch *batch;
    for (int i = 0; i < 6; i++) {
        pid_t pid = waiter(NULL, true, number);
        switch (i) {
        case 0:
            CHECK_OK(brain_space_create(space));
            break;
        case 1:
            CHECK_OK(brain_put_bytes(space, "a", 1, "", 0));
            break;
        case 2:
            CHECK_OK(brain_put_bytes(space, "a", 1, "", 0));
            break;
        case 3:
            CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
            break;
        case 4:
            CHECK_OK(brain_batch_new(store, &batch));
            CHECK_OK(brain_batch_delete(batch, space, "nothing", 7));
            brain_value value = { .kind = BRAIN_KIND_NONE };
            CHECK_OK(brain_batch_put(batch, space, "b", 1, &value));
            CHECK_OK(brain_batch_commit(batch, NULL));
            brain_batch_free(batch);
            break;
        default:
            CHECK_OK(brain_space_remove(space));
        }
        CHECK_CHILD(pid);
        CHECK_OK(brain_wait_space(space, number, 0, &number));
    }
    end();
}

/* Who sleeps and is killed harms nobody; a destroyed store wakes all. */
static void check_killed_waiter(void)
{
    begin();
    pid_t dead = waiter("name", false, 0), alive = waiter("name", false, 0);
    check_kill(dead);
    CHECK_OK(brain_put_bytes(space, "name", 4, "", 0));
    CHECK_CHILD(alive);
    dead = waiter("other", false, 0);
    check_kill(dead);
    for (int i = 0; i < 100; i++) {
        CHECK_OK(brain_put_bytes(space, "other", 5, "", 0));
    }
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_clients, 1);
    pid_t pid = check_fork();
    if (pid == 0) {
        uint64_t seen;
        check_gate_open(&ready);
        CHECK_CODE(brain_wait(space, "never", 5, 0, BRAIN_FOREVER, &seen), BRAIN_E_DESTROYED);
        _exit(0);
    }
    check_gate_pass(&ready);
    CHECK_SOUND(store);
    CHECK_OK(brain_destroy(store));
    CHECK_CHILD(pid);
    check_gate_free(&ready);
    brain_space_close(space);
    brain_close(store);
}

int main(void)
{
    check_begin();
    check_name();
    check_timeout();
    check_interrupted();
    check_space_changes();
    check_killed_waiter();
    return 0;
}
