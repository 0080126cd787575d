/* test_away.c - brain_move_away(): a small value stands for one that is elsewhere, and nobody can tell by version, time,
 * description or a wake-up. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>

#define LARGE 200000u

static brain_store *store;
static brain_space *space;
static char bytes[LARGE];
static char wordy[3000];

static uint64_t put(const char *name, size_t size, size_t description_len, uint64_t if_version)
{
    brain_part part = { .data = bytes, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .parts = &part,
                          .n_parts = 1,
                          .meta = "meta",
                          .meta_len = 4,
                          .description = wordy,
                          .description_len = description_len,
                          .created_ns = 1111 };
    uint64_t version;
    CHECK_OK(brain_put(space, name, strlen(name), &value, if_version, &version));
    return version;
}

static void get(const char *name, brain_view *view_out)
{
    CHECK_OK(brain_get(space, name, strlen(name), view_out));
}

static int move(const char *name, const char *stand_in)
{
    brain_view view;
    get(name, &view);
    int err = brain_move_away(&view, stand_in, strlen(stand_in));
    brain_view_drop(&view);
    return err;
}

static void check_view(const brain_view *view, uint64_t version, const char *stand_in,
                       size_t description_len)
{
    CHECK_U64(view->kind, BRAIN_KIND_AWAY);
    CHECK_U64(view->size_bytes, strlen(stand_in));
    CHECK(memcmp(view->data, stand_in, strlen(stand_in)) == 0);
    CHECK_U64((uintptr_t)view->data % (view->size_bytes < 256 ? 8 : 64), 0);
    CHECK_U64(view->version, version);
    CHECK_U64(view->meta_len, 4);
    CHECK(memcmp(view->meta, "meta", 4) == 0);
    CHECK_U64(view->description_len, description_len);
    CHECK(memcmp(view->description, wordy, description_len) == 0);
    CHECK_U64(brain_view_created_ns(view), 1111);
}

/* In every way in which a value is got. */
static void check_away(const char *name, uint64_t version, const char *stand_in,
                       size_t description_len)
{
    brain_view view;
    uint64_t buf[64], seen = 0;
    brain_hint hint = { 0 };
    uint8_t id[BRAIN_ID_BYTES];
    get(name, &view);
    check_view(&view, version, stand_in, description_len);
    brain_view_id(&view, id);
    brain_view_drop(&view);
    CHECK_OK(brain_get_by_id(store, id, &view));
    check_view(&view, version, stand_in, description_len);
    brain_view_drop(&view);
    for (int i = 0; i < 2; i++) { /* the second by the hint */
        CHECK_OK(brain_get_or_copy(space, name, strlen(name), &hint, buf, sizeof buf, &view));
        check_view(&view, version, stand_in, description_len);
        brain_view_drop(&view);
    }
    CHECK_OK(brain_exists(space, name, strlen(name), &seen));
    CHECK_U64(seen, version);
    const brain_key key = { .space = space, .name = name, .name_len = strlen(name) };
    CHECK_OK(brain_get_many(store, &key, 1, &view, NULL));
    check_view(&view, version, stand_in, description_len);
    brain_view_drop(&view);
    brain_iter *iter;
    const void *found;
    size_t len;
    bool was_there = false;
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    while (brain_iter_next(iter, &found, &len) == 0) {
        if (len == strlen(name) && memcmp(found, name, len) == 0) {
            CHECK_OK(brain_iter_get(iter, &view));
            check_view(&view, version, stand_in, description_len);
            brain_view_drop(&view);
            was_there = true;
        }
    }
    brain_iter_free(iter);
    CHECK(was_there);
    CHECK_CODE(brain_wait(space, name, strlen(name), version, 0, &seen), BRAIN_E_TIMEOUT);
    CHECK_OK(brain_wait(space, name, strlen(name), version - 1, 0, &seen));
    CHECK_U64(seen, version);
}

static void check_shapes(void)
{
    static const size_t descriptions[] = {
        0, 300, 1000, 2990
    }; /* beside the data, before them, behind an extent */
    char stand_in[BRAIN_AWAY_MAX + 1] = "";
    for (size_t d = 0; d < sizeof descriptions / sizeof descriptions[0]; d++) {
        for (size_t len = 1; len <= BRAIN_AWAY_MAX; len = len * 3 + 1) {
            memset(stand_in, 's', len);
            stand_in[len] = '\0';
            uint64_t version = put("shape", LARGE, descriptions[d], BRAIN_ANY_VERSION);
            CHECK_OK(move("shape", stand_in));
            check_away("shape", version, stand_in, descriptions[d]);
            CHECK_SOUND(store);
        }
        memset(stand_in, 's', BRAIN_AWAY_MAX);
        uint64_t version = put("shape", LARGE, descriptions[d], BRAIN_ANY_VERSION);
        CHECK_OK(move("shape", stand_in));
        check_away("shape", version, stand_in, descriptions[d]);
    }
    CHECK_OK(brain_delete(space, "shape", 5, BRAIN_ANY_VERSION));
}

static uint64_t live(void)
{
    uint64_t capacity, bytes_live;
    CHECK_OK(brain_usage(store, &capacity, &bytes_live));
    return bytes_live;
}

static uint64_t in_limbo(void)
{
    brain_stat stat = { .struct_size = sizeof stat };
    CHECK_OK(brain_stat_get(store, &stat));
    return stat.limbo_bytes;
}

/* A view keeps the value, then its memory is given back. */
static void check_memory(void)
{
    uint64_t before = live();
    put("memory", LARGE, 0, BRAIN_ANY_VERSION);
    brain_view view;
    get("memory", &view);
    CHECK_OK(brain_move_away(&view, "elsewhere", 9));
    CHECK_U64(live(), before + 9 + 8);
    CHECK(in_limbo() >= LARGE);
    CHECK_U64(view.size_bytes, LARGE);
    CHECK(memcmp(view.data, bytes, LARGE) == 0);
    brain_view_drop(&view);
    CHECK_U64(in_limbo(), 0);
    CHECK_OK(brain_delete(space, "memory", 6, BRAIN_ANY_VERSION));
}

/* Every condition of before the move holds after it, and those of others do not. */
static void check_conditions(void)
{
    uint64_t version = put("if", LARGE, 0, BRAIN_ANY_VERSION);
    brain_batch *batch;
    CHECK_OK(move("if", "elsewhere"));
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_require(batch, space, "if", 2, version));
    CHECK_OK(brain_batch_commit(batch, NULL));
    CHECK_OK(brain_batch_require(batch, space, "if", 2, version + 1));
    CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_STALE);
    brain_batch_free(batch);
    CHECK_CODE(brain_delete(space, "if", 2, version + 1), BRAIN_E_STALE);
    const brain_value none = { .kind = BRAIN_KIND_NONE };
    CHECK_CODE(brain_put(space, "if", 2, &none, version + 1, NULL), BRAIN_E_STALE);
    CHECK_CODE(brain_put(space, "if", 2, &none, 0, NULL), BRAIN_E_EXISTS);
    version = put("if", LARGE, 0, version);
    CHECK_OK(move("if", "elsewhere"));
    CHECK_CODE(brain_try_put(space, "if", 2, NULL, &none, version, NULL), BRAIN_E_BUSY);
    CHECK_OK(brain_delete(space, "if", 2, version));
    CHECK_CODE(brain_exists(space, "if", 2, NULL), BRAIN_E_NOT_FOUND);
    CHECK_SOUND(store);
}

/* A put that gives no description keeps that of a value that is away. */
static void check_description(void)
{
    put("described", LARGE, 200, BRAIN_ANY_VERSION);
    CHECK_OK(move("described", "elsewhere"));
    CHECK_OK(brain_put_bytes(space, "described", 9, "x", 1));
    brain_view view;
    get("described", &view);
    CHECK_U64(view.description_len, 200);
    brain_view_drop(&view);
    CHECK_OK(brain_delete(space, "described", 9, BRAIN_ANY_VERSION));
}

static void check_snapshots(void)
{
    brain_snapshot *before, *after;
    brain_view view;
    uint64_t version = put("snap", LARGE, 0, BRAIN_ANY_VERSION);
    CHECK_OK(brain_snapshot_open(store, &before));
    CHECK_OK(move("snap", "elsewhere"));
    CHECK_OK(brain_snapshot_open(store, &after));
    CHECK_OK(brain_delete(space, "snap", 4, BRAIN_ANY_VERSION));
    CHECK_OK(brain_snapshot_get(before, space, "snap", 4, &view));
    CHECK_U64(view.size_bytes, LARGE);
    CHECK_U64(view.version, version);
    CHECK(memcmp(view.data, bytes, LARGE) == 0);
    brain_view_drop(&view);
    CHECK_OK(brain_snapshot_get(after, space, "snap", 4, &view));
    check_view(&view, version, "elsewhere", 0);
    brain_view_drop(&view);
    brain_snapshot_close(before);
    brain_snapshot_close(after);
    CHECK_SOUND(store);
}

/* ---- what is refused, and has no effect */

static void check_refused(void)
{
    brain_view view, dropped = { .store = NULL };
    char long_one[BRAIN_AWAY_MAX + 1] = "";
    uint64_t version = put("refused", LARGE, 0, BRAIN_ANY_VERSION);
    get("refused", &view);
    CHECK_CODE(brain_move_away(&dropped, "x", 1), BRAIN_E_INVAL);
    CHECK_CODE(brain_move_away(&view, "x", 0), BRAIN_E_INVAL);
    CHECK_CODE(brain_move_away(&view, NULL, 1), BRAIN_E_INVAL);
    CHECK_CODE(brain_move_away(&view, long_one, sizeof long_one), BRAIN_E_INVAL);
    CHECK_OK(brain_move_away(&view, "first", 5));
    CHECK_CODE(brain_move_away(&view, "second", 6),
               BRAIN_E_STALE); /* the other was first: same version */
    brain_view_drop(&view);
    check_away("refused", version, "first", 0);
    CHECK_CODE(move("refused", "again"), BRAIN_E_INVAL);
    put("refused", LARGE, 0, BRAIN_ANY_VERSION);
    get("refused", &view);
    put("refused", LARGE, 0, BRAIN_ANY_VERSION);
    CHECK_CODE(brain_move_away(&view, "late", 4), BRAIN_E_STALE);
    CHECK_OK(brain_delete(space, "refused", 7, BRAIN_ANY_VERSION));
    CHECK_CODE(brain_move_away(&view, "late", 4), BRAIN_E_STALE);
    CHECK_CODE(brain_exists(space, "refused", 7, NULL), BRAIN_E_NOT_FOUND);
    brain_view_drop(&view);
    put("small", 8 + 4, 0, BRAIN_ANY_VERSION);
    CHECK_CODE(move("small", "12345"), BRAIN_E_INVAL);
    CHECK_OK(move("small", "1234"));
    CHECK_OK(brain_delete(space, "small", 5, BRAIN_ANY_VERSION));
    const brain_part half = { .data = bytes, .size_bytes = LARGE };
    const brain_value unsealed = { .kind = BRAIN_KIND_UNSEALED, .parts = &half, .n_parts = 1 };
    CHECK_OK(brain_put(space, "unsealed", 8, &unsealed, BRAIN_ANY_VERSION, &version));
    CHECK_CODE(move("unsealed", "elsewhere"), BRAIN_E_INVAL); /* somebody is writing it */
    CHECK_DETAIL("not sealed yet");
    get("unsealed", &view);
    CHECK(view.kind == BRAIN_KIND_UNSEALED && view.version == version);
    CHECK(view.size_bytes == LARGE && memcmp(view.data, bytes, LARGE) == 0);
    brain_view_drop(&view);
    CHECK_OK(brain_delete(space, "unsealed", 8, BRAIN_ANY_VERSION));
    const brain_value away = { .kind = BRAIN_KIND_AWAY };
    CHECK_CODE(brain_put(space, "refused", 7, &away, BRAIN_ANY_VERSION, NULL), BRAIN_E_INVAL);
    CHECK_SOUND(store);
}

static void check_removed_space(void)
{
    brain_space *gone = check_space(store, "gone");
    brain_view view;
    CHECK_OK(brain_put_bytes(gone, "x", 1, bytes, LARGE));
    CHECK_OK(brain_get(gone, "x", 1, &view));
    CHECK_OK(brain_space_remove(gone));
    CHECK_CODE(brain_move_away(&view, "late", 4), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_space_exists(gone), BRAIN_E_NOT_FOUND);
    brain_view_drop(&view);
    CHECK_OK(
        brain_put_bytes(gone, "x", 1, bytes, LARGE)); /* made again, in the same record perhaps */
    uint64_t seen;
    CHECK_OK(brain_get(gone, "x", 1, &view));
    uint64_t version = view.version;
    CHECK_OK(brain_move_away(&view, "elsewhere", 9));
    brain_view_drop(&view);
    CHECK_OK(brain_wait_space(gone, version - 1, 0, &seen));
    CHECK_U64(seen, version);
    CHECK_OK(brain_space_remove(gone)); /* with a value that is away */
    CHECK_OK(brain_space_create(gone));
    CHECK_OK(brain_wait_space(gone, version, 0, &seen));
    CHECK(seen > version);
    brain_space_close(gone);
    CHECK_SOUND(store);
}

/* ---- a store without room */

static void check_full(void)
{
    uint64_t capacity, used;
    uint64_t version = put("victim", LARGE, 0, BRAIN_ANY_VERSION);
    CHECK_OK(brain_usage(store, &capacity, &used));
    brain_part part = { .data = calloc(1, capacity), .size_bytes = (size_t)(capacity - used) };
    const brain_value rest = { .n_parts = 1, .parts = &part };
    CHECK_OK(brain_put(space, "rest", 4, &rest, BRAIN_ANY_VERSION, NULL));
    CHECK_CODE(brain_put_bytes(space, "more", 4, "x", 1), BRAIN_E_FULL);
    CHECK_OK(move("victim", "elsewhere"));
    check_away("victim", version, "elsewhere", 0);
    CHECK_OK(brain_put_bytes(space, "more", 4, bytes, LARGE - 100));
    CHECK_OK(brain_delete(space, "rest", 4, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "victim", 6, BRAIN_ANY_VERSION));
    free((void *)(uintptr_t)part.data);
    CHECK_SOUND(store);
}

/* ---- who waits */

static atomic_bool is_woken;
static uint64_t waits_above;

static void *wait_for_space(void *unused)
{
    uint64_t number;
    (void)unused;
    CHECK_OK(brain_wait_space(space, waits_above, BRAIN_FOREVER, &number));
    CHECK(number > waits_above);
    is_woken = true;
    return NULL;
}

/* Moves, under the eyes of one who waits; a change ends its wait. */
static void check_waiters(void)
{
    pthread_t thread;
    uint64_t number, first = put("watched", LARGE, 0, BRAIN_ANY_VERSION);
    waits_above = put("watched too", LARGE, 0, BRAIN_ANY_VERSION);
    CHECK_U64(pthread_create(&thread, NULL, wait_for_space, NULL), 0);
    CHECK_OK(move("watched", "elsewhere"));
    CHECK_CODE(brain_wait_space(space, waits_above, 0, &number), BRAIN_E_TIMEOUT);
    CHECK_OK(brain_wait_space(space, waits_above - 1, 0, &number));
    CHECK_U64(number, waits_above);
    CHECK_OK(move("watched too", "elsewhere")); /* one move after another */
    CHECK_CODE(brain_wait_space(space, waits_above, 0, &number), BRAIN_E_TIMEOUT);
    CHECK_CODE(brain_wait(space, "watched", 7, first, 0, &number), BRAIN_E_TIMEOUT);
    CHECK(!is_woken);
    uint64_t changed = put("watched", 1, 0, BRAIN_ANY_VERSION);
    CHECK_U64(pthread_join(thread, NULL), 0);
    CHECK_OK(brain_wait_space(space, waits_above, 0, &number));
    CHECK_U64(number, changed);
    CHECK_OK(brain_delete(space, "watched", 7, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "watched too", 11, BRAIN_ANY_VERSION));
}

/* On the short ways of a get and a put, which take small values as they lie. */
static void check_short_ways(void)
{
    const brain_part part = { .data = bytes, .size_bytes = 100 };
    const brain_value value = { .kind = BRAIN_KIND_BYTES, .parts = &part, .n_parts = 1 };
    uint64_t room[64], version, number;
    brain_hint hint = { 0 };
    brain_view view;
    for (int i = 0; i < 300; i++) { /* so that slots are ready */
        CHECK_OK(brain_put(space, "ready", 5, &value, BRAIN_ANY_VERSION, NULL));
    }
    CHECK_OK(brain_put(space, "short", 5, &value, BRAIN_ANY_VERSION, &version));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(brain_get_or_copy(space, "short", 5, &hint, room, sizeof room, &view));
        CHECK_U64(view.size_bytes, 100);
        brain_view_drop(&view);
    }
    CHECK_OK(move("short", "stands for it"));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(brain_get_or_copy(space, "short", 5, &hint, room, sizeof room, &view));
        CHECK_U64(view.kind, BRAIN_KIND_AWAY);
        CHECK_U64(view.version, version);
        CHECK_U64(view.size_bytes, strlen("stands for it"));
        brain_view_drop(&view);
    }
    CHECK_OK(brain_put(space, "short", 5, &value, version, &number));
    CHECK(number > version);
}

/* Where something may go for a change, its condition is looked at beforehand, too: against the same version. */
static void check_conditions_where_room_is_made(void)
{
    brain_batch *batch;
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    uint64_t version = put("x", LARGE, 0, BRAIN_ANY_VERSION);
    CHECK_OK(move("x", "stands for it"));
    CHECK(put("x", LARGE, 0, version) > version);
    CHECK_OK(brain_batch_new(store, &batch));
    brain_part part = { .data = bytes, .size_bytes = 1500 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .parts = &part, .n_parts = 1 };
    CHECK_OK(brain_batch_put(batch, space, "y", 1, &value));
    CHECK_OK(brain_batch_require(batch, space, "x", 1, 0));
    CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_STALE); /* and not EXISTS */
    CHECK_OK(brain_batch_commit(batch, NULL));                  /* of no changes */
    brain_batch_free(batch);
    CHECK_OK(brain_set_full(store, BRAIN_FULL_ERROR));
}

int main(void)
{
    check_begin();
    memset(bytes, 'b', sizeof bytes);
    memset(wordy, 'w', sizeof wordy);
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    check_shapes();
    check_memory();
    check_conditions();
    check_description();
    check_snapshots();
    check_refused();
    check_removed_space();
    check_full();
    check_waiters();
    check_short_ways();
    check_conditions_where_room_is_made();
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
    return 0;
}
