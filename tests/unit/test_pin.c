/* test_pin.c - views keep what they show: many of them, in children too, and no longer than they live. */
#include "check.h"

#include <pthread.h>

#include "lock.h"
#include "pin.h"

#define N_VIEWS 100000u

static brain_store *store;
static brain_space *space;

static void put(uint32_t name, uint64_t seed, size_t size)
{
    uint8_t data[8192];
    check_fill(data, size, seed);
    CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, size));
}

static void begin(uint64_t capacity)
{
    store = check_open(check_path(), capacity);
    space = check_space(store, "default");
}

static void end(void)
{
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_pins, 0);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_limbo, 0);
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void check_many_views(void)
{
    static brain_view views[N_VIEWS];
    begin(64 * CHECK_MIB);
    for (uint32_t i = 0; i < N_VIEWS; i++) { /* ten names, each replaced after it was viewed */
        uint32_t name = i % 10;
        put(name, i, 40);
        CHECK_OK(brain_get(space, &name, sizeof name, &views[i]));
    }
    CHECK_U64(check_stat(store).n_pins, N_VIEWS);
    CHECK(check_stat(store).n_limbo >= N_VIEWS - 10 - 1);
    CHECK_SOUND(store);
    for (uint32_t k = 0; k < N_VIEWS; k++) {
        uint32_t i = (uint32_t)(k * UINT64_C(7919) % N_VIEWS); /* in no order */
        CHECK_U64(views[i].size_bytes, 40);
        CHECK(check_is_filled(views[i].data, 40, i));
        brain_view_drop(&views[i]);
    }
    end();
}

/* Of many views of a value that is gone the last one looks through limbo, in whatever order they are
 * dropped; none before it does, if they lie in one page. */
static void check_the_last_view_looks(void)
{
    static const uint32_t orders[][4] = { { 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 } };
    begin(64 * CHECK_MIB);
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        brain_view views[4];
        uint32_t name = 1;
        put(name, k, 8192);
        for (uint32_t i = 0; i < 4; i++) {
            CHECK_OK(brain_get(space, &name, sizeof name, &views[i]));
        }
        CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
        CHECK_U64(check_stat(store).limbo_bytes, 8192);
        uint64_t due = bn_add_seq(&store->state->n_looks_due, 1u) + 1;
        for (uint32_t i = 0; i < 4; i++) {
            CHECK(bn_load_relaxed(&store->state->n_looks_done) != due);
            CHECK(check_is_filled(views[orders[k][i]].data, 8192, k));
            brain_view_drop(&views[orders[k][i]]);
        }
        CHECK_U64(bn_load_relaxed(&store->state->n_looks_done), due);
        CHECK_U64(check_stat(store).limbo_bytes, 0);
    }
    end();
}

/* Pages of the ledger are used again. */
static void check_ledger_growth(void)
{
    enum {
        N = 5000
    };
    static brain_view views[N];
    begin(CHECK_MIB);
    uint64_t metadata = 0;
    put(1, 1, 10);
    for (int round = 0; round < 5; round++) {
        uint32_t name = 1;
        for (int i = 0; i < N; i++) {
            CHECK_OK(brain_get(space, &name, sizeof name, &views[i]));
        }
        CHECK_U64(check_stat(store).n_pins, N);
        for (int i = 0; i < N; i++) {
            brain_view_drop(&views[i]);
        }
        metadata = round == 0 ? check_stat(store).metadata_bytes : metadata;
        CHECK_U64(check_stat(store).metadata_bytes, metadata);
    }
    end();
}

/* Views of a large value: its pages come back with the last of them. */
static void check_last_view(void)
{
    begin(CHECK_MIB);
    uint32_t name = 1;
    brain_view views[3];
    put(1, 1, 8000);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(brain_get(space, &name, sizeof name, &views[i]));
    }
    CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    for (int i = 0; i < 3; i++) {
        CHECK_U64(check_stat(store).limbo_bytes, 8000);
        CHECK(check_is_filled(views[i].data, 8000, 1));
        brain_view_drop(&views[i]);
    }
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    brain_view_drop(&views[0]); /* a dropped view may be dropped again */
    end();
}

/* The same where the handle that they are of is closed. */
static void check_last_view_of_a_closed_handle(void)
{
    begin(CHECK_MIB);
    uint32_t name = 1;
    brain_view views[2];
    put(1, 1, 8000);
    brain_store *second = check_open(brain_path(store), 0);
    brain_space *same = check_space(second, "default");
    for (int i = 0; i < 2; i++) {
        CHECK_OK(brain_get(same, &name, sizeof name, &views[i]));
    }
    brain_space_close(same);
    brain_close(second);
    CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    for (int i = 0; i < 2; i++) {
        CHECK_U64(check_stat(store).limbo_bytes, 8000);
        CHECK(check_is_filled(views[i].data, 8000, 1));
        brain_view_drop(&views[i]);
    }
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    end();
}

/* The last of them, dropped while somebody has the lock: nobody waits, and the pages come back with the
 * next change, a short one too. */
static void check_last_view_behind_a_writer(void)
{
    begin(CHECK_MIB);
    for (int round = 0; round < 2; round++) {
        uint32_t name = 1, died;
        brain_view view;
        put(1, 1, 8000);
        for (int i = 0; i < 200; i++) { /* until a put of this name is a short one */
            put(2, (uint8_t)i, 8);
        }
        CHECK_OK(brain_get(space, &name, sizeof name, &view));
        CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
        put(2, 0, 8); /* the first of those of which every sixteenth looks anyway */
        CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
        brain_view_drop(&view);
        bn_lock_release(store);
        CHECK(check_stat(store).limbo_bytes >= 8000);
        put(round == 0 ? 2 : 3, 0, 8);
        CHECK(check_stat(store).limbo_bytes < 8000);
    }
    end();
}

/* A large value that is replaced while another process has the lock most of the time: its pages come back
 * with the end of that change, or of the next. */
static void check_replaced_beside_a_writer(void)
{
    struct busy {
        _Atomic uint64_t n_puts;
        _Atomic bool over;
    } *busy = check_shared(sizeof *busy);
    begin(16 * CHECK_MIB);
    pid_t parent = getpid(), pid = check_fork();
    if (pid == 0) {
        store = check_open(brain_path(store), 0);
        space = check_space(store, "default");
        while (!busy->over && getppid() == parent) { /* or the test has failed */
            put(2, 0, 8);
            busy->n_puts++;
        }
        _exit(0);
    }
    for (int i = 0; i < 300; i++) {
        put(1, 1, 8192);
        put(1, 2, 8192);
        uint64_t n = busy->n_puts;
        while (busy->n_puts < n + 2) {
            sched_yield();
        }
        CHECK(check_stat(store).limbo_bytes < 8192);
    }
    busy->over = true;
    CHECK_CHILD(pid);
    end();
}

/* In a limbo too large for one look, the last of the set takes the place of one that was freed: it is
 * looked at all the same. */
static void check_long_limbo(void)
{
    enum {
        N = 3000
    };
    brain_view first, last;
    brain_snapshot *snapshot;
    uint32_t name = 1;
    begin(64 * CHECK_MIB);
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    brain_space *its = check_space(reader, "default");
    put(1, 1, 8192);
    CHECK_OK(brain_get(its, &name, sizeof name, &first));
    CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    for (uint32_t i = 2; i < N + 2; i++) {
        put(i, i, 8);
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot)); /* keeps them all */
    for (uint32_t i = 2; i < N + 2; i++) {
        put(i, i + 1, 8);
    }
    put(1, 2, 8191);
    CHECK_OK(brain_get(space, &name, sizeof name, &last));
    CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    uint64_t before = check_stat(store).limbo_bytes;
    brain_view_drop(&first); /* it may not look: it reads only */
    brain_view_drop(&last);
    CHECK_U64(check_stat(store).limbo_bytes, before - 8192 - 8191);
    brain_snapshot_close(snapshot);
    brain_space_close(its);
    brain_close(reader);
    end();
}

static void check_fork_keeps(void)
{
    enum {
        N = 3000
    };
    static brain_view views[N];
    struct check_gate dropped = check_gate_new(), forked = check_gate_new();
    begin(64 * CHECK_MIB);
    for (uint32_t i = 0; i < N; i++) {
        put(i, i, i % 3 == 0 ? 8192 : 100);
        CHECK_OK(brain_get(space, &i, sizeof i, &views[i]));
    }
    pid_t pid = check_fork();
    if (pid == 0) {
        check_gate_pass(&dropped);
        for (uint32_t i = 0; i < N; i++) {
            CHECK(check_is_filled(views[i].data, i % 3 == 0 ? 8192 : 100, i));
        }
        for (uint32_t i = 0; i < N; i += 2) {
            brain_view_drop(&views[i]);
        }
        check_gate_open(&forked);
        for (;;) {
            pause(); /* and is killed with the other half */
        }
    }
    for (uint32_t i = 0; i < N; i++) {
        brain_view_drop(&views[i]);
        CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
    }
    CHECK_OK(brain_trim(store, NULL));
    for (uint32_t i = 0; i < 500; i++) { /* would overwrite what was freed */
        put(i, 77 + i, 8192);
    }
    CHECK_U64(check_stat(store).n_pins, N);
    check_gate_open(&dropped);
    check_gate_pass(&forked);
    CHECK_U64(check_stat(store).n_pins, N / 2);
    CHECK_U64(check_stat(store).n_clients, 2);
    check_kill(pid);
    CHECK_OK(brain_trim(store, NULL)); /* buries it */
    CHECK_U64(check_stat(store).n_clients, 1);
    check_gate_free(&dropped);
    check_gate_free(&forked);
    end();
}

/* The parent dies, the child's copies of its views stay. */
static void check_parent_dies(void)
{
    struct check_gate looked = check_gate_new(), gone = check_gate_new();
    begin(CHECK_MIB);
    put(1, 1, 8000);
    put(2, 2, 30);
    pid_t parent = check_fork();
    if (parent == 0) {
        uint32_t one = 1, two = 2;
        brain_view a, b;
        CHECK_OK(brain_get(space, &one, sizeof one, &a));
        CHECK_OK(brain_get(space, &two, sizeof two, &b));
        pid_t child = fork();
        CHECK_SYS(child);
        if (child == 0) {
            check_gate_pass(&gone);
            CHECK(check_is_filled(a.data, 8000, 1) && check_is_filled(b.data, 30, 2));
            CHECK_U64(check_stat(store).n_clients, 2);
            CHECK_U64(check_stat(store).n_pins, 2);
            brain_view_drop(&a);
            brain_view_drop(&b);
            check_gate_open(&looked);
            _exit(0);
        }
        check_gate_open(&looked);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&looked);
    CHECK_U64(check_stat(store).n_pins, 4);
    check_kill(parent);
    for (uint32_t i = 1; i <= 2; i++) {
        CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
    }
    CHECK_OK(brain_trim(store, NULL));
    for (uint32_t i = 0; i < 50; i++) {
        put(i, 99, 8000);
    }
    check_gate_open(&gone);
    check_gate_pass(&looked);
    check_gate_free(&looked);
    check_gate_free(&gone);
    CHECK_OK(brain_trim(store, NULL));
    end();
}

/* A view outlives brain_close(), and the last one ends the store's use. */
static void check_view_after_close(void)
{
    begin(CHECK_MIB);
    put(5, 5, 8000);
    brain_store *second = check_open(brain_path(store), 0);
    brain_space *its = check_space(second, "default");
    uint32_t name = 5;
    brain_view a, b;
    CHECK_OK(brain_get(its, &name, sizeof name, &a));
    CHECK_OK(brain_get(its, &name, sizeof name, &b));
    brain_space_close(its);
    brain_close(second);
    CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
    CHECK(check_is_filled(a.data, 8000, 5));
    CHECK_U64(check_stat(store).n_clients, 2);
    brain_view_drop(&a);
    CHECK(check_is_filled(b.data, 8000, 5));
    brain_view_drop(&b);
    CHECK_U64(check_stat(store).n_clients, 1);
    end();
}

/* One thread closes the store while another drops its last view: one of the two finishes it. */
struct parting {
    brain_store *store;
    _Atomic uint32_t n_ready;
};

static void wait_for_both(struct parting *parting, uint64_t turns)
{
    (void)bn_add_seq(&parting->n_ready, 1u);
    while (bn_load_seq(&parting->n_ready) < 2) {
    }
    for (volatile uint64_t i = 0; i < turns; i++) {
    }
}

static void *close_store(void *argument)
{
    struct parting *parting = argument;
    wait_for_both(parting, 0);
    brain_close(parting->store);
    return NULL;
}

static void check_close_at_drop(void)
{
    begin(CHECK_MIB);
    put(1, 0, 8);
    for (uint32_t i = 0; i < 3000; i++) {
        struct parting parting = { .store = check_open(brain_path(store), 0) };
        brain_space *its = check_space(parting.store, "default");
        uint32_t name = 1;
        brain_view view;
        pthread_t thread;
        CHECK_OK(brain_get(its, &name, sizeof name, &view));
        brain_space_close(its);
        CHECK(pthread_create(&thread, NULL, close_store, &parting) == 0);
        wait_for_both(&parting, check_below(300));
        brain_view_drop(&view);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_U64(check_stat(store).n_clients, 1);
    }
    end();
}

/* One thread drops the last view, whose value comes back with it; another closes the store as soon as the
 * pin is gone. */
struct closing {
    brain_store *store;
    uint32_t slot;
    uint32_t pin;
    _Atomic bool ready;
};

static void *close_at_drop(void *argument)
{
    struct closing *closing = argument;
    _Atomic uint32_t *cell = bn_pin_cell(&closing->store->ledger, closing->pin);
    bn_store_seq(&closing->ready, true);
    while (bn_load_seq(cell) == closing->slot) {
    }
    brain_close(closing->store);
    return NULL;
}

static void check_close_beside_drop(void)
{
    begin(CHECK_MIB);
    for (uint32_t i = 0; i < 200; i++) {
        put(1, i, 8000);
        brain_store *second = check_open(brain_path(store), 0);
        brain_space *its = check_space(second, "default");
        uint32_t name = 1;
        brain_view view;
        pthread_t thread;
        CHECK_OK(brain_get(its, &name, sizeof name, &view));
        brain_space_close(its);
        CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
        struct closing closing = { .store = second, .slot = view.object, .pin = view.pin };
        CHECK(pthread_create(&thread, NULL, close_at_drop, &closing) == 0);
        while (!bn_load_seq(&closing.ready)) {
        }
        brain_view_drop(&view);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK_U64(check_stat(store).n_clients, 1);
    }
    end();
}

static size_t count_pins(const brain_pin *pins, size_t n, uint32_t object, uint32_t client)
{
    size_t n_found = 0;
    for (size_t i = 0; i < n; i++) {
        n_found += pins[i].object == object && pins[i].client == client;
    }
    return n_found;
}

/* Who pins what, as far as they live. */
static void check_list(void)
{
    brain_pin pins[16];
    brain_view views[3];
    brain_client me;
    size_t n = 9;
    begin(16 * CHECK_MIB);
    CHECK_OK(brain_self(store, &me));
    CHECK_OK(brain_pins(store, pins, 16, &n));
    CHECK_U64(n, 0);
    put(1, 1, 40);
    put(2, 2, 8000);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t name = i == 0 ? 1 : 2;
        CHECK_OK(brain_get(space, &name, sizeof name, &views[i]));
    }
    CHECK_U64(views[1].object, views[2].object);
    CHECK_OK(brain_pins(store, pins, 16, &n));
    CHECK_U64(n, 3);
    CHECK_U64(count_pins(pins, n, views[0].object, me.row), 1);
    CHECK_U64(count_pins(pins, n, views[1].object, me.row), 2);
    pins[1].object = 77;
    CHECK_OK(brain_pins(store, pins, 1, &n)); /* counts what there was no room for */
    CHECK_U64(n, 3);
    CHECK_U64(pins[1].object, 77);

    brain_client *child = check_shared(sizeof *child);
    struct check_gate ready = check_gate_new(), go = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_self(store, child));
        CHECK_U64(child->n_pins, 3);
        brain_view_drop(&views[0]);
        check_gate_open(&ready);
        check_gate_pass(&go);
        _exit(0);
    }
    check_gate_pass(&ready);
    CHECK_OK(brain_pins(store, pins, 16, &n));
    CHECK_U64(n, 5);
    CHECK_U64(count_pins(pins, n, views[0].object, child->row), 0);
    CHECK_U64(count_pins(pins, n, views[1].object, child->row), 2);
    check_kill(pid);
    CHECK_OK(brain_pins(store, pins, 16, &n));
    CHECK_U64(n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        brain_view_drop(&views[i]);
    }
    CHECK_OK(brain_pins(store, pins, 16, &n));
    CHECK_U64(n, 0);
    end();
}

/* A process cannot have more views than its list of pages has room for; and all pages are given back when it
 * dies, also where they are many. */
static void check_all_views(void)
{
    begin(CHECK_MIB);
    put(1, 1, 300);
    pid_t pid = check_fork();
    if (pid == 0) {
        struct bn_ledger *ledger = &store->ledger;
        uint32_t name = 1, n = 0;
        brain_view view, first;
        brain_snapshot *snapshot;
        uint8_t id[BRAIN_ID_BYTES];
        int err;
        CHECK_OK(brain_get(space, &name, sizeof name, &first));
        brain_view_id(&first, id);
        CHECK_OK(brain_snapshot_open(store, &snapshot));
        while (bn_load_relaxed(&ledger->n_chunks) < 150) {
            CHECK_OK(brain_get(space, &name, sizeof name, &view));
        }
        /* To fill the others would take a minute: let them be the last one, again and again. */
        for (uint32_t i = 150; i < BN_LEDGER_CHUNKS_MAX; i++) {
            ledger->chunks[i] = ledger->chunks[149];
        }
        bn_store_release(&ledger->n_chunks, BN_LEDGER_CHUNKS_MAX);
        while ((err = brain_get(space, &name, sizeof name, &view)) == 0) {
            CHECK(++n < 2 * BN_CHUNK_CELLS);
        }
        CHECK_CODE(err, BRAIN_E_BUSY);
        CHECK_DETAIL("cannot hold more");
        /* Nor by any other way. */
        CHECK_CODE(brain_view_dup(&first, &view), BRAIN_E_BUSY);
        CHECK_CODE(brain_view_at(store, first.data, &view), BRAIN_E_BUSY);
        CHECK_CODE(brain_get_by_id(store, id, &view), BRAIN_E_BUSY);
        CHECK_CODE(brain_snapshot_get(snapshot, space, &name, sizeof name, &view), BRAIN_E_BUSY);
        brain_view_drop(&first);
        CHECK_OK(brain_get(space, &name, sizeof name, &view));
        _exit(0);
    }
    CHECK_CHILD(pid);
    uint32_t n_reaped = 0;
    CHECK_OK(brain_reap(store, &n_reaped));
    CHECK_U64(n_reaped, 1);
    CHECK_U64(check_stat(store).n_pins, 0);
    for (uint32_t i = 0; i < bn_load_relaxed(&store->clients->n_chunks); i++) {
        const struct bn_chunk_rec *chunk =
            (const void *)((const uint8_t *)store->clients + BN_CHUNKS_OFF + (size_t)i * BN_PAGE);
        CHECK(chunk->owner == 0 || chunk->owner == store->row + 1);
    }
    end();
}

/* While another thread forks, of a page that the child has no copy of. */
static void check_pin_without_mirror(void)
{
    uint32_t name = 1;
    brain_view view;
    begin(CHECK_MIB);
    put(1, 1, 300);
    bn_store_seq(&store->ledger.mirroring, 1u);
    CHECK_OK(brain_get(space, &name, sizeof name, &view));
    CHECK_U64(bn_pin_count_own(store), 1);
    brain_view_drop(&view);
    CHECK_U64(bn_pin_count_own(store), 0);
    bn_store_seq(&store->ledger.mirroring, 0u);
    end();
}

int main(void)
{
    check_begin();
    check_all_views();
    check_list();
    check_pin_without_mirror();
    check_many_views();
    check_the_last_view_looks();
    check_ledger_growth();
    check_last_view();
    check_last_view_of_a_closed_handle();
    check_last_view_behind_a_writer();
    check_replaced_beside_a_writer();
    check_long_limbo();
    check_fork_keeps();
    check_parent_dies();
    check_view_after_close();
    check_close_at_drop();
    check_close_beside_drop();
    return 0;
}
