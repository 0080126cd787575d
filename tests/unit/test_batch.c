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

static void add_delete(brain_batch *batch, brain_space *space, const char *name,
                       uint64_t if_version)
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

/* ---- with an object */

static brain_object *new_object(brain_store *store, size_t size, uint64_t seed)
{
    brain_object *object;
    CHECK_OK(brain_create(store, size, &object));
    check_fill(brain_object_data(object), size, seed);
    return object;
}

static void check_value(brain_space *space, const char *name, size_t size, uint64_t seed,
                        uint64_t version)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    CHECK(view.size_bytes == size && check_is_filled(view.data, size, seed));
    CHECK_U64(view.version, version);
    brain_view_drop(&view);
}

static void add_filled(brain_batch *batch, brain_space *space, const char *name, size_t size,
                       uint64_t seed)
{
    static uint8_t data[200000];
    brain_part part = { .data = data, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    check_fill(data, size, seed);
    CHECK_OK(brain_batch_put(batch, space, name, strlen(name), &value));
}

/* An object that is sealed in a commit with changes, and all that is needed for it. */
struct sealing {
    size_t size;
    bool with_old;     /* there is a value of its name already */
    bool is_new_space; /* its namespace is made by the commit */
    uint32_t n_more;   /* changes, in all three namespaces */
    brain_store *store;
    brain_space *spaces[3]; /* the first is the object's */
    brain_batch *batch;
    brain_object *object;
    brain_value value;
    uint64_t there;       /* version of a name that the commit deletes; 0: none */
    uint64_t old_version; /* of the object's name, before */
    uint64_t version;     /* and after */
};

static void begin_sealing(struct sealing *s, size_t meta_len)
{
    static const uint8_t meta[BRAIN_META_MAX];
    s->store = check_open(check_path(), 16 * CHECK_MIB);
    s->spaces[0] = check_space(s->store, s->is_new_space ? "z" : "default");
    s->spaces[1] = check_space(s->store, "other");
    s->spaces[2] = check_space(s->store, "third");
    s->value = (brain_value){ .kind = BRAIN_KIND_RAW, .meta = meta, .meta_len = meta_len };
    s->object = new_object(s->store, s->size, 1);
    CHECK_OK(brain_batch_new(s->store, &s->batch));
    if (!s->is_new_space) {
        CHECK_OK(brain_put_bytes(s->spaces[0], "there", 5, "x", 1));
        s->there = version_of(s->spaces[0], "there");
    }
    if (s->with_old) {
        brain_value old = { .kind = BRAIN_KIND_INT, .description = "kept", .description_len = 4 };
        CHECK_OK(brain_put(s->spaces[0], "object", 6, &old, BRAIN_ANY_VERSION, NULL));
    }
    s->old_version = version_of(s->spaces[0], "object");
}

static void seal(struct sealing *s, uint64_t if_version, int want)
{
    CHECK_CODE(brain_object_seal_in(s->object, s->batch, s->spaces[0], "object", 6, &s->value,
                                    if_version, &s->version),
               want);
}

/* What does not hold changes nothing, and the object can be written and sealed as before. */
static void check_refused(struct sealing *s)
{
    brain_space *space = s->spaces[0];
    add_filled(s->batch, space, "small", 10, 2);
    add_filled(s->batch, s->spaces[1], "large", 100000, 3);
    add_put(s->batch, s->spaces[2], "c", "1", 99);
    seal(s, s->old_version, BRAIN_E_STALE);
    add_filled(s->batch, space, "small", 10, 2);
    seal(s, 12345, BRAIN_E_STALE);
    add_filled(s->batch, space, "object", 10, 2);
    seal(s, s->old_version, BRAIN_E_INVAL);
    add_filled(s->batch, space, "small", 10, 2);
    s->value.n_parts = 1;
    seal(s, s->old_version, BRAIN_E_INVAL);
    s->value.n_parts = 0;
    CHECK_U64(s->version, 0);
    CHECK_U64(version_of(space, "object"), s->old_version);
    CHECK_U64(version_of(space, "small"), 0);
    CHECK_U64(version_of(s->spaces[1], "large"), 0);
    check_fill(brain_object_data(s->object), s->size, 5);
}

static const char *more_name(uint32_t i)
{
    static char name[16];
    snprintf(name, sizeof name, "more%u", i);
    return name;
}

/* All in one commit, whatever order the names sort in. */
static void check_in_one_commit(struct sealing *s)
{
    brain_space *space = s->spaces[0];
    brain_view view;
    add_filled(s->batch, s->spaces[1], "large", 100000, 3);
    add_filled(s->batch, s->spaces[2], "small", 10, 3);
    add_filled(s->batch, space, "small", 10, 2);
    CHECK_OK(brain_batch_delete(s->batch, space, "never", 5));
    if (s->there != 0) {
        CHECK_OK(brain_batch_delete_if(s->batch, space, "there", 5, s->there));
    }
    for (uint32_t i = 0; i < s->n_more; i++) {
        add_filled(s->batch, s->spaces[i % 3], more_name(i), 20, i);
    }
    seal(s, s->old_version, 0);
    CHECK(s->version > s->old_version);
    check_value(space, "object", s->size, 5, s->version);
    check_value(s->spaces[1], "large", 100000, 3, s->version);
    check_value(s->spaces[2], "small", 10, 3, s->version);
    check_value(space, "small", 10, 2, s->version);
    CHECK_U64(version_of(space, "there"), 0);
    for (uint32_t i = 0; i < s->n_more; i++) {
        check_value(s->spaces[i % 3], more_name(i), 20, i, s->version);
    }
    CHECK_OK(brain_get(space, "object", 6, &view));
    CHECK_U64(view.description_len, s->with_old ? 4 : 0);
    brain_view_drop(&view);
    CHECK_OK(brain_batch_commit(s->batch, NULL)); /* it is empty */
    CHECK_U64(version_of(space, "small"), s->version);
}

/* What is written now stays here, and the pages stay while the object does. */
static void check_afterwards(struct sealing *s)
{
    brain_space *space = s->spaces[0];
    check_fill(brain_object_data(s->object), s->size, 6);
    check_value(space, "object", s->size, 5, s->version);
    CHECK_OK(brain_delete(space, "object", 6, s->version));
    CHECK(check_is_filled(brain_object_data(s->object), s->size, 6));
    add_filled(s->batch, space, "small", 10, 2);
    seal(s, 0, BRAIN_E_INVAL);
    CHECK_OK(brain_batch_commit(s->batch, NULL));
}

static void end_sealing(struct sealing *s)
{
    brain_object_release(s->object);
    brain_batch_free(s->batch);
    CHECK_U64(check_stat(s->store).n_pins, 0);
    CHECK_OK(brain_trim(s->store, NULL));
    CHECK_U64(check_stat(s->store).private_bytes, 0);
    CHECK_U64(check_stat(s->store).limbo_bytes, 0);
    CHECK_SOUND(s->store);
    for (int i = 0; i < 3; i++) {
        brain_space_close(s->spaces[i]);
    }
    check_destroy(s->store);
}

static void check_seal_in(struct sealing sealing, size_t meta_len)
{
    begin_sealing(&sealing, meta_len);
    check_refused(&sealing);
    check_in_one_commit(&sealing);
    check_afterwards(&sealing);
    end_sealing(&sealing);
}

static void check_objects(void)
{
    static const size_t sizes[] = { 0, 100, 3000, 100000 };
    for (uint32_t i = 0; i < 4 * 8; i++) {
        /* 1,950 bytes of metadata do not fit beside an extent: another is taken, with all in it. */
        struct sealing sealing = { .size = sizes[i % 4],
                                   .with_old = i / 8 % 2 == 0,
                                   .is_new_space = i / 16 % 2 == 0,
                                   .n_more = i % 3 * 25 };
        check_seal_in(sealing, i / 4 % 2 == 0 ? 32 : 1950);
    }
    brain_store *one = check_open(check_path(), 16 * CHECK_MIB);
    brain_store *two = check_open(check_path(), 16 * CHECK_MIB);
    brain_space *space = check_space(one, "default");
    brain_object *object = new_object(one, 5000, 1);
    brain_value value = { .kind = BRAIN_KIND_RAW };
    brain_batch *batch;
    CHECK_OK(brain_batch_new(two, &batch));
    CHECK_CODE(brain_object_seal_in(object, batch, space, "o", 1, &value, 0, NULL), BRAIN_E_INVAL);
    brain_batch_free(batch);
    brain_object_release(object);
    brain_space_close(space);
    check_destroy(one);
    check_destroy(two);
}

int main(void)
{
    check_begin();
    check_objects();
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
