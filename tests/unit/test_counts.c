/* test_counts.c - what is counted: exactly, by any number of threads, over forks, deaths and the rows' next clients
 * (G47), each by lines that are its own client's (G48). */
#include "check.h"

#include <pthread.h>

#include "client.h"
#include "count.h"
#include "lock.h"
#include "pin.h"
#include "store.h"

static brain_store *store;
static brain_space *space;

struct counts {
    uint64_t of[BRAIN_N_COUNTS];
};

static struct counts all(void)
{
    struct counts counts;
    CHECK_OK(brain_counts(store, counts.of));
    return counts;
}

static struct counts of_row(brain_store *its, uint32_t row)
{
    struct counts counts;
    CHECK_OK(brain_client_counts(its, row, counts.of));
    return counts;
}

static uint32_t row_of(brain_store *its)
{
    brain_client self;
    CHECK_OK(brain_self(its, &self));
    return self.row;
}

static struct counts last;

/* What has come since the last look. */
#define CHECK_MORE(which, n)                                                                       \
    CHECK_U64(all().of[BRAIN_COUNT_##which] - last.of[BRAIN_COUNT_##which], (n))
static void look(void)
{
    last = all();
}

static void begin(void)
{
    store = check_open(check_path(), 4 * CHECK_MIB);
    space = check_space(store, "default");
    look();
    for (int i = 0; i < BRAIN_N_COUNTS; i++) {
        CHECK_U64(last.of[i], 0);
    }
}

static void end(void)
{
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void put(const char *name, size_t size)
{
    static uint8_t bytes[CHECK_MIB];
    CHECK_OK(brain_put_bytes(space, name, strlen(name), bytes, size));
}

/* ---- one thread */

static void check_gets(void)
{
    begin();
    brain_view view, views[3];
    brain_hint hint = { 0 };
    uint64_t buf[64], version;
    uint8_t id[BRAIN_ID_BYTES];
    CHECK_CODE(brain_get(space, "none", 4, &view), BRAIN_E_NOT_FOUND); /* nor the namespace */
    CHECK_MORE(MISSES, 1);
    put("a", 8);
    put("large", 100000);
    look();
    CHECK_OK(brain_get(space, "a", 1, &view));
    brain_view_drop(&view);
    CHECK_MORE(HITS, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(brain_get_or_copy(space, "a", 1, &hint, buf, sizeof buf, &view));
        brain_view_drop(&view);
    }
    CHECK_OK(brain_get_or_copy(space, "large", 5, NULL, buf, sizeof buf, &view));
    brain_view_id(&view, id);
    brain_view_drop(&view);
    CHECK_MORE(HITS, 5);
    CHECK_OK(brain_get_by_id(store, id, &view));
    brain_view_drop(&view);
    CHECK_OK(brain_get_copy(space, "a", 1, buf, sizeof buf, NULL, NULL, NULL));
    CHECK_MORE(HITS, 7);
    brain_key keys[] = { { space, "a", 1 }, { space, "none", 4 }, { space, "large", 5 } };
    CHECK_OK(brain_get_many(store, keys, 3, views, NULL));
    for (int i = 0; i < 3; i++) {
        brain_view_drop(&views[i]);
    }
    CHECK_MORE(HITS, 9);
    CHECK_MORE(MISSES, 1);
    brain_snapshot *snapshot;
    brain_iter *iter;
    const void *name;
    size_t len;
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_snapshot_get(snapshot, space, "a", 1, &view));
    brain_view_drop(&view);
    CHECK_CODE(brain_snapshot_get(snapshot, space, "none", 4, &view), BRAIN_E_NOT_FOUND);
    CHECK_MORE(HITS, 10);
    CHECK_MORE(MISSES, 2);
    put("large", 100000);
    CHECK_CODE(brain_get_by_id(store, id, &view), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_get_or_copy(space, "none", 4, NULL, buf, sizeof buf, &view),
               BRAIN_E_NOT_FOUND);
    CHECK_MORE(MISSES, 4);
    /* none of these is a get */
    CHECK_OK(brain_exists(space, "a", 1, &version));
    CHECK_CODE(brain_exists(space, "none", 4, &version), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_wait(space, "a", 1, 0, 0, &version));
    CHECK_OK(brain_iter_names(space, snapshot, &iter));
    CHECK_OK(brain_iter_next(iter, &name, &len));
    CHECK_OK(brain_iter_get(iter, &view));
    brain_view_drop(&view);
    brain_iter_free(iter);
    brain_snapshot_close(snapshot);
    CHECK_MORE(HITS, 10);
    CHECK_MORE(MISSES, 4);
    end();
}

static void check_puts(void)
{
    begin();
    uint64_t version;
    put("a", 10); /* makes the namespace, which is none that counts */
    CHECK_MORE(PUTS, 1);
    CHECK_MORE(PUT_BYTES, 10);
    brain_hint hint = { 0 };
    brain_part part = { .data = "123456789", .size_bytes = 9 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    uint32_t n_tried = 0;
    for (int i = 0; i < 1000; i++) { /* the short way, and what it leaves to the other */
        int err = brain_try_put(space, "a", 1, &hint, &value, BRAIN_ANY_VERSION, NULL);
        n_tried += err == 0;
        if (err != 0) {
            CHECK_CODE(err, BRAIN_E_BUSY);
            CHECK_OK(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, &version));
        }
    }
    CHECK(n_tried > 100);
    CHECK_MORE(PUTS, 1001);
    CHECK_MORE(PUT_BYTES, 10 + 9 * 1000);
    look();
    put("large", 200000);
    CHECK_CODE(brain_put(space, "a", 1, &value, 0, NULL), BRAIN_E_EXISTS);
    CHECK_CODE(brain_put(space, "none", 4, &value, 77, NULL), BRAIN_E_STALE);
    CHECK_MORE(PUTS, 1);
    CHECK_MORE(PUT_BYTES, 200000);
    /* of a batch what it changes: the last of a name, no condition, no delete of what is not there */
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, "b", 1, &value));
    CHECK_OK(brain_batch_put(batch, space, "b", 1, &value));
    CHECK_OK(brain_batch_put(batch, space, "c", 1, &value));
    CHECK_OK(brain_batch_delete(batch, space, "large", 5));
    CHECK_OK(brain_batch_delete(batch, space, "none", 4));
    CHECK_OK(brain_batch_require(batch, space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_batch_commit(batch, NULL));
    CHECK_MORE(PUTS, 3);
    CHECK_MORE(PUT_BYTES, 200018);
    CHECK_MORE(DELETES, 1);
    brain_batch_free(batch);
    for (size_t size = 100; size <= 100000; size *= 1000) {
        brain_object *object;
        brain_value bare = { .kind = BRAIN_KIND_BYTES };
        look();
        CHECK_OK(brain_create(store, size, &object));
        CHECK_MORE(PUTS, 0);
        CHECK_OK(brain_object_seal(object, space, "o", 1, &bare, BRAIN_ANY_VERSION, NULL));
        brain_object_release(object);
        CHECK_MORE(PUTS, 1);
        CHECK_MORE(PUT_BYTES, size);
    }
    brain_view view; /* to bring a value elsewhere is to put none */
    CHECK_OK(brain_get(space, "o", 1, &view));
    CHECK_OK(brain_move_away(&view, "stand-in", 8));
    brain_view_drop(&view);
    CHECK_MORE(PUTS, 1);
    CHECK_MORE(DELETES, 0);
    end();
}

static void check_deletes(void)
{
    begin();
    put("a", 10);
    put("b", 3000);
    put("c", 100000);
    CHECK_CODE(brain_delete(space, "none", 4, BRAIN_ANY_VERSION), BRAIN_E_NOT_FOUND);
    CHECK_CODE(brain_delete(space, "a", 1, 77), BRAIN_E_STALE);
    CHECK_MORE(DELETES, 0);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_MORE(DELETES, 1);
    CHECK_OK(brain_space_remove(space));
    CHECK_MORE(DELETES, 3);
    CHECK_CODE(brain_space_remove(space), BRAIN_E_NOT_FOUND);
    CHECK_OK(brain_space_create(space));
    CHECK_OK(brain_space_remove(space));
    CHECK_MORE(DELETES, 3);
    CHECK_MORE(PUTS, 3);
    end();
}

static void check_refusals(void)
{
    begin();
    static uint8_t bytes[8 * CHECK_MIB];
    brain_object *object;
    brain_batch *batch;
    brain_part part = { .data = bytes, .size_bytes = sizeof bytes };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_FULL);
    CHECK_MORE(FULL, 1);
    CHECK_CODE(brain_create(store, sizeof bytes, &object), BRAIN_E_FULL);
    CHECK_MORE(FULL, 2);
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_CODE(brain_batch_put(batch, space, "a", 1, &value), BRAIN_E_FULL);
    CHECK_MORE(FULL, 3);
    brain_batch_free(batch);
    CHECK_OK(brain_space_set_quota(space, 1000));
    part.size_bytes = 1001;
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_QUOTA);
    part.size_bytes = 100;
    CHECK_MORE(FULL, 4);
    CHECK_OK(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL));
    CHECK_MORE(FULL, 4);
    CHECK_MORE(PUTS, 1);
    CHECK_CODE(brain_get_copy(space, "a", 1, bytes, 10, NULL, NULL, NULL), BRAIN_E_FULL);
    CHECK_MORE(FULL, 4); /* the buffer was, not the store */
    part.size_bytes = 1001;
    brain_tries_begin();
    brain_tries_begin();
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_QUOTA);
    brain_tries_end(store, BRAIN_E_QUOTA);
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_QUOTA);
    CHECK_MORE(FULL, 4);
    brain_tries_end(store, BRAIN_E_QUOTA);
    CHECK_MORE(FULL, 5);
    brain_tries_begin();
    CHECK_CODE(brain_put(space, "a", 1, &value, BRAIN_ANY_VERSION, NULL), BRAIN_E_QUOTA);
    brain_tries_end(store, 0);             /* it came right */
    brain_tries_end(store, BRAIN_E_QUOTA); /* of no begin */
    CHECK_MORE(FULL, 5);
    brain_tries_begin();
    brain_tries_end(store, BRAIN_E_FULL); /* of a store that has no quota, say */
    CHECK_MORE(FULL, 6);
    brain_tries_begin();
    brain_store *gone = check_open(check_path(), CHECK_MIB);
    CHECK_OK(brain_destroy(gone));
    brain_tries_end(gone, BRAIN_E_FULL); /* there is nobody any more to count for */
    brain_close(gone);
    CHECK_MORE(FULL, 6);
    end();
}

/* What mode lru removes is counted where it says so, and the put that needed it once. */
static void check_evicted(void)
{
    store = check_open(check_path(), CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_set_full(store, BRAIN_FULL_LRU));
    look();
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "name %d", i);
        put(name, 100000);
    }
    CHECK_MORE(PUTS, 20);
    CHECK_MORE(DELETES, 0);
    CHECK_MORE(HITS, 0);
    CHECK_MORE(FULL, 0);
    CHECK(check_stat(store).n_evicted >= 10);
    end();
}

/* ---- threads */

#define N_CALLS 2000u

static void *use(void *name)
{
    brain_view view;
    for (uint32_t i = 0; i < N_CALLS; i++) {
        CHECK_OK(brain_get(space, "a", 1, &view));
        brain_view_drop(&view);
        if (i % 10 == 0) {
            CHECK_OK(brain_put_bytes(space, name, strlen(name), "x", 1));
        }
    }
    return NULL;
}

/* More than have lines of their own, and twice, so that those of the first go on with the second. */
static void check_threads(void)
{
    enum {
        N = 100
    };
    begin();
    put("a", 10);
    look();
    for (int round = 0; round < 2; round++) {
        pthread_t threads[N];
        char names[N][16];
        for (int i = 0; i < N; i++) {
            snprintf(names[i], sizeof names[i], "thread %d", i);
            CHECK(pthread_create(&threads[i], NULL, use, names[i]) == 0);
        }
        for (int i = 0; i < N; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
        }
        CHECK_MORE(HITS, (uint64_t)(round + 1) * N * N_CALLS);
        CHECK_MORE(PUTS, (uint64_t)(round + 1) * N * N_CALLS / 10);
    }
    struct counts mine = of_row(store, row_of(store)), sum = all();
    CHECK(memcmp(&mine, &sum, sizeof mine) == 0);
    end();
}

static void get_once(void)
{
    brain_view view;
    CHECK_OK(brain_get(space, "a", 1, &view));
    brain_view_drop(&view);
}

static void *find_line(void *out)
{
    get_once();
    *(struct bn_count_rec **)out = bn_count_line(store);
    return NULL;
}

/* The first counts in the row, without a page; lines of threads that ended are used again. */
static void check_lines(void)
{
    struct bn_count_rec *seen[8], *its;
    uint32_t n_seen = 0, k;
    pthread_t thread;
    begin();
    put("a", 10);
    find_line(&its);
    CHECK(its == &bn_client_row(store, row_of(store))->counts);
    CHECK_U64(bn_pin_n_chunks(store), 1);
    for (int i = 0; i < 200; i++) {
        CHECK(pthread_create(&thread, NULL, find_line, &its) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        for (k = 0; k < n_seen && seen[k] != its; k++) {
        }
        CHECK(its != NULL && k < 8);
        seen[k] = its;
        n_seen = k == n_seen ? n_seen + 1 : n_seen;
    }
    CHECK(n_seen <= 2); /* that of the second, and that of one of the others */
    end();
}

enum {
    N_AT_ONCE = 80,
    N_ALONE = 62
};
static struct bn_count_rec *lines[N_AT_ONCE];
static pthread_barrier_t all_have_one;

static void *stay_with_line(void *i)
{
    find_line(&lines[(intptr_t)i]);
    pthread_barrier_wait(&all_have_one);
    get_once();
    return NULL;
}

/* Each thread that lives has a line that no other has, until there are none left. */
static void check_lines_at_once(void)
{
    pthread_t threads[N_AT_ONCE];
    uint32_t n_alone = 0;
    begin();
    put("a", 10);
    get_once();
    look();
    CHECK(pthread_barrier_init(&all_have_one, NULL, N_AT_ONCE) == 0);
    for (intptr_t i = 0; i < N_AT_ONCE; i++) {
        CHECK(pthread_create(&threads[i], NULL, stay_with_line, (void *)i) == 0);
    }
    for (int i = 0; i < N_AT_ONCE; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (int i = 0; i < N_AT_ONCE; i++) {
        n_alone += lines[i] != NULL;
        for (int k = 0; k < i && lines[i] != NULL; k++) {
            CHECK(lines[i] != lines[k]);
        }
    }
    CHECK(n_alone > N_ALONE / 2 &&
          n_alone <= N_ALONE); /* some may not find a place by their hash */
    CHECK_MORE(HITS, 2 * N_AT_ONCE);
    pthread_barrier_destroy(&all_have_one);
    end();
}

/* ---- processes */

static void check_fork_counts(void)
{
    begin();
    put("a", 10);
    look();
    uint32_t row = row_of(store);
    struct counts mine = of_row(store, row);
    pid_t pid = check_fork();
    if (pid == 0) {
        use("b");
        CHECK_MORE(HITS, N_CALLS);
        CHECK(row_of(store) != row);
        struct counts its = of_row(store, row);
        CHECK(memcmp(&its, &mine, sizeof its) == 0); /* nothing goes to the parent's */
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, use, "b") == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_MORE(HITS, 2 * N_CALLS);
    struct counts now = of_row(store, row);
    CHECK(memcmp(&now, &mine, sizeof now) == 0);
    use("a");
    CHECK_MORE(HITS, 3 * N_CALLS);
    end();
}

/* A client that is killed leaves what it counted, and the next in its row goes on with that. */
static void check_deaths(void)
{
    begin();
    put("a", 10);
    look();
    uint64_t n = 0;
    for (int i = 0; i < 6; i++) {
        pid_t pid = check_fork();
        if (pid == 0) {
            pthread_t thread;
            use("b");
            CHECK(pthread_create(&thread, NULL, use, "c") == 0); /* in a page */
            CHECK(pthread_join(thread, NULL) == 0);
            kill(getpid(), SIGKILL);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        n += 2 * N_CALLS;
        CHECK_MORE(HITS, n);
        if (i % 2 == 0) {
            CHECK_OK(brain_reap(store, NULL));
            CHECK_MORE(HITS, n);
        }
    }
    uint32_t n_rows = bn_client_n_rows(store), n_pages = 0;
    CHECK(n_rows <= 3);
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        uint32_t owner = bn_load_relaxed(&bn_pin_chunk(store, i)->owner);
        n_pages += (owner & BN_CHUNK_COUNTS) != 0;
    }
    CHECK(n_pages <= n_rows); /* the row's for ever, and one alone */
    uint64_t sum = 0;
    for (uint32_t row = 0; row < n_rows; row++) {
        sum += of_row(store, row).of[BRAIN_COUNT_HITS];
    }
    CHECK_U64(sum, all().of[BRAIN_COUNT_HITS]);
    struct counts none;
    CHECK_CODE(brain_client_counts(store, n_rows, none.of), BRAIN_E_INVAL);
    CHECK_DETAIL("none of them");
    end();
}

/* Handles one after the other, and beside each other; one that only reads counts, too. */
static void check_handles(void)
{
    begin();
    put("a", 10);
    look();
    const char *path = check_paths[check_n_paths - 1];
    bool gone_on = false;
    for (int i = 0; i < 10; i++) {
        brain_store *other = check_open_with(path, 0, i % 2 ? BRAIN_OPEN_READ_ONLY : 0);
        brain_space *its = check_space(other, "default");
        brain_view view;
        uint64_t before = of_row(other, row_of(other)).of[BRAIN_COUNT_HITS];
        CHECK_OK(brain_get(its, "a", 1, &view));
        brain_view_drop(&view);
        CHECK_CODE(brain_get(its, "none", 4, &view), BRAIN_E_NOT_FOUND);
        CHECK_MORE(HITS, (uint64_t)i + 1);
        CHECK_MORE(MISSES, (uint64_t)i + 1);
        CHECK_U64(of_row(other, row_of(other)).of[BRAIN_COUNT_HITS], before + 1);
        gone_on = gone_on || before > 0;
        brain_space_close(its);
        brain_close(other);
    }
    CHECK(gone_on); /* with what another had counted in the row */
    end();
}

static void check_waits(void)
{
    begin();
    put("a", 10);
    look();
    struct check_gate held = check_gate_new(), let_go = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        uint32_t died;
        CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
        check_gate_open(&held);
        check_gate_pass(&let_go);
        bn_lock_release(store);
        _exit(0);
    }
    check_gate_pass(&held);
    brain_store *hurried;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.lock_timeout_ns = 20 * 1000 * 1000;
    CHECK_OK(brain_open(check_paths[check_n_paths - 1], &options, &hurried));
    brain_space *its = check_space(hurried, "default");
    CHECK_CODE(brain_put_bytes(its, "a", 1, "x", 1), BRAIN_E_TIMEOUT);
    CHECK_MORE(LOCK_WAITS, 1);
    CHECK(all().of[BRAIN_COUNT_LOCK_WAIT_NS] >= 20 * 1000 * 1000);
    CHECK_MORE(PUTS, 0);
    brain_space_close(its);
    brain_close(hurried);
    check_gate_open(&let_go);
    CHECK_CHILD(pid);
    put("a", 10);
    CHECK_MORE(PUTS, 1);
    check_gate_free(&held);
    check_gate_free(&let_go);
    end();
}

/* ---- the list */

static double value_of(const brain_metric *metrics, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(metrics[i].name, name) == 0) {
            return metrics[i].value;
        }
    }
    check_fail(__FILE__, __LINE__, "there is no metric %s", name);
}

static void check_metrics(void)
{
    begin();
    put("a", 10);
    brain_metric metrics[64];
    size_t n = 0, again = 0;
    CHECK_OK(brain_metrics(store, NULL, 0, &n));
    CHECK(n > 20 && n <= 64);
    CHECK_OK(brain_metrics(store, metrics, 64, &again));
    CHECK_U64(again, n);
    CHECK(value_of(metrics, n, "brain_puts") == 1);
    CHECK(value_of(metrics, n, "brain_put_bytes") == 10);
    CHECK(value_of(metrics, n, "brain_clients") == 1);
    CHECK(value_of(metrics, n, "brain_objects") == 1);
    CHECK(value_of(metrics, n, "brain_capacity_bytes") == 4.0 * CHECK_MIB);
    for (size_t i = 0; i < n; i++) {
        const brain_metric *metric = &metrics[i];
        size_t len = strlen(metric->name), unit_len = strlen(metric->unit);
        CHECK(strncmp(metric->name, "brain_", 6) == 0 && strlen(metric->help) > 5);
        CHECK(strcmp(metric->name + len - unit_len, metric->unit) == 0);
        CHECK(strspn(metric->name, "abcdefghijklmnopqrstuvwxyz_") == len);
        for (size_t k = 0; k < i; k++) {
            CHECK(strcmp(metrics[k].name, metric->name) != 0);
        }
    }
    end();
}

/* ---- damage */

/* What pages and rows say is anything: nothing but the counts is wrong. */
static void check_damaged(void)
{
    begin();
    put("a", 10);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, use, "b") == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    struct bn_row_rec *rec = bn_client_row(store, row_of(store));
    uint64_t page = bn_load_relaxed(&rec->counts_page);
    CHECK(page != 0);
    struct bn_chunk_rec *chunk = bn_pin_chunk(store, (uint32_t)page - 1);
    uint32_t owner = bn_load_relaxed(&chunk->owner);
    const uint64_t wrong[] = { 1, page + 1, UINT32_MAX, UINT64_MAX, (uint64_t)1 << 32 | page };
    struct counts counts;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        bn_store_release(&rec->counts_page, wrong[i]);
        CHECK_OK(brain_client_counts(store, row_of(store), counts.of));
        CHECK_OK(brain_counts(store, counts.of));
        CHECK_U64(counts.of[BRAIN_COUNT_HITS], N_CALLS);
    }
    const uint32_t owners[] = { UINT32_MAX, BN_CHUNK_COUNTS, BN_CHUNK_COUNTS | (BN_CLIENTS_MAX + 1),
                                BN_CHUNK_COUNTS | BN_CHUNK_HITS | 1 };
    for (size_t i = 0; i < sizeof owners / sizeof owners[0]; i++) {
        bn_store_release(&chunk->owner, owners[i]);
        bn_store_release(&chunk->top, UINT32_MAX); /* not a pin of anybody all the same */
        CHECK_OK(brain_counts(store, counts.of));
        CHECK_OK(brain_client_counts(store, row_of(store), counts.of));
        CHECK_U64(counts.of[BRAIN_COUNT_HITS], 0);
        CHECK_U64(check_stat(store).n_pins, 0);
        put("large", 100000);
        put("large", 100000);
        CHECK(check_stat(store).limbo_bytes < 100000);
        size_t n_problems = 0;
        CHECK_OK(brain_check(store, NULL, 0, &n_problems));
        CHECK_U64(n_problems, (owners[i] & BN_CHUNK_HITS) == 0); /* else it is nobody's business */
    }
    bn_store_release(&chunk->top, 0u);
    bn_store_release(&chunk->owner, owner);
    /* a client that took a page and died before it said so: it is found */
    bn_store_release(&rec->counts_page, (uint64_t)0);
    brain_space_close(space);
    const char *path = check_paths[check_n_paths - 1];
    brain_close(store);
    store = check_open(path, 0);
    space = check_space(store, "default");
    CHECK_U64(all().of[BRAIN_COUNT_HITS], N_CALLS);
    CHECK(pthread_create(&thread, NULL, use, "b") == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    look();
    use("b");
    CHECK_MORE(HITS, N_CALLS);
    end();
}

int main(void)
{
    check_begin();
    check_gets();
    check_puts();
    check_deletes();
    check_refusals();
    check_evicted();
    check_lines();
    check_lines_at_once();
    check_threads();
    check_handles();
    check_metrics();
    check_damaged();
    check_waits();
    check_needs_fork_advice();
    check_fork_counts();
    check_deaths();
    return 0;
}
