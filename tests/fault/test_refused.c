/* test_refused.c - what a system refuses always (a sandbox), or once, and no error comes of by itself: to wait for
 * a word, and to say which boot this is.
 *
 * syscall() and open() are wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include "../crash/kit.h"
#include "wrap_futex.h"
#include "wrap_open.h"

/* ---- futex */

static bool refuses_waits;
static uint32_t n_waits;

static bool before_wait(void)
{
    if (refuses_waits) {
        n_waits++;
        errno = EPERM;
    }
    return !refuses_waits;
}

#define WAIT_MS 60u

/* Who may not wait looks again, and sleeps in between: not more often than each millisecond. */
static void check_waits(void)
{
    char path[KIT_PATH_MAX];
    kit_path(path, "to wait in");
    brain_store *store = check_open(path, CHECK_MIB);
    brain_space *space = check_space(store, "default");
    refuses_waits = true;
    CHECK_CODE(brain_wait(space, "a", 1, 0, (int64_t)WAIT_MS * 1000000, NULL), BRAIN_E_TIMEOUT);
    CHECK(n_waits >= 1 && n_waits <= WAIT_MS + 1);
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
        _exit(0);
    }
    uint64_t version = 0;
    CHECK_OK(brain_wait(space, "a", 1, 0, BRAIN_FOREVER, &version));
    CHECK(version > 0);
    CHECK_CHILD(pid);
    refuses_waits = false;
    brain_space_close(space);
    check_destroy(store);
}

/* ---- the boot id */

static int boot_error; /* of each look at it; 0: none */

static bool before_open(const char *path)
{
    if (boot_error == 0 || strstr(path, "/boot_id") == NULL) {
        return true;
    }
    errno = boot_error;
    return false;
}

WRAP_OPEN(open, before_open(path))
WRAP_OPEN(open64, before_open(path))

static int make_linked(const char *path, const char *directory)
{
    brain_store *store = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = directory;
    int err = brain_open(path, &options, &store);
    if (err == 0) {
        struct stat st;
        CHECK(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
        check_destroy(store);
    }
    return err;
}

/* The name of a directory that a path leads to has the boot in it. Whoever is refused it this once would make
 * another directory than all others, and take their links for those of an earlier boot. */
static void check_boot_id(void)
{
    char path[KIT_PATH_MAX], directory[KIT_PATH_MAX];
    kit_path(path, "a link");
    kit_path(directory, "made here");
    CHECK_SYS(mkdir(directory, 0700));
    boot_error = EMFILE;
    CHECK_CODE(make_linked(path, directory), BRAIN_E_IO);
    CHECK_DETAIL(strerror(EMFILE));
    CHECK(access(path, F_OK) != 0 && rmdir(directory) == 0); /* nothing is left there */
    CHECK_SYS(mkdir(directory, 0700));
    boot_error = ENOENT; /* nobody is told: all agree */
    CHECK_OK(make_linked(path, directory));
    boot_error = 0;
    CHECK_OK(make_linked(path, directory));
}

int main(void)
{
    check_begin();
    (void)kit_workdir(NULL);
    check_boot_id(); /* first: a thread that was told once does not ask again */
    check_waits();
    return 0;
}
