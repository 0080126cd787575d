/* test_replace.c - the short way of a small put: what it takes, what it leaves to others, that it does not wait;
 * hints, and slots that are ready in several processes. */
#include "check.h"

#include "lock.h"
#include "reclaim.h"
#include "slot.h"

#define ANY BRAIN_ANY_VERSION

static brain_value one_part(const brain_part *part)
{
    return (brain_value){ .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = part };
}

static int try_put(brain_space *space, const char *name, brain_hint *hint, const char *data)
{
    brain_part part = { .data = data, .size_bytes = strlen(data) };
    brain_value value = one_part(&part);
    return brain_try_put(space, name, strlen(name), hint, &value, ANY, NULL);
}

static void put(brain_space *space, const char *name, const char *data)
{
    CHECK_OK(brain_put_bytes(space, name, strlen(name), data, strlen(data)));
}

static void check_is(brain_space *space, const char *name, brain_hint *hint, const char *data)
{
    uint64_t buf[16];
    brain_view view;
    CHECK_OK(brain_get_or_copy(space, name, strlen(name), hint, buf, sizeof buf, &view));
    CHECK_U64(view.size_bytes, strlen(data));
    CHECK(memcmp(view.data, data, strlen(data)) == 0);
    brain_view_drop(&view);
}

/* Until slots for such values are ready in this process. */
static void get_ready(brain_space *space, const char *name, const char *data)
{
    for (int n = 0; try_put(space, name, NULL, data) != 0 || n < 100; n++) {
        put(space, name, data);
        CHECK(n < 1000);
    }
}

static int try_put_created(brain_space *space, uint64_t created_ns)
{
    brain_part part = { .data = "1", .size_bytes = 1 };
    brain_value value = one_part(&part);
    value.created_ns = created_ns;
    return brain_try_put(space, "a", 1, NULL, &value, ANY, NULL);
}

static void check_what_it_takes(brain_store *store, brain_space *space)
{
    brain_part part = { .data = "1", .size_bytes = 1 };
    brain_value value = one_part(&part);
    uint64_t version, next = 0;
    get_ready(space, "a", "1");
    CHECK_CODE(try_put(space, "new", NULL, "1"), BRAIN_E_BUSY);
    CHECK_OK(brain_exists(space, "a", 1, &version));
    CHECK_CODE(brain_try_put(space, "a", 1, NULL, &value, version + 1, &next), BRAIN_E_BUSY);
    CHECK_CODE(brain_try_put(space, "a", 1, NULL, &value, 0, &next), BRAIN_E_BUSY);
    CHECK_U64(next, 0);
    CHECK_OK(brain_try_put(space, "a", 1, NULL, &value, version, &next));
    CHECK(next > version);
    CHECK_OK(try_put_created(space, 0));
    CHECK_CODE(try_put_created(space, 1), BRAIN_E_BUSY);
    part.align = 3;
    CHECK_CODE(brain_put(space, "a", 1, &value, ANY, NULL), BRAIN_E_INVAL);
    part.align = 0;
    CHECK_CODE(brain_put(space, NULL, 1, &value, ANY, NULL), BRAIN_E_INVAL);
    value.kind = 256;
    CHECK_CODE(brain_put(space, "a", 1, &value, ANY, NULL), BRAIN_E_INVAL);
    value.kind = BRAIN_KIND_BYTES;
    value.description = "d";
    value.description_len = 1;
    CHECK_OK(brain_put(space, "a", 1, &value, ANY, NULL));
    CHECK_CODE(try_put(space, "a", NULL, "1"), BRAIN_E_BUSY); /* its description is to be kept */
    CHECK_SOUND(store);
}

/* The same of a value that is not described in a struct. */
static void check_small(brain_store *store, brain_space *space)
{
    char data[BRAIN_SMALL_BYTES];
    brain_hint hint = { 0 };
    brain_view view;
    memset(data, 'x', sizeof data);
    for (uint32_t size = 0; size < BRAIN_SMALL_BYTES; size++) {
        data[size] = '\0';
        get_ready(space, "s", data); /* of its class, and of the one before */
        CHECK_OK(brain_try_put_small(space, "s", 1, &hint, 200, data, size));
        CHECK_OK(brain_get(space, "s", 1, &view));
        CHECK_U64(view.kind, 200);
        brain_view_drop(&view);
        check_is(space, "s", NULL, data);
        check_is(space, "s", &hint, data);
        data[size] = 'x';
        CHECK_OK(brain_try_put_small(space, "s", 1, &hint, BRAIN_KIND_BYTES, "", 0));
    }
    CHECK_CODE(brain_try_put_small(space, "s", 1, &hint, 1, data, BRAIN_SMALL_BYTES), BRAIN_E_BUSY);
    CHECK_CODE(brain_try_put_small(space, "s", 1, &hint, 256, "1", 1), BRAIN_E_BUSY);
    brain_value value = { .kind = BRAIN_KIND_AWAY };
    CHECK_CODE(brain_try_put_small(space, "s", 1, &hint, BRAIN_KIND_AWAY, "1", 1), BRAIN_E_BUSY);
    CHECK_CODE(brain_try_put(space, "s", 1, &hint, &value, ANY, NULL), BRAIN_E_BUSY);
    CHECK_CODE(brain_put(space, "s", 1, &value, ANY, NULL), BRAIN_E_INVAL);
    CHECK_CODE(brain_try_put_small(space, "s", 1, &hint, 1, NULL, 0), BRAIN_E_BUSY);
    CHECK_CODE(brain_try_put_small(space, NULL, 0, &hint, 1, "1", 1), BRAIN_E_BUSY);
    CHECK_CODE(brain_try_put_small(space, "new", 3, NULL, 1, "1", 1), BRAIN_E_BUSY);
    check_is(space, "s", &hint, "");
    CHECK_SOUND(store);
}

/* Where names share a bucket that does not hold them, each has the short way as well. */
static void check_chains(brain_store *store, brain_space *space)
{
    enum {
        N_NAMES = 1000
    };
    static brain_hint hints[N_NAMES];
    brain_batch *batch;
    brain_part part = { .data = "1", .size_bytes = 1 };
    brain_value value = one_part(&part);
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t i = 0; i < N_NAMES; i++) {
        CHECK_OK(brain_batch_put(batch, space, &i, sizeof i, &value));
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    get_ready(space, "g", "1");
    CHECK(store->state->n_overflow > 0);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < N_NAMES; i++) {
            brain_hint *hint = round < 2 ? NULL : &hints[i];
            CHECK_OK(brain_try_put_small(space, &i, sizeof i, hint, 1, "2", 1));
        }
    }
    CHECK_SOUND(store);
}

/* What was noted of a name while it was looked for is of no use where the put was not made after all. */
static void check_hint_of_failure(brain_store *store, brain_space *space)
{
    brain_part part = { .data = "1", .size_bytes = 1 };
    brain_value value = one_part(&part);
    brain_hint hint = { 0 };
    brain_view view;
    uint64_t buf[16], version;
    get_ready(space, "h", "1");
    CHECK_OK(brain_exists(space, "h", 1, &version));
    CHECK_CODE(brain_try_put(space, "h", 1, &hint, &value, version + 1, NULL), BRAIN_E_BUSY);
    CHECK_U64(hint.space, 0);
    check_is(space, "h", &hint, "1");
    value.description = "d";
    value.description_len = 1;
    part.data = "long";
    part.size_bytes = 4;
    CHECK_OK(brain_put(space, "h", 1, &value, ANY, NULL));
    hint = (brain_hint){ 0 };
    for (int i = 0; i < 3; i++) { /* its description is to be kept */
        CHECK_CODE(try_put(space, "h", &hint, "2"), BRAIN_E_BUSY);
        CHECK(hint.gen != 0 || hint.space == 0); /* it stands, or it is of no use */
        check_is(space, "h", &hint, "long");
    }
    CHECK_OK(brain_delete(space, "h", 1, ANY));
    CHECK_CODE(try_put(space, "h", &hint, "3"), BRAIN_E_BUSY);
    CHECK_CODE(brain_get_or_copy(space, "h", 1, &hint, buf, sizeof buf, &view), BRAIN_E_NOT_FOUND);
    CHECK_SOUND(store);
}

/* Somebody else holds the lock, and stays: BUSY, at once, also when much is to be reclaimed. */
static void check_does_not_wait(brain_store *store, brain_space *space, const char *path)
{
    brain_store *other = check_open(path, 0);
    uint32_t died;
    get_ready(space, "b", "1");
    CHECK_OK(bn_lock_acquire(other, true, &died, &(uint64_t){ 0 }));
    for (int i = 0; i < 1000; i++) {
        CHECK_CODE(try_put(space, "b", NULL, "2"), BRAIN_E_BUSY);
    }
    bn_lock_release(other);
    check_is(space, "b", NULL, "1");
    CHECK_OK(try_put(space, "b", NULL, "2"));
    brain_close(other);
    CHECK_SOUND(store);
}

/* A hint is never wrong: not after others' puts, a delete, or another namespace of the same name. */
static void check_hints(brain_store *store, brain_space *space)
{
    brain_hint hint = { 0 }, of_none = { 0 };
    uint64_t buf[16];
    brain_view view;
    get_ready(space, "c", "1");
    for (int i = 0; i < 300; i++) {
        char data[2] = { (char)('a' + i % 20), '\0' };
        if (i % 3 == 0) {
            put(space, "c", data);
        } else if (try_put(space, "c", &hint, data) != 0) {
            put(space, "c", data);
        }
        check_is(space, "c", i % 2 == 0 ? &hint : NULL, data);
        check_is(space, "c", &hint, data);
    }
    CHECK_OK(brain_delete(space, "c", 1, ANY));
    CHECK_CODE(brain_get_or_copy(space, "c", 1, &hint, buf, sizeof buf, &view), BRAIN_E_NOT_FOUND);
    CHECK_CODE(try_put(space, "c", &hint, "1"), BRAIN_E_BUSY);
    put(space, "c", "1");
    check_is(space, "c", &hint, "1");
    CHECK_OK(brain_space_remove(space));
    CHECK_CODE(brain_get_or_copy(space, "c", 1, &hint, buf, sizeof buf, &view), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_get_or_copy(space, "x", 1, &of_none, buf, sizeof buf, &view),
               BRAIN_E_NOT_FOUND);
    put(space, "x", "2");
    CHECK_CODE(brain_get_or_copy(space, "c", 1, &hint, buf, sizeof buf, &view), BRAIN_E_NOT_FOUND);
    check_is(space, "x", &of_none, "2");
    CHECK_SOUND(store);
}

/* Nor is a name: not after others have removed the namespace, or made it again, while what it had is in memory yet. */
static void check_names_of_removed(void)
{
    enum {
        N_NAMES =
            1000 /* few enough in a store of this size, so they are left; but for the first (reclaim.c) */
    };
    const char *path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB), *other = check_open(path, 0);
    brain_space *space = check_space(store, "default"), *theirs = check_space(other, "default");
    char name[16];
    uint64_t buf[16];
    brain_view view;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N_NAMES; i++) {
            snprintf(name, sizeof name, "n%d", i);
            put(space, name, "1");
            check_is(space, name, NULL, "1");
        }
        CHECK_OK(brain_space_remove(theirs));
        if (round == 1) {
            put(theirs, "m", "2");
        }
        for (int i = 0; i < N_NAMES; i++) {
            snprintf(name, sizeof name, "n%d", i);
            CHECK_CODE(brain_get_or_copy(space, name, strlen(name), NULL, buf, sizeof buf, &view),
                       BRAIN_E_NOT_FOUND);
        }
    }
    check_is(space, "m", NULL, "2");
    brain_space_close(space);
    brain_space_close(theirs);
    brain_close(other);
    check_destroy(store);
}

/* The same for what is pinned: large, or with metadata. Its slot may serve the same name again. */
static void check_hints_of_pinned(brain_store *store, brain_space *space)
{
    static char large[2][5000];
    brain_part part = { .data = "1", .size_bytes = 1 };
    brain_value with_meta = one_part(&part);
    brain_hint hint = { 0 }, before = { 0 };
    uint64_t buf[16];
    brain_view view;
    with_meta.meta = "m";
    with_meta.meta_len = 1;
    memset(large[0], 'x', sizeof large[0] - 1);
    memset(large[1], 'y', sizeof large[1] - 1);
    for (int i = 0; i < 300; i++) {
        const char *data = i % 4 < 2 ? large[i % 2] : "1";
        if (i % 4 == 3) {
            CHECK_OK(brain_put(space, "p", 1, &with_meta, ANY, NULL));
        } else {
            put(space, "p", data);
        }
        if (i % 5 != 0) {
            check_is(space, "p", &hint, data);
            CHECK(hint.word != 0 && (hint.size < BN_SLOT_ALIGNED_FROM) == (i % 4 == 2));
        }
        before = hint;
        check_is(space, "p", &hint, data);
        CHECK(i % 5 == 0 || memcmp(&hint, &before, sizeof hint) == 0);
    }
    put(space, "p", large[0]);
    check_is(space, "p", &hint, large[0]);
    CHECK_OK(brain_delete(space, "p", 1, ANY));
    CHECK_CODE(brain_get_or_copy(space, "p", 1, &hint, buf, sizeof buf, &view), BRAIN_E_NOT_FOUND);
    put(space, "p", large[1]);
    check_is(space, "p", &hint, large[1]);
    /* Who asks with a hint of what is gone, and is still viewed, does not have each change look after it. */
    brain_view held;
    CHECK_OK(brain_get(space, "p", 1, &held));
    CHECK_OK(brain_delete(space, "p", 1, ANY));
    before = hint;
    for (int i = 0; i < 3; i++) {
        hint = before;
        CHECK_OK(brain_trim(store, NULL)); /* what is due is done */
        CHECK(!bn_reclaim_look_is_due(store));
        CHECK_CODE(brain_get_or_copy(space, "p", 1, &hint, buf, sizeof buf, &view),
                   BRAIN_E_NOT_FOUND);
        CHECK(!bn_reclaim_look_is_due(store) && hint.space == 0);
    }
    brain_view_drop(&held);
    CHECK_OK(brain_space_remove(space));
    CHECK_CODE(brain_get_or_copy(space, "p", 1, &hint, buf, sizeof buf, &view), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(store->state->limbo_bytes, 0);
    CHECK_SOUND(store);
}

/* Two clients find the same slots ready: each slot serves one of them. */
static void check_two_clients(brain_store *store, brain_space *space, const char *path)
{
    brain_store *other = check_open(path, 0);
    brain_space *theirs = check_space(other, "default");
    uint32_t n_short = 0;
    get_ready(space, "d", "1");
    get_ready(theirs, "e", "1");
    for (int i = 0; i < 2000; i++) {
        char data[2] = { (char)('a' + i % 20), '\0' };
        brain_space *whose = check_below(2) == 0 ? space : theirs;
        const char *name = check_below(2) == 0 ? "d" : "e", *rest = name[0] == 'd' ? "e" : "d";
        brain_view view;
        CHECK_OK(brain_get(space, rest, 1, &view));
        char before = *(const char *)view.data;
        int err = try_put(whose, name, NULL, data);
        n_short += err == 0;
        if (err != 0) {
            put(whose, name, data);
        }
        check_is(space, name, NULL, data);
        CHECK(*(const char *)view.data == before);
        brain_view_drop(&view);
    }
    CHECK(n_short > 500);
    CHECK_SOUND(store);
    brain_space_close(theirs);
    brain_close(other);
}

/* What a snapshot may still show is not used again, however many puts there are. */
static void check_snapshot(brain_store *store, brain_space *space)
{
    brain_snapshot *snapshot;
    brain_view view;
    get_ready(space, "f", "before");
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    for (int i = 0; i < 500; i++) {
        if (try_put(space, "f", NULL, "after") != 0) {
            put(space, "f", "after");
        }
    }
    CHECK_OK(brain_snapshot_get(snapshot, space, "f", 1, &view));
    CHECK(memcmp(view.data, "before", 6) == 0);
    brain_view_drop(&view);
    brain_snapshot_close(snapshot);
    CHECK_SOUND(store);
}

/* What is viewed stays as it is when it is replaced, though slots like it are filled again and again beside it. The
 * views are of several clients, each with a page of pins of its own. */
static void check_many_views(brain_space *space, const char *path)
{
    enum {
        N_CLIENTS = 3,
        N_VIEWS = 40,
        N_PUTS = 2000
    };
    brain_store *stores[N_CLIENTS];
    brain_space *spaces[N_CLIENTS];
    brain_view views[N_VIEWS];
    char data[16];
    for (int i = 0; i < N_CLIENTS; i++) {
        stores[i] = check_open(path, 0);
        spaces[i] = check_space(stores[i], "default");
    }
    for (int round = 0; round < 20; round++) {
        get_ready(space, "v", "another");
        for (int i = 0; i < N_VIEWS; i++) {
            snprintf(data, sizeof data, "viewed %d", i);
            put(space, "v", data);
            CHECK_OK(brain_get(spaces[i % N_CLIENTS], "v", 1, &views[i]));
        }
        int n_short = 0;
        for (int i = 0; i < N_PUTS; i++) {
            if (try_put(space, "v", NULL, "another") == 0) {
                n_short++;
            } else {
                put(space, "v", "another");
            }
        }
        CHECK(n_short > N_PUTS / 2); /* as many views do not end the short way */
        for (int i = 0; i < N_VIEWS; i++) {
            snprintf(data, sizeof data, "viewed %d", i);
            CHECK_U64(views[i].size_bytes, strlen(data));
            CHECK(memcmp(views[i].data, data, strlen(data)) == 0);
            brain_view_drop(&views[i]);
        }
    }
    for (int i = 0; i < N_CLIENTS; i++) {
        brain_space_close(spaces[i]);
        brain_close(stores[i]);
    }
}

int main(void)
{
    check_begin();
    const char *path = check_path();
    brain_store *store = check_open(path, CHECK_MIB);
    brain_space *space = check_space(store, "default");
    check_what_it_takes(store, space);
    check_small(store, space);
    check_chains(store, space);
    check_hint_of_failure(store, space);
    check_does_not_wait(store, space, path);
    check_two_clients(store, space, path);
    check_snapshot(store, space);
    check_hints(store, space);
    check_names_of_removed();
    check_hints_of_pinned(store, space);
    check_many_views(space, path);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_limbo, 0);
    brain_space_close(space);
    check_destroy(store);
    return 0;
}
