/* test_lock.c - the writer lock: taken over from the dead, a timeout that names who is stopped, contention. */
#include "check.h"

#include <pthread.h>

#include "journal.h"
#include "lock.h"
#include "recover.h"
#include "slot.h"

/* A child that opens the store, takes the lock, and stays. */
static pid_t hold_in_child(const char *path, struct check_gate *ready)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        uint32_t died;
        brain_store *store = check_open(path, 0);
        CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
        CHECK_U64(died, 0);
        bn_journal_begin(store); /* in the middle of a change */
        bn_journal_u64(store, &store->state->limbo_bytes, 12345);
        check_gate_open(ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(ready);
    return pid;
}

static void check_take_over(void)
{
    const char *path = check_path();
    struct check_gate ready = check_gate_new();
    brain_store *store = check_open(path, CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    for (int i = 0; i < 20; i++) {
        uint64_t recoveries = check_stat(store).n_recoveries;
        pid_t pid = hold_in_child(path, &ready);
        CHECK_U64(store->state->limbo_bytes, 12345);
        check_kill(pid);
        CHECK_OK(brain_put_bytes(space, "a", 1, "2", 1));
        CHECK_U64(check_stat(store).n_recoveries, recoveries + 1);
        CHECK(store->state->limbo_bytes < 100); /* undone */
        CHECK_SOUND(store);
        CHECK_U64(check_stat(store).n_clients, 1);
    }
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

static void check_stopped_owner(void)
{
    const char *path = check_path();
    struct check_gate ready = check_gate_new();
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.lock_timeout_ns = 20 * 1000 * 1000;
    brain_store *store;
    CHECK_OK(brain_open(path, &options, &store));
    brain_space *space = check_space(store, "default");
    brain_view view;
    char number[32];
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    pid_t pid = hold_in_child(path, &ready);
    CHECK_SYS(kill(pid, SIGSTOP));
    CHECK_CODE(brain_put_bytes(space, "a", 1, "new", 3), BRAIN_E_TIMEOUT);
    snprintf(number, sizeof number, "process %d ", (int)pid);
    CHECK_DETAIL(number);
    CHECK_DETAIL("test_lock");
    CHECK_CODE(brain_delete(space, "a", 1, BRAIN_ANY_VERSION), BRAIN_E_TIMEOUT);
    CHECK_CODE(brain_trim(store, NULL), BRAIN_E_TIMEOUT);
    /* Readers do not notice, and attaching does not either. */
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK(view.size_bytes == 3 && memcmp(view.data, "old", 3) == 0);
    brain_view_drop(&view);
    brain_store *second = check_open(path, 0);
    CHECK_U64(check_stat(second).n_clients, 4); /* the child has inherited one, and opened one */
    brain_close(second);
    check_kill(pid);
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    CHECK_SOUND(store);
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

/* A waiter's death disturbs nobody, and is not taken for the owner's. */
static void check_dead_waiter(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, CHECK_MIB);
    brain_space *space = check_space(store, "default");
    struct check_gate ready = check_gate_new();
    uint32_t died;
    CHECK_OK(brain_space_create(space));
    CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *own = check_open(path, 0);
        brain_space *its = check_space(own, "default");
        check_gate_open(&ready);
        (void)!brain_put_bytes(its, "waiter", 6, "", 0); /* never gets that far */
        _exit(1);
    }
    check_gate_pass(&ready);
    while ((store->state->lock_word & BN_LOCK_WAITERS) == 0) {
        sched_yield();
    }
    check_kill(pid);
    CHECK_U64(store->state->lock_word & BN_LOCK_OWNER, store->row + 1);
    bn_lock_release(store);
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    CHECK_CODE(brain_exists(space, "waiter", 6, NULL), BRAIN_E_NOT_FOUND);
    CHECK_U64(check_stat(store).n_recoveries, 0);
    CHECK_SOUND(store);
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- contention */

#define N_THREADS 4
#define N_ROUNDS  20000

struct shared {
    brain_store *store;
    uint64_t counter; /* guarded by the lock alone */
    _Atomic uint32_t inside;
};

static void count_up(struct shared *shared)
{
    for (int i = 0; i < N_ROUNDS; i++) {
        CHECK_OK(bn_recover_enter(shared->store, true));
        CHECK_U64(shared->inside++, 0);
        shared->counter++;
        shared->inside--;
        bn_lock_release(shared->store);
    }
}

static void *thread(void *argument)
{
    count_up(argument);
    return NULL;
}

static void check_contention(void)
{
    pthread_t threads[N_THREADS];
    struct shared *shared = check_shared(sizeof *shared);
    shared->store = check_open(check_path(), CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        count_up(shared); /* the store goes with the fork */
        _exit(0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, thread, shared) == 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_CHILD(pid);
    CHECK_U64(shared->counter, (N_THREADS + 1) * N_ROUNDS);
    CHECK_U64(shared->store->state->lock_word & (BN_LOCK_OWNER | BN_LOCK_WAITERS), 0);
    check_destroy(shared->store);
}

/* Who holds it is another thread of this process; and what somebody gives up meanwhile goes back with the next change,
 * whoever makes that. */
static void check_held_here(void)
{
    const char *path = check_path();
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store, *second = check_open(path, 16 * CHECK_MIB);
    static uint8_t bytes[50000];
    brain_part part = { .data = bytes, .size_bytes = sizeof bytes };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    brain_object *object;
    brain_batch *batch;
    uint32_t died;
    options.lock_timeout_ns = 5 * 1000 * 1000;
    CHECK_OK(brain_open(path, &options, &store));
    brain_space *space = check_space(store, "default");
    CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
    CHECK_CODE(brain_put_bytes(space, "a", 1, "1", 1), BRAIN_E_TIMEOUT);
    CHECK_DETAIL("another thread of this process");
    bn_lock_release(store);
    CHECK_OK(brain_create(store, 50000, &object));
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t name = 0; name < 5; name++) {
        CHECK_OK(brain_batch_put(batch, space, &name, sizeof name, &value));
    }
    CHECK_U64(check_stat(store).private_bytes, 300000);
    uint64_t before[BRAIN_N_COUNTS], after[BRAIN_N_COUNTS];
    CHECK_OK(brain_counts(store, before));
    CHECK_OK(bn_lock_acquire(second, true, &died, &(uint64_t){ 0 }));
    brain_tell_error("what was said before");
    brain_object_release(object);
    brain_batch_free(batch);
    CHECK_DETAIL("what was said before");
    CHECK_OK(brain_counts(store, after)); /* who has waited in vain once does not wait for each */
    CHECK_U64(after[BRAIN_COUNT_LOCK_WAITS] - before[BRAIN_COUNT_LOCK_WAITS], 1);
    bn_lock_release(second);
    CHECK_U64(check_stat(store).private_bytes, 300000);
    CHECK_SOUND(second);
    brain_space *its = check_space(second, "default");
    CHECK_OK(brain_put_bytes(its, "a", 1, "1", 1));
    CHECK_U64(check_stat(store).private_bytes, 0);
    brain_space_close(its);
    brain_space_close(space);
    pid_t pid = check_fork(); /* the handle's client ends with whoever has it */
    if (pid == 0) {
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_SOUND(second);
    brain_close(store);
    check_destroy(second);
}

/* A death between the two steps by which that is done, taking the name off it and having somebody look: the dead had
 * it no more, and no look is due. */
static void check_dead_after_letting_go(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, 16 * CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_object *object;
        brain_store *its = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
        CHECK_OK(brain_create(its, 50000, &object));
        CHECK_U64(bn_set_count(its, BN_SET_PRIVATE), 1);
        uint32_t slot = bn_set_get(its, BN_SET_PRIVATE, 0);
        bn_slot_abandon(its, slot, bn_slot_cold(its, slot));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_U64(check_stat(store).private_bytes, 50000);
    brain_object_info info = { .struct_size = sizeof info };
    uint32_t cursor = 0;
    size_t n = 0;
    CHECK_OK(brain_objects(store, BRAIN_OBJECT_DRAFT, &cursor, &info, 1, &n));
    CHECK(n == 1 && info.size_bytes == 50000 && info.client == BRAIN_NO_CLIENT);
    CHECK_SOUND(store);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_SOUND(store);
    check_destroy(store);
}

/* Who has the lock dies in a step that is undone, and had noted where another's slot stood, whose owner has let go of
 * it since, and left: it is nobody's all the same. */
static void check_undone_after_letting_go(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, 16 * CHECK_MIB), *leaver;
    brain_options options = { .struct_size = sizeof options, .lock_timeout_ns = 5 * 1000 * 1000 };
    brain_object *object;
    struct check_gate first = check_gate_new(), second = check_gate_new(), noted = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *its = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
        CHECK_OK(brain_create(its, 50000, &object));
        check_gate_open(&first);
        check_gate_pass(&second);
        uint32_t slot = bn_set_get(its, BN_SET_PRIVATE, 0);
        CHECK_OK(bn_recover_enter(its, true));
        bn_journal_begin(its);
        CHECK_OK(bn_set_remove(its, BN_SET_PRIVATE, slot, bn_slot_cold(its, slot)));
        check_gate_open(&noted);
        for (;;) {
            pause();
        }
    }
    CHECK_OK(brain_open(path, &options, &leaver));
    check_gate_pass(&first);
    CHECK_OK(brain_create(leaver, 70000, &object));
    check_gate_open(&second);
    check_gate_pass(&noted);
    brain_object_release(object);
    brain_close(leaver);
    CHECK_SYS(kill(pid, SIGKILL));
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_SOUND(store);
    check_gate_free(&first);
    check_gate_free(&second);
    check_gate_free(&noted);
    check_destroy(store);
}

/* More of them than are freed in one holding of the lock go with one change. */
static void check_many_let_go(void)
{
    enum {
        N = 300,
        SIZE = 5000
    };
    const char *path = check_path();
    brain_options options = { .struct_size = sizeof options, .lock_timeout_ns = 1000 * 1000 };
    brain_store *store, *second = check_open(path, 16 * CHECK_MIB);
    brain_object *objects[N];
    uint32_t died;
    CHECK_OK(brain_open(path, &options, &store));
    for (int i = 0; i < N; i++) {
        CHECK_OK(brain_create(store, SIZE, &objects[i]));
    }
    CHECK_OK(bn_lock_acquire(second, true, &died, &(uint64_t){ 0 }));
    for (int i = 0; i < N; i++) {
        brain_object_release(objects[i]);
    }
    bn_lock_release(second);
    CHECK_U64(check_stat(second).private_bytes, (uint64_t)N * SIZE);
    brain_space *space = check_space(second, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    CHECK_U64(check_stat(second).private_bytes, 0);
    CHECK_SOUND(second);
    brain_space_close(space);
    brain_close(store);
    check_destroy(second);
}

int main(void)
{
    check_begin();
    check_held_here();
    check_dead_after_letting_go();
    check_undone_after_letting_go();
    check_many_let_go();
    check_take_over();
    check_stopped_owner();
    check_dead_waiter();
    check_contention();
    return 0;
}
