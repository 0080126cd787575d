/* test_spill_kills.c - one who spills is killed before and after each of its system calls; and one who tidies, opens, recalls.
 *
 * Afterwards the name has the value, in the store or in a file that is whole; whoever tidies leaves as many files as values are
 * away; the store is sound, and the next one spills all that is there.
 * Others tidy, and get values, at those stops.
 *
 * usage: test_spill_kills [N]    at N random stops of each, 12 if it is not said; 0: at each
 */
#include "calls.h"
#include "dumps.h"

#include <sys/syscall.h>

#define N_VALUES 3
#define SIZE     200000u

static int n_kills = 12;
static char *folder;

static void open_and_spill(brain_store *store)
{
    brain_spiller *spill;
    DUMP_OK(brain_spill_open(store, folder, &spill));
    int err = brain_spill(spill, NULL, N_VALUES * SIZE, NULL);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    brain_spill_close(spill);
}

static void open_and_tidy(brain_store *store)
{
    brain_spiller *spill;
    DUMP_OK(brain_spill_open(store, folder, &spill));
    DUMP_OK(brain_spill_tidy(spill, NULL));
    brain_spill_close(spill);
}

static void recall_all(brain_store *store)
{
    brain_space *space = check_space(store, "default");
    for (int i = 0; i < N_VALUES; i++) {
        brain_view view;
        brain_recalled recalled;
        char name = (char)('a' + i);
        CHECK_OK(brain_get(space, &name, 1, &view));
        if (view.kind == BRAIN_KIND_AWAY) {
            DUMP_OK(brain_recall(&view, &recalled));
            brain_recalled_drop(&recalled);
        }
        brain_view_drop(&view);
    }
    brain_space_close(space);
}

/* ---- what has to be so */

static void put_all(brain_store *store)
{
    static char bytes[SIZE];
    brain_space *space = check_space(store, "default");
    for (int i = 0; i < N_VALUES; i++) {
        char name = (char)('a' + i);
        memset(bytes, name, sizeof bytes);
        CHECK_OK(brain_put_bytes(space, &name, 1, bytes, sizeof bytes));
    }
    brain_space_close(space);
}

/* How many are away, each of which is there. */
static int count_away(brain_store *store)
{
    brain_space *space = check_space(store, "default");
    int n = 0;
    for (int i = 0; i < N_VALUES; i++) {
        brain_view view;
        char name = (char)('a' + i);
        CHECK_OK(brain_get(space, &name, 1, &view));
        brain_recalled recalled = { .data = view.data,
                                    .size_bytes = view.size_bytes,
                                    .kind = view.kind };
        if (view.kind == BRAIN_KIND_AWAY) {
            DUMP_OK(brain_recall(&view, &recalled));
            n++;
        }
        CHECK_U64(recalled.size_bytes, SIZE);
        CHECK_U64(recalled.kind, BRAIN_KIND_BYTES);
        for (size_t k = 0; k < SIZE; k++) {
            CHECK(((const char *)recalled.data)[k] == name);
        }
        brain_recalled_drop(&recalled);
        brain_view_drop(&view);
    }
    brain_space_close(space);
    return n;
}

static int n_files(brain_store *store)
{
    char hex[2 * BRAIN_STORE_ID_BYTES + 1];
    uint8_t id[BRAIN_STORE_ID_BYTES];
    brain_store_id(store, id);
    for (size_t i = 0; i < sizeof id; i++) {
        snprintf(hex + 2 * i, 3, "%02x", id[i]);
    }
    char *path = dumps_join(folder, hex);
    int n = dumps_count_files(path) - 1; /* but for `path` */
    free(path);
    return n;
}

static void check_left(brain_store *store, int *n_away_out)
{
    CHECK_OK(brain_reap(store, NULL));
    CHECK_SOUND(store);
    *n_away_out = count_away(store);
    open_and_tidy(store);
    CHECK_U64(n_files(store), *n_away_out);
    CHECK_U64(count_away(store), *n_away_out);
}

/* ---- kills */

static int count_stops(void (*work)(brain_store *), brain_store *store)
{
    int n = 0;
    for (pid_t pid = calls_begin(work, brain_path(store)); calls_next(pid) != CALLS_END;) {
        n++;
    }
    return n;
}

/* The stops at which it is killed, one after the other; false: no more. `*at` begins with -1. */
static bool next_stop(int *at, int *n_done, int n_stops)
{
    *at = n_kills == 0 ? *at + 1 : (int)check_below((uint64_t)n_stops);
    snprintf(check_note, sizeof check_note, "killed at stop %d of %d", *at, n_stops);
    return n_kills == 0 ? *at < n_stops : (*n_done)++ < n_kills;
}

/* `prepare` before each; how often how many values were away afterwards. */
static void kill_all(brain_store *store, void (*prepare)(brain_store *),
                     void (*work)(brain_store *), int n_out[N_VALUES + 1])
{
    int at = -1, n_done = 0;
    prepare(store);
    int n_stops = count_stops(work, store);
    while (next_stop(&at, &n_done, n_stops)) {
        int n_away;
        prepare(store);
        (void)calls_kill_at(calls_begin(work, brain_path(store)), at);
        check_left(store, &n_away);
        n_out[n_away]++;
    }
    check_note[0] = '\0';
}

static void put_and_spill(brain_store *store)
{
    put_all(store);
    open_and_spill(store);
    CHECK_U64(count_away(store), N_VALUES);
}

/* All are away, and as many files of what was there before are left. */
static void leave_garbage(brain_store *store)
{
    put_and_spill(store);
    brain_snapshot *snapshot;
    CHECK_OK(brain_snapshot_open(store, &snapshot)); /* nobody tidies meanwhile */
    put_and_spill(store);
    brain_snapshot_close(snapshot);
}

/* ---- others in between */

/* Who tidies before each of them removes no file that is being written. Before it is locked it may go, and is made anew,
 * three times: so not there. */
static void tidied_at_each_stop(brain_store *store)
{
    int n_away;
    put_all(store);
    pid_t pid = calls_begin(open_and_spill, brain_path(store));
    for (long call; (call = calls_next(pid)) != CALLS_END;) {
        if (call != CALLS_RETURNED && call != SYS_flock && call != SYS_openat) {
            open_and_tidy(store);
        }
    }
    check_left(store, &n_away);
    CHECK_U64(n_away, N_VALUES);
}

/* A value that somebody gets while its file is written, the last one that is, stays in memory. */
static void viewed_when_written(brain_store *store)
{
    brain_space *space = check_space(store, "default");
    brain_view views[N_VALUES];
    char name = 'a';
    int n_away, n_writes = 0;
    put_all(store);
    pid_t pid = calls_begin(open_and_spill, brain_path(store));
    for (long call; (call = calls_next(pid)) != CALLS_END;) {
        if (call == SYS_pwrite64 && calls_argument(pid, 2) == SIZE && n_writes < N_VALUES) {
            name = (char)('a' + n_writes);
            CHECK_OK(brain_get(space, &name, 1, &views[n_writes++]));
        }
    }
    CHECK_U64(n_writes, N_VALUES);
    check_left(store, &n_away);
    CHECK_U64(n_away, 0);
    for (int i = 0; i < n_writes; i++) {
        brain_view_drop(&views[i]);
    }
    brain_space_close(space);
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = check_new_seed();
    n_kills = argc > 1 ? atoi(argv[1]) : n_kills;
    folder = dumps_join(dumps_folder(), "spilled");
    brain_store *store = check_open(check_path(), 16 * CHECK_MIB);
    int n[N_VALUES + 1] = { 0 };
    put_all(store);
    open_and_spill(store); /* the directory is there: of the first one below */
    kill_all(store, put_all, open_and_spill, n);
    CHECK(n_kills != 0 || (n[0] > 0 && n[1] > 0 && n[2] > 0 && n[3] > 0));
    tidied_at_each_stop(store);
    viewed_when_written(store);
    int m[N_VALUES + 1] = { 0 };
    kill_all(store, leave_garbage, open_and_tidy, m);
    kill_all(store, put_and_spill, recall_all, m);
    CHECK(m[N_VALUES] > 0 && m[0] + m[1] + m[2] == 0); /* neither changes anything */
    check_destroy(store);
    free(folder);
    return 0;
}
