/* test_batch.c - a batch where it cannot be committed, and one with conditions. What batches do else is
 * in test_brain.c. */
#include "check.h"

/* Of a store that is open read-only, whatever its size and wherever it is to go: PERM, and nothing else. */
static void check_read_only(void)
{
    static uint8_t large[50000];
    static const char *const names[] = { "default", "missing" };
    brain_store *store = check_open(check_path(), 16 * CHECK_MIB);
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    for (int i = 0; i < 2; i++) {
        brain_batch *batch;
        brain_space *of_reader = check_space(reader, names[i]);
        CHECK_OK(brain_batch_new(reader, &batch));
        for (uint32_t n = 0; n < 20; n++) {
            brain_part part = { .data = large, .size_bytes = n % 2 == 0 ? sizeof large : 3 };
            brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
            CHECK_CODE(brain_batch_put(batch, of_reader, &n, sizeof n, &value), BRAIN_E_PERM);
            CHECK_DETAIL("read-only");
        }
        CHECK_CODE(brain_batch_delete(batch, of_reader, "a", 1), BRAIN_E_PERM);
        CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_PERM);
        brain_batch_free(batch);
        brain_space_close(of_reader);
    }
    brain_close(reader);
    CHECK_OK(brain_exists(space, "a", 1, NULL));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void add_put(brain_batch *batch, brain_space *space, const char *name, const char *text,
                    uint64_t if_version)
{
    brain_part part = { .data = text, .size_bytes = strlen(text) };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_batch_put_if(batch, space, name, strlen(name), &value, if_version));
}

static void add_delete(brain_batch *batch, brain_space *space, const char *name, uint64_t if_version)
{
    CHECK_OK(brain_batch_delete_if(batch, space, name, strlen(name), if_version));
}

static uint64_t version_of(brain_space *space, const char *name)
{
    uint64_t version = 0;
    int err = brain_exists(space, name, strlen(name), &version);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    return version;
}

/* One condition among changes that would go: holds, and all are made; does not, and none is. */
static void check_condition(void (*add)(brain_batch *, brain_space *, brain_space *), int want)
{
    brain_store *store = check_open(check_path(), 16 * CHECK_MIB);
    brain_space *space = check_space(store, "default"), *missing = check_space(store, "missing");
    brain_batch *batch;
    uint64_t number = 0;
    CHECK_OK(brain_put_bytes(space, "old", 3, "1", 1));
    uint64_t before = version_of(space, "old");
    CHECK_OK(brain_batch_new(store, &batch));
    add_put(batch, space, "a", "1", BRAIN_ANY_VERSION);
    add(batch, space, missing);
    add_put(batch, space, "z", "1", 0);
    CHECK_CODE(brain_batch_commit(batch, &number), want);
    CHECK_U64(version_of(space, "a"), number);
    CHECK_U64(version_of(space, "z"), number);
    CHECK(want != 0 || number > before);
    CHECK(want == 0 || version_of(space, "old") == before);
    CHECK_OK(brain_batch_commit(batch, NULL)); /* it is empty */
    CHECK_U64(version_of(space, "z"), number);
    CHECK_SOUND(store);
    brain_batch_free(batch);
    brain_space_close(space);
    brain_space_close(missing);
    check_destroy(store);
}

static void put_absent(brain_batch *batch, brain_space *space, brain_space *missing)
{
    add_put(batch, space, "new", "2", 0);
    add_put(batch, missing, "new", "2", 0);
}

static void put_same(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_put(batch, space, "old", "2", version_of(space, "old"));
}

static void put_exists(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_put(batch, space, "old", "2", 0);
}

static void put_stale(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_put(batch, space, "old", "2", version_of(space, "old") + 1000);
}

static void put_stale_absent(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)space;
    add_put(batch, missing, "old", "2", 77);
}

static void delete_same(brain_batch *batch, brain_space *space, brain_space *missing)
{
    add_delete(batch, space, "old", version_of(space, "old"));
    add_delete(batch, space, "never", BRAIN_ANY_VERSION);
    add_delete(batch, missing, "never", BRAIN_ANY_VERSION);
}

static void delete_stale(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_delete(batch, space, "old", version_of(space, "old") + 1000);
}

static void delete_absent(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_delete(batch, space, "never", 77);
}

static void delete_without_space(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)space;
    add_delete(batch, missing, "never", 77);
}

/* The last change of a name wins, its condition too. */
static void last_holds(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_put(batch, space, "old", "2", 0); /* would be EXISTS */
    add_put(batch, space, "old", "3", BRAIN_ANY_VERSION);
    add_delete(batch, space, "new", 77); /* would be NOT_FOUND */
    add_put(batch, space, "new", "3", 0);
}

static void last_fails(brain_batch *batch, brain_space *space, brain_space *missing)
{
    (void)missing;
    add_put(batch, space, "old", "2", BRAIN_ANY_VERSION);
    add_put(batch, space, "old", "3", 0);
}

int main(void)
{
    check_begin();
    check_read_only();
    check_condition(put_absent, 0);
    check_condition(put_same, 0);
    check_condition(put_exists, BRAIN_E_EXISTS);
    check_condition(put_stale, BRAIN_E_STALE);
    check_condition(put_stale_absent, BRAIN_E_STALE);
    check_condition(delete_same, 0);
    check_condition(delete_stale, BRAIN_E_STALE);
    check_condition(delete_absent, BRAIN_E_NOT_FOUND);
    check_condition(delete_without_space, BRAIN_E_NOT_FOUND);
    check_condition(last_holds, 0);
    check_condition(last_fails, BRAIN_E_EXISTS);
    return 0;
}
