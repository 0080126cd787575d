/* test_advance.c - commits from then on have numbers above one that is given; nothing else changes, and nobody notices
 * but by the numbers. */
#include "check.h"

#include <pthread.h>

static brain_store *store;
static brain_space *space;

static void begin(void)
{
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
}

static void end(void)
{
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static uint64_t version_of(const char *name)
{
    uint64_t version = 0;
    CHECK_OK(brain_exists(space, name, strlen(name), &version));
    return version;
}

static uint64_t put(const char *name)
{
    uint64_t version = 0;
    const brain_value value = { .kind = BRAIN_KIND_RAW };
    CHECK_OK(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, &version));
    CHECK_U64(version_of(name), version);
    return version;
}

static void check_numbers(void)
{
    begin();
    uint64_t old = version_of("a"), now = check_stat(store).committed;
    CHECK_OK(brain_advance(store, 0));
    CHECK_OK(brain_advance(store, now));
    CHECK_U64(check_stat(store).committed, now); /* it is above these */
    CHECK_OK(brain_advance(store, now + 1));
    CHECK_U64(put("b"), now + 2);
    CHECK_OK(brain_advance(store, 1000));
    CHECK_U64(put("b"), 1001);
    CHECK_U64(put("b"), 1002); /* in the short way, or not */
    CHECK_OK(brain_advance(store, 1001));
    CHECK_U64(put("b"), 1003);
    CHECK_U64(version_of("a"), old);
    CHECK_OK(brain_advance(store, (uint64_t)1 << 40));
    brain_store *other = check_open(brain_path(store), 0);
    CHECK_U64(check_stat(other).committed, (uint64_t)1 << 40);
    brain_close(other);
    CHECK_SOUND(store);

    CHECK_CODE(brain_advance(store, BRAIN_NUMBER_MAX + 1), BRAIN_E_INVAL);
    CHECK_DETAIL("2^62");
    CHECK_CODE(brain_advance(store, UINT64_MAX), BRAIN_E_INVAL);
    CHECK_OK(brain_advance(store, BRAIN_NUMBER_MAX));
    CHECK_U64(put("c"), BRAIN_NUMBER_MAX + 1);
    CHECK_OK(brain_delete(space, "c", 1, BRAIN_NUMBER_MAX + 1));
    CHECK_U64(put("c"), BRAIN_NUMBER_MAX + 3);
    end();
}

/* Every kind of change goes on from there, and every kind of look finds it. */
static void check_all_kinds(void)
{
    brain_batch *batch;
    brain_object *object;
    brain_view view;
    brain_hint hint = { 0 };
    uint64_t number = 0, version = 0;
    const brain_value value = { .kind = BRAIN_KIND_RAW };
    begin();
    for (int i = 0; i < 300; i++) { /* so that some slots are ready for the short way */
        put("b");
    }
    CHECK_OK(brain_advance(store, 1 << 20));
    int err = brain_try_put(space, "b", 1, &hint, &value, BRAIN_ANY_VERSION, &version);
    if (err == BRAIN_E_BUSY) {
        err = brain_put(space, "b", 1, &value, BRAIN_ANY_VERSION, &version);
    }
    CHECK_OK(err);
    CHECK_U64(version, (1 << 20) + 1);
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, "c", 1, &value));
    CHECK_OK(brain_batch_delete(batch, space, "a", 1));
    CHECK_OK(brain_advance(store, 1 << 21));
    CHECK_OK(brain_batch_commit(batch, &number));
    CHECK_U64(number, (1 << 21) + 1);
    brain_batch_free(batch);
    CHECK_OK(brain_create(store, 100000, &object));
    CHECK_OK(brain_advance(store, 1 << 22));
    CHECK_OK(brain_object_seal(object, space, "d", 1, &value, 0, &version));
    CHECK_U64(version, (1 << 22) + 1);
    brain_object_release(object);
    CHECK_OK(brain_advance(store, 1 << 23));
    CHECK_OK(brain_space_remove(space));
    CHECK_CODE(brain_get(space, "b", 1, &view), BRAIN_E_NOT_FOUND);
    CHECK_U64(put("b"), (1 << 23) + 2);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    end();
}

/* What was taken before shows what it showed. */
static void check_snapshots(void)
{
    brain_snapshot *before, *after;
    brain_view held, view;
    begin();
    CHECK_OK(brain_get(space, "a", 1, &held));
    CHECK_OK(brain_snapshot_open(store, &before));
    uint64_t old = brain_snapshot_number(before);
    CHECK_OK(brain_advance(store, 1000));
    CHECK_OK(brain_snapshot_open(store, &after));
    CHECK_U64(brain_snapshot_number(before), old);
    CHECK_U64(brain_snapshot_number(after), 1000);
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    CHECK_OK(brain_put_bytes(space, "b", 1, "new", 3));
    CHECK_OK(brain_trim(store, NULL));
    brain_snapshot *const both[] = { before, after };
    for (int i = 0; i < 2; i++) {
        CHECK_OK(brain_snapshot_get(both[i], space, "a", 1, &view));
        CHECK(memcmp(view.data, "old", 3) == 0 && view.version == held.version);
        brain_view_drop(&view);
        CHECK_CODE(brain_snapshot_get(both[i], space, "b", 1, &view), BRAIN_E_NOT_FOUND);
        brain_snapshot_close(both[i]);
    }
    CHECK(memcmp(held.data, "old", 3) == 0);
    brain_view_drop(&held);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_limbo, 0);
    end();
}

/* ---- who waits */

/* Until the version is above what it is. */
static void *wait_for_a(void *version)
{
    CHECK_OK(brain_wait(space, "a", 1, *(uint64_t *)version, BRAIN_FOREVER, version));
    return NULL;
}

/* Nobody is told, and a wait for a version above the last that was seen ends with the next. */
static void check_waits(void)
{
    uint64_t version = 0, number = 0;
    pthread_t thread;
    begin();
    uint64_t last = check_stat(store).committed;
    CHECK_OK(brain_advance(store, 1000));
    CHECK_CODE(brain_wait(space, "a", 1, version_of("a"), 0, &version), BRAIN_E_TIMEOUT);
    CHECK_CODE(brain_wait_space(space, last, 0, &number), BRAIN_E_TIMEOUT);
    version = version_of("a");
    CHECK(pthread_create(&thread, NULL, wait_for_a, &version) == 0);
    CHECK_OK(brain_advance(store, 2000));
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_U64(version, 2001);
    CHECK_OK(brain_wait_space(space, last, 0, &number));
    CHECK_U64(number, 2001);
    end();
}

/* ---- of others */

/* A change that a dead writer left open is undone first, or its number would count as committed. It dies holding the
 * lock, in the middle of puts that it makes all the time: at any moment. */
static void check_dead_writer(void)
{
    begin();
    brain_space *spaces[2] = { check_space(store, "left"), check_space(store, "right") };
    struct check_gate ready = check_gate_new();
    uint64_t *n_puts = check_shared(sizeof *n_puts), n_recoveries = 0;
    for (uint64_t i = 0; i < 150; i++) {
        pid_t pid = check_fork();
        if (pid == 0) {
            brain_batch *batch;
            CHECK_OK(brain_batch_new(store, &batch));
            check_gate_open(&ready);
            for (;; ++*n_puts) {
                for (int k = 0; k < 2; k++) {
                    brain_part part = { .data = n_puts, .size_bytes = 8 };
                    brain_value value = { .parts = &part, .n_parts = 1 };
                    CHECK_OK(brain_batch_put(batch, spaces[k], "name", 4, &value));
                }
                CHECK_OK(brain_batch_commit(batch, NULL));
            }
        }
        check_gate_pass(&ready);
        uint64_t from = *(volatile uint64_t *)n_puts, n = 20 + check_below(200);
        while (*(volatile uint64_t *)n_puts < from + n) {
            CHECK(waitpid(pid, NULL, WNOHANG) == 0);
        }
        check_kill(pid);
        uint64_t number = check_stat(store).committed + 1 + check_below(3);
        CHECK_OK(brain_advance(store, number));
        CHECK(check_stat(store).committed >= number);
        brain_view left, right;
        CHECK_OK(brain_get(spaces[0], "name", 4, &left));
        CHECK_OK(brain_get(spaces[1], "name", 4, &right));
        CHECK_U64(left.version, right.version);
        CHECK(memcmp(left.data, right.data, 8) == 0);
        brain_view_drop(&left);
        brain_view_drop(&right);
        CHECK_SOUND(store);
        n_recoveries = check_stat(store).n_recoveries;
    }
    printf("%llu of 150 died with the lock\n", (unsigned long long)n_recoveries);
    CHECK(munmap(n_puts, sizeof *n_puts) == 0);
    check_gate_free(&ready);
    brain_space_close(spaces[0]);
    brain_space_close(spaces[1]);
    end();
}

/* Several at once, beside puts: numbers only rise, and each put is above what was advanced to before it. */
static void check_many(void)
{
    enum {
        N = 3
    };
    pid_t pids[N];
    begin();
    uint64_t start = check_stat(store).committed;
    for (uint64_t i = 0; i < N; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            uint64_t last = 0;
            for (uint64_t n = 0; n < 2000; n++) {
                uint64_t number = check_stat(store).committed + check_below(5);
                CHECK_OK(brain_advance(store, number));
                uint64_t version = 0;
                const brain_value value = { .kind = BRAIN_KIND_RAW };
                CHECK_OK(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, &version));
                CHECK(version > number && version > last);
                last = version;
            }
            _exit(0);
        }
    }
    for (int i = 0; i < N; i++) {
        CHECK_CHILD(pids[i]);
    }
    CHECK(check_stat(store).committed >= start + N * 2000);
    end();
}

int main(void)
{
    check_begin();
    check_state = check_new_seed();
    check_numbers();
    check_all_kinds();
    check_snapshots();
    check_waits();
    check_dead_writer();
    check_many();
    return 0;
}
