/* test_stream.c - objects that are filled piece by piece: what they hold, what they cost meanwhile, and what is given
 * back. That appends fail halfway is in tests/fault. */
#include "check.h"

#include "layout.h"

#define CAPACITY (16 * CHECK_MIB)
#define LARGE    300000u
#define MOST     (2 * CHECK_MIB)

static brain_store *store;
static brain_space *space;
static uint8_t bytes[MOST];
static const brain_value bare = { .kind = BRAIN_KIND_BYTES };

static void begin(uint64_t capacity)
{
    store = check_open(check_path(), capacity);
    space = check_space(store, "default");
    CHECK_OK(brain_space_create(space));
}

static void end(void)
{
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
    check_n_paths--; /* nothing is left there */
}

static brain_object *create(size_t size)
{
    brain_object *object = NULL;
    CHECK_OK(brain_create_streamed(store, size, &object));
    CHECK(brain_object_data(object) == NULL);
    return object;
}

/* Bytes `from` to `end` of what follows from `seed`. */
static void append(brain_object *object, size_t from, size_t end)
{
    CHECK_OK(brain_object_append(object, bytes + from, end - from));
}

static brain_object *create_full(size_t size, uint64_t seed)
{
    brain_object *object = create(size);
    check_fill(bytes, size, seed);
    append(object, 0, size / 3);
    append(object, size / 3, size);
    return object;
}

static int seal(brain_object *object, const char *name, uint64_t if_version)
{
    return brain_object_seal(object, space, name, strlen(name), &bare, if_version, NULL);
}

static void check_value(const char *name, size_t size, uint64_t seed)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    CHECK_U64(view.size_bytes, size);
    CHECK(check_is_filled(view.data, size, seed));
    CHECK((uintptr_t)view.data % (size >= 256 ? 64 : 8) == 0);
    brain_view_drop(&view);
}

/* ---- sizes */

/* In pieces of `piece`, of which the last but one is followed by nothing. */
static void check_pieces(size_t size, size_t piece)
{
    uint64_t version = 0, its = 0;
    brain_object *object = create(size);
    check_fill(bytes, size, size ^ piece);
    for (size_t at = 0; at < size; at += piece) {
        size_t rest = size - at, n = rest < piece ? rest : piece;
        CHECK_CODE(seal(object, "a", BRAIN_ANY_VERSION), BRAIN_E_INVAL);
        CHECK_DETAIL("only");
        CHECK_CODE(brain_object_append(object, bytes, rest + 1), BRAIN_E_INVAL);
        append(object, at, at + n);
        CHECK_OK(brain_object_append(object, NULL, 0));
    }
    CHECK_CODE(brain_exists(space, "a", 1, NULL), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_object_seal(object, space, "a", 1, &bare, 0, &version));
    CHECK_OK(brain_exists(space, "a", 1, &its));
    CHECK_U64(its, version);
    check_value("a", size, size ^ piece);
    CHECK(brain_object_data(object) == NULL);
    CHECK_CODE(brain_object_append(object, bytes, 1), BRAIN_E_INVAL);
    CHECK_DETAIL("already");
    CHECK_CODE(seal(object, "b", BRAIN_ANY_VERSION), BRAIN_E_INVAL);
    brain_object_release(object);
    check_value("a", size, size ^ piece);
    CHECK_U64(check_live(store), size);
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_SOUND(store);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
}

/* Into memory that is warm, and that is not. */
static void check_sizes(void)
{
    static const size_t sizes[] = { 0,    1,    8,    255,  256,  1983,  1984,   1985,
                                    4095, 4096, 4097, 8192, 9000, 65536, 300001, MOST };
    static const size_t pieces[] = { 1, 7, 4096, 5000, 65536, MOST };
    begin(CAPACITY);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
            for (int warm = 0; warm < 2 && sizes[i] / pieces[k] < 10000; warm++) {
                snprintf(check_note, sizeof check_note, "%zu bytes in pieces of %zu", sizes[i],
                         pieces[k]);
                if (!warm) {
                    CHECK_OK(brain_trim(store, NULL));
                }
                check_pieces(sizes[i], pieces[k]);
            }
        }
    }
    check_note[0] = '\0';
    end();
}

/* ---- what it costs, and what is given back */

static void check_memory(void)
{
    begin(CAPACITY);
    check_fill(bytes, LARGE, 1);
    uint64_t before = check_stat(store).physical_bytes;
    brain_object *object = create(LARGE);
    CHECK_U64(check_stat(store).private_bytes, LARGE);
    CHECK(check_stat(store).physical_bytes <
          before + LARGE); /* of pages that are given, and not written yet, too */
    append(object, 0, 1);
    CHECK_U64(check_stat(store).value_backed_bytes, BN_PAGE);
    append(object, 1, 3 * BN_PAGE + 1);
    CHECK_U64(check_stat(store).value_backed_bytes, 4 * BN_PAGE);
    /* Somebody else gives back what nobody uses: this is not of that. */
    brain_store *other = check_open(brain_path(store), 0);
    CHECK_OK(brain_trim(other, NULL));
    brain_close(other);
    CHECK_U64(check_stat(store).value_backed_bytes, 4 * BN_PAGE);
    append(object, 3 * BN_PAGE + 1, LARGE);
    uint64_t backed = check_stat(store).value_backed_bytes;
    CHECK_U64(backed, (LARGE + BN_PAGE - 1) / BN_PAGE * BN_PAGE);
    CHECK_OK(seal(object, "a", 0));
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_U64(check_stat(store).value_backed_bytes, backed);
    check_value("a", LARGE, 1);

    /* It has no pin: what was sealed and is deleted goes at once. */
    CHECK_U64(check_stat(store).n_pins, 0);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).value_backed_bytes, 0);
    brain_object_release(object);
    end();
}

static void check_given_up(void)
{
    static const size_t filled[] = { 0, 1, BN_PAGE, LARGE / 2, LARGE };
    begin(CAPACITY);
    for (size_t i = 0; i < sizeof filled / sizeof *filled; i++) {
        brain_object *object = create(LARGE);
        append(object, 0, filled[i]);
        brain_object_release(object);
        CHECK_U64(check_stat(store).private_bytes, 0);
        CHECK_OK(brain_trim(store, NULL));
        CHECK_U64(check_stat(store).value_backed_bytes, 0);
        CHECK_SOUND(store);
    }
    end();
}

/* Also of one who dies: before it has said so, pages may have memory. */
static void check_dead(void)
{
    begin(CAPACITY);
    pid_t pid = check_fork();
    if (pid == 0) {
        store = check_open(brain_path(store), 0);
        append(create(LARGE), 0, LARGE / 2);
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_U64(check_stat(store).private_bytes, LARGE);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_U64(check_stat(store).private_bytes, 0);
    end();
}

/* What is being filled counts from the beginning, and once. */
static void check_capacity(void)
{
    brain_object *object, *none = NULL;
    begin(CHECK_MIB);
    CHECK_CODE(brain_create_streamed(store, CHECK_MIB + 1, &none), BRAIN_E_FULL);
    CHECK(none == NULL);
    object = create(CHECK_MIB);
    CHECK_CODE(brain_put_bytes(space, "b", 1, "1", 1), BRAIN_E_FULL);
    check_fill(bytes, CHECK_MIB, 1);
    append(object, 0, CHECK_MIB);
    CHECK_OK(seal(object, "a", 0));
    CHECK_CODE(brain_put_bytes(space, "b", 1, "1", 1), BRAIN_E_FULL);
    brain_object_release(object);
    CHECK_CODE(brain_put_bytes(space, "b", 1, "1", 1), BRAIN_E_FULL);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_put_bytes(space, "b", 1, "1", 1));
    end();
}

/* ---- seals that do not simply hand it over */

static void check_refused(void)
{
    begin(CAPACITY);
    CHECK_OK(brain_put_bytes(space, "a", 1, "there", 5));
    brain_object *object = create_full(LARGE, 2);
    CHECK_CODE(seal(object, "a", 0), BRAIN_E_EXISTS);
    CHECK_CODE(seal(object, "a", 77), BRAIN_E_STALE);
    CHECK_CODE(brain_object_append(object, bytes, 1), BRAIN_E_INVAL); /* full it is */
    CHECK_OK(seal(object, "a", BRAIN_ANY_VERSION));
    brain_object_release(object);
    check_value("a", LARGE, 2);
    end();
}

/* A name, or a description that is kept, which fits no slot lies behind the data: in another extent, to which it is
 * copied. The first stays until the release. */
static void check_copied(void)
{
    static char name[3001], description[50000];
    brain_view view;
    brain_object *object;
    memset(name, 'n', sizeof name - 1);
    memset(description, 'd', sizeof description);
    begin(3 * LARGE);
    object = create_full(LARGE, 3);
    CHECK_OK(seal(object, name, 0));
    CHECK_U64(check_stat(store).private_bytes, LARGE);
    CHECK_CODE(brain_object_append(object, bytes, 0), BRAIN_E_INVAL);
    brain_object_release(object);
    CHECK_U64(check_stat(store).private_bytes, 0);
    check_value(name, LARGE, 3);

    brain_value described = { .kind = BRAIN_KIND_STR,
                              .description = description,
                              .description_len = sizeof description };
    CHECK_OK(brain_put(space, "b", 1, &described, BRAIN_ANY_VERSION, NULL));
    object = create_full(LARGE, 4);
    CHECK_OK(seal(object, "b", BRAIN_ANY_VERSION));
    brain_object_release(object);
    check_value("b", LARGE, 4);
    CHECK_OK(brain_get(space, "b", 1, &view));
    CHECK_U64(view.description_len, sizeof description);
    CHECK(memcmp(view.description, description, sizeof description) == 0);
    brain_view_drop(&view);

    /* There is no room for a second, and then it is as before. */
    object = create_full(LARGE, 5);
    name[0] = 'm';
    CHECK_CODE(seal(object, name, 0), BRAIN_E_FULL);
    CHECK_OK(seal(object, "c", 0));
    brain_object_release(object);
    check_value("c", LARGE, 5);
    end();
}

static void check_in_batch(void)
{
    static const size_t sizes[] = { 100, LARGE };
    begin(CAPACITY);
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t version = 0, its = 0;
        brain_batch *batch;
        brain_object *object = create(sizes[i]);
        check_fill(bytes, sizes[i], i);
        CHECK_OK(brain_batch_new(store, &batch));
        CHECK_OK(brain_batch_put(batch, space, "beside", 6, &bare));
        append(object, 0, sizes[i] - 1);
        CHECK_CODE(brain_object_seal_in(object, batch, space, "a", 1, &bare, 0, &version),
                   BRAIN_E_INVAL); /* it is not full; and the batch is empty now */
        append(object, sizes[i] - 1, sizes[i]);
        CHECK_OK(brain_batch_put(batch, space, "beside", 6, &bare));
        CHECK_OK(brain_batch_require(batch, space, "missing", 7, BRAIN_ANY_VERSION));
        CHECK_CODE(brain_object_seal_in(object, batch, space, "a", 1, &bare, 0, &version),
                   BRAIN_E_STALE);
        CHECK_CODE(brain_exists(space, "beside", 6, NULL), BRAIN_E_NOT_FOUND);
        CHECK_OK(brain_batch_put(batch, space, "beside", 6, &bare));
        CHECK_OK(brain_object_seal_in(object, batch, space, "a", 1, &bare, 0, &version));
        CHECK_OK(brain_exists(space, "beside", 6, &its));
        CHECK_U64(its, version);
        brain_batch_free(batch);
        brain_object_release(object);
        check_value("a", sizes[i], i);
        CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
        CHECK_OK(brain_delete(space, "beside", 6, BRAIN_ANY_VERSION));
        CHECK_SOUND(store);
    }
    end();
}

/* ---- what may not be done */

static void check_other_objects(void)
{
    brain_object *object;
    begin(CAPACITY);
    for (int i = 0; i < 4; i++) {
        CHECK_OK((i < 2 ? brain_create : brain_create_in_place)(store, i % 2 == 0 ? 100 : LARGE,
                                                                &object));
        CHECK_CODE(brain_object_append(object, bytes, 1), BRAIN_E_INVAL);
        CHECK_DETAIL("brain_object_data");
        brain_object_release(object);
    }
    for (int i = 0; i < 2; i++) {
        object = create(i == 0 ? 100 : LARGE);
        CHECK_CODE(brain_object_append(object, NULL, 1), BRAIN_E_INVAL);
        CHECK_DETAIL("NULL");
        CHECK_CODE(brain_object_append(object, bytes, SIZE_MAX), BRAIN_E_INVAL);
        CHECK_DETAIL("do not fit");
        brain_object_release(object);
    }
    object = NULL;
    CHECK_CODE(brain_create_streamed(store, (uint64_t)1 << 47, &object), BRAIN_E_INVAL);
    CHECK(object == NULL);
    end();
}

/* A child has nothing of it, and harms nothing when it lets go. */
static void check_forked(void)
{
    static const size_t sizes[] = { 100, LARGE };
    begin(CAPACITY);
    for (uint64_t i = 0; i < 2; i++) {
        brain_object *object = create(sizes[i]);
        check_fill(bytes, sizes[i], i);
        append(object, 0, sizes[i] / 2);
        pid_t pid = check_fork();
        if (pid == 0) {
            CHECK_CODE(brain_object_append(object, bytes, 1), BRAIN_E_FORKED);
            CHECK_CODE(seal(object, "a", 0), BRAIN_E_FORKED);
            brain_object_release(object);
            CHECK_OK(brain_trim(store, NULL));
            _exit(0);
        }
        CHECK_CHILD(pid);
        append(object, sizes[i] / 2, sizes[i]);
        CHECK_OK(seal(object, "a", BRAIN_ANY_VERSION));
        brain_object_release(object);
        check_value("a", sizes[i], i);
    }
    end();
}

static void check_destroyed(void)
{
    begin(CAPACITY);
    brain_object *object = create(LARGE);
    append(object, 0, 100);
    CHECK_OK(brain_destroy(store));
    CHECK_CODE(brain_object_append(object, bytes, 1), BRAIN_E_DESTROYED);
    brain_object_release(object);
    brain_space_close(space);
    brain_close(store);
}

int main(void)
{
    check_begin();
    check_sizes();
    check_memory();
    check_given_up();
    check_dead();
    check_capacity();
    check_refused();
    check_copied();
    check_in_batch();
    check_other_objects();
    check_forked();
    check_destroyed();
    return 0;
}
