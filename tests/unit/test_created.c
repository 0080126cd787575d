/* test_created.c - when a value was put: now, or when the caller says that it was; and when a store was made, and which
 * it is. */
#include "check.h"

#define LARGE 50000u
#define TIME  UINT64_C(1111111111000000001) /* of long ago, and not by chance */

static brain_store *store;
static brain_space *space;
static char bytes[LARGE];

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

static uint64_t created(const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    uint64_t ns = brain_view_created_ns(&view);
    brain_view_drop(&view);
    return ns;
}

static uint64_t now(void)
{
    struct timespec at;
    CHECK_SYS(clock_gettime(CLOCK_REALTIME, &at));
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/* A value whose time is not given has that of its put, which is coarse. */
static void check_is_now(const char *name, uint64_t before)
{
    uint64_t coarse = UINT64_C(1000000000);
    CHECK(created(name) + coarse >= before && created(name) <= now());
}

/* The ways to put one: `size` bytes with that time. */
static void put(const char *name, size_t size, uint64_t ns)
{
    brain_part part = { .data = bytes, .size_bytes = size };
    brain_value value = { .parts = &part, .n_parts = 1, .created_ns = ns };
    CHECK_OK(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL));
}

static void try_to_put(const char *name, size_t size, uint64_t ns)
{
    brain_part part = { .data = bytes, .size_bytes = size };
    brain_value value = { .parts = &part, .n_parts = 1, .created_ns = ns };
    brain_hint hint = { 0 };
    int err = brain_try_put(space, name, strlen(name), &hint, &value, BRAIN_ANY_VERSION, NULL);
    CHECK(err == BRAIN_E_BUSY || (err == 0 && ns == 0)); /* a time is not of the short way */
    if (err != 0) {
        put(name, size, ns);
    }
}

static void put_in_batch(const char *name, size_t size, uint64_t ns)
{
    brain_part part = { .data = bytes, .size_bytes = size };
    brain_value value = { .parts = &part, .n_parts = 1, .created_ns = ns };
    brain_value other = { .parts = &part, .n_parts = 1 };
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, "beside", 6, &other));
    CHECK_OK(brain_batch_put(batch, space, name, strlen(name), &value));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

static void seal_with(const char *name, size_t size, uint64_t ns, bool in_batch,
                      int (*create)(brain_store *, uint64_t, brain_object **))
{
    brain_object *object;
    brain_batch *batch;
    brain_value value = { .created_ns = ns };
    CHECK_OK(create(store, size, &object));
    if (brain_object_data(object) == NULL) {
        CHECK_OK(brain_object_append(object, bytes, size));
    }
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(in_batch ? brain_object_seal_in(object, batch, space, name, strlen(name), &value,
                                             BRAIN_ANY_VERSION, NULL)
                      : brain_object_seal(object, space, name, strlen(name), &value,
                                          BRAIN_ANY_VERSION, NULL));
    brain_batch_free(batch);
    brain_object_release(object);
}

static void seal(const char *name, size_t size, uint64_t ns)
{
    seal_with(name, size, ns, false, brain_create);
}

static void seal_in_batch(const char *name, size_t size, uint64_t ns)
{
    seal_with(name, size, ns, true, brain_create_in_place);
}

static void seal_streamed(const char *name, size_t size, uint64_t ns)
{
    seal_with(name, size, ns, false, brain_create_streamed);
}

static const struct way {
    const char *name;
    void (*put)(const char *name, size_t size, uint64_t ns);
} ways[] = {
    { "put", put },
    { "try to put", try_to_put },
    { "batch", put_in_batch },
    { "seal", seal },
    { "seal in a batch", seal_in_batch },
    { "seal what was streamed", seal_streamed },
};

static void check_ways(void)
{
    static const size_t sizes[] = { 0, 8, 255, 1000, LARGE };
    static const uint64_t times[] = { TIME, 1, INT64_MAX };
    begin();
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            for (size_t t = 0; t < sizeof times / sizeof *times; t++) {
                snprintf(check_note, sizeof check_note, "%s, %zu bytes, time %zu", ways[w].name,
                         sizes[i], t);
                uint64_t before = now();
                ways[w].put("a", sizes[i], times[t]); /* new, and then over another */
                CHECK_U64(created("a"), times[t]);
                ways[w].put("a", sizes[i], 0);
                check_is_now("a", before);
                ways[w].put("a", sizes[i], times[t]);
                CHECK_U64(created("a"), times[t]);
                CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
                if (brain_exists(space, "beside", 6, NULL) == 0) {
                    check_is_now("beside", before);
                }
            }
        }
    }
    check_note[0] = '\0';
    end();
}

/* Over a value whose description stays: the put is made twice. */
static void check_with_description(void)
{
    static char description[40000];
    begin();
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        for (int large = 0; large < 2; large++) {
            brain_view view;
            brain_value value = { .description = description,
                                  .description_len = large ? sizeof description : 10 };
            CHECK_OK(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL));
            ways[w].put("a", LARGE, TIME);
            CHECK_U64(created("a"), TIME);
            CHECK_OK(brain_get(space, "a", 1, &view));
            CHECK_U64(view.description_len, value.description_len);
            brain_view_drop(&view);
        }
    }
    end();
}

/* The namespace that a put makes is of now, and so is what is put in it without a time. */
static void check_others(void)
{
    brain_view view, copy;
    brain_snapshot *snapshot;
    uint64_t before = now();
    begin();
    put("a", 8, TIME);
    CHECK_OK(brain_put_bytes(space, "b", 1, "1", 1));
    check_is_now("b", before);
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    put("a", 8, TIME + 1);
    CHECK_OK(brain_snapshot_get(snapshot, space, "a", 1, &view));
    CHECK_U64(brain_view_created_ns(&view), TIME);
    CHECK_OK(brain_view_dup(&view, &copy));
    brain_view_drop(&view);
    CHECK_U64(brain_view_created_ns(&view), 0);
    CHECK_U64(brain_view_created_ns(&copy), TIME);
    brain_view_drop(&copy);
    brain_snapshot_close(snapshot);
    CHECK_U64(created("a"), TIME + 1);
    /* After slots were used again. */
    for (int i = 0; i < 500; i++) {
        CHECK_OK(brain_put_bytes(space, "b", 1, "2", 1));
    }
    check_is_now("b", before);
    CHECK_U64(created("a"), TIME + 1);
    end();
}

static void check_refused(void)
{
    static const uint64_t times[] = { (uint64_t)INT64_MAX + 1, UINT64_MAX };
    begin();
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    for (int i = 0; i < 2; i++) {
        brain_object *object;
        brain_batch *batch;
        brain_value value = { .created_ns = times[i] };
        CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_INVAL);
        CHECK_DETAIL("1970");
        CHECK_CODE(brain_try_put(space, "a", 1, NULL, &value, BRAIN_ANY_VERSION, NULL),
                   BRAIN_E_BUSY);
        CHECK_OK(brain_batch_new(store, &batch));
        CHECK_CODE(brain_batch_put(batch, space, "a", 1, &value), BRAIN_E_INVAL);
        brain_batch_free(batch);
        CHECK_OK(brain_create(store, LARGE, &object));
        CHECK_CODE(brain_object_seal(object, space, "a", 1, &value, BRAIN_ANY_VERSION, NULL),
                   BRAIN_E_INVAL);
        value.created_ns = 0;
        CHECK_OK(brain_object_seal(object, space, "b", 1, &value, BRAIN_ANY_VERSION, NULL));
        brain_object_release(object);
    }
    brain_view view;
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK(view.size_bytes == 1);
    brain_view_drop(&view);
    end();
}

/* Of a store: the same for all who have it open, and another in the next at its path. */
static void check_store(void)
{
    uint8_t first[BRAIN_STORE_ID_BYTES], again[BRAIN_STORE_ID_BYTES];
    uint64_t before = now(), coarse = UINT64_C(1000000000);
    begin();
    uint64_t made = check_stat(store).created_ns;
    CHECK(made + coarse >= before && made <= now() + coarse);
    brain_store *second = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    CHECK_U64(check_stat(second).created_ns, made);
    brain_store_id(store, first);
    brain_store_id(second, again);
    CHECK(memcmp(first, again, sizeof first) == 0);
    brain_close(second);
    char path[200];
    snprintf(path, sizeof path, "%s", brain_path(store));
    brain_space_close(space);
    check_destroy(store);
    store = check_open(path, CHECK_MIB);
    space = check_space(store, "default");
    brain_store_id(store, again);
    CHECK(memcmp(first, again, sizeof first) != 0);
    end();
}

int main(void)
{
    check_begin();
    check_store();
    check_ways();
    check_with_description();
    check_others();
    check_refused();
    return 0;
}
