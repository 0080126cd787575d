/* test_client.c - rows of the dead: taken over where there is no other, and reaped in short steps; and who
 * a client is, for ever. */
#include "check.h"

#include "base/os.h"
#include "client.h"
#include "lock.h"
#include "recover.h"

static const char *path;

/* What somebody has who is about to die. */
static void hold_things(brain_store *store, uint32_t n_objects)
{
    brain_space *space = check_space(store, "default");
    brain_view view;
    brain_snapshot *snapshot;
    brain_object *object;
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    for (uint32_t i = 0; i < 67 * BN_CHUNK_CELLS;
         i++) { /* more pages than are buried in one step */
        CHECK_OK(brain_get(space, "a", 1, &view));
    }
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_put_bytes(space, "a", 1, "new", 3));
    for (uint32_t i = 0; i < n_objects; i++) {
        CHECK_OK(brain_create(store, 5000, &object));
    }
}

/* All rows but those of the living are of the dead from now on. */
static void kill_all_rows(brain_store *store)
{
    int fd;
    CHECK_OK(bn_map_clients_fd(store->map, &fd));
    CHECK_OK(bn_os_back(fd, BN_ROWS_OFF, BN_CLIENTS_MAX * sizeof(struct bn_row_rec)));
    bn_raise32(&store->clients->n_rows, BN_CLIENTS_MAX);
    for (uint32_t row = 0; row < BN_CLIENTS_MAX; row++) {
        bn_store_release(&bn_client_row(store, row)->state, (uint32_t)BN_ROW_USED);
    }
}

/* A store whose clients have all died, with all rows taken. */
static void begin(uint32_t n_objects, bool with_lock)
{
    path = check_path();
    brain_close(check_open(path, 64 * CHECK_MIB));
    pid_t pid = check_fork();
    if (pid == 0) {
        uint32_t died;
        brain_store *store = check_open(path, 0);
        hold_things(store, n_objects);
        kill_all_rows(store);
        if (with_lock) {
            CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
        }
        _exit(0); /* as good as killed: nothing runs at its end */
    }
    CHECK_CHILD(pid);
}

static void end(brain_store *store)
{
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.n_clients, 1);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(store->clients->n_snaps, 0);
    CHECK_SOUND(store);
    brain_client clients[1];
    size_t n = 0;
    CHECK_OK(brain_clients(store, clients, 1, &n));
    CHECK_U64(n, 1);
    CHECK_U64(clients[0].alive, true);
    check_destroy(store);
}

static void check_all_dead(bool with_lock)
{
    begin(300, with_lock);
    brain_store *store = check_open(path, 0);
    CHECK_U64(check_stat(store).n_snapshots, 0);
    CHECK_U64(check_stat(store).n_pins, 0);
    if (!with_lock) {
        CHECK_U64(check_stat(store).private_bytes, 0);
    }
    end(store);
}

/* A reader cannot free unpublished slots: its row is left to others, though it closes the store. */
static void check_reader_first(void)
{
    begin(3, false);
    brain_store *reader = check_open_with(path, 0, BRAIN_OPEN_READ_ONLY | BRAIN_OPEN_EXISTING);
    CHECK_U64(check_stat(reader).n_snapshots, 0);
    CHECK_U64(check_stat(reader).n_pins, 0);
    uint64_t left = check_stat(reader).private_bytes;
    uint32_t row = reader->row;
    brain_store *store = check_open(path, 0);
    CHECK(store->row != row);
    CHECK(check_stat(store).private_bytes == left || left == 0);
    CHECK_U64(check_stat(store).n_clients, 2);
    brain_close(reader);
    end(store);
}

/* Somebody is killed who sat down on such a row, at once or a little later. */
static void check_dead_over_dead(void)
{
    begin(3, false);
    struct brain_store *store = check_open(path, 0);
    kill_all_rows(store);
    for (int i = 0; i < 10; i++) {
        struct bn_seat seat;
        uint32_t n_dead;
        CHECK_OK(bn_client_seat(store, true, &seat, &n_dead));
        CHECK(seat.was_dead && seat.row != store->row);
        CHECK(bn_client_alive(store, seat.row));
        bn_os_unmap(seat.life_map, BN_PAGE);
        CHECK(!bn_client_alive(store, seat.row));
    }
    end(store);
}

/* Kills whoever attaches, a little later each time: all that was held comes back all the same. */
static void check_killed_attaching(void)
{
    check_state = check_new_seed();
    snprintf(check_note, sizeof check_note, "seed 0x%llx", (unsigned long long)check_state);
    begin(20, true);
    for (int i = 0; i < 40; i++) {
        struct check_gate ready = check_gate_new();
        pid_t pid = check_fork();
        if (pid == 0) {
            check_gate_open(&ready);
            brain_store *store = check_open_with(path, 0, i % 4 == 3 ? BRAIN_OPEN_READ_ONLY : 0);
            if (i % 8 == 0 && store->data != NULL) {
                hold_things(store, 20);
                kill_all_rows(store);
            }
            for (;;) {
                pause();
            }
        }
        check_gate_pass(&ready);
        uint64_t n = check_below(20000000);
        for (volatile uint64_t k = 0; k < n; k++) {
        }
        check_kill(pid);
        check_gate_free(&ready);
    }
    end(check_open(path, 0));
    check_note[0] = '\0';
}

static void check_many_come_at_once(void)
{
    enum {
        N = 12
    };
    begin(50, true);
    struct check_gate start = check_gate_new(), there = check_gate_new(), leave = check_gate_new();
    pid_t pids[N];
    for (int i = 0; i < N; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            check_gate_pass(&start);
            brain_store *store = check_open_with(path, 0, i % 3 == 0 ? BRAIN_OPEN_READ_ONLY : 0);
            check_gate_open(&there);
            check_gate_pass(&leave);
            if (i % 2 == 0) {
                brain_close(store);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < N; i++) {
        check_gate_open(&start);
    }
    for (int i = 0; i < N; i++) {
        check_gate_pass(&there);
    }
    brain_store *store = check_open(path, 0);
    CHECK_U64(check_stat(store).n_clients, N + 1);
    for (int i = 0; i < N; i++) {
        check_gate_open(&leave);
    }
    for (int i = 0; i < N; i++) {
        CHECK_CHILD(pids[i]);
    }
    check_gate_free(&start);
    check_gate_free(&there);
    check_gate_free(&leave);
    end(store);
}

/* ---- steps */

static uint64_t n_holdings(const brain_store *store)
{
    return store->state->lock_word / BN_LOCK_EPOCH;
}

static void check_reaping_in_steps(void)
{
    enum {
        N = 1000
    };
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        hold_things(store, N);
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_U64(store->state->n_private, N);
    uint64_t before = n_holdings(store);
    CHECK_OK(bn_recover_reap(store, true, NULL));
    CHECK_U64(store->state->n_private, 0);
    CHECK(n_holdings(store) - before > N / 200);
    end(store);
}

/* He who takes the lock from the dead does not do all of it, and another goes on. */
static void check_half_reaped(void)
{
    enum {
        N = 1000
    };
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    pid_t pid = check_fork();
    if (pid == 0) {
        uint32_t died;
        hold_things(store, N);
        CHECK_OK(bn_lock_acquire(store, true, &died, &(uint64_t){ 0 }));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_OK(brain_put_bytes(space, "b", 1, "b", 1));
    CHECK(store->state->n_private > N / 2 && store->state->n_private < N);
    brain_close(check_open(path, 0));
    CHECK_U64(store->state->n_private, 0);
    brain_space_close(space);
    end(store);
}

static brain_client self(brain_store *store)
{
    brain_client client;
    CHECK_OK(brain_self(store, &client));
    CHECK(client.alive);
    CHECK_U64(client.pid, getpid());
    CHECK(brain_client_lives(store, client.row, client.seat));
    return client;
}

/* A client in a process of its own, until the gate is opened. */
struct other {
    pid_t pid;
    brain_client *client;
    struct check_gate ready, go;
};

static struct other start_other(brain_store *store)
{
    struct other other = { .client = check_shared(sizeof *other.client),
                           .ready = check_gate_new(),
                           .go = check_gate_new() };
    other.pid = check_fork();
    if (other.pid == 0) {
        brain_view view;
        brain_object *object;
        brain_space *space = check_space(store, "default");
        CHECK_OK(brain_create(store, 100000, &object));
        CHECK_OK(brain_get(space, "a", 1, &view));
        *other.client = self(store);
        check_gate_open(&other.ready);
        check_gate_pass(&other.go);
        brain_view_drop(&view);
        brain_object_release(object);
        brain_space_close(space);
        brain_close(store);
        check_gate_open(&other.ready);
        check_gate_pass(&other.go);
        _exit(0);
    }
    check_gate_pass(&other.ready);
    return other;
}

static bool other_lives(brain_store *store, const struct other *other)
{
    return brain_client_lives(store, other->client->row, other->client->seat);
}

/* Whoever was told who somebody is knows for ever whether that one lives, though its row is others'. */
static void check_who_lives(void)
{
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "a", 1));
    brain_client me = self(store), clients[8];
    size_t n = 0;
    uint32_t n_reaped = 9;
    CHECK(!brain_client_lives(store, me.row, me.seat + 1));
    CHECK(!brain_client_lives(store, 5000, 1) && !brain_client_lives(store, UINT32_MAX, 0));
    struct other killed = start_other(store);
    CHECK(killed.client->row != me.row && other_lives(store, &killed));
    CHECK_OK(brain_clients(store, clients, 8, &n));
    CHECK_U64(n, 2);
    CHECK_U64(clients[1].seat, killed.client->seat);
    CHECK_U64(clients[0].seat, me.seat);
    CHECK_OK(brain_reap(store, &n_reaped));
    CHECK_U64(n_reaped, 0);
    check_kill(killed.pid);
    CHECK(!other_lives(store, &killed)); /* its row is not given out yet */
    CHECK(check_stat(store).private_bytes > 0);
    CHECK_OK(brain_reap(store, &n_reaped));
    CHECK_U64(n_reaped, 1);
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK(!other_lives(store, &killed));

    struct other left = start_other(store); /* on the same row */
    CHECK_U64(left.client->row, killed.client->row);
    CHECK(other_lives(store, &left) && !other_lives(store, &killed));
    check_gate_open(&left.go);
    check_gate_pass(&left.ready);
    CHECK(!other_lives(store, &left)); /* the process does */
    struct other third = start_other(store);
    CHECK(other_lives(store, &third) && !other_lives(store, &left) && !other_lives(store, &killed));
    check_gate_open(&left.go);
    CHECK_CHILD(left.pid);
    check_kill(third.pid);
    CHECK_OK(brain_reap(store, NULL));

    pid_t pid = check_fork(); /* a child is another */
    if (pid == 0) {
        brain_client child = self(store);
        CHECK(child.row != me.row && brain_client_lives(store, me.row, me.seat));
        _exit(0);
    }
    CHECK_CHILD(pid);
    brain_store *reader = check_open_with(path, 0, BRAIN_OPEN_READ_ONLY);
    (void)self(reader);
    CHECK(brain_client_lives(reader, me.row, me.seat));
    CHECK_CODE(brain_reap(reader, &n_reaped), BRAIN_E_PERM);
    brain_close(reader);
    CHECK(brain_client_lives(store, me.row, me.seat));
    brain_space_close(space);
    check_destroy(store);
}

/* Between its lock and its count, a newcomer's row says nothing new; then it is not the old one. */
static void check_row_given_out_anew(void)
{
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "a", 1));
    struct other dead = start_other(store);
    check_kill(dead.pid);
    struct bn_seat seat;
    uint32_t n_dead;
    kill_all_rows(store);
    CHECK_OK(bn_client_seat(store, true, &seat, &n_dead));
    for (int i = 0; seat.row != dead.client->row; i++) {
        CHECK(i < 10);
        CHECK_OK(bn_client_seat(store, true, &seat, &n_dead));
    }
    CHECK(bn_client_alive(store, seat.row) && !other_lives(store, &dead));
    brain_space_close(space);
    check_destroy(store);
}

/* Lock some bytes of `clients`, as others do. */
static int lock_bytes(int64_t from, int64_t n)
{
    char name[200];
    snprintf(name, sizeof name, "%s/clients", path);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from, .l_len = n };
    CHECK_SYS(fd);
    CHECK_SYS(fcntl(fd, F_OFD_SETLK, &lock));
    return fd;
}

/* Messages name whoever it is; a command line may have any bytes. */
static void check_described(void)
{
    char text[300];
    union {
        char text[sizeof(((struct bn_row_rec *)0)->command)];
        uint64_t words[sizeof(((struct bn_row_rec *)0)->command) / 8];
    } command = { .text = "a\001b\177c" };
    path = check_path();
    brain_store *store = check_open(path, CHECK_MIB);
    struct bn_row_rec *row = bn_client_row(store, store->row);
    for (size_t i = 0; i < sizeof command.words / 8; i++) {
        bn_store_release(&row->command[i], command.words[i]);
    }
    bn_client_describe(store, store->row, text, sizeof text);
    CHECK(strstr(text, "(a?b?c)") != NULL && strstr(text, "namespace") == NULL);
    bn_store_release(&row->pid_namespace, (uint64_t)1);
    bn_client_describe(store, store->row, text, sizeof text);
    CHECK(strstr(text, "of another PID namespace") != NULL);
    bn_client_describe(store, 5000, text, sizeof text);
    CHECK(strstr(text, "unknown") != NULL);
    bn_client_describe(store, BN_CLIENTS_MAX + 5, text, sizeof text);
    CHECK(strstr(text, "child") != NULL);
    check_destroy(store);
}

/* The lock is held by a row that was never given out, and somebody has that row's life: it lives, whoever it
 * is. */
static void check_held_by_an_unknown(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    path = check_path();
    options.capacity_bytes = CHECK_MIB;
    options.lock_timeout_ns = 5 * 1000 * 1000;
    CHECK_OK(brain_open(path, &options, &store));
    brain_space *space = check_space(store, "default");
    int fd = lock_bytes(BN_LIFE_OFF(5000), 1);
    bn_store_release(&store->state->lock_word, (uint64_t)5001);
    CHECK_CODE(brain_put_bytes(space, "a", 1, "a", 1), BRAIN_E_TIMEOUT);
    CHECK_DETAIL("an unknown process");
    CHECK_SYS(close(fd));
    CHECK_OK(brain_put_bytes(space, "a", 1, "a", 1));
    brain_space_close(space);
    check_destroy(store);
}

/* While somebody else is at a dead client's row, others leave it to that one. */
static void check_claimed(void)
{
    uint32_t n = 9;
    path = check_path();
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "a", 1));
    struct other dead = start_other(store);
    int fd = lock_bytes(BN_CLAIM_OFF(dead.client->row), 1);
    check_kill(dead.pid);
    CHECK_OK(brain_reap(store, &n));
    CHECK_U64(n, 0);
    CHECK_SYS(close(fd));
    CHECK_OK(brain_reap(store, &n));
    CHECK_U64(n, 1);
    brain_space_close(space);
    check_destroy(store);
}

/* Lives of children without a row are tried, and not for ever. */
static void check_no_life_is_left(void)
{
    struct bn_seat seat = { .row = 7 };
    path = check_path();
    brain_store *store = check_open(path, CHECK_MIB);
    int fd = lock_bytes(BN_LIFE_OFF(BN_CLIENTS_MAX), 2 * (int64_t)BN_CHUNKS_MAX);
    CHECK_CODE(bn_client_seat_orphan(store, &seat), BRAIN_E_BUSY);
    CHECK_U64(seat.row, 7);
    CHECK_SYS(close(fd));
    CHECK_OK(bn_client_seat_orphan(store, &seat));
    CHECK(seat.row >= BN_CLIENTS_MAX && seat.row < BN_LIVES_MAX &&
          bn_client_alive(store, seat.row));
    CHECK_SYS(munmap(seat.life_map, BN_PAGE));
    CHECK(!bn_client_alive(store, seat.row));
    check_destroy(store);
}

int main(void)
{
    check_needs_fork_advice();
    check_begin();
    check_described();
    check_held_by_an_unknown();
    check_claimed();
    check_no_life_is_left();
    check_who_lives();
    check_row_given_out_anew();
    check_all_dead(false);
    check_all_dead(true);
    check_reader_first();
    check_dead_over_dead();
    check_killed_attaching();
    check_many_come_at_once();
    check_reaping_in_steps();
    check_half_reaped();
    return 0;
}
