/* test_home_kills.c - a sync that is killed before and after each of its system calls, and a restore, too.
 *
 * After a sync the home has all of the store as it was before, or as it is; the next sync makes it what the store is, and leaves no
 * file that no row names. After a restore the store is sound, and the next restore brings the rest.
 *
 * usage: test_home_kills [N]    at N random stops of each, 12 if it is not said; 0: at each
 */
#include "calls.h"
#include "dumps.h"
#include "home.h"

static char *home;
static int n_kills = 12;

#define N_VALUES 12 /* numbers from 0 on */

static void sync_to_home(brain_store *store)
{
    DUMP_OK(brain_sync(store, home, NULL, NULL));
}

static void restore_from_home(brain_store *store)
{
    DUMP_OK(brain_restore(store, home, NULL, NULL));
}

/* Before: the values with an even number. After: those that 3 does not divide, some of them put once more. */
static bool is_before(int n)
{
    return n % 2 == 0;
}

static bool is_after(int n)
{
    return n % 3 != 0;
}

static void remove_value(brain_store *store, int n)
{
    struct dumps_value it;
    dumps_make(n, &it);
    brain_space *space = check_space(store, it.space);
    int err = brain_delete(space, it.name, it.name_len, BRAIN_ANY_VERSION);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    brain_space_close(space);
    dumps_free(&it);
}

static void make(brain_store *store, bool (*has)(int))
{
    for (int n = 0; n < N_VALUES; n++) {
        if (has(n)) {
            dumps_put(store, n);
        } else {
            remove_value(store, n);
        }
    }
}

/* Which of the two a home is: 0, 1. */
static int what_it_has(void)
{
    brain_store *store = dumps_new();
    check_n_paths--;
    restore_from_home(store);
    bool is[2] = { true, true };
    for (int n = 0; n < N_VALUES; n++) {
        bool has = dumps_has(store, n);
        is[0] = is[0] && has == is_before(n);
        is[1] = is[1] && has == is_after(n);
    }
    CHECK(is[0] != is[1]);
    CHECK_SOUND(store);
    check_destroy(store);
    return is[1];
}

static int count_files(void)
{
    char *data = dumps_join(home, "data");
    int n = dumps_count_files(data);
    free(data);
    return n;
}

/* How many stops `work` has. */
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

static void syncs_are_killed(void)
{
    brain_store *store = dumps_new();
    int n[2] = { 0, 0 }, n_files = 0, at = -1, n_done = 0;
    make(store, is_before);
    sync_to_home(store);
    make(store, is_after);
    int n_stops = count_stops(sync_to_home, store);
    while (next_stop(&at, &n_done, n_stops)) {
        make(store, is_before);
        sync_to_home(store);
        make(store, is_after);
        (void)calls_kill_at(calls_begin(sync_to_home, brain_path(store)), at);
        n[what_it_has()]++;
        sync_to_home(store);
        CHECK_U64(what_it_has(), 1);
        sync_to_home(store); /* it was at home with another store in between */
        CHECK(n_files == 0 || n_files == count_files());
        n_files = count_files();
    }
    check_note[0] = '\0';
    CHECK(n[0] > 0 && n_files > 0 && (n[1] > 0 || n_kills != 0));
    check_destroy(store);
}

/* The first one, which makes the home. */
static void first_syncs_are_killed(void)
{
    brain_store *store = dumps_new();
    int at = -1, n_done = 0;
    make(store, is_after);
    dumps_remove(home);
    int n_stops = count_stops(sync_to_home, store);
    while (next_stop(&at, &n_done, n_stops)) {
        dumps_remove(home);
        (void)calls_kill_at(calls_begin(sync_to_home, brain_path(store)), at);
        sync_to_home(store);
        CHECK_U64(what_it_has(), 1);
    }
    check_note[0] = '\0';
    check_destroy(store);
}

static void restores_are_killed(void)
{
    brain_store *store = dumps_new();
    int at = -1, n_done = 0;
    make(store, is_after);
    sync_to_home(store);
    check_destroy(store);
    store = dumps_new();
    int n_stops = count_stops(restore_from_home, store);
    check_destroy(store);
    while (next_stop(&at, &n_done, n_stops)) {
        store = dumps_new();
        check_n_paths--;
        (void)calls_kill_at(calls_begin(restore_from_home, brain_path(store)), at);
        CHECK_SOUND(store);
        restore_from_home(store);
        for (int n = 0; n < N_VALUES; n++) {
            CHECK(dumps_has(store, n) == is_after(n));
        }
        sync_to_home(store);
        CHECK_OK(brain_reap(store, NULL));
        CHECK_U64(check_stat(store).private_bytes, 0);
        check_destroy(store);
    }
    check_note[0] = '\0';
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = check_new_seed();
    n_kills = argc > 1 ? atoi(argv[1]) : n_kills;
    const char *folder = dumps_folder();
    home = dumps_join(folder, "home");
    syncs_are_killed();
    first_syncs_are_killed();
    dumps_remove(home);
    bd_home_log_pages = 1; /* SQLite's log comes into its file each time */
    syncs_are_killed();
    restores_are_killed();
    free(home);
    return 0;
}
