/* test_fork.c - a child goes on with what it inherited, and is a client of its own; one that came about
 * without fork() is told so. */
#include "check.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "base/os.h"
#include "client.h"

static brain_store *store;
static brain_space *space;

static void begin(void)
{
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
}

static void end(void)
{
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_U64(check_stat(store).n_pins, 0);
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_U64(check_stat(store).limbo_bytes, 0);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void check_value(const char *name, const char *want)
{
    char data[64];
    size_t size = 0;
    CHECK_OK(brain_get_copy(space, name, strlen(name), data, sizeof data, &size, NULL, NULL));
    CHECK(size == strlen(want) && memcmp(data, want, size) == 0);
}

static void check_open_store(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        pid_t pid = check_fork();
        if (pid == 0) {
            check_value("a", i == 0 ? "old" : "new");
            CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
            CHECK_U64(check_stat(store).n_clients, 2);
            brain_client clients[16];
            size_t n = 0, n_ours = 0;
            CHECK_OK(brain_clients(store, clients, 16, &n));
            CHECK(n >= 2 && n <= 16); /* the dead are listed, too */
            for (size_t k = 0; k < n; k++) {
                n_ours += clients[k].pid == getpid() && clients[k].alive;
            }
            CHECK_U64(n_ours, 1);
            if (i % 3 == 0) {
                brain_space_close(space);
                brain_close(store);
            } else if (i % 3 == 1) {
                kill(getpid(), SIGKILL);
            }
            _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && (WIFSIGNALED(status) || status == 0));
        check_value("a", "new");
    }
    end();
}

/* Objects, batches, snapshots and iterators stay with the parent: the child can only free them. */
static void check_things_of_the_parent(void)
{
    static const size_t sizes[] = { 100, 100000 };
    begin();
    for (int i = 0; i < 2; i++) {
        brain_object *object;
        brain_batch *batch;
        brain_snapshot *snapshot;
        brain_iter *iter;
        brain_part part = { .data = "many", .size_bytes = 4 };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        brain_value bare = { .kind = BRAIN_KIND_BYTES };
        static uint8_t large[50000];
        brain_part large_part = { .data = large, .size_bytes = sizeof large };
        brain_value large_value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &large_part };
        CHECK_OK(brain_create(store, sizes[i], &object));
        check_fill(brain_object_data(object), sizes[i], 3);
        CHECK_OK(brain_batch_new(store, &batch));
        CHECK_OK(brain_batch_put(batch, space, "b", 1, &value));
        CHECK_OK(brain_batch_put(batch, space, "large", 5, &large_value));
        CHECK_OK(brain_snapshot_open(store, &snapshot));
        CHECK_OK(brain_iter_names(space, snapshot, &iter));
        uint64_t held = check_stat(store).private_bytes;
        pid_t pid = check_fork();
        if (pid == 0) {
            const void *name;
            size_t len;
            CHECK_CODE(brain_iter_next(iter, &name, &len), BRAIN_E_FORKED);
            brain_view view;
            CHECK_CODE(brain_snapshot_get(snapshot, space, "a", 1, &view), BRAIN_E_FORKED);
            CHECK_CODE(brain_object_seal(object, space, "child", 5, &bare, BRAIN_ANY_VERSION, NULL),
                       BRAIN_E_FORKED);
            CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_FORKED);
            brain_iter_free(iter);
            brain_snapshot_close(snapshot);
            brain_batch_free(batch);
            brain_object_release(object);
            CHECK_OK(brain_trim(store, NULL));
            CHECK_U64(check_stat(store).n_snapshots, 1);
            CHECK_U64(check_stat(store).private_bytes, held);
            _exit(0);
        }
        CHECK_CHILD(pid);
        CHECK_U64(check_stat(store).private_bytes, held);
        CHECK(check_is_filled(brain_object_data(object), sizes[i], 3));
        CHECK_OK(brain_object_seal(object, space, "o", 1, &bare, BRAIN_ANY_VERSION, NULL));
        CHECK_OK(brain_batch_commit(batch, NULL));
        brain_object_release(object);
        brain_batch_free(batch);
        brain_iter_free(iter);
        brain_snapshot_close(snapshot);
        check_value("b", "many");
        brain_view view;
        CHECK_OK(brain_get(space, "o", 1, &view));
        CHECK(check_is_filled(view.data, sizes[i], 3));
        brain_view_drop(&view);
    }
    end();
}

/* A grandchild sits on the row of its dead grandparent: still the things of that are not its own. */
static void check_things_of_the_dead(void)
{
    begin();
    struct check_gate forked = check_gate_new(), gone = check_gate_new(), done = check_gate_new();
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_snapshot *snapshot;
        brain_object *object;
        brain_batch *batch;
        brain_view view;
        uint32_t row = store->row;
        CHECK_OK(brain_snapshot_open(store, &snapshot));
        CHECK_OK(brain_create(store, 100000, &object));
        CHECK_OK(brain_batch_new(store, &batch));
        if (check_fork() == 0) {
            check_gate_open(&forked);
            check_gate_pass(&gone);
            CHECK_OK(brain_trim(store, NULL));
            pid_t grandchild = check_fork();
            if (grandchild == 0) {
                brain_snapshot *own;
                CHECK_U64(store->row, row);
                CHECK_OK(brain_snapshot_open(store, &own));
                CHECK_CODE(brain_snapshot_get(snapshot, space, "a", 1, &view), BRAIN_E_FORKED);
                CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_FORKED);
                brain_snapshot_close(snapshot);
                brain_object_release(object);
                brain_batch_free(batch);
                CHECK_U64(check_stat(store).n_snapshots, 1);
                CHECK_U64(store->clients->n_snaps, 1);
                brain_snapshot_close(own);
                CHECK_U64(store->clients->n_snaps, 0);
                _exit(0);
            }
            CHECK_CHILD(grandchild);
            check_gate_open(&done);
            _exit(0);
        }
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&forked);
    check_kill(pid);
    check_gate_open(&gone);
    check_gate_pass(&done);
    while (check_stat(store).n_clients > 1) { /* it ends */
    }
    check_gate_free(&forked);
    check_gate_free(&gone);
    check_gate_free(&done);
    end();
}

static void check_clone(void)
{
    begin();
    brain_view view;
    CHECK_OK(brain_get(space, "a", 1, &view));
    fflush(NULL);
    long pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK_SYS(pid);
    if (pid == 0) {
        brain_view other;
        brain_object *object;
        CHECK_CODE(brain_get(space, "a", 1, &other), BRAIN_E_FORKED);
        CHECK_CODE(brain_put_bytes(space, "a", 1, "x", 1), BRAIN_E_FORKED);
        CHECK_CODE(brain_delete(space, "a", 1, BRAIN_ANY_VERSION), BRAIN_E_FORKED);
        CHECK_CODE(brain_create(store, 100, &object), BRAIN_E_FORKED);
        CHECK_CODE(brain_trim(store, NULL), BRAIN_E_FORKED);
        CHECK_DETAIL("anew");
        brain_view_drop(&view); /* its parent's */
        brain_space_close(space);
        brain_store *own = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
        brain_close(store);
        space = check_space(own, "default");
        check_value("a", "old");
        brain_close(own);
        _exit(0);
    }
    CHECK_CHILD((pid_t)pid);
    CHECK_U64(check_stat(store).n_pins, 1);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
    CHECK(memcmp(view.data, "old", 3) == 0);
    brain_view_drop(&view);
    end();
}

static void check_grandchildren(void)
{
    begin();
    brain_view view;
    CHECK_OK(brain_get(space, "a", 1, &view));
    pid_t pid = check_fork();
    if (pid == 0) {
        for (uint32_t depth = 2; depth < 6; depth++) {
            pid_t next = fork();
            CHECK_SYS(next);
            if (next != 0) {
                CHECK_CHILD(next);
                CHECK(memcmp(view.data, "old", 3) == 0);
                brain_view_drop(&view);
                _exit(0);
            }
            CHECK_U64(check_stat(store).n_clients, depth + 1);
            CHECK_U64(check_stat(store).n_pins, depth + 1);
        }
        CHECK_OK(brain_put_bytes(space, "deep", 4, "deep", 4));
        CHECK_OK(brain_put_bytes(space, "a", 1, "changed", 7));
        CHECK(memcmp(view.data, "old", 3) == 0);
        _exit(0);
    }
    CHECK_CHILD(pid);
    check_value("deep", "deep");
    CHECK(memcmp(view.data, "old", 3) == 0);
    brain_view_drop(&view);
    end();
}

/* ---- children for whom there is no row */

/* Clients that live as long as the descriptor is open, in all rows but the first `n`. */
static int take_rows(uint32_t n)
{
    int fd;
    CHECK_OK(bn_map_reopen_clients(store->map, &fd));
    struct flock lives = { .l_type = F_WRLCK,
                           .l_whence = SEEK_SET,
                           .l_start = BN_LIFE_OFF(n),
                           .l_len = 2 * (BN_CLIENTS_MAX - n) };
    CHECK_SYS(fcntl(fd, F_OFD_SETLK, &lives));
    CHECK_OK(bn_os_back(fd, BN_ROWS_OFF, BN_CLIENTS_MAX * sizeof(struct bn_row_rec)));
    for (uint32_t row = n; row < BN_CLIENTS_MAX; row++) {
        CHECK_U64(bn_client_row(store, row)->state, BN_ROW_FREE);
        bn_store_release(&bn_client_row(store, row)->state, (uint32_t)BN_ROW_USED);
    }
    bn_raise32(&store->clients->n_rows, BN_CLIENTS_MAX);
    return fd;
}

static uint32_t count_pages(void)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < store->clients->n_chunks; i++) {
        struct bn_chunk_rec *chunk =
            (void *)((uint8_t *)store->clients + BN_CHUNKS_OFF + i * BN_PAGE);
        n += chunk->owner != 0;
    }
    return n;
}

struct inherited {
    brain_view small, large;
};

static void inherit(struct inherited *views)
{
    static uint8_t large[20000];
    check_fill(large, sizeof large, 5);
    CHECK_OK(brain_put_bytes(space, "large", 5, large, sizeof large));
    CHECK_OK(brain_get(space, "a", 1, &views->small));
    CHECK_OK(brain_get(space, "large", 5, &views->large));
}

static void check_inherited(const struct inherited *views)
{
    CHECK(memcmp(views->small.data, "old", 3) == 0);
    CHECK(check_is_filled(views->large.data, 20000, 5));
}

static void check_orphan(struct inherited *views)
{
    char byte;
    CHECK_CODE(brain_get_copy(space, "a", 1, &byte, 1, NULL, NULL, NULL), BRAIN_E_FORKED);
    CHECK_DETAIL("no client row");
    check_inherited(views);
}

/* Give back what can be, and overwrite it. */
static void overwrite(void)
{
    static uint8_t data[20000];
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, data, i % 2 == 0 ? sizeof data : 3));
    }
}

/* The parent lets go of its views, and closes the store: the child's stay. */
static void check_orphan_keeps_views(void)
{
    begin();
    struct inherited views;
    struct check_gate done = check_gate_new(), looked = check_gate_new();
    uint32_t n_pages = count_pages();
    int rows = take_rows(2);
    brain_store *first = store;
    brain_space *of_first = space;
    store = check_open(brain_path(first), 0); /* in row 1: none is left */
    space = check_space(store, "default");
    inherit(&views);
    pid_t pid = check_fork();
    if (pid == 0) {
        close(rows);
        check_orphan(&views);
        check_gate_pass(&done);
        check_orphan(&views);
        brain_view_drop(&views.small);
        brain_space_close(space);
        brain_close(store); /* the other view goes on */
        CHECK(check_is_filled(views.large.data, 20000, 5));
        check_gate_open(&looked);
        check_gate_pass(&done);
        CHECK(check_is_filled(views.large.data, 20000, 5));
        _exit(0);
    }
    brain_view_drop(&views.small);
    brain_view_drop(&views.large);
    brain_space_close(space);
    brain_close(store);
    store = first;
    space = of_first;
    overwrite();
    CHECK_U64(check_stat(store).n_pins, 2);
    check_gate_open(&done);
    check_gate_pass(&looked);
    CHECK_OK(brain_trim(store, NULL));
    check_gate_open(&done);
    CHECK_CHILD(pid);
    check_gate_free(&done);
    check_gate_free(&looked);
    close(rows);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(count_pages(), n_pages);
    end();
}

/* Its parent is killed, it is killed itself, and a child of its own still has the views. */
static void check_orphan_of_the_dead(void)
{
    begin();
    struct inherited views;
    struct check_gate forked = check_gate_new(), done = check_gate_new(), looked = check_gate_new();
    uint32_t n_pages = count_pages();
    pid_t *orphan = check_shared(sizeof *orphan);
    int rows = take_rows(2);
    pid_t parent = check_fork();
    if (parent == 0) {
        close(rows);
        inherit(&views);
        pid_t pid = check_fork();
        if (pid == 0) {
            check_orphan(&views);
            *orphan = getpid();
            if (check_fork() == 0) {
                check_gate_open(&forked);
                check_gate_pass(&done);
                check_orphan(&views);
                check_gate_open(&looked);
                _exit(0);
            }
        }
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&forked);
    CHECK(*orphan > 1); /* not reaped by its parent: the number is still its own */
    CHECK_SYS(kill(*orphan, SIGKILL));
    check_kill(parent);
    overwrite();
    CHECK_U64(check_stat(store).n_pins, 2);
    check_gate_open(&done);
    check_gate_pass(&looked);
    close(rows);
    while (check_stat(store).n_pins != 0) { /* it ends */
    }
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(count_pages(), n_pages);
    munmap(orphan, sizeof *orphan);
    check_gate_free(&forked);
    check_gate_free(&done);
    check_gate_free(&looked);
    end();
}

/* Who forks again and again without a row uses no more pages than there are children. */
static void count_reaped(void *n_reaped, const brain_event *event)
{
    CHECK(strstr(event->text, "without a client row") != NULL);
    ++*(int *)n_reaped;
}

static void check_orphans_are_buried(void)
{
    int n_reaped = 0;
    begin();
    struct inherited views;
    uint32_t n_pages = count_pages();
    int rows = take_rows(1);
    inherit(&views);
    for (int i = 0; i < 20; i++) {
        pid_t pid = check_fork();
        if (pid == 0) {
            check_orphan(&views);
            _exit(0);
        }
        CHECK_CHILD(pid);
        CHECK(count_pages() <= n_pages + 1);
    }
    brain_view_drop(&views.small);
    brain_view_drop(&views.large);
    CHECK_OK(brain_on_event(store, BRAIN_EVENT_REAPED, count_reaped, &n_reaped));
    CHECK_OK(brain_reap(store, NULL));
    CHECK_U64(n_reaped, 1); /* of the last: each fork had reaped the one before */
    CHECK_OK(brain_on_event(store, 0, NULL, NULL));
    close(rows);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(count_pages(), n_pages);
    end();
}

/* What an orphan kept that died goes with the next change after it was reaped. */
static void check_what_an_orphan_kept(void)
{
    begin();
    struct inherited views;
    struct check_gate ready = check_gate_new();
    int rows = take_rows(1);
    inherit(&views);
    pid_t pid = check_fork();
    if (pid == 0) {
        check_orphan(&views);
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    brain_view_drop(&views.small);
    brain_view_drop(&views.large);
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
    CHECK(check_stat(store).limbo_bytes >= 20000);
    check_kill(pid);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    CHECK(check_stat(store).limbo_bytes < 20000);
    close(rows);
    check_gate_free(&ready);
    end();
}

/* ---- a fork in the middle of other threads' work */

static _Atomic int is_over;

static void *writer(void *argument)
{
    uint64_t seed = (uint64_t)(uintptr_t)argument;
    static _Thread_local uint8_t data[20000];
    while (!is_over) {
        size_t size = 8 + check_mix(seed++) % (sizeof data - 8);
        memcpy(data, &seed, 8);
        check_fill(data + 8, size - 8, seed);
        CHECK_OK(brain_put_bytes(space, "busy", 4, data, size));
    }
    return NULL;
}

static void *reader(void *argument)
{
    (void)argument;
    while (!is_over) {
        brain_view view;
        uint64_t seed;
        CHECK_OK(brain_get(space, "busy", 4, &view));
        memcpy(&seed, view.data, 8);
        CHECK(check_is_filled((const uint8_t *)view.data + 8, view.size_bytes - 8, seed));
        brain_view_drop(&view);
    }
    return NULL;
}

static void check_fork_among_threads(void)
{
    begin();
    pthread_t threads[3];
    is_over = 0;
    CHECK_OK(brain_put_bytes(space, "busy", 4, "\0\0\0\0\0\0\0\0", 8));
    CHECK(pthread_create(&threads[0], NULL, writer, (void *)1) == 0);
    CHECK(pthread_create(&threads[1], NULL, writer, (void *)1000000) == 0);
    CHECK(pthread_create(&threads[2], NULL, reader, NULL) == 0);
    for (int i = 0; i < 60; i++) {
        brain_view view;
        uint64_t seed;
        CHECK_OK(brain_get(space, "busy", 4, &view));
        memcpy(&seed, view.data, 8);
        pid_t pid = check_fork();
        if (pid == 0) {
            for (int k = 0; k < 20; k++) {
                CHECK_OK(brain_put_bytes(space, "child", 5, "0123456789", 10));
            }
            CHECK(check_is_filled((const uint8_t *)view.data + 8, view.size_bytes - 8, seed));
            check_value("child", "0123456789");
            brain_view_drop(&view);
            _exit(0);
        }
        brain_view_drop(&view);
        CHECK_CHILD(pid);
    }
    is_over = 1;
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_OK(brain_space_remove(space)); /* and nothing of it all is leaked */
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_clients, 1);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    end();
}

/* Opens and closes the store until it is killed. */
static void *opener(void *argument)
{
    (void)argument;
    for (;;) {
        brain_store *other = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
        brain_close(other);
    }
    return NULL;
}

#define N_CHILDREN 200

/* A child that is forked while other threads sit down on a row inherits nothing that says that its parent
 * lives: with the parent dead, those who live are those who say so. */
static void check_fork_during_open(void)
{
    begin();
    struct check_gate forked = check_gate_new(), done = check_gate_new();
    pid_t parent = check_fork();
    if (parent == 0) {
        for (int i = 0; i < 4; i++) {
            pthread_t thread;
            CHECK(pthread_create(&thread, NULL, opener, NULL) == 0);
        }
        for (int i = 0; i < N_CHILDREN; i++) {
            if (check_fork() == 0) {
                alarm(100); /* whatever becomes of the others */
                check_gate_open(&forked);
                check_gate_pass(&done);
                _exit(0);
            }
        }
        for (;;) {
            pause();
        }
    }
    for (int i = 0; i < N_CHILDREN; i++) {
        check_gate_pass(&forked);
    }
    check_kill(parent);
    uint32_t n_alive = 0;
    for (uint32_t row = 0; row < bn_client_n_rows(store); row++) {
        const struct bn_row_rec *rec = bn_client_row(store, row);
        if (bn_client_alive(store, row)) {
            CHECK_U64(rec->state, BN_ROW_USED);
            CHECK(rec->pid != parent);
            n_alive++;
        }
    }
    CHECK(n_alive > N_CHILDREN); /* more: of stores that were open by then */
    for (int i = 0; i < N_CHILDREN; i++) {
        check_gate_open(&done);
    }
    while (check_stat(store).n_clients > 1) { /* it ends */
    }
    check_gate_free(&forked);
    check_gate_free(&done);
    end();
}

static void *pool_holder(void *held)
{
    bn_store_pool_hold();
    check_gate_open(held);
    usleep(50000);
    bn_store_pool_let_go();
    return NULL;
}

/* Another thread is in the middle of an open or a close: the child opens and closes all the same. */
static void check_fork_while_pool_is_held(void)
{
    begin();
    struct check_gate held = check_gate_new();
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, pool_holder, &held) == 0);
    check_gate_pass(&held);
    pid_t pid = check_fork();
    if (pid == 0) {
        alarm(20); /* instead of hanging */
        for (int i = 0; i < 3; i++) {
            brain_close(check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING));
        }
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK(pthread_join(thread, NULL) == 0);
    brain_close(check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING));
    check_gate_free(&held);
    end();
}

int main(void)
{
    check_needs_fork_advice();
    check_begin();
    check_open_store();
    check_things_of_the_parent();
    check_things_of_the_dead();
    check_clone();
    check_grandchildren();
    check_orphan_keeps_views();
    check_orphan_of_the_dead();
    check_orphans_are_buried();
    check_what_an_orphan_kept();
    if (!CHECK_ASAN) {
        check_fork_among_threads();
        check_fork_during_open();
        check_fork_while_pool_is_held();
    }
    return 0;
}
