/* test_evict.c - what a store does that is full, in the modes other than `error`: what goes, and what stays. F1 and F2
 * of docs/design/0013. How the room is made is in test_make_room.c. */
#include "check.h"

#include "../../src/hits.h"
#include "../../src/pin.h"
#include "../../src/stage.h"
#include "crowd.h"

/* ---- the mode */

static void check_modes(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU), *other, *bad = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.full = 3;
    CHECK_CODE(brain_open("/dev/shm/none", &options, &bad), BRAIN_E_INVAL);
    CHECK_U64(brain_full_mode(store), BRAIN_FULL_LRU);
    options.full = BRAIN_FULL_SPILL; /* of a store that is there nobody asks */
    CHECK_OK(brain_open(brain_path(store), &options, &other));
    CHECK_U64(brain_full_mode(other), BRAIN_FULL_LRU);
    CHECK_CODE(brain_set_full(other, 3), BRAIN_E_INVAL);
    CHECK_OK(brain_set_full(other, BRAIN_FULL_ERROR));
    CHECK_U64(brain_full_mode(store), BRAIN_FULL_ERROR);
    brain_close(other);
    other = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    CHECK_CODE(brain_set_full(other, BRAIN_FULL_LRU), BRAIN_E_PERM);
    CHECK_CODE(brain_on_full(other, NULL, NULL), BRAIN_E_PERM);
    CHECK_U64(brain_full_mode(other), BRAIN_FULL_ERROR);
    brain_close(other);
    check_destroy(store);
}

/* A store in mode `error` loses nothing; told to, it goes on. */
static void check_turned_on(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_ERROR);
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_CODE(crowd_put(space, 10, 10000), BRAIN_E_FULL);
    CHECK_U64(crowd_count(space, 0, 10), 10);
    CHECK_U64(check_stat(store).n_evicted, 0);
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    CHECK_OK(crowd_put(space, 10, 10000));
    CHECK(!crowd_has(space, 0)); /* put first */
    CHECK_U64(crowd_count(space, 1, 11), 10);
    CHECK_U64(check_stat(store).n_evicted, 1);
    CHECK_U64(check_stat(store).evicted_bytes, 10000);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- what goes */

enum how {
    BY_GET,
    BY_COPY,
    BY_HINT,
    BY_MANY,
    BY_ID,
    BY_COPY_OUT,
    N_HOWS
};

/* Use a value in each of the ways that count. */
static void use_by(brain_store *store, brain_space *space, uint32_t name, enum how how)
{
    _Alignas(8) uint8_t room[400];
    uint8_t out[20000], id[BRAIN_ID_BYTES];
    brain_view view, view_by_id;
    brain_hint hint = { 0 };
    brain_key key = { space, &name, sizeof name };
    size_t size;
    switch (how) {
    case BY_COPY:
        CHECK_OK(brain_get_or_copy(space, &name, sizeof name, NULL, room, sizeof room, &view));
        break;
    case BY_HINT:
        for (int i = 0; i < 2; i++) { /* the first finds it, and does not count */
            CHECK_OK(brain_set_full(store, i == 0 ? BRAIN_FULL_ERROR : BRAIN_FULL_LRU));
            CHECK_OK(brain_get_or_copy(space, &name, sizeof name, &hint, room, sizeof room, &view));
            brain_view_drop(&view);
        }
        return;
    case BY_MANY:
        CHECK_OK(brain_get_many(store, &key, 1, &view, NULL));
        break;
    case BY_ID:
        CHECK_OK(brain_set_full(store, BRAIN_FULL_ERROR)); /* so that the get does not count */
        CHECK_OK(brain_get(space, &name, sizeof name, &view));
        CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
        brain_view_id(&view, id);
        CHECK_OK(brain_get_by_id(store, id, &view_by_id));
        brain_view_drop(&view_by_id);
        break;
    case BY_COPY_OUT:
        CHECK_OK(brain_get_copy(space, &name, sizeof name, out, sizeof out, &size, NULL, NULL));
        return;
    default:
        CHECK_OK(brain_get(space, &name, sizeof name, &view));
    }
    brain_view_drop(&view);
}

/* Of `n` values the one goes that was not used, however the others were. */
static void check_order(enum how how, uint64_t size, uint32_t n)
{
    brain_store *store = crowd_open(n * size, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < n; i++) {
        CHECK_OK(crowd_put(space, i, size));
    }
    CHECK_OK(
        brain_put_bytes(space, "none", 4, crowd_data, 0)); /* a commit: later than all of them */
    for (uint32_t i = 0; i < n; i++) {
        if (i != 7) {
            use_by(store, space, i, how);
        }
    }
    CHECK_OK(crowd_put(space, n, size));
    for (uint32_t i = 0; i <= n; i++) {
        if (crowd_has(space, i) != (i != 7)) {
            check_fail(__FILE__, __LINE__, "value %u, how %d, size %d", i, (int)how, (int)size);
        }
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* What is looked at otherwise does not count: in a snapshot, by a walk, whether it is there, by brain_coldest(). */
static void check_no_use(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_snapshot *snapshot;
    brain_iter *iter;
    brain_view view, views[3];
    const void *name;
    size_t len, n;
    uint32_t first = 0;
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_OK(brain_put_bytes(space, "none", 4, crowd_data, 0));
    CHECK(crowd_has(space, first));
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_snapshot_get(snapshot, space, &first, sizeof first, &view));
    brain_view_drop(&view);
    brain_snapshot_close(snapshot);
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    while (brain_iter_next(iter, &name, &len) == 0) {
        CHECK_OK(brain_iter_get(iter, &view));
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    CHECK_OK(brain_coldest(store, NULL, 1, views, 3, &n));
    CHECK_U64(n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(memcmp(views[i].name, &i, sizeof i) == 0);
        brain_view_drop(&views[i]);
    }
    CHECK_OK(crowd_put(space, 10, 10000));
    CHECK(!crowd_has(space, first));
    brain_space_close(space);
    check_destroy(store);
}

/* What a put is about to replace does not make room for it, if others can: its version is still the one that was
 * asked for, and its description is kept. */
static void check_replaced_stays(uint64_t size, uint32_t n)
{
    brain_store *store = crowd_open(n * size, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_part part = { .data = crowd_data, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .description = "what it is",
                          .description_len = 10 };
    brain_view view;
    uint64_t version;
    uint32_t name = 0;
    CHECK_OK(brain_put(space, &name, sizeof name, &value, 0, &version));
    for (uint32_t i = 1; i < n; i++) {
        CHECK_OK(crowd_put(space, i, size));
    }
    value.description = NULL;
    for (int i = 0; i < 20; i++) {
        CHECK_OK(brain_put(space, &name, sizeof name, &value, version, &version));
        CHECK_OK(crowd_put(space, 100 + (uint32_t)i, size));
    }
    CHECK_OK(brain_get(space, &name, sizeof name, &view));
    CHECK_U64(view.description_len, 10);
    brain_view_drop(&view);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* What a put only replaces goes last, after all others of whatever size and warmth, and only where they are not enough:
 * until then its readers never find nothing. */
static void check_replaced_goes_last(void)
{
    enum {
        N = 264,
        SMALL = 190, /* much smaller than what is asked for: such ones go last, else */
        LARGE = 50000
    };
    brain_store *store = crowd_open(LARGE + N * SMALL, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    CHECK_OK(crowd_put(space, 0, LARGE));
    for (uint32_t i = 1; i <= N; i++) {
        CHECK_OK(crowd_put(space, i, SMALL));
        crowd_use(space, i);
    }
    CHECK_OK(crowd_put(space, 0, LARGE));
    CHECK(check_stat(store).evicted_bytes <= N * SMALL);
    CHECK(crowd_count(space, 1, N + 1) <= 1);
    uint64_t evicted = check_stat(store).evicted_bytes;
    CHECK_OK(crowd_put(space, 0, LARGE)); /* there was room for two */
    CHECK_U64(check_stat(store).evicted_bytes, evicted);
    CHECK_OK(crowd_put(space, 1, LARGE));
    CHECK_OK(crowd_put(space, 0, LARGE + 100)); /* that one goes */
    CHECK(crowd_has(space, 0) && !crowd_has(space, 1));
    evicted = check_stat(store).evicted_bytes;
    CHECK_OK(crowd_put(space, 0, LARGE + N)); /* alone: nothing else could */
    CHECK_U64(check_stat(store).evicted_bytes, evicted + LARGE + 100);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* What another process uses counts, also after it has ended, until somebody buries it. */
static void check_other_process(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_OK(brain_put_bytes(space, "none", 4, crowd_data, 0));
    struct check_gate used = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        for (uint32_t i = 0; i < 9; i++) {
            crowd_use(space, i);
        }
        check_gate_open(&used);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&used);
    CHECK_OK(crowd_put(space, 10, 10000));
    CHECK(!crowd_has(space, 9));
    CHECK_U64(crowd_count(space, 0, 9), 9);
    check_kill(pid);
    check_gate_free(&used);
    brain_space_close(space);
    check_destroy(store);
}

/* Large values are found among many small ones; and small ones go where there are no others. */
static void check_large_among_small(void)
{
    enum {
        N_SMALL = 100000,
        N_LARGE = 20,
        LARGE = 100000
    };
    brain_store *store = crowd_open(N_SMALL * 8 + N_LARGE * LARGE, BRAIN_FULL_LRU);
    brain_space *small = check_space(store, "small"), *large = check_space(store, "large");
    for (uint32_t i = 0; i < N_SMALL; i++) {
        CHECK_OK(crowd_put(small, i, 8));
    }
    for (uint32_t i = 0; i < 3 * N_LARGE; i++) {
        CHECK_OK(crowd_put(large, i, LARGE));
    }
    CHECK(crowd_count(small, 0, N_SMALL) == N_SMALL);
    CHECK_U64(crowd_count(large, 0, 3 * N_LARGE), N_LARGE);
    CHECK_U64(crowd_count(large, 2 * N_LARGE, 3 * N_LARGE),
              N_LARGE); /* the last ones: each was in the sample */
    CHECK_OK(brain_space_remove(large));
    CHECK_OK(crowd_put(large, 0, N_LARGE * LARGE)); /* now there is one alone, in use: */
    brain_view view;
    uint32_t name = 0;
    CHECK_OK(brain_get(large, &name, sizeof name, &view));
    for (uint32_t i = 0; i < N_SMALL; i++) {
        CHECK_OK(crowd_put(small, N_SMALL + i, 8));
    }
    CHECK(crowd_count(small, N_SMALL, 2 * N_SMALL) > N_SMALL * 9 / 10);
    CHECK(check_live(store) > N_LARGE * LARGE + N_SMALL * 8 / 10 * 9);
    brain_view_drop(&view);
    CHECK_SOUND(store);
    brain_space_close(small);
    brain_space_close(large);
    check_destroy(store);
}

/* Each kind of change makes the room that it needs. */
static void check_each_change(void)
{
    enum {
        N = 40,
        SIZE = 5000
    };
    brain_store *store = crowd_open(N * SIZE, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_object *object;
    brain_batch *batch;
    brain_part part = { .data = crowd_data, .size_bytes = SIZE };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    brain_value bare = { .kind = BRAIN_KIND_BYTES }, long_name = bare;
    uint32_t next = 0;
    for (; next < N; next++) {
        CHECK_OK(crowd_put(space, next, SIZE));
    }
    CHECK_U64(check_live(store), N * SIZE);
    CHECK_OK(crowd_put(space, next++, 10));
    for (int i = 0; i < 300; i++) { /* by the short way, as long as they fit */
        CHECK_OK(brain_put_bytes(space, "short", 5, crowd_data, (size_t)(i % 250)));
        CHECK_OK(crowd_put(space, next++, SIZE));
    }
    CHECK_OK(brain_batch_new(store, &batch));
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 10;
             i++) { /* these hold extents until the commit, and those do not */
            CHECK_OK(brain_batch_put(batch, space, &next, sizeof next, &value));
            next++;
        }
        part.size_bytes = 200;
        for (uint32_t i = 0; i < 400; i++) {
            CHECK_OK(brain_batch_put(batch, space, &next, sizeof next, &value));
            next++;
        }
        part.size_bytes = SIZE;
        CHECK_OK(brain_batch_commit(batch, NULL));
        CHECK_U64(crowd_count(space, next - 410, next), 410);
    }
    for (int kind = 0; kind < 9; kind++) {
        int err = kind % 3 == 0   ? brain_create(store, 20 * SIZE, &object)
                  : kind % 3 == 1 ? brain_create_in_place(store, 20 * SIZE, &object)
                                  : brain_create_streamed(store, 20 * SIZE, &object);
        CHECK_OK(err);
        if (kind % 3 == 2) {
            CHECK_OK(brain_object_append(object, crowd_data, 20 * SIZE));
        } else {
            memcpy(brain_object_data(object), crowd_data, 20 * SIZE);
        }
        long_name.meta = crowd_data;
        long_name.meta_len = kind % 2 == 0 ? 0 : 3000; /* in the extent: the seal copies it */
        CHECK_OK(
            kind == 8
                ? brain_object_seal_in(object, batch, space, &next, sizeof next, &bare, 0, NULL)
                : brain_object_seal(object, space, &next, sizeof next, &long_name, 0, NULL));
        CHECK(crowd_has(space, next));
        next++;
        brain_object_release(object);
        CHECK_OK(crowd_put(space, next++, SIZE));
        CHECK_SOUND(store);
    }
    brain_batch_free(batch);
    CHECK_U64(check_stat(store).private_bytes, 0);
    brain_space_close(space);
    check_destroy(store);
}

/* Once there is no room, not each put looks for some. */
static void check_share(void)
{
    brain_store *store = crowd_open(6400 * 1000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    uint32_t n_rounds = 0;
    uint64_t gone = 0;
    for (uint32_t i = 0; i < 8000; i++) {
        CHECK_OK(crowd_put(space, i, 1000));
        uint64_t now = check_stat(store).n_evicted;
        n_rounds += now != gone;
        gone = now;
    }
    printf("%u rounds, %llu values gone\n", n_rounds, (unsigned long long)gone);
    CHECK(n_rounds <= 1600 / 90);
    CHECK(gone >= 1600 && gone <= 1600 + 100);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- what stays */

/* What cannot fit, whatever goes, removes nothing, and the text says why. */
static void check_refused(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_space *own = check_space(store, "\xffmine");
    brain_view view;
    brain_object *object;
    uint32_t first = 0;
    CHECK_OK(crowd_put(own, 0, 20000));
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_CODE(crowd_put(space, 8, 100001), BRAIN_E_FULL);
    CHECK_OK(brain_get(space, &first, sizeof first, &view));
    CHECK_CODE(crowd_put(space, 8, 70001), BRAIN_E_FULL);
    CHECK_DETAIL("70001 bytes were asked for");
    CHECK_DETAIL("10000 bytes are of values that somebody has a view of");
    CHECK_DETAIL("20000 are the library's own");
    CHECK_U64(crowd_count(space, 0, 8), 8);
    CHECK_U64(check_stat(store).n_evicted, 0);
    CHECK_OK(crowd_put(space, 8, 70000)); /* exactly */
    CHECK(crowd_has(own, 0) && crowd_has(space, 0) && crowd_has(space, 8));
    CHECK_U64(check_live(store), 100000);
    CHECK(brain_create(store, 80000, &object) == BRAIN_E_FULL && crowd_has(space, 8));
    CHECK_OK(brain_create(store, 70000, &object)); /* being written, it stays */
    CHECK_CODE(crowd_put(space, 9, 1), BRAIN_E_FULL);
    brain_object_release(object);
    CHECK(check_is_filled(view.data, 10000, 1));
    CHECK(crowd_has(space, 0)); /* what is shown was not removed */
    brain_view_drop(&view);
    CHECK_OK(crowd_put(space, 9, 80000));
    CHECK(!crowd_has(space, 0) && crowd_has(own, 0));
    CHECK_CODE(bn_stage_make_room(store, own, 1), BRAIN_E_FULL);
    CHECK_OK(bn_stage_make_room(store, space, 1));
    CHECK(!crowd_has(space, 9) && crowd_has(own, 0));
    CHECK_SOUND(store);
    brain_space_close(own);
    brain_space_close(space);
    check_destroy(store);
}

/* Where another process has views, dead or alive. */
static void check_views_of_others(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    struct check_gate ready = check_gate_new();
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_view view;
        for (uint32_t i = 0; i < 9; i++) {
            CHECK_OK(brain_get(space, &i, sizeof i, &view));
        }
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    for (uint32_t i = 10; i < 30; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
        CHECK_U64(crowd_count(space, 0, 9), 9);
    }
    CHECK_CODE(crowd_put(space, 30, 10001), BRAIN_E_FULL);
    CHECK_DETAIL("90000 bytes are of values that somebody has a view of");
    check_kill(pid);
    CHECK_OK(crowd_put(space, 30, 100000));
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

/* What a snapshot needs does not go: it would free nothing. */
static void check_snapshot(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_snapshot *snapshot;
    for (uint32_t i = 0; i < 9; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    for (uint32_t i = 9; i < 30; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    CHECK_U64(crowd_count(space, 0, 9), 9);
    CHECK_CODE(crowd_put(space, 30, 20000), BRAIN_E_FULL);
    CHECK_DETAIL("90000 are needed by snapshots");
    CHECK_DETAIL("a snapshot of process");
    CHECK_U64(crowd_count(space, 0, 9), 9);
    brain_snapshot_close(snapshot);
    CHECK_OK(crowd_put(space, 30, 20000));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* All that cannot go is counted, however many there are of it: views, the library's own namespaces (beside one that is
 * empty and one that was removed), and what a snapshot needs. One byte more than may go removes nothing. */
static void check_much_that_stays(void)
{
    enum {
        N_HELD = 3000,
        N_OWN = 300
    };
    static brain_view held[N_HELD];
    brain_store *store = crowd_open(N_HELD * 100 + N_OWN * 200 + 100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default"), *empty = check_space(store, "empty"),
                *gone = check_space(store, "gone");
    for (uint32_t i = 0; i < N_HELD; i++) {
        CHECK_OK(crowd_put(space, i, 100));
        CHECK_OK(brain_get(space, &i, sizeof i, &held[i]));
    }
    for (uint32_t i = 0; i < N_OWN; i++) {
        char name[16];
        snprintf(name, sizeof name, "\xff%u", i);
        brain_space *own = check_space(store, name);
        CHECK_OK(crowd_put(own, 0, 200));
        brain_space_close(own);
    }
    CHECK_OK(brain_space_create(empty));
    CHECK_OK(crowd_put(gone, 0, 10));
    CHECK_OK(brain_space_remove(gone));
    CHECK_CODE(crowd_put(space, N_HELD, 100001), BRAIN_E_FULL);
    CHECK_DETAIL("300000 bytes are of values that somebody has a view of");
    CHECK_DETAIL("60000 are the library's own");
    CHECK_CODE(bn_stage_make_room(store, gone, 1), BRAIN_E_FULL); /* there is no such namespace */
    CHECK_OK(brain_set_full(store, BRAIN_FULL_ERROR));
    CHECK_CODE(bn_stage_make_room(store, NULL, 1), BRAIN_E_FULL);
    CHECK_DETAIL("its mode is to remove nothing");
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    CHECK_U64(check_stat(store).n_evicted, 0);
    for (uint32_t i = 0; i < N_HELD; i++) {
        brain_view_drop(&held[i]);
    }
    CHECK_OK(crowd_put(space, N_HELD, 100001));
    CHECK(check_stat(store).n_evicted > 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    brain_space_close(empty);
    brain_space_close(gone);
    check_destroy(store);
}

/* So many extents that they are gone through in several holdings of the lock. */
static void check_snapshot_of_many(void)
{
    enum {
        N = 3000,
        SIZE = 3000
    };
    brain_store *store = crowd_open(N * SIZE + 10000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    brain_snapshot *snapshot;
    for (uint32_t i = 0; i < N; i++) {
        CHECK_OK(crowd_put(space, i, SIZE));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_CODE(crowd_put(space, N, 10001), BRAIN_E_FULL);
    CHECK_DETAIL("9000000 are needed by snapshots");
    CHECK_U64(check_stat(store).n_evicted, 0);
    brain_snapshot_close(snapshot);
    CHECK_OK(crowd_put(space, N, 10001));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* Who waits for the namespace is woken by what goes, as by a delete. */
static void check_waiter(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default"), *other = check_space(store, "other");
    uint64_t number = 0, before;
    CHECK_OK(crowd_put(space, 0, 90000));
    before = check_stat(store).committed;
    CHECK_OK(crowd_put(other, 0, 20000));
    CHECK_OK(brain_wait_space(space, before, 0, &number));
    CHECK(number > before);
    brain_space_close(space);
    brain_space_close(other);
    check_destroy(store);
}

/* ---- the tables of what was used */

static uint32_t count_pages(brain_store *store, uint32_t row)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        uint32_t owner = bn_load_acquire(&bn_pin_chunk(store, i)->owner);
        n += (owner & BN_CHUNK_HITS) != 0 &&
             (row == UINT32_MAX || (owner & ~BN_CHUNK_HITS) == row + 1);
    }
    return n;
}

static void check_pages(void)
{
    enum {
        N = 5000
    };
    brain_store *store = crowd_open(1000000, BRAIN_FULL_ERROR);
    brain_space *space = check_space(store, "default");
    struct check_gate ready = check_gate_new();
    uint32_t *n_of_child = check_shared(2 * sizeof *n_of_child);
    for (uint32_t i = 0; i < N; i++) {
        CHECK_OK(crowd_put(space, i, 8));
        crowd_use(space, i);
    }
    CHECK_U64(count_pages(store, UINT32_MAX), 0); /* nobody wants to know */
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    for (uint32_t i = 0; i < N; i++) {
        crowd_use(space, i);
    }
    CHECK_U64(count_pages(store, store->row), BN_HITS_PARTS);
    for (uint32_t i = 0; i < BN_CHUNKS_RESERVED;
         i++) { /* which newcomers need on a full file system */
        CHECK((bn_load_acquire(&bn_pin_chunk(store, i)->owner) & BN_CHUNK_HITS) == 0);
    }
    CHECK_U64(check_stat(store).n_pins, 0);
    uint32_t n_chunks = 0;
    for (int i = 0; i < 3; i++) { /* the dead's pages are used again */
        pid_t pid = check_fork();
        if (pid == 0) {
            n_of_child[0] = count_pages(store, store->row);
            for (uint32_t k = 0; k < N; k++) {
                crowd_use(space, k);
            }
            n_of_child[1] = count_pages(store, store->row);
            check_gate_open(&ready);
            for (;;) {
                pause();
            }
        }
        check_gate_pass(&ready);
        CHECK_U64(n_of_child[0], 0); /* the parent's are not its own */
        CHECK_U64(n_of_child[1], BN_HITS_PARTS);
        CHECK_U64(count_pages(store, UINT32_MAX), 2 * BN_HITS_PARTS);
        check_kill(pid);
        CHECK_OK(brain_reap(store, NULL));
        CHECK_U64(count_pages(store, UINT32_MAX), BN_HITS_PARTS);
        CHECK(i == 0 || n_chunks == bn_pin_n_chunks(store));
        n_chunks = bn_pin_n_chunks(store);
    }
    brain_store *other = check_open(brain_path(store), 0);
    brain_space *its = check_space(other, "default");
    crowd_use(its, 0);
    CHECK_U64(count_pages(store, UINT32_MAX), BN_HITS_PARTS + 1);
    brain_space_close(its);
    brain_close(other);
    CHECK_U64(count_pages(store, UINT32_MAX), BN_HITS_PARTS);
    CHECK_SOUND(store);
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

/* No slot is taken for another, and what was noted last counts. */
static void check_table(void)
{
    brain_store *store = crowd_open(1000000, BRAIN_FULL_LRU);
    uint32_t slots[4];
    uint64_t last[4];
    for (uint32_t i = 0; i < 200000; i++) {
        for (uint32_t k = 0; k < 4; k++) {
            slots[k] = (uint32_t)check_random();
            last[k] = 0;
        }
        bn_hits_note(store, slots[0]);
        bn_hits_note(store, slots[1]);
        uint32_t n = slots[2] == slots[0] || slots[2] == slots[1] ? 2 : 3;
        bn_hits_find(store, slots, n, last);
        CHECK_U64(last[1], 1);
        CHECK(last[2] == 0 || i > 0); /* noted in an earlier turn, if at all: */
        CHECK(last[2] == 0 || last[2] == 1);
    }
    CHECK_OK(brain_advance(store, BRAIN_NUMBER_MAX - 5));
    bn_hits_note(store, 77);
    slots[0] = 77;
    last[0] = 0;
    bn_hits_find(store, slots, 1, last);
    CHECK_U64(last[0], BRAIN_NUMBER_MAX - 5);
    check_destroy(store);
}

/* ---- brain_coldest() */

static void check_coldest(void)
{
    brain_store *store = crowd_open(10000000, BRAIN_FULL_LRU), *reader;
    brain_space *a = check_space(store, "a"), *b = check_space(store, "b"),
                *none = check_space(store, "c");
    brain_space *own = check_space(store, "\xffown");
    brain_view views[200], held;
    uint32_t name = 3;
    size_t n = 0;
    CHECK_OK(brain_coldest(store, NULL, 0, views, 200, &n)); /* nothing was ever put */
    CHECK_U64(n, 0);
    CHECK_OK(crowd_put(own, 0, 5000));
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(a, i, 10000 + i));
        CHECK_OK(crowd_put(b, i, i));
    }
    CHECK_OK(brain_coldest(store, a, 0, views, 200, &n));
    CHECK_U64(n, 10);
    for (uint32_t i = 0; i < n; i++) {
        CHECK_U64(views[i].size_bytes, 10000 + i); /* by the time of their puts */
        brain_view_drop(&views[i]);
    }
    CHECK_OK(brain_coldest(store, NULL, 0, views, 200, &n));
    CHECK_U64(n, 20);
    for (uint32_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    crowd_use(a, 0);
    CHECK_OK(
        brain_set_full(store,
                       BRAIN_FULL_ERROR)); /* not for its use it is left out, but for the view */
    CHECK_OK(brain_get(a, &name, sizeof name, &held));
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    CHECK_OK(brain_coldest(store, NULL, 10002, views, 3, &n));
    CHECK_U64(n, 3);
    CHECK(views[0].size_bytes == 10002 && views[1].size_bytes == 10004 &&
          views[2].size_bytes == 10005);
    for (uint32_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    brain_view_drop(&held);
    CHECK_OK(brain_coldest(store, none, 0, views, 200, &n));
    CHECK_U64(n, 0);
    CHECK_OK(brain_coldest(store, NULL, 10010, views, 200, &n));
    CHECK_U64(n, 0);
    CHECK_OK(brain_coldest(store, NULL, 0, views, 0, &n));
    CHECK_U64(n, 0);
    CHECK_U64(check_stat(store).n_pins, 0);
    for (uint32_t i = 0; i < 400; i++) {
        CHECK_OK(crowd_put(b, i, 100));
    }
    CHECK_OK(brain_coldest(store, b, 0, views, 200, &n));
    CHECK(n >= BRAIN_COLDEST_MAX / 2 && n <= BRAIN_COLDEST_MAX);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < i; k++) {
            CHECK(views[i].object != views[k].object); /* each once */
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    CHECK_CODE(brain_coldest(reader, NULL, 0, views, 200, &n), BRAIN_E_PERM);
    brain_close(reader);
    CHECK_SOUND(store);
    brain_space_close(a);
    brain_space_close(b);
    brain_space_close(none);
    brain_space_close(own);
    check_destroy(store);
}

/* More pins than are looked at under the lock: what they keep was left out before, and stays. */
static void check_many_pins(void)
{
    static brain_view views[5000];
    const uint32_t n_views = sizeof views / sizeof *views, held = 0;
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    for (uint32_t i = 0; i < n_views; i++) {
        CHECK_OK(brain_get(space, &held, sizeof held, &views[i]));
    }
    for (uint32_t i = 10; i < 30; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
        CHECK(crowd_has(space, held) && crowd_has(space, i));
    }
    CHECK_U64(crowd_count(space, 0, 30), 10);
    for (uint32_t i = 0; i < n_views; i++) {
        CHECK(memcmp(views[i].data, views[0].data, 10000) == 0);
        brain_view_drop(&views[i]);
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* What a damage, or a later version, has written: whose turn it is, and the mode. */
static void check_words_that_make_no_sense(void)
{
    brain_store *store = crowd_open(100000, BRAIN_FULL_LRU);
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_OK(crowd_put(space, i, 10000));
    }
    bn_store_seq(&store->state->turn, UINT64_MAX); /* of a row that there cannot be */
    CHECK_OK(crowd_put(space, 10, 10000));
    CHECK_U64(bn_load_seq(&store->state->turn), 0);
    CHECK_U64(crowd_count(space, 0, 11), 10);
    bn_store_release(&store->state->full_mode, 99u); /* whoever would make room is not here */
    CHECK_CODE(crowd_put(space, 11, 10000), BRAIN_E_FULL);
    CHECK_U64(crowd_count(space, 0, 11), 10);
    bn_store_release(&store->state->full_mode, (uint32_t)BRAIN_FULL_LRU);
    CHECK_OK(crowd_put(space, 11, 10000));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    check_needs_fork_advice();
    crowd_begin();
    check_modes();
    check_turned_on();
    for (int how = 0; how < N_HOWS; how++) {
        check_order((enum how)how, 10000, 10);
        check_order((enum how)how, 100, 50);
    }
    check_no_use();
    check_replaced_stays(10000, 4);
    check_replaced_stays(100, 50);
    check_replaced_goes_last();
    check_other_process();
    check_large_among_small();
    check_each_change();
    check_share();
    check_refused();
    check_views_of_others();
    check_snapshot();
    check_much_that_stays();
    check_snapshot_of_many();
    check_waiter();
    check_pages();
    check_table();
    check_coldest();
    check_many_pins();
    check_words_that_make_no_sense();
    return 0;
}
