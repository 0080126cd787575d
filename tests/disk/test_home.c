/* test_home.c - a home is brought up to date with a store, and a store up to it. */
#include <sqlite3.h>

#include "dumps.h"

static char *home;

static brain_load_options telling(struct dumps_told *told, uint32_t flags)
{
    *told = (struct dumps_told){ .n = { 0 } };
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    options.flags = flags;
    options.tell = dumps_tell;
    options.context = told;
    return options;
}

static brain_sync_result sync_to(brain_store *store)
{
    brain_sync_result result;
    DUMP_OK(brain_sync(store, home, NULL, &result));
    return result;
}

static int count_files(void)
{
    char *data = dumps_join(home, "data");
    int n = dumps_count_files(data);
    free(data);
    return n;
}

/* What is large in dumps_store(): a file each. */
static int count_large(brain_store *store)
{
    int n = 0;
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        struct dumps_value it;
        dumps_make(i, &it);
        n += it.size > 65536 && dumps_has(store, i);
        dumps_free(&it);
    }
    return n;
}

/* A store of its own from the home, with these values and no others. */
static void check_restores(bool (*has)(int))
{
    brain_store *other = dumps_new();
    struct dumps_told told;
    brain_load_options options = telling(&told, 0);
    int n = 0;
    check_n_paths--;
    DUMP_OK(brain_restore(other, home, &options, NULL));
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        CHECK(dumps_has(other, i) == (has == NULL || has(i)));
        n += has == NULL || has(i);
    }
    CHECK_U64(dumps_count_names(other), n);
    CHECK_U64(told.n[BRAIN_LOADED], n);
    brain_space *empty = check_space(other, "empty");
    CHECK_OK(brain_space_exists(empty));
    brain_space_close(empty);
    CHECK_SOUND(other);
    check_destroy(other);
}

static void all_is_kept(void)
{
    brain_store *store = dumps_store();
    brain_sync_result result = sync_to(store);
    struct stat st;
    CHECK_U64(result.n_written, DUMPS_N_VALUES);
    CHECK_U64(result.written_bytes, check_live(store));
    CHECK_U64(result.number, check_stat(store).committed);
    CHECK_U64(count_files(), count_large(store));
    CHECK(stat(home, &st) == 0 && (st.st_mode & 07777) == 0700);
    check_restores(NULL);
    check_destroy(store);
}

/* The store that was at home here is gone; another one is synced. */
static void another_store_moves_in(void)
{
    brain_store *store = dumps_new();
    dumps_put(store, 1);
    brain_space *space = check_space(store, "empty");
    CHECK_OK(brain_space_create(space));
    brain_space_close(space);
    brain_sync_result result = sync_to(store);
    CHECK_U64(result.n_written, 1);
    CHECK(result.n_removed > 0);
    CHECK_U64(count_files(), 0);
    check_destroy(store);
}

static bool is_even(int n)
{
    return n % 2 == 0;
}

static bool is_not_of_s1(int n)
{
    return n % 3 != 1;
}

static void delete_value(brain_store *store, int n)
{
    struct dumps_value it;
    dumps_make(n, &it);
    brain_space *space = check_space(store, it.space);
    CHECK_OK(brain_delete(space, it.name, it.name_len, BRAIN_ANY_VERSION));
    brain_space_close(space);
    dumps_free(&it);
}

/* The home moved to the store that it was restored to: it comes back. */
static void check_has(brain_store *store, bool (*has)(int))
{
    check_restores(has);
    (void)sync_to(store);
}

/* What has changed is written, and nothing else. */
static void changes_are_kept(void)
{
    brain_store *store = dumps_store();
    (void)sync_to(store);
    CHECK_U64(sync_to(store).n_written, 0);
    for (int i = 1; i < DUMPS_N_VALUES; i += 2) {
        delete_value(store, i);
    }
    brain_sync_result result = sync_to(store);
    CHECK(result.n_written == 0 && result.n_removed == DUMPS_N_VALUES / 2);
    CHECK_U64(count_files(), count_large(store));
    check_has(store, is_even);

    /* As many are put as are deleted, and one is replaced. */
    for (int i = 1; i < DUMPS_N_VALUES; i += 2) {
        dumps_put(store, i);
    }
    dumps_put(store, 0);
    delete_value(store, 2);
    result = sync_to(store);
    CHECK_U64(result.n_written, DUMPS_N_VALUES / 2 + 1);
    CHECK_U64(result.n_removed, 1);
    dumps_put(store, 2);
    CHECK_U64(sync_to(store).n_written, 1);
    check_has(store, NULL);

    /* A namespace goes, and another comes: as many as before. */
    brain_space *s1 = check_space(store, "s1"), *more = check_space(store, "more");
    CHECK_OK(brain_space_remove(s1));
    CHECK_OK(brain_space_create(more));
    result = sync_to(store);
    CHECK_U64(result.n_written, 0);
    CHECK_U64(result.n_removed, DUMPS_N_VALUES / 3); /* large ones, too; the namespace is no name */
    check_has(store, is_not_of_s1);
    brain_store *other = dumps_new();
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    brain_space *there = check_space(other, "more"), *gone = check_space(other, "s1");
    CHECK_OK(brain_space_exists(there));
    CHECK_CODE(brain_space_exists(gone), BRAIN_E_NOT_FOUND);
    brain_space_close(there);
    brain_space_close(gone);
    check_destroy(other);

    /* It goes, and comes again with fewer names. */
    for (int i = 1; i < DUMPS_N_VALUES; i += 3) {
        dumps_put(store, i);
    }
    CHECK_OK(brain_space_remove(more));
    (void)sync_to(store);
    check_restores(NULL);
    CHECK_OK(brain_space_remove(s1));
    dumps_put(store, 1);
    (void)sync_to(store);
    other = dumps_new();
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    CHECK_U64(dumps_count_names(other), DUMPS_N_VALUES - DUMPS_N_VALUES / 3 + 1);
    CHECK(dumps_has(other, 1));
    check_destroy(other);
    brain_space_close(s1);
    brain_space_close(more);
    check_destroy(store);
}

/* A reboot: the store is gone, the next one comes from the home, goes on, and is synced. What came back is not written once
 * more. */
static void life_goes_on(void)
{
    brain_store *store = dumps_store();
    uint64_t last = sync_to(store).number;
    for (int boot = 0; boot < 3; boot++) {
        struct dumps_told told;
        brain_load_options options = telling(&told, BRAIN_LOAD_KEEP);
        check_destroy(store);
        store = dumps_new();
        dumps_put(store, 6); /* by somebody who was there first */
        DUMP_OK(brain_restore(store, home, &options, NULL));
        CHECK(told.n[BRAIN_LOAD_KEPT] == 1 && told.n[BRAIN_LOADED] == DUMPS_N_VALUES - 1);
        dumps_put(store, 9);
        brain_sync_result result = sync_to(store);
        CHECK_U64(result.n_written, 2);
        CHECK(result.number > last);
        last = result.number;
        CHECK_U64(sync_to(store).n_written, 0);
        CHECK_U64(count_files(), count_large(store));
    }
    check_restores(NULL);
    check_destroy(store);
}

/* Whoever syncs writes what others have put, who are dead by now. */
static void the_dead_are_kept(void)
{
    brain_store *store = dumps_new();
    (void)sync_to(store);
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *own = check_open(brain_path(store), 16 * CHECK_MIB);
        for (int i = 0; i < DUMPS_N_VALUES; i++) {
            dumps_put(own, i);
        }
        raise(SIGKILL);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    CHECK_U64(sync_to(store).n_written, DUMPS_N_VALUES);
    check_destroy(store);
}

/* Several sync at once, while others put. */
static void many_sync(void)
{
    brain_store *store = dumps_store();
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        pids[i] = check_fork();
        if (pids[i] == 0) {
            brain_store *own = check_open(brain_path(store), 16 * CHECK_MIB);
            for (int n = 0; n < 20; n++) {
                dumps_put(own, n);
                (void)sync_to(own);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < 3; i++) {
        CHECK_CHILD(pids[i]);
    }
    (void)sync_to(store);
    CHECK_U64(count_files(), count_large(store));
    brain_store *other = dumps_new();
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    CHECK_U64(dumps_count_names(other), DUMPS_N_VALUES);
    check_destroy(other);
    check_destroy(store);
}

/* ---- marked names alone */

static void mark(brain_store *store, int n, int is_to)
{
    struct dumps_value it;
    dumps_make(n, &it);
    if (it.name_len <= 1000) { /* the longest names cannot be marked */
        brain_space *space = check_space(store, it.space);
        DUMP_OK(brain_persist(store, space, it.name, it.name_len, is_to));
        DUMP_CODE(brain_persists(store, space, it.name, it.name_len),
                  is_to ? 0 : BRAIN_E_NOT_FOUND);
        brain_space_close(space);
    }
    dumps_free(&it);
}

static bool is_marked(brain_store *store, int n)
{
    struct dumps_value it;
    dumps_make(n, &it);
    brain_space *space = check_space(store, it.space);
    int err = brain_persists(store, space, it.name, it.name_len);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    brain_space_close(space);
    dumps_free(&it);
    return err == 0;
}

static brain_sync_result sync_marked(brain_store *store)
{
    brain_sync_options options = BRAIN_SYNC_OPTIONS_INIT;
    brain_sync_result result;
    options.flags = BRAIN_SYNC_MARKED;
    DUMP_OK(brain_sync(store, home, &options, &result));
    return result;
}

static void check_marked(bool (*has)(int))
{
    brain_store *other = dumps_new();
    check_n_paths--;
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        CHECK(dumps_has(other, i) == has(i));
    }
    check_destroy(other);
}

static bool is_0_or_9(int n)
{
    return n == 0 || n == 9;
}

static bool is_9(int n)
{
    return n == 9;
}

static bool is_3_or_9(int n)
{
    return n == 3 || n == 9;
}

static bool is_any(int n)
{
    (void)n;
    return true;
}

static void marked_ones_are_kept(void)
{
    brain_store *store = dumps_store();
    mark(store, 0, 1);
    mark(store, 9, 1);
    brain_sync_result result = sync_marked(store);
    CHECK_U64(result.n_written, 2); /* and the marks, which are no names of anybody's */
    CHECK_U64(sync_marked(store).n_written, 0);
    CHECK_U64(count_files(), 1); /* 9 is large */
    check_marked(is_0_or_9);

    /* One is marked that was there, one is not marked any more; one goes and comes again, marked all the time. */
    (void)sync_marked(store);
    mark(store, 0, 0);
    result = sync_marked(store);
    CHECK(result.n_written == 0 && result.n_removed == 1);
    check_marked(is_9);
    (void)sync_marked(store);
    mark(store, 3, 1);
    CHECK_U64(sync_marked(store).n_written, 1);
    check_marked(is_3_or_9);
    (void)sync_marked(store);
    delete_value(store, 3);
    CHECK_U64(sync_marked(store).n_removed, 1);
    check_marked(is_9);
    (void)sync_marked(store);
    dumps_put(store, 3);
    dumps_put(store, 5);
    CHECK_U64(sync_marked(store).n_written, 1);
    check_marked(is_3_or_9);

    /* The marks come back with what they mark. */
    brain_store *other = dumps_new();
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    dumps_put(other, 9);
    dumps_put(other, 10);
    CHECK_U64(sync_marked(other).n_written, 1);
    check_destroy(other);

    /* All of it, and marked ones alone again. */
    CHECK(sync_to(store).n_written >= DUMPS_N_VALUES - 2);
    check_marked(is_any);
    other = dumps_new();
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    CHECK(is_marked(other, 9) && is_marked(other, 3) && !is_marked(other, 4)); /* the marks, too */
    check_destroy(other);
    (void)sync_marked(store);
    check_marked(is_3_or_9);

    struct dumps_value it;
    dumps_make(6, &it); /* 65,535 bytes */
    brain_space *space = check_space(store, it.space);
    DUMP_CODE(brain_persist(store, space, it.name, it.name_len, 1), BRAIN_E_INVAL);
    brain_space_close(space);
    dumps_free(&it);
    check_destroy(store);
}

/* ---- damage */

static void run_sql(const char *sql)
{
    sqlite3 *db;
    char *file = dumps_join(home, "values.sqlite");
    CHECK(sqlite3_open(file, &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    free(file);
}

/* Restore what is whole: `n_lost` of the names are told as lost. */
static void check_damaged(int n_lost)
{
    brain_store *other = dumps_new();
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    brain_load_result result;
    check_n_paths--;
    DUMP_CODE(brain_restore(other, home, NULL, NULL), BRAIN_E_CORRUPT);
    check_destroy(other);
    other = dumps_new();
    check_n_paths--;
    options.flags = BRAIN_LOAD_DAMAGED;
    DUMP_OK(brain_restore(other, home, &options, &result));
    CHECK_U64(result.n_lost, n_lost);
    CHECK_U64(result.n_loaded, DUMPS_N_VALUES - n_lost);
    CHECK(result.is_damaged);
    int n = 0;
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        n += dumps_has(other, i);
    }
    CHECK_U64(n, DUMPS_N_VALUES - n_lost);
    CHECK_SOUND(other);
    CHECK_U64(check_stat(other).private_bytes, 0);
    check_destroy(other);
}

static void damage_is_seen(void)
{
    brain_store *store = dumps_store();
    (void)sync_to(store);
    check_destroy(store);
    run_sql("UPDATE value SET kind = kind + 1 WHERE name = (SELECT min(name) FROM value WHERE file "
            "IS NULL)");
    check_damaged(1);
    run_sql("UPDATE value SET kind = kind - 1 WHERE name = (SELECT min(name) FROM value WHERE file "
            "IS NULL)");
    run_sql("UPDATE value SET data = x'00' || substr(data, 2) WHERE size = 2000");
    check_damaged(2);
    store = dumps_store();
    (void)sync_to(store);
    check_destroy(store);

    /* A file that changed, one that is shorter, and one that is gone. */
    static const char *const how[] = {
        "printf x | dd of=$f conv=notrunc bs=1 seek=60000 2>/dev/null", "truncate -s -1 $f", "rm $f"
    };
    char *data = dumps_join(home, "data"), command[200];
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "f=$(ls -d %.80s/* | sed -n %dp); %s", data, i + 1,
                 how[i]);
        CHECK(system(command) == 0);
        check_damaged(i + 1);
    }
    free(data);
}

/* What is no home, and one of a later version. */
static void others_are_refused(void)
{
    brain_store *store = dumps_store();
    const char *folder = dumps_folder();
    char *was = home;
    home = dumps_join(folder, "none");
    DUMP_CODE(brain_restore(store, home, NULL, NULL), BRAIN_E_NOT_FOUND);
    (void)sync_to(store);
    run_sql("PRAGMA user_version = 2");
    DUMP_CODE(brain_sync(store, home, NULL, NULL), BRAIN_E_FORMAT);
    DUMP_DETAIL("later version");
    run_sql("PRAGMA application_id = 7");
    DUMP_CODE(brain_sync(store, home, NULL, NULL), BRAIN_E_FORMAT);
    DUMP_DETAIL("no home");
    char *file = dumps_join(home, "values.sqlite");
    dumps_write(file,
                "this is something else, and long enough for a header of SQLite's, which it is not "
                "at all",
                80);
    int err = brain_sync(store, home, NULL, NULL);
    CHECK(err == BRAIN_E_CORRUPT || err == BRAIN_E_FORMAT);
    free(file);
    free(home);
    home = was;
    check_destroy(store);
}

/* SQLite's log is read at each opening: it begins anew before it has become long, however often is synced. */
static void the_log_stays_short(void)
{
    enum {
        N_NAMES = 2000,
        N_SYNCS = 80, /* some 3,000 pages of changes */
        BOUND = 5 << 20
    };
    brain_store *store = dumps_new();
    brain_space *space = check_space(store, "default");
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    char *log = dumps_join(home, "values.sqlite-wal");
    for (uint64_t i = 0; i < N_SYNCS; i++) {
        for (uint64_t n = 0; n < N_NAMES; n++) {
            uint64_t data = n + i;
            brain_part part = { .data = &data, .size_bytes = sizeof data };
            brain_value value = { .kind = BRAIN_KIND_INT, .n_parts = 1, .parts = &part };
            CHECK_OK(brain_batch_put(batch, space, &n, sizeof n, &value));
        }
        CHECK_OK(brain_batch_commit(batch, NULL));
        CHECK_U64(sync_to(store).n_written, N_NAMES);
        struct stat st;
        CHECK(stat(log, &st) == 0 && st.st_size < BOUND);
    }
    brain_store *other = dumps_new();
    DUMP_OK(brain_restore(other, home, NULL, NULL));
    CHECK_U64(dumps_count_names(other), N_NAMES);
    check_destroy(other);
    free(log);
    brain_batch_free(batch);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    const char *folder = dumps_folder();
    home = dumps_join(folder, "home");
    static void (*const tests[])(
        void) = { all_is_kept,          another_store_moves_in, changes_are_kept,
                  life_goes_on,         the_dead_are_kept,      many_sync,
                  marked_ones_are_kept, marked_ones_are_kept,   damage_is_seen,
                  others_are_refused,   the_log_stays_short };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tests[i]();
        if (i != 0) { /* another moves in where the first was */
            dumps_remove(home);
        }
    }
    free(home);
    return 0;
}
