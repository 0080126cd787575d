/* test_power.c - syncs, and dumps, and a loss of power at any moment of them.
 *
 * The home is that of the last sync that returned, or of the one under way; a dump's file is the old one or the new one, whole.
 *
 * usage: test_power [N [SEED]]    N cuts of each, 150 if it is not said; 0: three at each change
 */
#include "calls.h"
#include "dumps.h"
#include "home.h"
#include "power.h"

#define N_SYNCS 6

static const char *folder; /* where it is recorded */
static char *home, *file;  /* there */

/* ---- what a store has after its nth sync */

#define N_NAMES 60

/* The size of value `name` as of sync `n`; 0: there is none. */
static size_t size_of(int n, int name)
{
    uint64_t x = check_mix((uint64_t)(n / (1 + name % 3) * 1000 + name)); /* some change seldom */
    return x % 5 == 0 ? 0 : x % 11 == 0 ? 66000 + x % 100000 : 1 + x % 3000;
}

static void put_state(brain_store *store, int n)
{
    static uint8_t bytes[200000];
    brain_space *space = check_space(store, "s");
    for (int name = 0; name < N_NAMES; name++) {
        size_t size = size_of(n, name), had = n > 0 ? size_of(n - 1, name) : 0;
        if (size != 0 && size != had) {
            check_fill(bytes, size, size);
            CHECK_OK(brain_put_bytes(space, &name, sizeof name, bytes, size));
        } else if (size == 0 && had != 0) {
            CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
        }
    }
    brain_space_close(space);
}

static bool is_state(brain_store *store, int n)
{
    bool is = true;
    brain_space *space = check_space(store, "s");
    for (int name = 0; name < N_NAMES && is; name++) {
        brain_view view;
        size_t size = n >= 0 ? size_of(n, name) : 0;
        int err = brain_get(space, &name, sizeof name, &view);
        is = err == 0 ? view.size_bytes == size && check_is_filled(view.data, size, size)
                      : size == 0;
        if (err == 0) {
            brain_view_drop(&view);
        }
    }
    brain_space_close(space);
    return is;
}

/* ---- homes */

static void sync_again_and_again(brain_store *store)
{
    for (int n = 0; n < N_SYNCS; n++) {
        put_state(store, n);
        DUMP_OK(brain_sync(store, home, NULL, NULL));
        power_mark(n);
    }
}

static void check_home(const char *path, int done)
{
    brain_store *store = dumps_new();
    check_n_paths--;
    int err = brain_restore(store, path, NULL, NULL);
    if (done < 0) { /* the first sync has not returned: there may be no home, or half of one */
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND || err == BRAIN_E_FORMAT ||
              err == BRAIN_E_CORRUPT);
    } else {
        DUMP_OK(err);
    }
    CHECK(err != 0 || is_state(store, done) || is_state(store, done + 1));
    if (err == 0) { /* and it goes on from there */
        put_state(store, 0);
        DUMP_OK(brain_sync(store, path, NULL, NULL));
    }
    check_destroy(store);
}

/* ---- dumps */

static void dump_again_and_again(brain_store *store)
{
    for (int n = 0; n < N_SYNCS; n++) {
        put_state(store, n);
        DUMP_OK(brain_dump(store, file, NULL, NULL));
        power_mark(n);
    }
}

static void check_dump(const char *path, int done)
{
    brain_store *store = dumps_new();
    check_n_paths--;
    int err = brain_load(store, path, NULL, NULL);
    if (done < 0) {
        CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    } else {
        DUMP_OK(err);
    }
    CHECK(err != 0 || is_state(store, done) || is_state(store, done + 1));
    check_destroy(store);
}

/* ---- cuts */

static void cut_power(void (*work)(brain_store *), void (*check)(const char *, int),
                      const char *name, int n_cuts)
{
    const char *there = dumps_folder();
    char *path = dumps_join(there, name);
    brain_store *store = dumps_new();
    struct power_log *log = power_record(folder, work, brain_path(store));
    size_t n_changes = power_count(log);
    size_t n_all = n_cuts == 0 ? 3 * (n_changes + 1) : (size_t)n_cuts;
    CHECK(power_marked(log, n_changes) == N_SYNCS - 1);
    for (size_t i = 0; i < n_all; i++) {
        size_t n = n_cuts == 0 ? i / 3 : (size_t)check_below(n_changes + 1);
        snprintf(check_note, sizeof check_note, "%s: cut before change %zu of %zu", name, n,
                 n_changes);
        CHECK_SYS(mkdir(there, 0700) == 0 || errno == EEXIST ? 0 : -1);
        power_cut(log, n, check_below(8) == 0, there);
        check(path, power_marked(log, n));
        dumps_remove(there);
    }
    printf("%s: %zu cuts of %zu changes\n", name, n_all, n_changes);
    check_note[0] = '\0';
    power_free(log);
    free(path);
    check_destroy(store);
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    printf("seed %llu\n", (unsigned long long)check_state);
    int n_cuts = argc > 1 ? atoi(argv[1]) : CHECK_ASAN ? 15 : 150;
    folder = dumps_folder();
    home = dumps_join(folder, "home");
    file = dumps_join(folder, "dump");
    cut_power(sync_again_and_again, check_home, "home", n_cuts);
    dumps_remove(home);
    bd_home_log_pages = 1; /* SQLite's log comes into its file each time */
    cut_power(sync_again_and_again, check_home, "home", n_cuts);
    cut_power(dump_again_and_again, check_dump, "dump", n_cuts);
    free(home);
    free(file);
    return 0;
}
