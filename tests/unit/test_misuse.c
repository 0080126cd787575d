/* test_misuse.c - what calls refuse: arguments that make no sense, and stores that one may not use, or not any
 * more. Nothing has changed then, and the text says what is wrong. */
#include <sys/syscall.h>

#include "check.h"

static const char *path;
static brain_store *store;
static brain_space *space;
static char long_name[BRAIN_NAME_MAX + 1];

static int err_of_open(const brain_options *options)
{
    brain_store *none = NULL;
    int err = brain_open(path, options, &none);
    CHECK(err != 0 && none == NULL);
    return err;
}

/* ---- options */

static void check_options(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.struct_size = 4;
    CHECK_CODE(err_of_open(&options), BRAIN_E_INVAL);
    CHECK_DETAIL("BRAIN_OPTIONS_INIT");
    static const uint32_t modes[] = { 0777, 0644, 0400, 0666 };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        options = (brain_options){ .struct_size = sizeof options, .mode = modes[i] };
        CHECK_CODE(err_of_open(&options), BRAIN_E_INVAL);
        CHECK_DETAIL("0660");
    }
    options = (brain_options){ .struct_size = sizeof options, .lock_timeout_ns = -1 };
    CHECK_CODE(err_of_open(&options), BRAIN_E_INVAL);
    options = (brain_options){ .struct_size = sizeof options, .flags = 1u << 20 };
    CHECK_CODE(err_of_open(&options), BRAIN_E_INVAL);
    CHECK_DETAIL("flag");
    static const uint64_t capacities[] = { 1, 4095, ((uint64_t)1 << 42) + 1 };
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        options = (brain_options){ .struct_size = sizeof options, .capacity_bytes = capacities[i] };
        CHECK_CODE(err_of_open(&options), BRAIN_E_INVAL);
        CHECK_DETAIL("2^42");
    }
    CHECK(access(path, F_OK) != 0);
}

/* Each mode that there is gives files that may be used as it says. */
static void check_modes(void)
{
    static const mode_t modes[] = { 0600, 0640, 0660 };
    for (int i = 0; i < 3; i++) {
        brain_options options = BRAIN_OPTIONS_INIT;
        struct stat st;
        char name[200];
        options.capacity_bytes = CHECK_MIB;
        options.mode = modes[i];
        CHECK_OK(brain_open(path, &options, &store));
        snprintf(name, sizeof name, "%s/data", path);
        CHECK_SYS(stat(name, &st));
        CHECK_U64(st.st_mode & 0777, modes[i]);
        CHECK((brain_access(store) & BRAIN_ACCESS_OTHERS_WRITE) ==
              (i == 2 ? BRAIN_ACCESS_OTHERS_WRITE : 0));
        check_destroy(store);
    }
}

/* ---- arguments */

static int put(const void *name, size_t name_len, const brain_value *value)
{
    return brain_put(space, name, name_len, value, BRAIN_ANY_VERSION, NULL);
}

static void check_values(void)
{
    static const size_t huge = (size_t)1 << 47;
    static const struct {
        brain_part parts[2];
        uint32_t n;
        const char *word;
    } cases[] = {
        { { { .data = "x", .size_bytes = 1, .align = 128 } }, 1, "power of two" },
        { { { .data = "x", .size_bytes = 1, .align = 3 } }, 1, "power of two" },
        { { { .data = "x", .size_bytes = 1 }, { .data = "x", .size_bytes = 1, .align = 12 } },
          2,
          "part 1" },
        { { { .data = NULL, .size_bytes = 1 } }, 1, "NULL" },
        { { { .data = "x", .size_bytes = huge } }, 1, "most that one can have" },
        { { { .data = "x", .size_bytes = huge - 1 }, { .data = "x", .size_bytes = 1 } },
          2,
          "most that one can have" },
        { { { .data = "x", .size_bytes = huge - 1 },
            { .data = "x", .size_bytes = 0, .align = 64 } },
          2,
          "most that one can have" },
        { { { .data = "x", .size_bytes = SIZE_MAX } }, 1, "most that one can have" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        brain_value value = { .kind = BRAIN_KIND_BYTES,
                              .n_parts = cases[i].n,
                              .parts = cases[i].parts };
        CHECK_CODE(put("a", 1, &value), BRAIN_E_INVAL);
        CHECK_DETAIL(cases[i].word);
    }
    static const brain_value values[] = {
        { .kind = 256 },
        { .kind = BRAIN_KIND_RAW, .meta = long_name, .meta_len = BRAIN_META_MAX + 1 },
        { .kind = BRAIN_KIND_RAW,
          .description = long_name,
          .description_len = BRAIN_DESCRIPTION_MAX + 1 },
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        CHECK_CODE(put("a", 1, &values[i]), BRAIN_E_INVAL);
        CHECK_DETAIL("at most 255");
    }
    /* Nothing at NULL is nothing. */
    brain_part none = { .data = NULL, .size_bytes = 0 };
    brain_value empty = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &none };
    CHECK_OK(put(NULL, 0, &empty));
    brain_part apart[] = { { .data = "12", .size_bytes = 2 },
                           { .data = NULL, .size_bytes = 0, .align = 16 },
                           { .data = "3", .size_bytes = 1, .align = 4 } };
    brain_value parts = { .kind = BRAIN_KIND_BYTES, .n_parts = 3, .parts = apart };
    brain_view view;
    CHECK_OK(put("parts", 5, &parts));
    CHECK_OK(brain_get(space, "parts", 5, &view));
    CHECK_U64(view.size_bytes, 17);
    CHECK(memcmp(view.data,
                 "12\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                 "3",
                 17) == 0);
    brain_view_drop(&view);
    CHECK_CODE(put(NULL, 3, &empty), BRAIN_E_INVAL);
    CHECK_DETAIL("NULL");
    uint64_t n = 0;
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, 2);
    CHECK_OK(brain_delete(space, "", 0, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "parts", 5, BRAIN_ANY_VERSION));
}

static void check_long_names(void)
{
    static const size_t n = BRAIN_NAME_MAX + 1;
    static const brain_value value = { .kind = BRAIN_KIND_RAW };
    brain_batch *batch;
    brain_object *object;
    brain_snapshot *snapshot;
    brain_view view;
    brain_hint hint = { 0 };
    uint64_t buf[4], version;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_create(store, 10, &object));
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    brain_key key = { space, long_name, n };
    int errs[] = {
        put(long_name, n, &value),
        brain_try_put(space, long_name, n, &hint, &value, BRAIN_ANY_VERSION, NULL) == BRAIN_E_BUSY
            ? BRAIN_E_INVAL /* it leaves all that is unusual to a put */
            : 0,
        brain_try_put_small(space, long_name, n, &hint, BRAIN_KIND_BYTES, "x", 1) == BRAIN_E_BUSY
            ? BRAIN_E_INVAL /* as well */
            : 0,
        brain_put_bytes(space, long_name, n, "x", 1),
        brain_delete(space, long_name, n, BRAIN_ANY_VERSION),
        brain_get(space, long_name, n, &view),
        brain_get_or_copy(space, long_name, n, NULL, buf, sizeof buf, &view),
        brain_get_or_copy(space, long_name, n, &hint, buf, sizeof buf, &view),
        brain_get_copy(space, long_name, n, buf, sizeof buf, NULL, NULL, NULL),
        brain_exists(space, long_name, n, NULL),
        brain_batch_put(batch, space, long_name, n, &value),
        brain_batch_delete(batch, space, long_name, n),
        brain_batch_require(batch, space, long_name, n, 0),
        brain_object_seal(object, space, long_name, n, &value, 0, NULL),
        brain_object_seal_in(object, batch, space, long_name, n, &value, 0, NULL),
        brain_get_many(store, &key, 1, &view, NULL),
        brain_snapshot_get(snapshot, space, long_name, n, &view),
        brain_wait(space, long_name, n, 0, 0, &version),
    };
    for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
        snprintf(check_note, sizeof check_note, "call %zu", i);
        CHECK_U64(errs[i], BRAIN_E_INVAL);
    }
    check_note[0] = '\0';
    CHECK_DETAIL("at most 65535");
    brain_space *none = NULL;
    CHECK_CODE(brain_space_open(store, NULL, 1, &none), BRAIN_E_INVAL);
    CHECK_CODE(brain_space_open(store, "x", 0, &none), BRAIN_E_INVAL);
    CHECK_CODE(brain_space_open(store, long_name, BRAIN_SPACE_MAX + 1, &none), BRAIN_E_INVAL);
    CHECK_DETAIL("1 to 255");
    CHECK(none == NULL);
    brain_snapshot_close(snapshot);
    brain_object_release(object);
    brain_batch_free(batch);
}

static void check_other_arguments(void)
{
    brain_stat stat = { .struct_size = 4 };
    brain_object *object = NULL;
    brain_view view;
    brain_iter *iter;
    brain_batch *batch;
    uint64_t buf[4], version, capacity, live, now;
    void *mine;
    const void *name;
    size_t n;
    brain_value value = { .kind = BRAIN_KIND_RAW };
    CHECK_CODE(brain_stat_get(store, &stat), BRAIN_E_INVAL);
    CHECK_DETAIL("struct_size");
    CHECK_CODE(brain_create(store, (uint64_t)1 << 47, &object), BRAIN_E_INVAL);
    CHECK_CODE(brain_create_in_place(store, UINT64_MAX, &object), BRAIN_E_INVAL);
    CHECK_CODE(brain_create_streamed(store, UINT64_MAX, &object), BRAIN_E_INVAL);
    CHECK(object == NULL);
    CHECK_CODE(brain_get_or_copy(space, "a", 1, NULL, (uint8_t *)buf + 1, 8, &view), BRAIN_E_INVAL);
    CHECK_DETAIL("aligned");
    CHECK_OK(brain_usage(store, &capacity, &live));
    CHECK_CODE(brain_resize(store, (uint64_t)1 << 43), BRAIN_E_INVAL);
    CHECK_DETAIL("at most");
    CHECK_CODE(brain_resize(store, 4095), BRAIN_E_INVAL);
    CHECK_DETAIL("at least");
    CHECK_OK(brain_usage(store, &now, &live));
    CHECK_U64(now, capacity);

    /* A view of a copy is pinned nowhere. */
    CHECK_OK(brain_put_bytes(space, "a", 1, "x", 1));
    CHECK_OK(brain_get_or_copy(space, "a", 1, NULL, buf, sizeof buf, &view));
    CHECK(view.store == NULL);
    brain_view other;
    brain_space *its;
    CHECK_CODE(brain_view_dup(&view, &other), BRAIN_E_INVAL);
    CHECK_CODE(brain_view_private(&view, &mine), BRAIN_E_INVAL);
    CHECK_CODE(brain_view_space(&view, &its, NULL, NULL), BRAIN_E_INVAL);
    CHECK_U64(brain_view_created_ns(&view), 0);
    uint8_t id[BRAIN_ID_BYTES];
    brain_view_id(&view, id);
    CHECK_CODE(brain_get_by_id(store, id, &other), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_view_at(store, buf, &other), BRAIN_E_NOT_FOUND);

    /* Before the first name and behind the last there is no value. */
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    CHECK_CODE(brain_iter_get(iter, &view), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_iter_next(iter, &name, &n));
    CHECK_OK(brain_iter_get(iter, &view));
    brain_view_drop(&view);
    CHECK_CODE(brain_iter_next(iter, &name, &n), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_iter_get(iter, &view), BRAIN_E_NOT_FOUND);
    brain_iter_free(iter);
    brain_iter_free(NULL);
    brain_snapshot_close(NULL);
    brain_batch_free(NULL);
    brain_object_release(NULL);

    /* An object is sealed once, with its own data. */
    brain_part part = { .data = "x", .size_bytes = 1 };
    brain_value with_data = { .kind = BRAIN_KIND_RAW, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_create(store, 10, &object));
    CHECK_CODE(brain_object_seal(object, space, "b", 1, &with_data, 0, NULL), BRAIN_E_INVAL);
    CHECK_OK(brain_object_seal(object, space, "b", 1, &value, 0, NULL));
    CHECK_CODE(brain_object_seal(object, space, "c", 1, &value, 0, NULL), BRAIN_E_INVAL);
    CHECK_DETAIL("already");
    brain_object_release(object);

    /* With who waits for nothing it is over at once. */
    CHECK_CODE(brain_wait(space, NULL, 0, 0, 0, &version), BRAIN_E_TIMEOUT);
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "b", 1, BRAIN_ANY_VERSION));
}

/* An object is sealed with changes of its namespace by another handle, and of one whose name is as long. */
static void check_sealed_beside_others(void)
{
    static const brain_value value = { .kind = BRAIN_KIND_RAW };
    brain_space *again = check_space(store, "default"), *other = check_space(store, "another");
    brain_space *third = check_space(store, "third");
    brain_batch *batch;
    brain_object *object;
    uint64_t version = 0, its = 0;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, again, "by another handle", 17, &value));
    CHECK_OK(brain_batch_put(batch, other, "elsewhere", 9, &value));
    CHECK_OK(brain_batch_put(batch, third, "elsewhere", 9, &value));
    CHECK_OK(brain_create(store, 9000, &object));
    CHECK_OK(brain_object_seal_in(object, batch, space, "object", 6, &value, 0, &version));
    CHECK_OK(brain_exists(space, "by another handle", 17, &its));
    CHECK_U64(its, version);
    CHECK_OK(brain_exists(other, "elsewhere", 9, &its));
    CHECK_U64(its, version);
    brain_object_release(object);
    brain_batch_free(batch);
    CHECK_OK(brain_delete(space, "by another handle", 17, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "object", 6, BRAIN_ANY_VERSION));
    brain_space_close(again);
    brain_space_close(other);
    brain_space_close(third);
}

/* A namespace knows its name, any bytes, without an end. */
static void check_names_of_spaces(void)
{
    static char longest[BRAIN_SPACE_MAX];
    static const struct {
        const char *name;
        size_t len;
    } names[] = { { "default", 7 }, { "a\0b", 3 }, { "", 1 }, { longest, sizeof longest } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        brain_space *its = NULL;
        size_t len = 0;
        CHECK_OK(brain_space_open(store, names[i].name, names[i].len, &its));
        const void *name = brain_space_name(its, &len);
        CHECK_U64(len, names[i].len);
        CHECK(name != names[i].name && memcmp(name, names[i].name, len) == 0);
        CHECK_CODE(brain_space_exists(its), i == 0 ? 0 : BRAIN_E_NOT_FOUND);
        brain_space_close(its);
    }
}

/* One change more than a batch holds is refused; those that it has are committed all the same. */
static void check_full_batch(void)
{
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint32_t i = 0; i < BRAIN_BATCH_MAX; i++) {
        uint32_t name = i % 3;
        CHECK_OK(brain_batch_require(batch, space, &name, sizeof name, 0));
    }
    uint32_t last = 4;
    CHECK_CODE(brain_batch_delete(batch, space, &last, sizeof last), BRAIN_E_INVAL);
    CHECK_DETAIL("commit it in parts");
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

/* ---- stores that may not be used */

/* What was taken while one might. */
struct taken {
    brain_view view, none;
    brain_snapshot *snapshot;
    brain_iter *iter;
    brain_object *object, *streamed;
    brain_batch *batch;
    brain_hint hint;
    uint8_t id[BRAIN_ID_BYTES];
};
static struct taken taken;

static const brain_value empty = { .kind = BRAIN_KIND_RAW };

static int call_resize(void)
{
    return brain_resize(store, 2 * CHECK_MIB);
}
static int call_set_full(void)
{
    return brain_set_full(store, BRAIN_FULL_ERROR);
}
static int call_on_full(void)
{
    return brain_on_full(store, NULL, NULL);
}
static int call_counts(void)
{
    uint64_t counts[BRAIN_N_COUNTS];
    return brain_counts(store, counts);
}
static int call_client_counts(void)
{
    uint64_t counts[BRAIN_N_COUNTS];
    return brain_client_counts(store, 0, counts);
}
static int call_metrics(void)
{
    size_t n;
    return brain_metrics(store, NULL, 0, &n);
}
static int call_on_event(void)
{
    return brain_on_event(store, 0, NULL, NULL);
}
static int call_coldest(void)
{
    size_t n;
    return brain_coldest(store, NULL, 0, NULL, 0, &n);
}
static int call_advance(void)
{
    return brain_advance(store, 0);
}
static int call_trim(void)
{
    return brain_trim(store, NULL);
}
static int call_compact(void)
{
    return brain_compact(store, NULL);
}
static int call_set_keep_free(void)
{
    return brain_set_keep_free(store, BRAIN_KEEP_DEFAULT);
}
static int call_destroy(void)
{
    return brain_destroy(store);
}
static int call_stat(void)
{
    brain_stat stat = { .struct_size = sizeof stat };
    return brain_stat_get(store, &stat);
}
static int call_usage(void)
{
    uint64_t capacity, live;
    return brain_usage(store, &capacity, &live);
}
static int call_check(void)
{
    size_t n;
    return brain_check(store, NULL, 0, &n);
}
static int call_clients(void)
{
    size_t n;
    return brain_clients(store, NULL, 0, &n);
}
static int call_self(void)
{
    brain_client self;
    return brain_self(store, &self);
}
static int call_reap(void)
{
    return brain_reap(store, NULL);
}
static int call_pins(void)
{
    size_t n;
    return brain_pins(store, NULL, 0, &n);
}
static int call_object_look(void)
{
    brain_object_info info = { .struct_size = sizeof info };
    return brain_object_look(store, taken.view.object, &info);
}
static int call_objects(void)
{
    brain_object_info info = { .struct_size = sizeof info };
    uint32_t cursor = 0;
    size_t n;
    return brain_objects(store, BRAIN_OBJECT_LIVE, &cursor, &info, 1, &n);
}
static int call_writer(void)
{
    brain_client client;
    int err = brain_writer(store, &client, NULL);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}
static int call_by_id(void)
{
    return brain_get_by_id(store, taken.id, &taken.none);
}
static int call_view_space(void)
{
    brain_space *its;
    int err = brain_view_space(&taken.view, &its, NULL, NULL);
    if (err == 0) {
        brain_space_close(its);
    }
    return err;
}
static int call_move_away(void)
{
    return brain_move_away(&taken.view, "x", 1);
}
static int call_space_create(void)
{
    return brain_space_create(space);
}
static int call_space_exists(void)
{
    return brain_space_exists(space);
}
static int call_space_remove(void)
{
    return brain_space_remove(space);
}
static int call_count(void)
{
    uint64_t n;
    return brain_space_count(space, &n);
}
static int call_space_usage(void)
{
    uint64_t bytes;
    return brain_space_usage(space, NULL, &bytes, NULL);
}
static int call_set_quota(void)
{
    return brain_space_set_quota(space, 100);
}
static int call_put(void)
{
    return put("new", 3, &empty);
}
static int call_try_put(void)
{
    return brain_try_put(space, "a", 1, &taken.hint, &empty, BRAIN_ANY_VERSION, NULL);
}
static int call_try_put_small(void)
{
    return brain_try_put_small(space, "a", 1, &taken.hint, BRAIN_KIND_BYTES, "", 0);
}
static int call_delete(void)
{
    return brain_delete(space, "new", 3, BRAIN_ANY_VERSION);
}
static int call_get(void)
{
    return brain_get(space, "a", 1, &taken.none);
}
static int call_get_or_copy(void)
{
    uint64_t buf[8];
    return brain_get_or_copy(space, "a", 1, &taken.hint, buf, sizeof buf, &taken.none);
}
static int call_get_copy(void)
{
    uint64_t buf[8];
    return brain_get_copy(space, "a", 1, buf, sizeof buf, NULL, NULL, NULL);
}
static int call_exists(void)
{
    return brain_exists(space, "a", 1, NULL);
}
static int call_create(void)
{
    brain_object *object = NULL;
    int err = brain_create(store, 100, &object);
    brain_object_release(object);
    return err;
}
static int call_create_in_place(void)
{
    brain_object *object = NULL;
    int err = brain_create_in_place(store, 5000, &object);
    brain_object_release(object);
    return err;
}
static int call_create_streamed(void)
{
    brain_object *object = NULL;
    int err = brain_create_streamed(store, 5000, &object);
    brain_object_release(object);
    return err;
}
static int call_append(void)
{
    return brain_object_append(taken.streamed, "x", 1);
}
static int call_seal(void)
{
    return brain_object_seal(taken.object, space, "o", 1, &empty, 0, NULL);
}
static int call_seal_in(void)
{
    return brain_object_seal_in(taken.object, taken.batch, space, "o", 1, &empty, 0, NULL);
}
static int call_batch_put(void)
{
    return brain_batch_put(taken.batch, space, "n", 1, &empty);
}
static int call_batch_delete(void)
{
    return brain_batch_delete(taken.batch, space, "n", 1);
}
static int call_batch_require(void)
{
    return brain_batch_require(taken.batch, space, "n", 1, BRAIN_ANY_VERSION);
}
static int call_batch_commit(void)
{
    return brain_batch_commit(taken.batch, NULL);
}
static int call_get_many(void)
{
    brain_key key = { space, "a", 1 };
    return brain_get_many(store, &key, 1, &taken.none, NULL);
}
static int call_snapshot_open(void)
{
    brain_snapshot *snapshot = NULL;
    int err = brain_snapshot_open(store, &snapshot);
    brain_snapshot_close(snapshot);
    return err;
}
static int call_snapshot_get(void)
{
    return brain_snapshot_get(taken.snapshot, space, "a", 1, &taken.none);
}
static int call_iter_names(void)
{
    brain_iter *iter = NULL;
    int err = brain_iter_names(space, NULL, &iter);
    brain_iter_free(iter);
    return err;
}
static int call_iter_of_snapshot(void)
{
    brain_iter *iter = NULL;
    int err = brain_iter_names(space, taken.snapshot, &iter);
    brain_iter_free(iter);
    return err;
}
static int call_iter_spaces(void)
{
    brain_iter *iter = NULL;
    int err = brain_iter_spaces(store, NULL, &iter);
    brain_iter_free(iter);
    return err;
}
static int call_iter_next(void)
{
    const void *name;
    size_t n;
    return brain_iter_next(taken.iter, &name, &n);
}
static int call_iter_get(void)
{
    return brain_iter_get(taken.iter, &taken.none);
}
static int call_wait(void)
{
    uint64_t version;
    return brain_wait(space, "a", 1, 0, 0, &version);
}
static int call_wait_space(void)
{
    uint64_t number;
    return brain_wait_space(space, 0, 0, &number);
}

enum kind {
    READS,   /* allowed where the store is open read-only */
    CHANGES, /* PERM there */
    OWNS,    /* the same, and nothing of it in a child */
};

static const struct call {
    const char *name;
    int (*call)(void);
    enum kind kind;
} calls[] = {
    { "resize", call_resize, CHANGES },
    { "advance", call_advance, CHANGES },
    { "set full", call_set_full, CHANGES },
    { "on full", call_on_full, CHANGES },
    { "coldest", call_coldest, CHANGES },
    { "trim", call_trim, CHANGES },
    { "compact", call_compact, CHANGES },
    { "set_keep_free", call_set_keep_free, CHANGES },
    { "destroy", call_destroy, CHANGES },
    { "stat", call_stat, READS },
    { "counts", call_counts, READS },
    { "client counts", call_client_counts, READS },
    { "metrics", call_metrics, READS },
    { "on event", call_on_event, READS },
    { "usage", call_usage, READS },
    { "check", call_check, CHANGES }, /* it recovers first */
    { "clients", call_clients, READS },
    { "self", call_self, READS },
    { "reap", call_reap, CHANGES },
    { "pins", call_pins, READS },
    { "look", call_object_look, READS },
    { "objects", call_objects, READS },
    { "writer", call_writer, READS },
    { "by id", call_by_id, READS },
    { "space of a view", call_view_space, READS },
    { "move away", call_move_away, CHANGES },
    { "space create", call_space_create, CHANGES },
    { "space exists", call_space_exists, READS },
    { "space remove", call_space_remove, CHANGES },
    { "count", call_count, READS },
    { "usage of a space", call_space_usage, READS },
    { "quota", call_set_quota, CHANGES },
    { "put", call_put, CHANGES },
    { "try put", call_try_put, CHANGES },
    { "try put small", call_try_put_small, CHANGES },
    { "delete", call_delete, CHANGES },
    { "get", call_get, READS },
    { "get or copy", call_get_or_copy, READS },
    { "get copy", call_get_copy, READS },
    { "exists", call_exists, READS },
    { "create", call_create, CHANGES },
    { "create in place", call_create_in_place, CHANGES },
    { "create streamed", call_create_streamed, CHANGES },
    { "append", call_append, OWNS },
    { "seal", call_seal, OWNS },
    { "seal in a batch", call_seal_in, OWNS },
    { "batch put", call_batch_put, OWNS },
    { "batch delete", call_batch_delete, OWNS },
    { "batch require", call_batch_require, OWNS },
    { "batch commit", call_batch_commit, OWNS },
    { "get many", call_get_many, READS },
    { "snapshot open", call_snapshot_open, READS },
    { "snapshot get", call_snapshot_get, READS },
    { "walk", call_iter_names, READS },
    { "walk of a snapshot", call_iter_of_snapshot, READS },
    { "walk over namespaces", call_iter_spaces, READS },
    { "value of a walk", call_iter_get, READS },
    { "next", call_iter_next, READS },
    { "wait", call_wait, READS },
    { "wait for a space", call_wait_space, READS },
};

/* A store with a name, and something of everything that can be held. */
static void begin(void)
{
    store = check_open(path, CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "x", 1));
    CHECK_OK(brain_put_bytes(space, "b", 1, "y", 1));
}

static void take(void)
{
    const void *name;
    size_t n;
    uint64_t buf[8];
    memset(&taken, 0, sizeof taken);
    CHECK_OK(brain_get(space, "a", 1, &taken.view));
    brain_view_id(&taken.view, taken.id);
    CHECK_OK(brain_snapshot_open(store, &taken.snapshot));
    CHECK_OK(brain_iter_names(space, NULL, &taken.iter));
    CHECK_OK(brain_iter_next(taken.iter, &name, &n));
    CHECK_OK(brain_get_or_copy(space, "a", 1, &taken.hint, buf, sizeof buf, &taken.none));
    CHECK_OK(brain_batch_new(store, &taken.batch));
    if ((brain_access(store) & BRAIN_ACCESS_READ_ONLY) == 0) {
        CHECK_OK(brain_create(store, 5000, &taken.object));
        CHECK_OK(brain_create_streamed(store, 5000, &taken.streamed));
        CHECK_OK(brain_batch_put(taken.batch, space, "n", 1, &empty));
    }
}

static void let_go(void)
{
    brain_view_drop(&taken.view);
    brain_iter_free(taken.iter);
    brain_snapshot_close(taken.snapshot);
    brain_object_release(taken.object);
    brain_object_release(taken.streamed);
    brain_batch_free(taken.batch);
    brain_space_close(space);
    brain_close(store);
}

static void expect_of_all(int code)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        snprintf(check_note, sizeof check_note, "%s", calls[i].name);
        CHECK_CODE(calls[i].call(), code);
        CHECK(strlen(brain_error_detail()) > 10);
    }
    check_note[0] = '\0';
}

static void check_destroyed(void)
{
    begin();
    take();
    brain_store *second = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    check_destroy(second);
    expect_of_all(BRAIN_E_DESTROYED);
    CHECK(memcmp(taken.view.data, "x", 1) == 0);
    let_go();
}

/* A child that came about without handlers is nobody. */
static void check_cloned(void)
{
    begin();
    take();
    fflush(NULL);
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK_SYS(pid);
    if (pid == 0) {
        brain_view copy;
        expect_of_all(BRAIN_E_FORKED);
        CHECK_CODE(brain_view_dup(&taken.view, &copy), BRAIN_E_FORKED);
        CHECK_CODE(brain_view_at(store, taken.view.data, &copy), BRAIN_E_FORKED);
        let_go();
        _exit(0);
    }
    CHECK_CHILD((pid_t)pid);
    brain_view_drop(&taken.view);
    pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK_SYS(pid);
    if (pid == 0) { /* nothing holds it there */
        brain_close(store);
        _exit(0);
    }
    CHECK_CHILD((pid_t)pid);
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_OK(brain_object_seal(taken.object, space, "o", 1, &empty, 0, NULL));
    CHECK_OK(brain_batch_commit(taken.batch, NULL));
    CHECK_SOUND(store);
    CHECK_OK(brain_destroy(store));
    let_go();
}

/* A child may do anything but go on with what its parent has begun, or walks through. */
static void check_forked(void)
{
    begin();
    take();
    pid_t pid = check_fork();
    if (pid == 0) {
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            bool is_parents = calls[i].kind == OWNS || calls[i].call == call_snapshot_get ||
                              calls[i].call == call_iter_of_snapshot ||
                              calls[i].call == call_iter_next || calls[i].call == call_iter_get;
            snprintf(check_note, sizeof check_note, "%s", calls[i].name);
            if (is_parents) {
                CHECK_CODE(calls[i].call(), BRAIN_E_FORKED);
                CHECK_DETAIL("child");
            } else if (calls[i].kind == READS && calls[i].call != call_wait) {
                CHECK_OK(calls[i].call());
                brain_view_drop(&taken.none);
            }
        }
        CHECK_CODE(brain_object_seal_in(taken.object, taken.batch, space, "o", 1, &empty, 0, NULL),
                   BRAIN_E_FORKED);
        let_go();
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_OK(brain_object_seal_in(taken.object, taken.batch, space, "o", 1, &empty, 0, NULL));
    CHECK_SOUND(store);
    CHECK_OK(brain_destroy(store));
    let_go();
}

static void check_read_only(void)
{
    begin();
    brain_space_close(space);
    brain_store *writer = store;
    store = check_open_with(path, 0, BRAIN_OPEN_READ_ONLY);
    space = check_space(store, "default");
    take();
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        snprintf(check_note, sizeof check_note, "%s", calls[i].name);
        if (calls[i].call == call_seal || calls[i].call == call_seal_in ||
            calls[i].call == call_append) {
            continue; /* there is no object */
        }
        int err = calls[i].call();
        CHECK_CODE(err, calls[i].kind == READS ? 0 : BRAIN_E_PERM);
        if (err == 0) {
            brain_view_drop(&taken.none);
        } else {
            CHECK_DETAIL("writing");
        }
    }
    check_note[0] = '\0';
    let_go();
    CHECK_SOUND(writer);
    check_destroy(writer);
}

/* A store of somebody else's is opened by who says so, and removed by nobody but its owner. */
static void check_somebody_elses(void)
{
    char name[200];
    brain_store *none = NULL;
    begin();
    brain_space_close(space);
    brain_close(store);
    snprintf(name, sizeof name, "%s/data", path);
    if (geteuid() != 0) {
        store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
        check_destroy(store);
        return; /* to give a file away one has to be root */
    }
    CHECK_SYS(chown(path, 65533, (gid_t)-1));
    CHECK_SYS(chown(name, 65533, (gid_t)-1));
    CHECK_CODE(brain_open(path, NULL, &none), BRAIN_E_PERM);
    CHECK_DETAIL("65533");
    store = check_open_with(path, 0, BRAIN_OPEN_SHARED);
    CHECK_U64(brain_access(store) & BRAIN_ACCESS_OWNED, 0);
    CHECK_CODE(brain_destroy(store), BRAIN_E_PERM);
    CHECK_DETAIL("owner");
    brain_close(store);
    CHECK_SYS(chown(path, geteuid(), (gid_t)-1));
    CHECK_SYS(chown(name, geteuid(), (gid_t)-1));
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    check_destroy(store);
}

/* Who has become a member of another group opens the files by himself: what he may now is not what he might. */
static void check_another_group(void)
{
    begin();
    if (geteuid() == 0) { /* else it takes a group that one is in */
        gid_t group = getegid();
        CHECK_SYS(setegid(65533));
        brain_store *second = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
        brain_space *its = check_space(second, "default");
        CHECK_OK(brain_put_bytes(its, "b", 1, "z", 1));
        brain_space_close(its);
        brain_close(second);
        CHECK_SYS(setegid(group));
    }
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    path = check_path();
    check_options();
    check_modes();
    begin();
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "b", 1, BRAIN_ANY_VERSION));
    check_values();
    check_long_names();
    check_other_arguments();
    check_sealed_beside_others();
    check_names_of_spaces();
    check_full_batch();
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
    check_destroyed();
    check_cloned();
    check_forked();
    check_read_only();
    check_somebody_elses();
    check_another_group();
    return 0;
}
