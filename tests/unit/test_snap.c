/* test_snap.c - snapshots: how many, what they keep, and that it comes back. */
#include "check.h"

#include "base/hash.h"
#include "handle.h"
#include "lock.h"
#include "recover.h"
#include "txn.h"

static brain_store *store;
static brain_space *space;

static void begin(void)
{
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
}

static void end(void)
{
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void check_limit(void)
{
    brain_snapshot *snapshots[BRAIN_SNAPSHOTS_MAX], *ninth = NULL;
    brain_iter *iter = NULL;
    begin();
    for (uint32_t i = 0; i < BRAIN_SNAPSHOTS_MAX; i++) {
        CHECK_OK(brain_snapshot_open(store, &snapshots[i]));
        CHECK_U64(check_stat(store).n_snapshots, i + 1);
    }
    CHECK_CODE(brain_snapshot_open(store, &ninth), BRAIN_E_BUSY);
    CHECK(ninth == NULL);
    CHECK_CODE(brain_iter_names(space, NULL, &iter), BRAIN_E_BUSY);
    CHECK_OK(brain_iter_names(space, snapshots[3], &iter));
    brain_iter_free(iter);
    brain_snapshot_close(snapshots[5]);
    CHECK_OK(brain_snapshot_open(store, &snapshots[5]));
    for (uint32_t i = 0; i < BRAIN_SNAPSHOTS_MAX; i++) {
        brain_snapshot_close(snapshots[i]);
    }
    CHECK_U64(check_stat(store).n_snapshots, 0);
    brain_snapshot_close(NULL);
    end();
}

/* Deletes under a snapshot leave tombstones; they go when it is closed, and the memory comes back. */
static void check_tombstones(void)
{
    enum {
        N = 300
    };
    static uint8_t data[8000];
    brain_snapshot *snapshot;
    brain_view view;
    begin();
    CHECK_OK(brain_space_create(space));
    for (uint32_t i = 0; i < N; i++) {
        check_fill(data, sizeof data, i);
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, data, i % 2 == 0 ? sizeof data : 20));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    for (uint32_t i = 0; i < N; i++) {
        CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
        if (i % 3 == 0) { /* over the tombstone */
            CHECK_OK(brain_put_bytes(space, &i, sizeof i, "again", 5));
        }
        if (i % 6 == 0) {
            CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
        }
    }
    CHECK_SOUND(store);
    CHECK_OK(brain_trim(store, NULL));
    CHECK(check_stat(store).limbo_bytes >= N / 2 * sizeof data);
    for (uint32_t i = 0; i < N; i++) {
        uint64_t size = i % 2 == 0 ? sizeof data : 20;
        CHECK_OK(brain_snapshot_get(snapshot, space, &i, sizeof i, &view));
        CHECK(view.size_bytes == size && check_is_filled(view.data, size, i));
        brain_view_drop(&view);
        CHECK_CODE(brain_exists(space, &i, sizeof i, NULL), i % 6 == 3 ? 0 : BRAIN_E_NOT_FOUND);
    }
    brain_snapshot_close(snapshot);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_limbo, 0);
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_U64(check_stat(store).value_backed_bytes, 0);
    CHECK_U64(check_live(store), 5 * N / 6);
    end();
}

/* A removed namespace stays readable in a snapshot, also when one of the same name is there again. */
static void check_removed_space(void)
{
    enum {
        N = 200
    };
    brain_snapshot *snapshot;
    brain_view view;
    brain_iter *iter;
    const void *name;
    size_t len;
    uint32_t n = 0;
    begin();
    for (uint32_t i = 0; i < N; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, &i, sizeof i));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_space_remove(space));
    CHECK_U64(check_live(store), 0);
    CHECK_OK(brain_put_bytes(space, "new", 3, "1", 1));
    CHECK_OK(brain_trim(store, NULL));
    CHECK_SOUND(store);
    for (uint32_t i = 0; i < N; i++) {
        CHECK_OK(brain_snapshot_get(snapshot, space, &i, sizeof i, &view));
        CHECK(view.size_bytes == sizeof i && memcmp(view.data, &i, sizeof i) == 0);
        brain_view_drop(&view);
    }
    CHECK_CODE(brain_snapshot_get(snapshot, space, "new", 3, &view), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_iter_names(space, snapshot, &iter));
    while (brain_iter_next(iter, &name, &len) == 0) {
        CHECK(len == sizeof(uint32_t));
        n++;
    }
    brain_iter_free(iter);
    CHECK_U64(n, N);
    brain_snapshot_close(snapshot);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_limbo, 0);
    CHECK_U64(check_stat(store).n_objects, 1);
    end();
}

/* The registration of a dead process counts no more. */
static void check_dead_reader(void)
{
    begin();
    struct check_gate ready = check_gate_new();
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_snapshot *snapshot;
        CHECK_OK(brain_snapshot_open(store, &snapshot));
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).limbo_bytes, 3);
    check_kill(pid);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_U64(check_stat(store).n_snapshots, 0);
    check_gate_free(&ready);
    end();
}

/* More than writers keep a list of: they go by the oldest alone, and nothing that one needs is lost. */
static void check_more_than_are_listed(void)
{
    enum {
        N = 10
    };
    static uint8_t data[20000];
    brain_store *stores[N];
    brain_snapshot *snapshots[N * BRAIN_SNAPSHOTS_MAX];
    brain_view view;
    begin();
    for (uint64_t i = 0; i < N * BRAIN_SNAPSHOTS_MAX; i++) {
        if (i % BRAIN_SNAPSHOTS_MAX == 0) {
            stores[i / BRAIN_SNAPSHOTS_MAX] = check_open(brain_path(store), 0);
        }
        check_fill(data, sizeof data, i);
        CHECK_OK(brain_put_bytes(space, "large", 5, data, sizeof data));
        CHECK_OK(brain_snapshot_open(stores[i / BRAIN_SNAPSHOTS_MAX], &snapshots[i]));
    }
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
    for (uint64_t i = 0; i < N * BRAIN_SNAPSHOTS_MAX; i++) {
        CHECK_OK(brain_snapshot_get(snapshots[i], space, "large", 5, &view));
        CHECK(view.size_bytes == sizeof data && check_is_filled(view.data, sizeof data, i));
        brain_view_drop(&view);
        brain_snapshot_close(snapshots[i]);
    }
    for (int i = 0; i < N; i++) {
        brain_close(stores[i]);
    }
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    end();
}

/* ---- what was kept goes with the next change, whatever it is */

#define LARGE 100000u

static void put_large(void)
{
    static const uint8_t data[LARGE];
    CHECK_OK(brain_put_bytes(space, "large", 5, data, sizeof data));
}

/* A change that has nothing to do with it. */
static void change(void)
{
    brain_space *other = check_space(store, "other");
    CHECK_OK(brain_put_bytes(other, "small", 5, "1", 1));
    brain_space_close(other);
}

static void check_close_is_told(void)
{
    brain_snapshot *snapshot;
    begin();
    change();
    put_large();
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    put_large();
    CHECK(check_stat(store).limbo_bytes >= LARGE);
    change();
    CHECK(check_stat(store).limbo_bytes >= LARGE);
    brain_snapshot_close(snapshot);
    change();
    CHECK(check_stat(store).limbo_bytes < LARGE);
    end();
}

/* The names of a namespace that was removed under a snapshot go when a writer comes by after it: all of them, though
 * they are in several segments of its list. */
static void check_removed_space_is_looked_after(void)
{
    static const uint8_t data[5000];
    brain_snapshot *snapshot;
    begin();
    change();
    put_large();
    for (uint32_t i = 0; i < 400; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, data, sizeof data));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_space_remove(space));
    brain_snapshot_close(snapshot);
    CHECK(check_stat(store).limbo_bytes >= LARGE); /* in the index still, but counted */
    change();
    CHECK(check_stat(store).limbo_bytes < sizeof data);
    end();
}

/* A child that died with a view of it, or with a snapshot: whoever reaps it has the next change look. */
static void check_dead_child(bool with_view)
{
    begin();
    change();
    put_large();
    struct check_gate ready = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_snapshot *snapshot;
        brain_view view;
        if (with_view) {
            CHECK_OK(brain_get(space, "large", 5, &view));
        } else {
            CHECK_OK(brain_snapshot_open(store, &snapshot));
        }
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    CHECK(check_stat(store).limbo_bytes >= LARGE);
    check_kill(pid);
    uint32_t n = 0;
    CHECK_OK(brain_reap(store, &n));
    CHECK_U64(n, 1);
    change();
    CHECK(check_stat(store).limbo_bytes < LARGE);
    check_gate_free(&ready);
    end();
}

/* ---- a walk beside a transaction that is undone */

/* A put into each of `n` namespaces, of a name that is not there, up to where it is to be committed: the cells of the
 * names are linked. The lock is ours until it is undone. */
static void put_uncommitted(brain_space *const *spaces, uint32_t n)
{
    brain_store *its = spaces[0]->store;
    struct bn_change changes[2];
    CHECK_OK(bn_recover_enter(its, true));
    CHECK_OK(bn_txn_begin(its, n));
    for (uint32_t i = 0; i < n; i++) {
        struct bn_space_ref ref;
        CHECK_OK(bn_handle_resolve(spaces[i], &ref));
        changes[i] = (struct bn_change){ .name = "new",
                                         .name_len = 3,
                                         .hash = bn_hash_name(its->hash_seed, ref.id, "new", 3),
                                         .space_id = ref.id,
                                         .space_gen = ref.gen,
                                         .if_version = BRAIN_ANY_VERSION,
                                         .has_description = true };
        CHECK_OK(bn_txn_find(its, &changes[i]));
        CHECK_OK(bn_txn_take(its, &changes[i]));
    }
    for (uint32_t i = 0; i < n; i++) {
        CHECK_OK(bn_txn_swing(its, &changes[i]));
    }
}

/* Who walks has followed the link to a fresh segment when its writer is killed; whoever comes next undoes that. */
static void check_link_of_a_dead_writer(void)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    begin();
    change();
    CHECK_OK(brain_space_create(space));
    struct check_gate ready = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_space *its = check_space(check_open(brain_path(store), 0), "default");
        put_uncommitted(&its, 1);
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    check_kill(pid);
    change(); /* takes no segment */
    CHECK_U64(check_stat(store).n_recoveries, 1);
    CHECK_CODE(brain_iter_next(iter, &name, &len), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_iter_next(iter, &name, &len), BRAIN_E_NOT_FOUND);
    brain_iter_free(iter);
    check_gate_free(&ready);
    end();
}

/* The same of one who gives up; and then the memory of that segment, which was not the first that was taken, is the
 * middle of a larger one, whose cells are no head. */
static void check_link_into_a_larger_segment(void)
{
    enum {
        FIRST = 12, /* names in the first segment of a list */
        N = 60
    };
    brain_iter *iter;
    const void *name;
    size_t len;
    begin();
    CHECK_OK(brain_space_create(space));
    brain_space *beside = check_space(store, "beside"), *larger = check_space(store, "larger");
    CHECK_OK(brain_space_create(beside));
    for (uint32_t i = 0; i < FIRST; i++) {
        CHECK_OK(brain_put_bytes(larger, &i, sizeof i, "1", 1));
    }
    put_uncommitted((brain_space *[]){ beside, space }, 2);
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    CHECK_OK(bn_txn_abort(store, 0));
    bn_lock_release(store);
    for (uint32_t i = FIRST; i < N; i++) {
        CHECK_OK(brain_put_bytes(larger, &i, sizeof i, "1", 1));
    }
    CHECK_CODE(brain_iter_next(iter, &name, &len), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_iter_next(iter, &name, &len), BRAIN_E_NOT_FOUND);
    brain_iter_free(iter);
    brain_space_close(beside);
    brain_space_close(larger);
    end();
}

/* Two walks with one snapshot give the same order, whatever is put and deleted meanwhile; names in several segments, of
 * which some have none that the walk sees. */
static void check_order(void)
{
    enum {
        N = 500
    };
    static uint32_t names[N];
    brain_snapshot *snapshot;
    begin();
    for (uint32_t i = 0; i < N; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, "1", 1));
    }
    for (uint32_t i = 0; i < N; i += i < 20 || i > 400 ? 2 : 1) {
        CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    for (int walk = 0; walk < 3; walk++) {
        brain_iter *iter;
        const void *name;
        size_t len;
        uint32_t n = 0;
        CHECK_OK(brain_iter_names(space, snapshot, &iter));
        while (brain_iter_next(iter, &name, &len) == 0) {
            CHECK(len == sizeof(uint32_t) && n < N);
            CHECK(walk == 0 || memcmp(&names[n], name, len) == 0);
            memcpy(&names[n++], name, len);
        }
        CHECK_U64(n, 10 + 49);
        brain_iter_free(iter);
        for (uint32_t i = 0; i < N; i++) {
            uint32_t new_name = N * (uint32_t)(walk + 1) + i;
            CHECK_OK(brain_put_bytes(space, &new_name, sizeof new_name, "2", 1));
            int err = brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        }
    }
    brain_snapshot_close(snapshot);
    end();
}

int main(void)
{
    check_begin();
    check_link_of_a_dead_writer();
    check_link_into_a_larger_segment();
    check_order();
    check_more_than_are_listed();
    check_close_is_told();
    check_removed_space_is_looked_after();
    check_dead_child(true);
    check_dead_child(false);
    check_limit();
    check_tombstones();
    check_removed_space();
    check_dead_reader();
    return 0;
}
