/* test_dump_kills.c - dumps and loads that are killed before and after each system call, and at random moments.
 *
 * After a dump there is at its path the old file, unchanged, or the new one, whole; and the next dump leaves nothing else in the
 * folder. After a load the store is sound, each value is there whole or not at all, and the next load brings the
 * rest. Also the order of the calls that a loss of power depends on.
 */
#include <sys/syscall.h>

#include "../fault/wrap_open.h"
#include "calls.h"
#include "dumps.h"

/* A file system without files that have no name: while a dump is written, and if it is to be one. */
static bool has_no_tmpfile, is_to_have_none;

static bool goes_on(int flags)
{
    bool fails = has_no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE;
    errno = fails ? EOPNOTSUPP : errno;
    return !fails;
}

WRAP_OPENAT(openat, goes_on(flags))
WRAP_OPENAT(openat64, goes_on(flags))

static const char *folder;
static char *file;

/* ---- dumps */

static void dump(brain_store *store)
{
    has_no_tmpfile = is_to_have_none;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    has_no_tmpfile = false;
}

/* What is at the path: the old bytes, or a dump of all of the store. */
static bool check_old_or_new(const uint8_t *old, size_t old_size)
{
    size_t size;
    uint8_t *bytes = dumps_read(file, &size);
    bool is_old = size == old_size && memcmp(bytes, old, size) == 0;
    free(bytes);
    if (!is_old) {
        brain_store *store = dumps_new();
        check_n_paths--;
        DUMP_OK(brain_load(store, file, NULL, NULL));
        for (int i = 0; i < DUMPS_N_VALUES; i++) {
            CHECK(dumps_has(store, i));
        }
        check_destroy(store);
    }
    return is_old;
}

static void dumps_are_killed(void)
{
    static const char old[] = "what was there before";
    brain_store *store = dumps_store();
    int n_old = 0, n_new = 0;
    for (int n = 0;; n++) {
        snprintf(check_note, sizeof check_note, "killed at stop %d%s", n,
                 is_to_have_none ? ", by name" : "");
        dumps_write(file, old, sizeof old);
        if (!calls_kill_at(calls_begin(dump, brain_path(store)), n)) {
            break;
        }
        bool is_old = check_old_or_new((const uint8_t *)old, sizeof old);
        n_old += is_old;
        n_new += !is_old;
        CHECK(dumps_count_files(folder) <= 2);
        CHECK_SOUND(store);
        dump(store);
        CHECK_U64(dumps_count_files(folder), 1);
    }
    check_note[0] = '\0';
    CHECK(n_old > 20 && n_new > 0);
    check_destroy(store);
}

/* Another dumps to the same path, while one is at any of its calls. */
static void two_dump_at_once(void)
{
    brain_store *store = dumps_store();
    bool has_ended = false;
    for (int n = 0; !has_ended; n += 7) {
        snprintf(check_note, sizeof check_note, "beside one at stop %d", n);
        pid_t pid = calls_begin(dump, brain_path(store));
        for (int i = 0; i <= n && !has_ended; i++) {
            has_ended = calls_next(pid) == CALLS_END;
        }
        dump(store);
        while (!has_ended && calls_next(pid) != CALLS_END) { /* it goes on, and ends well */
        }
        (void)check_old_or_new(NULL, 0);
        CHECK_U64(dumps_count_files(folder), 1);
    }
    check_note[0] = '\0';
    check_destroy(store);
}

/* Its bytes, to the disk, in its place, the place to the disk. */
static void calls_are_in_order(void)
{
    brain_store *store = dumps_store();
    int n = 0, write_last = 0, sync_first = 0, sync_last = 0, rename_at = 0;
    pid_t pid = calls_begin(dump, brain_path(store));
    for (long call; (call = calls_next(pid)) != CALLS_END; n++) {
        if (call == SYS_writev || call == SYS_write) {
            write_last = n;
        } else if (call == SYS_fsync) {
            sync_first = sync_first == 0 ? n : sync_first;
            sync_last = n;
        } else if (call == SYS_renameat || call == SYS_renameat2) {
            rename_at = n;
        }
    }
    CHECK(write_last > 0 && write_last < sync_first && sync_first < rename_at &&
          rename_at < sync_last);
    check_destroy(store);
}

/* ---- loads */

static void load(brain_store *store)
{
    DUMP_OK(brain_load(store, file, NULL, NULL));
}

static void loads_are_killed(void)
{
    brain_store *store = dumps_store();
    bool has_some = false;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    for (int n = 0;; n++) {
        snprintf(check_note, sizeof check_note, "killed at stop %d", n);
        brain_store *other = dumps_new();
        check_n_paths--;
        bool was_killed = calls_kill_at(calls_begin(load, brain_path(other)), n);
        int n_there = 0;
        for (int i = 0; i < DUMPS_N_VALUES; i++) {
            n_there += dumps_has(other, i);
        }
        CHECK_SOUND(other);
        CHECK_U64(dumps_count_names(other), n_there);
        has_some = has_some || (n_there > 0 && n_there < DUMPS_N_VALUES);
        CHECK(was_killed || n_there == DUMPS_N_VALUES);
        load(other);
        for (int i = 0; i < DUMPS_N_VALUES; i++) {
            CHECK(dumps_has(other, i));
        }
        CHECK_OK(brain_reap(other, NULL));
        CHECK_U64(check_stat(other).private_bytes, 0);
        check_destroy(other);
        if (!was_killed) {
            break;
        }
    }
    check_note[0] = '\0';
    CHECK(has_some);
    check_destroy(store);
}

/* ---- at full speed */

static void pause_for(uint64_t us)
{
    struct timespec time = { 0, (long)us * 1000 };
    (void)nanosleep(&time, NULL);
}

/* Dumps one after the other, while names change; killed somewhere in it. */
static void random_moments(int n_kills)
{
    brain_store *store = dumps_store();
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    for (int n = 0; n < n_kills; n++) {
        pid_t pid = check_fork();
        if (pid == 0) {
            brain_store *own = check_open(brain_path(store), 16 * CHECK_MIB);
            for (;;) {
                dumps_put(own, (int)check_below(DUMPS_N_VALUES));
                dump(own);
                load(own);
            }
        }
        pause_for(check_below(20000));
        check_kill(pid);
        (void)check_old_or_new(NULL, 0);
        CHECK_SOUND(store);
    }
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    CHECK_U64(dumps_count_files(folder), 1);
    check_destroy(store);
}

int main(int argc, char **argv)
{
    check_begin();
    check_state = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    printf("seed %llu\n", (unsigned long long)check_state);
    folder = dumps_folder();
    file = dumps_join(folder, "dump");
    calls_are_in_order();
    dumps_are_killed();
    two_dump_at_once();
    is_to_have_none = true;
    dumps_are_killed();
    two_dump_at_once();
    is_to_have_none = false;
    loads_are_killed();
    random_moments(argc > 1 ? atoi(argv[1]) : 100);
    free(file);
    return 0;
}
