/* test_every_call.c - threads, each with a handle of its own, that make every kind of call on one store at
 * once: what a value says has to belong together, whatever the others do.
 *
 * Made for ThreadSanitizer (tools/prove tsan), which sees one process: each handle is a client of its own, as
 * one of another process would be. It runs without it, too.
 *
 *     test_every_call [COUNT]
 */
#include "../unit/check.h"

#include <pthread.h>

#include "../../src/stage.h"

#define N_NAMES   12
#define N_THREADS 6
#define DATA_MAX  20000u

static const char *path;
static uint32_t n_rounds = 400;
static _Atomic uint32_t n_running;

struct client {
    brain_store *store;
    brain_space *space[3]; /* the second is removed at times, the third grows */
    brain_hint hints[N_NAMES];
    uint64_t seed;
    uint64_t counts[BRAIN_N_COUNTS], n_told;
    uint8_t data[DATA_MAX];
};

static uint64_t dice(struct client *me, uint64_t n)
{
    return check_mix(me->seed++) % n;
}

/* Small as often as large: the first eight bytes are the seed of the others. */
static size_t make_value(struct client *me)
{
    static const size_t sizes[] = { 8, 16, 40, 200, 255, 256, 1500, 5000, DATA_MAX };
    size_t size = sizes[dice(me, sizeof sizes / sizeof sizes[0])];
    uint64_t seed = check_mix(me->seed);
    memcpy(me->data, &seed, 8);
    check_fill(me->data + 8, size - 8, seed);
    return size;
}

static void check_data(const void *data, uint64_t size)
{
    uint64_t seed;
    CHECK(size >= 8);
    memcpy(&seed, data, 8);
    CHECK(check_is_filled((const uint8_t *)data + 8, size - 8, seed));
}

/* Of a call that may have found nothing. */
static bool was_found(int err)
{
    if (err != BRAIN_E_NOT_FOUND) {
        CHECK_OK(err);
    }
    return err == 0;
}

static void check_view(brain_view *view)
{
    check_data(view->data, view->size_bytes);
    brain_view_drop(view);
}

static brain_space *any_space(struct client *me)
{
    return me->space[dice(me, 8) == 0];
}

/* ---- changes */

static void put(struct client *me, uint32_t name)
{
    brain_part part = { .data = me->data, .size_bytes = make_value(me) };
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    uint64_t version = 0;
    switch (dice(me, 4)) {
    case 0:
        value.meta = meta;
        value.meta_len = sizeof meta;
        CHECK_OK(brain_put(any_space(me), &name, 4, &value, BRAIN_ANY_VERSION, NULL));
        break;
    case 1: {
        int err = brain_exists(me->space[0], &name, 4, &version);
        version = was_found(err) ? version : 0;
        err = brain_put(me->space[0], &name, 4, &value, version, NULL);
        CHECK(err == 0 || err == BRAIN_E_STALE || err == BRAIN_E_EXISTS);
        break;
    }
    case 2: {
        brain_hint *hint = &me->hints[name];
        int err = part.size_bytes % 2 == 0
                      ? brain_try_put(me->space[0], &name, 4, hint, &value, BRAIN_ANY_VERSION, NULL)
                      : brain_try_put_small(me->space[0], &name, 4, hint, value.kind, part.data,
                                            part.size_bytes);
        CHECK(err == 0 || err == BRAIN_E_BUSY);
        break;
    }
    default:
        CHECK_OK(brain_put_bytes(any_space(me), &name, 4, me->data, part.size_bytes));
    }
}

/* New names, so many that a batch asks for memory beforehand. */
static void grow(struct client *me)
{
    brain_batch *batch;
    static const uint8_t bytes[200] = { 1 };
    brain_part part = { .data = bytes, .size_bytes = sizeof bytes };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_batch_new(me->store, &batch));
    for (uint32_t i = 0; i < 60; i++) {
        uint64_t name = check_mix(me->seed++);
        CHECK_OK(brain_batch_put(batch, me->space[2], &name, 8, &value));
    }
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

static void batch(struct client *me)
{
    brain_batch *batch;
    brain_part part = { .data = me->data, .size_bytes = make_value(me) };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_batch_new(me->store, &batch));
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t name = (uint32_t)dice(me, N_NAMES);
        if (dice(me, 4) == 0) {
            CHECK_OK(brain_batch_delete(batch, me->space[0], &name, 4));
        } else {
            CHECK_OK(brain_batch_put(batch, me->space[0], &name, 4, &value));
        }
    }
    /* These two change together. */
    CHECK_OK(brain_batch_put(batch, me->space[0], "left", 4, &value));
    CHECK_OK(brain_batch_put(batch, me->space[0], "right", 5, &value));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
}

static void write_in_place(struct client *me, uint32_t name)
{
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES, .created_ns = dice(me, 2) };
    size_t size = make_value(me);
    uint64_t how = dice(me, 3);
    CHECK_OK(how == 0   ? brain_create(me->store, size, &object)
             : how == 1 ? brain_create_in_place(me->store, size, &object)
                        : brain_create_streamed(me->store, size, &object));
    if (brain_object_data(object) != NULL) {
        memcpy(brain_object_data(object), me->data, size);
    } else {
        CHECK_OK(brain_object_append(object, me->data, size / 2));
        CHECK_OK(brain_object_append(object, me->data + size / 2, size - size / 2));
    }
    if (dice(me, 4) != 0) {
        CHECK_OK(brain_object_seal(object, me->space[0], &name, 4, &bare, BRAIN_ANY_VERSION, NULL));
    }
    brain_object_release(object);
}

static void remove_space(struct client *me)
{
    int err = brain_space_remove(me->space[1]);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    err = brain_space_create(me->space[1]);
    CHECK(err == 0 || err == BRAIN_E_EXISTS);
}

/* ---- looks */

static void look(struct client *me, uint32_t name)
{
    uint64_t buf[64];
    size_t size;
    brain_view view;
    int err;
    switch (dice(me, 3)) {
    case 0:
        if (was_found(brain_get(any_space(me), &name, 4, &view))) {
            check_view(&view);
        }
        break;
    case 1:
        err = brain_get_or_copy(me->space[0], &name, 4, &me->hints[name], buf, sizeof buf, &view);
        if (was_found(err)) {
            check_view(&view);
        }
        break;
    default:
        err = brain_get_copy(me->space[0], &name, 4, buf, sizeof buf, &size, NULL, NULL);
        if (err == BRAIN_E_FULL) {
            CHECK(size > sizeof buf);
        } else if (was_found(err)) {
            check_data(buf, size);
        }
    }
}

static void look_at_view(struct client *me, uint32_t name)
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view, other;
    brain_space *space;
    const void *of;
    size_t of_len;
    void *copy;
    if (!was_found(brain_get(me->space[0], &name, 4, &view))) {
        return;
    }
    brain_view_set_note(&view, brain_view_note(&view) + 1);
    CHECK(brain_view_swap_note(&view, 1, 2) <= 1);
    CHECK(brain_view_created_ns(&view) != 0);
    CHECK_OK(brain_view_dup(&view, &other));
    check_view(&other);
    CHECK_OK(brain_view_at(me->store, view.data, &other));
    check_view(&other);
    CHECK_OK(brain_view_private(&view, &copy));
    check_data(copy, view.size_bytes);
    brain_private_free(copy, view.size_bytes);
    brain_view_id(&view, id);
    if (was_found(brain_get_by_id(me->store, id, &other))) {
        check_view(&other);
    }
    if (was_found(brain_view_space(&view, &space, &of, &of_len))) {
        CHECK(of_len == 7 && memcmp(of, "default", 7) == 0);
        brain_space_close(space);
    }
    check_view(&view);
}

static void look_at_pair(struct client *me, brain_snapshot *snapshot)
{
    brain_key keys[2] = { { me->space[0], "left", 4 }, { me->space[0], "right", 5 } };
    brain_view views[2] = { { .store = NULL }, { .store = NULL } };
    if (snapshot == NULL) {
        CHECK_OK(brain_get_many(me->store, keys, 2, views, NULL));
    } else {
        for (int i = 0; i < 2; i++) {
            (void)was_found(brain_snapshot_get(snapshot, me->space[0], keys[i].name,
                                               keys[i].name_len, &views[i]));
        }
    }
    CHECK((views[0].store == NULL) == (views[1].store == NULL));
    if (views[0].store != NULL) {
        CHECK_U64(views[0].version, views[1].version);
        check_view(&views[0]);
        check_view(&views[1]);
    }
}

static void snapshot(struct client *me)
{
    brain_snapshot *snapshot;
    brain_iter *iter;
    brain_view view;
    const void *name;
    size_t len;
    CHECK_OK(brain_snapshot_open(me->store, &snapshot));
    look_at_pair(me, snapshot);
    CHECK_OK(brain_iter_names(me->space[0], dice(me, 2) == 0 ? snapshot : NULL, &iter));
    while (was_found(brain_iter_next(iter, &name, &len))) {
        CHECK_OK(brain_iter_get(iter, &view));
        check_view(&view);
    }
    brain_iter_free(iter);
    CHECK_OK(brain_iter_spaces(me->store, snapshot, &iter));
    while (was_found(brain_iter_next(iter, &name, &len))) {
    }
    brain_iter_free(iter);
    look_at_pair(me, snapshot);
    brain_snapshot_close(snapshot);
}

static void wait_a_moment(struct client *me, uint32_t name)
{
    uint64_t version = 0, number = 0;
    int err = brain_wait(me->space[0], &name, 4, 0, 0, &version);
    CHECK(err == 0 || err == BRAIN_E_TIMEOUT);
    err = brain_wait(me->space[0], &name, 4, version, 1000000, &version);
    CHECK(err == 0 || err == BRAIN_E_TIMEOUT);
    err = brain_wait_space(me->space[0], 0, 0, &number);
    CHECK(err == 0 || err == BRAIN_E_TIMEOUT);
    err = brain_wait_space(me->space[0], number, 1000000, &number);
    CHECK(err == 0 || err == BRAIN_E_TIMEOUT);
}

static void look_at_all(struct client *me)
{
    brain_object_info infos[16] = { { .struct_size = sizeof infos[0] } };
    brain_client client;
    uint32_t cursor = 0;
    uint64_t epoch;
    size_t n;
    int err;
    while (was_found(brain_objects(me->store, BRAIN_OBJECT_ANY, &cursor, infos, 16, &n))) {
        (void)was_found(brain_object_look(me->store, infos[n - 1].object, &infos[0]));
    }
    err = brain_writer(me->store, &client, &epoch);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
}

static void look_around(struct client *me)
{
    static _Thread_local brain_client clients[64];
    brain_pin pins[64];
    size_t n;
    uint64_t capacity, live, count;
    uint32_t n_reaped;
    (void)check_stat(me->store);
    CHECK_OK(brain_usage(me->store, &capacity, &live));
    CHECK_OK(brain_space_count(me->space[0], &count));
    CHECK_OK(brain_space_set_quota(me->space[0], dice(me, 2) == 0 ? 0 : INT64_MAX));
    CHECK_OK(brain_space_usage(me->space[0], &count, &live, NULL));
    CHECK_OK(brain_clients(me->store, clients, 64, &n));
    CHECK_OK(brain_pins(me->store, pins, 64, &n));
    look_at_all(me);
    CHECK(brain_is_busy(me->store) <= 1);
    CHECK_OK(brain_reap(me->store, &n_reaped));
    if (dice(me, 4) == 0) {
        CHECK_SOUND(me->store);
    }
}

static void note_event(void *context, const brain_event *event)
{
    uint64_t *n = context;
    CHECK((event->kind & BRAIN_EVENTS_ALL) != 0);
    *n += 1;
}

/* What is counted never falls, and what is told is told in this thread: each has a handle of its own. */
static void count(struct client *me)
{
    uint64_t counts[BRAIN_N_COUNTS], its[BRAIN_N_COUNTS];
    brain_metric metrics[64];
    brain_client self;
    size_t n;
    bool listens = dice(me, 2) == 0;
    CHECK_OK(brain_counts(me->store, counts));
    for (int i = 0; i < BRAIN_N_COUNTS; i++) {
        CHECK(counts[i] >= me->counts[i]);
        me->counts[i] = counts[i];
    }
    CHECK_OK(brain_self(me->store, &self));
    CHECK_OK(brain_client_counts(me->store, self.row, its));
    CHECK_OK(brain_metrics(me->store, metrics, 64, &n));
    CHECK_OK(brain_on_event(me->store, listens ? BRAIN_EVENTS_ALL : 0, listens ? note_event : NULL,
                            &me->n_told));
}

/* What was not used for longest is looked at; and some of what grows goes, as it would in a full store. */
static void make_room(struct client *me)
{
    brain_view views[8];
    brain_space *space = dice(me, 2) == 0 ? NULL : any_space(me);
    size_t n;
    CHECK_OK(brain_set_full(me->store, BRAIN_FULL_LRU));
    CHECK_OK(brain_coldest(me->store, space, dice(me, 3000), views, 8, &n));
    for (size_t i = 0; i < n; i++) {
        if (space != NULL) { /* what grows has other values */
            check_data(views[i].data, views[i].size_bytes);
        }
        brain_view_drop(&views[i]);
    }
    int err = bn_stage_make_room(me->store, me->space[2], 1 + dice(me, 20000));
    CHECK(err == 0 || err == BRAIN_E_FULL);
}

/* ---- */

static void open_client(struct client *me)
{
    me->store = check_open(path, 0);
    me->space[0] = check_space(me->store, "default");
    me->space[1] = check_space(me->store, "sometimes");
    me->space[2] = check_space(me->store, "more");
    memset(me->hints, 0, sizeof me->hints); /* they are of the handle's spaces */
}

static void close_client(struct client *me)
{
    brain_space_close(me->space[0]);
    brain_space_close(me->space[1]);
    brain_space_close(me->space[2]);
    brain_close(me->store);
}

static void act(struct client *me)
{
    uint32_t name = (uint32_t)dice(me, N_NAMES);
    uint64_t what = dice(me, 100);
    if (what < 35) {
        put(me, name);
    } else if (what < 65) {
        look(me, name);
    } else if (what < 70) {
        int err = brain_delete(any_space(me), &name, 4, BRAIN_ANY_VERSION);
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    } else if (what < 74) {
        batch(me);
    } else if (what < 75) {
        grow(me);
    } else if (what < 80) {
        write_in_place(me, name);
    } else if (what < 85) {
        look_at_view(me, name);
    } else if (what < 90) {
        look_at_pair(me, NULL);
    } else if (what < 94) {
        snapshot(me);
    } else if (what < 96) {
        wait_a_moment(me, name);
    } else if (what < 97) {
        look_around(me);
        count(me);
    } else if (what < 98) {
        CHECK_OK(dice(me, 2) == 0 ? brain_trim(me->store, NULL) : brain_compact(me->store, NULL));
        CHECK_OK(brain_set_keep_free(me->store, dice(me, 2) == 0 ? 0 : BRAIN_KEEP_DEFAULT));
        CHECK_OK(brain_advance(me->store, check_stat(me->store).committed + dice(me, 3)));
    } else if (what < 99) {
        make_room(me);
        remove_space(me);
    } else {
        close_client(me);
        open_client(me);
    }
}

static void *run(void *argument)
{
    struct client *me = argument;
    open_client(me);
    for (uint32_t i = 0; i < n_rounds; i++) {
        act(me);
    }
    close_client(me);
    free(me);
    n_running--;
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[N_THREADS];
    check_begin();
    n_rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : n_rounds;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    snprintf(check_note, sizeof check_note, "seed %llu", (unsigned long long)seed);
    path = check_path();
    brain_store *store = check_open(path, 32 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_space_create(space));
    n_running = N_THREADS;
    for (uint64_t i = 0; i < N_THREADS; i++) {
        struct client *client = calloc(1, sizeof *client);
        CHECK(client != NULL);
        client->seed = check_mix(seed + i);
        CHECK(pthread_create(&threads[i], NULL, run, client) == 0);
    }
    for (uint64_t kib = 1; n_running > 0; kib += kib < 32 * 1024) {
        CHECK_OK(brain_resize(store, 32 * CHECK_MIB + kib * CHECK_KIB));
        CHECK_OK(brain_resize(store, 32 * CHECK_MIB)); /* which they never need */
        sched_yield();
    }
    for (uint32_t i = 0; i < N_THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_U64(check_stat(store).n_pins, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
    return 0;
}
