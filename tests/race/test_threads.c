/* test_threads.c - threads that share a store, and processes that share one, at full speed for a fixed count.
 *
 * Every value carries a checksum of itself and a number that grows with each put of its name: whoever sees
 * a value that is torn, or an older one after a newer one, has found a fault. Under ThreadSanitizer the
 * part with processes is left out (TEST_THREADS_ONLY=1): it follows no memory across them.
 *
 *     test_threads [COUNT]
 */
#include "../unit/check.h"

#include <pthread.h>

#define N_NAMES     16
#define N_WRITERS   2
#define N_READERS   3
#define N_PROCESSES 4

static brain_store *store;
static brain_space *space;
static uint32_t n_rounds = 3000;
static _Atomic uint32_t n_writing;

struct value {
    uint64_t sum; /* of all that follows */
    uint64_t number;
    uint64_t writer;
};

static uint64_t sum_of(const uint8_t *bytes, size_t size)
{
    uint64_t sum = size;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
        sum = check_mix(sum ^ word);
    }
    return sum;
}

/* A value for a name: small or large, in turn. */
static size_t make_value(uint8_t *data, uint64_t number, uint64_t writer)
{
    static const size_t sizes[] = { 24, 40, 200, 1000, 3000, 9000, 30000 };
    size_t size = sizes[check_mix(number ^ writer << 40) % 7];
    struct value head = { .number = number, .writer = writer };
    memcpy(data, &head, sizeof head);
    check_fill(data + sizeof head, size - sizeof head, number ^ writer);
    head.sum = sum_of(data + 8, size - 8);
    memcpy(data, &head, sizeof head);
    return size;
}

static struct value check_value(const brain_view *view)
{
    struct value head;
    CHECK(view->size_bytes >= sizeof head);
    memcpy(&head, view->data, sizeof head);
    CHECK(head.sum == sum_of((const uint8_t *)view->data + 8, view->size_bytes - 8));
    return head;
}

/* ---- threads */

/* Writer w owns the names with number % N_WRITERS == w. */
static void *writer(void *argument)
{
    uint32_t me = (uint32_t)(uintptr_t)argument;
    uint8_t *data = malloc(32768);
    CHECK(data != NULL);
    for (uint64_t i = 1; i <= n_rounds; i++) {
        uint32_t name =
            (uint32_t)(check_mix(i + me * 1000000) % (N_NAMES / N_WRITERS)) * N_WRITERS + me;
        size_t size = make_value(data, i, me);
        if (i % 50 == 0) {
            int err = brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        } else if (i % 31 == 0) { /* two names at once: the readers look for that */
            brain_batch *batch;
            brain_part part = { .data = data, .size_bytes = size };
            brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
            uint32_t pair[2] = { 1000 + me, 2000 + me };
            CHECK_OK(brain_batch_new(store, &batch));
            CHECK_OK(brain_batch_put(batch, space, &pair[0], 4, &value));
            CHECK_OK(brain_batch_put(batch, space, &pair[1], 4, &value));
            CHECK_OK(brain_batch_commit(batch, NULL));
            brain_batch_free(batch);
        } else {
            CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, size));
        }
        if (i % 500 == 0) {
            CHECK_OK(brain_trim(store, NULL));
        }
    }
    free(data);
    n_writing--;
    return NULL;
}

static void read_pair(uint32_t me, uint64_t last[N_WRITERS])
{
    uint32_t pair[2] = { 1000 + me, 2000 + me };
    brain_key keys[2] = { { space, &pair[0], 4 }, { space, &pair[1], 4 } };
    brain_view views[2];
    CHECK_OK(brain_get_many(store, keys, 2, views, NULL));
    CHECK((views[0].store == NULL) == (views[1].store == NULL));
    if (views[0].store != NULL) {
        struct value a = check_value(&views[0]), b = check_value(&views[1]);
        CHECK_U64(a.number, b.number);
        CHECK(a.number >= last[me]);
        last[me] = a.number;
        brain_view_drop(&views[0]);
        brain_view_drop(&views[1]);
    }
}

/* Views that one thread took and another drops. */
#define N_HANDED 64
static brain_view handed[N_HANDED];
static uint32_t n_handed;
static pthread_mutex_t handing = PTHREAD_MUTEX_INITIALIZER;

static bool hand_over(const brain_view *view)
{
    pthread_mutex_lock(&handing);
    bool done = n_handed < N_HANDED;
    if (done) {
        handed[n_handed++] = *view;
    }
    pthread_mutex_unlock(&handing);
    return done;
}

static bool drop_one(void)
{
    brain_view view = { .store = NULL };
    pthread_mutex_lock(&handing);
    if (n_handed > 0) {
        view = handed[--n_handed];
    }
    pthread_mutex_unlock(&handing);
    if (view.store == NULL) {
        return false;
    }
    (void)check_value(&view);
    brain_view_drop(&view);
    return true;
}

static void *reader(void *argument)
{
    uint64_t last[N_NAMES] = { 0 }, last_pair[N_WRITERS] = { 0 };
    static _Thread_local brain_hint hints[N_NAMES];
    uint64_t seed = (uint64_t)(uintptr_t)argument;
    while (n_writing > 0) {
        uint32_t name = (uint32_t)(check_mix(seed++) % N_NAMES);
        brain_view view;
        uint64_t copy[32];
        int err = seed % 2 == 0 ? brain_get(space, &name, sizeof name, &view)
                                : brain_get_or_copy(space, &name, sizeof name, &hints[name], copy,
                                                    sizeof copy, &view);
        if (err == 0) {
            struct value value = check_value(&view);
            CHECK(value.number >= last[name]); /* never older than what was seen */
            CHECK_U64(value.writer, name % N_WRITERS);
            last[name] = value.number;
            if (seed % 3 != 0 || view.store == NULL || !hand_over(&view)) {
                brain_view_drop(&view);
            }
        } else {
            CHECK_CODE(err, BRAIN_E_NOT_FOUND);
        }
        if (seed % 5 == 0) {
            read_pair((uint32_t)(seed / 5 % N_WRITERS), last_pair);
        }
    }
    return NULL;
}

static void *dropper(void *argument)
{
    (void)argument;
    while (n_writing > 0) {
        if (!drop_one()) {
            sched_yield();
        }
    }
    return NULL;
}

static void check_threads(void)
{
    pthread_t threads[N_WRITERS + N_READERS + 1];
    uint32_t n = 0;
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_space_create(space));
    n_writing = N_WRITERS;
    for (uintptr_t i = 0; i < N_WRITERS; i++) {
        CHECK(pthread_create(&threads[n++], NULL, writer, (void *)i) == 0);
    }
    for (uintptr_t i = 0; i < N_READERS; i++) {
        CHECK(pthread_create(&threads[n++], NULL, reader, (void *)(i * 1000000007)) == 0);
    }
    CHECK(pthread_create(&threads[n++], NULL, dropper, NULL) == 0);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_U64(check_stat(store).n_pins, n_handed);
    CHECK_SOUND(store);
    /* Closed while views are held: threads drop the last of them at once. */
    for (uint32_t i = n_handed; i < N_HANDED; i++) {
        CHECK_OK(
            brain_put_bytes(space, "x", 1, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24));
        uint8_t data[32768];
        uint32_t name = 0;
        CHECK_OK(brain_put_bytes(space, &name, 4, data, make_value(data, i + 1000000, 0)));
        CHECK_OK(brain_get(space, &name, 4, &handed[n_handed++]));
    }
    const char *path = brain_path(store);
    brain_store *second = check_open(path, 0);
    brain_space_close(space);
    brain_close(store);
    CHECK_U64(check_stat(second).n_clients, 2);
    n_writing = 1;
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, dropper, NULL) == 0);
    }
    while (drop_one()) {
    }
    n_writing = 0;
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_U64(check_stat(second).n_clients, 1);
    CHECK_U64(check_stat(second).n_pins, 0);
    CHECK_SOUND(second);
    check_destroy(second);
}

/* ---- processes */

static void mixed(uint64_t me)
{
    uint64_t last[N_NAMES] = { 0 };
    uint8_t *data = malloc(32768);
    brain_object *object;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    CHECK(data != NULL);
    for (uint64_t i = 1; i <= n_rounds; i++) {
        uint64_t dice = check_mix(i ^ me << 32);
        uint32_t name = (uint32_t)(dice >> 8) % N_NAMES;
        brain_view view;
        uint64_t version = 0;
        size_t size = make_value(data, i, me);
        int err = 0;
        switch (dice % 8) {
        case 0:
        case 1:
            CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, size));
            break;
        case 2: { /* only over what was seen */
            brain_part part = { .data = data, .size_bytes = size };
            brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
            err = brain_exists(space, &name, sizeof name, &version);
            err = brain_put(space, &name, sizeof name, &value, err == 0 ? version : 0, &version);
            CHECK(err == 0 || err == BRAIN_E_STALE || err == BRAIN_E_EXISTS);
            break;
        }
        case 3:
            err = brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
            break;
        case 4:
            CHECK_OK(brain_create(store, size, &object));
            memcpy(brain_object_data(object), data, size);
            CHECK_OK(brain_object_seal(object, space, &name, sizeof name, &bare, BRAIN_ANY_VERSION,
                                       NULL));
            brain_object_release(object);
            break;
        default:
            err = brain_get(space, &name, sizeof name, &view);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
            if (err == 0) {
                (void)check_value(&view);
                CHECK(view.version >= last[name]); /* versions never go back */
                last[name] = view.version;
                brain_view_drop(&view);
            }
        }
        if (i % 700 == 0) {
            CHECK_OK(brain_trim(store, NULL));
        }
    }
    free(data);
}

static void check_processes(void)
{
    pid_t pids[N_PROCESSES];
    const char *path = check_path();
    store = check_open(path, 16 * CHECK_MIB);
    space = check_space(store, "default");
    for (uint64_t i = 0; i < N_PROCESSES; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            if (i % 2 == 0) { /* some by what they inherited, some by their own */
                brain_space_close(space);
                brain_close(store);
                store = check_open(path, 0);
                space = check_space(store, "default");
            }
            mixed(i + 1);
            brain_space_close(space);
            brain_close(store);
            _exit(0);
        }
    }
    mixed(100);
    for (int i = 0; i < N_PROCESSES; i++) {
        CHECK_CHILD(pids[i]);
    }
    uint64_t live = 0;
    for (uint32_t name = 0; name < N_NAMES; name++) {
        brain_view view;
        if (brain_get(space, &name, sizeof name, &view) == 0) {
            (void)check_value(&view);
            live += view.size_bytes;
            brain_view_drop(&view);
        }
    }
    CHECK_U64(check_live(store), live);
    CHECK_SOUND(store);
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.limbo_bytes + stat.private_bytes + stat.n_limbo + stat.n_pins, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_U64(stat.n_clients, 1);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(int argc, char **argv)
{
    check_begin();
    n_rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : n_rounds;
    check_threads();
    if (getenv("TEST_THREADS_ONLY") == NULL) {
        check_processes();
    }
    return 0;
}
