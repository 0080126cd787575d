/* test_fault.c - the system refuses something, once or from then on, at every place where it can.
 *
 * Each operation runs again and again in a store of its own, while the Nth call of the system or for memory
 * fails: N = 1, 2, ... until no call is left to fail. It must then say what failed, have changed nothing, and
 * leak nothing; or have got by without. Done again, it must succeed. Then the same with calls that a signal
 * interrupts, which nobody may notice. The calls are wrapped by the linker (tests/meson.build). Last the same with the
 * writer lock, which somebody else has the Nth time that it is taken, or from then on: TIMEOUT, and nothing else.
 */
#include <dirent.h>

#include "../unit/check.h"
#include "calls.h"
#include "operations.h"
#include "subject.h"

/* ---- what is left */

/* What cannot be removed is still there; whether a descriptor is still the store's cannot be told. */
static bool may_leave_files(void)
{
    static const char *const names[] = { "unlink", "rmdir", NULL };
    return calls.has_failed && calls_failed_one_of(names);
}

/* What this process holds of the system. */
struct held {
    int n_fds, n_maps;
};

static struct held look_at_held(void)
{
    struct held held = { 0, 0 };
    char line[600];
    DIR *dir = opendir("/proc/self/fd");
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(dir != NULL && maps != NULL);
    while (readdir(dir) != NULL) {
        held.n_fds++;
    }
    while (fgets(line, sizeof line, maps) != NULL) { /* of a store, or room for one */
        held.n_maps += strstr(line, "/dev/shm/") != NULL ||
                       /* set aside: by the library, or by the allocator of a sanitizer */
                       (!CHECK_ASAN && strstr(line, " ---p 00000000 00:00") != NULL);
    }
    closedir(dir);
    CHECK(fclose(maps) == 0);
    return held;
}

/* A descriptor of which the kernel does not say what it is stays open: it may be somebody else's. */
static void check_held(struct held before)
{
    static const char *const looks[] = { "fstat", NULL };
    struct held after = look_at_held();
    CHECK_U64(after.n_maps, before.n_maps);
    if (!calls.has_failed || !calls_failed_one_of(looks)) {
        CHECK_U64(after.n_fds, before.n_fds);
    }
}

static void check_unchanged(void)
{
    uint64_t live = 0, n = 0;
    for (uint32_t i = 0; i < SUBJECT_VALUES; i++) {
        subject_check_value(subject.space, &i, sizeof i, subject_size(i), i);
        live += subject_size(i);
    }
    CHECK_OK(brain_space_count(subject.space, &n));
    CHECK_U64(n, SUBJECT_VALUES);
    CHECK_U64(check_live(subject.store), live);
    CHECK_OK(brain_reap(subject.store, NULL)); /* a child that could not begin */
    brain_stat stat = check_stat(subject.store);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.n_clients, 1);
    CHECK_SOUND(subject.store);
}

static void check_nothing_leaked(void)
{
    CHECK_OK(brain_space_remove(subject.space));
    CHECK_OK(brain_trim(subject.store, NULL));
    brain_stat stat = check_stat(subject.store);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(subject.store);
}

/* ---- the rounds */

static int n_calls_of_run;

/* An error that says what failed. */
static void check_error(int err)
{
    static const char *const memory[] = { "malloc",        "calloc", "realloc",
                                          "aligned_alloc", "strdup", NULL };
    CHECK(calls.has_failed && calls.mode != CALLS_INTERRUPTED);
    CHECK(strlen(subject.said) > 10);
    bool is_of_lock = calls.mode == CALLS_LOCKED || calls.mode == CALLS_LOCKED_ON;
    if (is_of_lock ? err != BRAIN_E_TIMEOUT
                   : err != BRAIN_E_FULL && err != BRAIN_E_NOMEM && err != BRAIN_E_BUSY &&
                         err != BRAIN_E_IO) {
        check_fail(__FILE__, __LINE__, "%s is refused, and that is said: %s: %s", calls.failed,
                   brain_strerror(err), subject.said);
    }
    if (calls.mode == CALLS_ONCE && calls_failed_one_of(memory)) {
        CHECK(err == BRAIN_E_NOMEM || err == BRAIN_E_BUSY);
    }
    if (calls.mode == CALLS_ONCE && err == BRAIN_E_IO &&
        strstr(subject.said, strerror(calls.error)) == NULL) {
        check_fail(__FILE__, __LINE__, "%s fails with %s, and that is said: %s", calls.failed,
                   strerror(calls.error), subject.said);
    }
}

static void after_run(const struct operation *op, int err)
{
    if (op->undo != NULL && (err == 0 || op->is_partial)) {
        op->undo();
    }
    if (brain_space_exists(subject.other) == 0) { /* of "namespace", made by the first half */
        CHECK_OK(brain_space_remove(subject.other));
    }
    check_unchanged();
    if (!may_leave_files() &&
        (!calls.has_failed || calls.mode != CALLS_ON)) { /* or is found when it is made again */
        CHECK_U64(subject_count_made(), 0);
    }
}

/* Fail call `at`. Returns whether there was one. */
static bool round_of(const struct operation *op, int at, enum calls_mode how)
{
    static const char *const modes[] = { "call %d fails", "call %d and all after it fail",
                                         "call %d is interrupted", "the lock is not had, time %d",
                                         "the lock is not had, from time %d on" };
    int len = snprintf(check_note, sizeof check_note, "%s, ", op->name);
    snprintf(check_note + len, sizeof check_note - (size_t)len, modes[how], at);
    struct held before = look_at_held();
    subject_set_up();
    calls_watch_lock(subject.store);
    calls.has_failed = false;
    calls.mode = how;
    calls.fail_at = at;
    calls.n = 0;
    subject.said[0] = '\0';
    int err = op->run();
    if (subject.said[0] == '\0') {
        (void)subject_note(err);
    }
    n_calls_of_run = calls.n;
    calls.fail_at = 0;
    calls_watch_lock(NULL);
    bool had = calls.has_failed;
    if (had) {
        size_t n = strlen(check_note);
        snprintf(check_note + n, sizeof check_note - n, " (%s)", calls.failed);
    }
    if (err != 0) {
        check_error(err);
    }
    after_run(op, err);
    calls.has_failed = false;
    CHECK_OK(op->run()); /* and sweeps what was left */
    after_run(op, 0);
    check_nothing_leaked();
    subject_tear_down();
    calls.has_failed = had;
    check_held(before);
    return had;
}

/* It maps a second store, which then grows. */
static bool has_no_room(const struct operation *op)
{
    bool grows = strcmp(op->name, "get what is grown") == 0 || strcmp(op->name, "grow") == 0;
    if (getenv("CHECK_IN_VALGRIND") == NULL || !grows) {
        return false;
    }
    printf("%s: not tested, valgrind has no address space for it\n", op->name);
    return true;
}

int main(int argc, char **argv)
{
    check_begin();
    subject_begin();
    operations_begin();
    for (const struct operation *op = operations; op->name != NULL; op++) {
        if ((argc > 1 && strcmp(argv[1], op->name) != 0) || has_no_room(op)) {
            continue;
        }
        for (int how = CALLS_ONCE; how <= CALLS_LOCKED_ON; how++) {
            CHECK(!round_of(op, 1000000, (enum calls_mode)how));
            int n = n_calls_of_run;
            for (int at = 1; round_of(op, at, (enum calls_mode)how); at++) {
                if (at == 60 && n > 300) { /* hundreds of copies in a batch are all the same */
                    at = n - 100;
                }
            }
            printf("%s: %d calls%s", op->name, n, how == CALLS_LOCKED_ON ? "\n" : ", ");
            fflush(stdout);
        }
    }
    return 0;
}
