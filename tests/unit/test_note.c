/* test_note.c - a number beside a value: what shape the value has, who stores it, and what it leaves
 * alone. */
#include "check.h"

#include "slot.h"

static brain_store *store;
static brain_space *space;

static const size_t sizes[] = { 0, 8, 200, 300, 1500, 3000, 100000 };
static const size_t name_lens[] = { 1, 2, 7, 20, 3000 };
#define N_SIZES     (sizeof sizes / sizeof sizes[0])
#define N_NAME_LENS (sizeof name_lens / sizeof name_lens[0])

static void get(brain_store *from, const void *name, size_t name_len, brain_view *view)
{
    brain_space *its = check_space(from, "default");
    CHECK_OK(brain_get(its, name, name_len, view));
    brain_space_close(its);
}

/* All but the note is what was put, whatever the note is. */
static void check_rest(const brain_view *view, uint64_t seed, size_t size, size_t meta_len)
{
    CHECK_U64(view->size_bytes, size);
    CHECK_U64(view->meta_len, meta_len);
    CHECK(check_is_filled(view->data, size, seed));
    CHECK(check_is_filled(view->meta, meta_len - BRAIN_NOTE_BYTES, seed + 1));
    CHECK(check_is_filled(view->description, view->description_len, seed + 2));
    CHECK(check_is_filled(view->name, view->name_len, seed + 3));
    uint8_t bytes[8] = { 0 };
    uint64_t note = brain_view_note(view);
    uint32_t n_set = 0;
    memcpy(bytes, &note, sizeof note);
    const uint8_t *room = (const uint8_t *)view->meta + meta_len - BRAIN_NOTE_BYTES;
    for (uint32_t i = 0; i < BRAIN_NOTE_BYTES; i++) {
        n_set += room[i] != 0;
    }
    for (uint32_t i = 0; i < sizeof bytes; i++) {
        n_set -= bytes[i] != 0;
    }
    CHECK_U64(n_set, 0); /* seven of the bytes are not the note's */
}

static void check_shape(brain_store *reader, size_t size, size_t name_len, size_t meta_len,
                        size_t description_len)
{
    static uint8_t data[100000], name[3000], meta[64], description[64];
    uint64_t seed = check_random();
    brain_part part = { .data = data, .size_bytes = size };
    brain_value value = { .kind = 200,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = meta,
                          .meta_len = meta_len,
                          .description = (const char *)description,
                          .description_len = description_len };
    brain_view mine, other;
    check_fill(data, size, seed);
    memset(meta, 0, sizeof meta);
    check_fill(meta, meta_len - BRAIN_NOTE_BYTES, seed + 1);
    check_fill(description, description_len, seed + 2);
    check_fill(name, name_len, seed + 3);
    CHECK_OK(brain_put(space, name, name_len, &value, 0, NULL));
    get(store, name, name_len, &mine);
    get(reader, name, name_len, &other);
    CHECK_U64(brain_view_note(&mine), 0);
    brain_view_set_note(&mine, UINT64_C(0x1122334455667788));
    CHECK_U64(brain_view_note(&mine), UINT64_C(0x1122334455667788));
    CHECK_U64(brain_view_note(&other), UINT64_C(0x1122334455667788));
    brain_view_set_note(&other, 7); /* read-only: nothing */
    CHECK_U64(brain_view_note(&other), UINT64_C(0x1122334455667788));
    check_rest(&other, seed, size, meta_len);
    brain_view_drop(&mine);
    CHECK_U64(brain_view_note(&mine), 0);
    brain_view_set_note(&mine, 9);
    CHECK_U64(brain_view_note(&other), UINT64_C(0x1122334455667788));

    /* A note is of a version: the next has none, and the old one keeps its own. */
    CHECK_OK(brain_put(space, name, name_len, &value, BRAIN_ANY_VERSION, NULL));
    get(store, name, name_len, &mine);
    CHECK_U64(brain_view_note(&mine), 0);
    brain_view_set_note(&mine, UINT64_MAX);
    CHECK_U64(brain_view_note(&other), UINT64_C(0x1122334455667788));
    check_rest(&mine, seed, size, meta_len);
    brain_view_drop(&other);
    brain_view_drop(&mine);
    CHECK_OK(brain_delete(space, name, name_len, BRAIN_ANY_VERSION));
}

static void check_shapes(void)
{
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    for (size_t i = 0; i < N_SIZES; i++) {
        for (size_t k = 0; k < N_NAME_LENS; k++) {
            for (size_t meta_len = BRAIN_NOTE_BYTES; meta_len < BRAIN_NOTE_BYTES + 9; meta_len++) {
                check_shape(reader, sizes[i], name_lens[k], meta_len, meta_len % 3 == 0 ? 0 : 30);
            }
        }
    }
    brain_close(reader);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* Where there is no room for one, and a copy. */
static void check_none(void)
{
    static const uint8_t zeros[BRAIN_NOTE_BYTES];
    uint64_t buf[64];
    brain_view view;
    brain_value value = { .kind = 200, .meta = zeros, .meta_len = BRAIN_NOTE_BYTES - 1 };
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_put(space, "a", 1, &value, 0, NULL));
    CHECK_OK(brain_get(space, "a", 1, &view));
    brain_view_set_note(&view, UINT64_MAX);
    CHECK_U64(brain_view_note(&view), 0);
    CHECK(memcmp(view.meta, zeros, sizeof zeros - 1) == 0);
    brain_view_drop(&view);

    CHECK_OK(brain_put_bytes(space, "b", 1, "xyz", 3));
    CHECK_OK(brain_get_or_copy(space, "b", 1, NULL, buf, sizeof buf, &view));
    CHECK(view.store == NULL);
    brain_view_set_note(&view, 1);
    CHECK_U64(brain_view_note(&view), 0);

    /* What has a note is never copied without a pin, or a reader might copy it in between. */
    brain_hint hint = { .space = 0 };
    value.meta_len = BRAIN_NOTE_BYTES;
    CHECK_OK(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(brain_get_or_copy(space, "a", 1, &hint, buf, sizeof buf, &view));
        CHECK(view.store == store);
        brain_view_set_note(&view, 5);
        brain_view_drop(&view);
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* A store whose last view outlives it, a forked child, and whoever dies with a view. */
static void check_other_processes(void)
{
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_value value = { .kind = 200, .meta = meta, .meta_len = sizeof meta };
    brain_view view;
    const char *path = check_path();
    store = check_open(path, 16 * CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_put(space, "a", 1, &value, 0, NULL));
    CHECK_OK(brain_get(space, "a", 1, &view));
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_view_set_note(&view, 17);
        kill(getpid(), SIGKILL);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_U64(brain_view_note(&view), 17);
    brain_space_close(space);
    brain_close(store);
    brain_view_set_note(&view, 18);
    brain_view_drop(&view);
    store = check_open(path, 0);
    space = check_space(store, "default");
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK_U64(brain_view_note(&view), 18);
    brain_view_drop(&view);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    check_shapes();
    check_none();
    check_other_processes();
    return 0;
}
