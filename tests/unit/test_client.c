/* test_client.c - rows of the dead: reaped in short steps. */
#include "check.h"

#include "lock.h"
#include "recover.h"

static const char *path;

/* What somebody has who is about to die. */
static void hold_things(brain_store *store, uint32_t n_objects)
{
    brain_space *space = check_space(store, "default");
    brain_view view;
    brain_snapshot *snapshot;
    brain_object *object;
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    for (int i = 0; i < 1500; i++) { /* more than a page of the ledger */
        CHECK_OK(brain_get(space, "a", 1, &view));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    for (uint32_t i = 0; i < n_objects; i++) {
        CHECK_OK(brain_create(store, 5000, &object));
    }
}

static void end(brain_store *store)
{
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_clients, 1);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(store->clients->n_snaps, 0);
    CHECK_SOUND(store);
    brain_client clients[1];
    size_t n = 0;
    CHECK_OK(brain_clients(store, clients, 1, &n));
    CHECK_U64(n, 1);
    CHECK_U64(clients[0].alive, true);
    check_destroy(store);
}

static uint64_t n_holdings(const brain_store *store)
{
    return store->state->lock_word / BN_LOCK_EPOCH;
}

static void check_reaping_in_steps(void)
{
    enum { N = 1000 };
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        hold_things(store, N);
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_U64(store->state->n_private, N);
    uint64_t before = n_holdings(store);
    CHECK_OK(bn_recover_reap(store, true, NULL));
    CHECK_U64(store->state->n_private, 0);
    CHECK(n_holdings(store) - before > N / 200);
    end(store);
}

/* He who takes the lock from the dead does not do all of it, and another goes on. */
static void check_half_reaped(void)
{
    enum { N = 1000 };
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    pid_t pid = check_fork();
    if (pid == 0) {
        uint32_t died;
        hold_things(store, N);
        CHECK_OK(bn_lock_acquire(store, true, &died));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_OK(brain_put_bytes(space, "b", 1, "b", 1));
    CHECK(store->state->n_private > N / 2 && store->state->n_private < N);
    brain_close(check_open(path, 0));
    CHECK_U64(store->state->n_private, 0);
    brain_space_close(space);
    end(store);
}

int main(void)
{
    check_begin();
    check_reaping_in_steps();
    check_half_reaped();
    return 0;
}
