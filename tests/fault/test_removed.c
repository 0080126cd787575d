/* test_removed.c - a store is removed at a bad moment for somebody else.
 *
 * Some calls open a file of the store by its name once more: to become a client, to make the file longer. In
 * that very moment the store is destroyed. Who is about to open it has to come to its successor, or to hear
 * that there is none; any other has to hear that it was destroyed. The same where the destroyer is half
 * done by then. open() and others are wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include <sys/wait.h>

#include "wrap_open.h"

static brain_store *victim;    /* to be destroyed */
static const char *armed_file; /* when this is opened, by destroyer */

/* A process of its own, with a mapping of its own: has the store open, and destroys it when it is told. */
static pid_t destroyer;
static int to_destroyer[2], from_destroyer[2];

static void tell_destroyer(void)
{
    char done;
    CHECK(write(to_destroyer[1], "x", 1) == 1 && read(from_destroyer[0], &done, 1) == 1);
}

static brain_store *successor;

static void before_call(const char *call, const char *path);

static void before_open(const char *path)
{
    before_call("open", path);
    const char *name = strrchr(path, '/');
    if (armed_file != NULL && name != NULL && strcmp(name, armed_file) == 0) {
        armed_file = NULL;
        tell_destroyer();
    }
}

WRAP_OPEN(open, (before_open(path), true))
WRAP_OPEN(open64, (before_open(path), true))

/* What happens to the store at `removed` when its `data` is opened: the first time its files go, the
 * second time its directory. */
static const char *removed;
static int n_looks;

static void before_openat(const char *path)
{
    char file[200];
    if (removed == NULL || strcmp(path, "data") != 0) {
        return;
    }
    if (n_looks++ == 0) {
        snprintf(file, sizeof file, "%s/clients", removed);
        CHECK_SYS(unlink(file));
        snprintf(file, sizeof file, "%s/data", removed);
        CHECK_SYS(unlink(file));
    } else {
        const char *where = removed;
        removed = NULL;
        CHECK_SYS(rmdir(where));
        successor = check_open(where, 2 * CHECK_MIB);
    }
}

WRAP_OPENAT(openat, (before_openat(path), true))
WRAP_OPENAT(openat64, (before_openat(path), true))

/* Somebody else removes the directory first, and makes something else there. */
static bool is_overtaken;

int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path)
{
    if (is_overtaken) {
        is_overtaken = false;
        CHECK_SYS(__real_rmdir(path));
        CHECK_SYS(symlink("/nonexistent", path));
    }
    return __real_rmdir(path);
}

/* ---- a path becomes something else: a link to a store, or a store itself */

static const char *changing_path;
static const char *changing_call; /* before this call of it */
static const char *directory;     /* where its next store is to be; NULL: there */

static brain_store *open_in(const char *path, const char *where)
{
    brain_store *store;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = 2 * CHECK_MIB;
    options.directory = where;
    CHECK_OK(brain_open(path, &options, &store));
    return store;
}

static void before_call(const char *call, const char *path)
{
    if (changing_call == NULL || strcmp(call, changing_call) != 0 ||
        strcmp(path, changing_path) != 0) {
        return;
    }
    changing_call = NULL;
    if (victim != NULL) {
        CHECK_OK(brain_destroy(victim));
    } else {
        CHECK_SYS(unlinkat(AT_FDCWD, path, 0));
    }
    successor = open_in(path, directory);
}

ssize_t __real_readlink(const char *path, char *text, size_t room);
ssize_t __wrap_readlink(const char *path, char *text, size_t room);
ssize_t __wrap_readlink(const char *path, char *text, size_t room)
{
    before_call("readlink", path);
    return __real_readlink(path, text, room);
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    before_call("unlink", path);
    return __real_unlink(path);
}

static void make_victim(const char *path)
{
    victim = check_open(path, CHECK_MIB);
}

static void make_destroyer(const char *path)
{
    char ready;
    CHECK_SYS(pipe(to_destroyer));
    CHECK_SYS(pipe(from_destroyer));
    CHECK_SYS(destroyer = fork());
    if (destroyer == 0) {
        brain_store *store = check_open(path, CHECK_MIB);
        CHECK(write(from_destroyer[1], "r", 1) == 1 && read(to_destroyer[0], &ready, 1) == 1);
        CHECK_OK(brain_destroy(store));
        CHECK(write(from_destroyer[1], "d", 1) == 1);
        _exit(0);
    }
    CHECK(read(from_destroyer[0], &ready, 1) == 1);
}

static void check_was_destroyed(void)
{
    int status;
    CHECK(armed_file == NULL);
    CHECK(waitpid(destroyer, &status, 0) == destroyer && status == 0);
    for (int i = 0; i < 2; i++) {
        CHECK_SYS(close(to_destroyer[i]));
        CHECK_SYS(close(from_destroyer[i]));
    }
}

/* While it maps the files / when it has mapped them, and becomes a client. */
static const char *const MOMENTS[] = { "/data", "/clients" };

static void test_its_successor_is_opened(const char *path, const char *moment)
{
    make_destroyer(path);
    armed_file = moment;
    brain_store *store = check_open(path, 2 * CHECK_MIB);
    check_was_destroyed();
    uint64_t capacity, live;
    CHECK_OK(brain_usage(store, &capacity, &live));
    CHECK_U64(capacity, 2 * CHECK_MIB);
    check_destroy(store);
}

static void test_none_is_made_where_none_shall_be(const char *path, const char *moment)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    options.flags = BRAIN_OPEN_EXISTING;
    make_destroyer(path);
    armed_file = moment;
    CHECK_CODE(brain_open(path, &options, &store), BRAIN_E_NOT_FOUND);
    check_was_destroyed();
}

static void test_a_put_that_needs_room_says_so(const char *path)
{
    static char bytes[16 * CHECK_MIB]; /* more than the file has room for at first */
    make_destroyer(path);
    brain_store *store = check_open(path, 0);
    CHECK_OK(brain_resize(store, 64 * CHECK_MIB));
    brain_space *space = check_space(store, "default");
    armed_file = "/data";
    CHECK_CODE(brain_put_bytes(space, "a", 1, bytes, sizeof bytes), BRAIN_E_DESTROYED);
    check_was_destroyed();
    brain_space_close(space);
    brain_close(store);
}

static void test_a_successor_of_one_half_removed_is_opened(const char *path)
{
    make_victim(path);
    brain_close(victim);
    n_looks = 0;
    removed = path;
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(removed == NULL);
    uint64_t capacity, live;
    CHECK_OK(brain_usage(store, &capacity, &live));
    CHECK_U64(capacity, 2 * CHECK_MIB);
    brain_close(successor);
    check_destroy(store);
}

static void test_one_half_removed_is_none_for_who_only_looks(const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    options.flags = BRAIN_OPEN_READ_ONLY;
    make_victim(path);
    brain_close(victim);
    char file[200];
    snprintf(file, sizeof file, "%s/clients", path);
    CHECK_SYS(unlink(file));
    snprintf(file, sizeof file, "%s/data", path);
    CHECK_SYS(unlink(file));
    CHECK_CODE(brain_open(path, &options, &store), BRAIN_E_NOT_FOUND);
    CHECK_SYS(access(path, F_OK)); /* who only looks leaves it */
    CHECK_SYS(rmdir(path));
}

/* Who opens the path comes to what is there then. */
static void check_its_successor(const char *path)
{
    uint64_t capacity, live;
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(changing_call == NULL);
    CHECK_OK(brain_usage(store, &capacity, &live));
    CHECK_U64(capacity, 2 * CHECK_MIB);
    CHECK(strcmp(brain_directory(store), brain_directory(successor)) == 0);
    brain_close(victim);
    brain_close(successor);
    check_destroy(store);
    victim = NULL;
}

static void test_a_path_that_becomes_something_else(const char *path)
{
    char target[400] = "";
    changing_path = path;
    victim = check_open(path, CHECK_MIB); /* a directory, then a link */
    changing_call = "open";
    directory = "/dev/shm";
    check_its_successor(path);
    victim = open_in(path, "/dev/shm"); /* a link, then a directory */
    changing_call = "readlink";
    directory = NULL;
    check_its_successor(path);
    brain_store *store =
        open_in(path, "/dev/shm"); /* a link that leads nowhere, then a directory */
    CHECK_SYS(__real_readlink(path, target, sizeof target - 1));
    brain_close(store);
    check_remove_dir(target);
    changing_call = "unlink";
    check_its_successor(path);
}

static void test_who_destroys_may_be_overtaken(const char *path)
{
    make_victim(path);
    is_overtaken = true;
    CHECK_OK(brain_destroy(victim));
    CHECK(!is_overtaken);
    brain_close(victim);
    victim = NULL;
    CHECK_SYS(unlink(path));
}

int main(void)
{
    check_begin();
    const char *path = check_path_in("/dev/shm");
    for (int i = 0; i < 2; i++) {
        test_its_successor_is_opened(path, MOMENTS[i]);
        test_none_is_made_where_none_shall_be(path, MOMENTS[i]);
    }
    test_a_put_that_needs_room_says_so(path);
    test_a_successor_of_one_half_removed_is_opened(path);
    test_one_half_removed_is_none_for_who_only_looks(path);
    test_who_destroys_may_be_overtaken(path);
    test_a_path_that_becomes_something_else(path);
    return 0;
}
