/* test_removed.c - a store is removed at a bad moment for somebody else.
 *
 * Some calls open a file of the store by its name once more: to become a client, to make the file longer. In
 * that very moment the store is destroyed. Who is about to open it has to come to its successor, or to hear
 * that there is none; any other has to hear that it was destroyed. The same where the destroyer is half
 * done by then; and what becomes of links and sockets at the path. open() and others are wrapped by the linker
 * (tests/meson.build).
 */
#include "../unit/check.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "store.h"
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

static bool may_open(const char *path);
WRAP_OPEN(open, (before_open(path), may_open(path)))
WRAP_OPEN(open64, (before_open(path), may_open(path)))

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

/* The next call of that name fails, of a path that begins so. */
static const char *failing_call, *failing_path;
static int failing_errno;

static bool may_call(const char *call, const char *path)
{
    if (failing_call == NULL || strcmp(call, failing_call) != 0 ||
        strncmp(path, failing_path, strlen(failing_path)) != 0) {
        return true;
    }
    failing_call = NULL;
    errno = failing_errno;
    return false;
}

static bool may_open(const char *path)
{
    return may_call("open", path);
}

WRAP_OPENAT(openat, (before_openat(path), may_call("openat", path)))
WRAP_OPENAT(openat64, (before_openat(path), may_call("openat", path)))

/* Somebody else removes the directory first, and makes something else there. */
static enum overtaking {
    NOBODY,
    AND_MAKES_A_LINK,
    AND_MAKES_NOTHING,
    AND_MAKES_A_STORE,
} overtaking;

int __real_symlink(const char *target, const char *path);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
int __wrap_rmdir(const char *path)
{
    enum overtaking then = overtaking;
    char file[400];
    if (then != NOBODY) {
        overtaking = NOBODY;
        CHECK_SYS(__real_rmdir(path));
    }
    if (then == AND_MAKES_A_LINK) {
        CHECK_SYS(__real_symlink("/nonexistent", path));
    } else if (then == AND_MAKES_A_STORE) {
        snprintf(file, sizeof file, "%s/data", path);
        CHECK_SYS(mkdir(path, 0700));
        CHECK_SYS(mkdir(file, 0700)); /* as far as rmdir() is concerned */
    }
    return __real_rmdir(path);
}

/* ---- a path becomes something else: a link to a store, or a store itself */

static const char *changing_path;
static const char *changing_call; /* before this call of it */
static const char *directory;     /* where its next store is to be; NULL: there */
static const char *link_text;     /* no store, but a link with this text; "": nothing */

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
    if (link_text != NULL) {
        CHECK(unlinkat(AT_FDCWD, path, 0) == 0 || errno == ENOENT);
        CHECK(link_text[0] == '\0' || __real_symlink(link_text, path) == 0);
        return;
    }
    if (victim != NULL) {
        CHECK_OK(brain_destroy(victim));
    } else {
        CHECK(unlinkat(AT_FDCWD, path, 0) == 0 || errno == ENOENT);
    }
    successor = open_in(path, directory);
}

ssize_t __real_readlink(const char *path, char *text, size_t room);
ssize_t __wrap_readlink(const char *path, char *text, size_t room);
ssize_t __wrap_readlink(const char *path, char *text, size_t room)
{
    before_call("readlink", path);
    return may_call("readlink", path) ? __real_readlink(path, text, room) : -1;
}

int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return may_call("renameat2", from) ? __real_renameat2(from_dir, from, to_dir, to, flags) : -1;
}

int __wrap_symlink(const char *target, const char *path);
int __wrap_symlink(const char *target, const char *path)
{
    before_call("symlink", path);
    return __real_symlink(target, path);
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    before_call("unlink", path);
    return may_call("unlink", path) ? __real_unlink(path) : -1;
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
    char target[400] = "", file[500];
    for (int by = AND_MAKES_A_LINK; by <= AND_MAKES_NOTHING; by++) {
        make_victim(path);
        overtaking = (enum overtaking)by;
        CHECK_OK(brain_destroy(victim));
        CHECK(overtaking == NOBODY);
        brain_close(victim);
        CHECK(unlink(path) == (by == AND_MAKES_A_LINK ? 0 : -1));
    }
    victim = open_in(path, "/dev/shm"); /* the link leads to the successor, and stays */
    CHECK_SYS(__real_readlink(path, target, sizeof target - 1));
    overtaking = AND_MAKES_A_STORE;
    CHECK_OK(brain_destroy(victim));
    brain_close(victim);
    victim = NULL;
    CHECK_SYS(access(path, F_OK));
    snprintf(file, sizeof file, "%s/data", target);
    CHECK_SYS(rmdir(file));
    CHECK_SYS(rmdir(target));
    CHECK_SYS(unlink(path));
}

/* Two come to what somebody has destroyed and not removed: who is second goes on. */
static void test_who_removes_the_rest_may_be_overtaken(const char *path)
{
    char file[200];
    make_victim(path);
    bn_store_release(&victim->state->destroyed, 1u);
    brain_close(victim);
    snprintf(file, sizeof file, "%s/clients", path);
    CHECK_SYS(unlink(file));
    overtaking = AND_MAKES_NOTHING;
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(overtaking == NOBODY);
    check_destroy(store);
    victim = NULL;
}

static void fail(const char *call, const char *path, int error)
{
    failing_call = call;
    failing_path = path;
    failing_errno = error;
}

static void check_open_fails(const char *path, uint32_t flags, int code, const char *word)
{
    brain_store *store;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.flags = flags;
    CHECK_CODE(brain_open(path, &options, &store), code);
    CHECK_DETAIL(word);
    CHECK(failing_call == NULL);
}

static void test_what_cannot_be_looked_at_is_said(const char *path)
{
    make_victim(path);
    fail("open", path, EACCES);
    check_open_fails(path, 0, BRAIN_E_PERM, "cannot open");
    check_destroy(victim);
    victim = NULL;
    fail("openat", ".brain", EMFILE);
    check_open_fails(path, 0, BRAIN_E_IO, "cannot make the store");
    fail("openat", ".brain", ENOENT); /* swept in its first moment */
    check_destroy(check_open(path, CHECK_MIB));
    CHECK(failing_call == NULL);
    fail("renameat2", ".brain", EIO);
    check_open_fails(path, 0, BRAIN_E_IO, "cannot make");
    CHECK(access(path, F_OK) != 0);
    fail("renameat2", ".brain", ENOTEMPTY); /* somebody else was first, and has removed it since */
    check_destroy(check_open(path, CHECK_MIB));
    CHECK(failing_call == NULL);
    CHECK_SYS(mkdir(path, 0700)); /* it may be being removed: one cannot tell */
    fail("openat", ".", EMFILE);
    check_open_fails(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_CORRUPT, "");
    CHECK_SYS(rmdir(path));
    brain_store *store = open_in(path, "/dev/shm");
    fail("readlink", path, EIO);
    check_open_fails(path, 0, BRAIN_E_IO, "cannot read the link");
    CHECK_SYS(access(path, F_OK));
    check_destroy(store);
}

/* A link that leads nowhere is replaced by who knows that it is of an earlier boot, or that its store has gone. The
 * system says once which boot it is: so each is a process that has not asked. */
static void test_a_link_of_a_boot_that_cannot_be_told(const char *path)
{
    char target[400] = "";
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_close(open_in(path, "/dev/shm"));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_SYS(__real_readlink(path, target, sizeof target - 1));
    check_remove_dir(target);
    pid = check_fork();
    if (pid == 0) {
        fail("open", "/proc/sys/kernel/random/boot_id", EIO);
        check_open_fails(path, 0, BRAIN_E_IO, "where");
        CHECK(__real_readlink(path, target, sizeof target - 1) > 0);
        check_destroy(check_open(path, CHECK_MIB));
        _exit(0);
    }
    CHECK_CHILD(pid);
}

/* ---- links and sockets that somebody else makes, or removes */

/* Of the link to a store: its store is found again, and the link made anew where that is known. */
static void test_a_link_that_goes(const char *path)
{
    char target[400] = "";
    changing_path = path;
    link_text = "";
    brain_store *lost = open_in(path, "/dev/shm");
    changing_call = "readlink";
    check_open_fails(path, BRAIN_OPEN_EXISTING, BRAIN_E_NOT_FOUND, "no store");
    CHECK(changing_call == NULL);
    brain_store *store = open_in(path, "/dev/shm");
    CHECK(strcmp(brain_directory(store), brain_directory(lost)) == 0);
    brain_close(lost);
    /* One that leads nowhere, and is removed by others, or cannot be. */
    CHECK_SYS(__real_readlink(path, target, sizeof target - 1));
    brain_close(store);
    check_remove_dir(target);
    fail("unlink", path, EACCES);
    check_open_fails(path, 0, BRAIN_E_PERM, "cannot replace the link");
    changing_call = "unlink";
    store = check_open(path, CHECK_MIB);
    CHECK(changing_call == NULL);
    check_destroy(store);
    link_text = NULL;
}

/* Who makes a store, or has found it, is about to make the link: there is something else. */
static void test_a_link_that_others_make(const char *path)
{
    char text[400];
    changing_path = path;
    directory = NULL;
    for (int is_found = 0; is_found < 2; is_found++) {
        brain_store *found = is_found ? open_in(path, "/dev/shm") : NULL;
        CHECK(!is_found || unlinkat(AT_FDCWD, path, 0) == 0);
        changing_call = "symlink";
        brain_store *store = open_in(path, "/dev/shm");
        CHECK(changing_call == NULL && strcmp(brain_directory(store), path) == 0);
        brain_close(successor);
        check_destroy(store);
        if (is_found) { /* it is nobody's but of those who have it */
            CHECK_SYS(access(brain_directory(found), F_OK));
            check_destroy(found);
        }
    }
    brain_store *store = open_in(path, "/dev/shm"), *again;
    snprintf(text, sizeof text, "%s", brain_directory(store));
    CHECK_SYS(unlinkat(AT_FDCWD, path, 0));
    link_text = text; /* that very link */
    changing_call = "symlink";
    again = open_in(path, "/dev/shm");
    CHECK(changing_call == NULL && strcmp(brain_directory(again), text) == 0);
    brain_close(again);
    check_destroy(store);
    text[strlen(text) - 1] ^= 1;
    link_text = text; /* as long as that which is to be made */
    changing_call = "symlink";
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = "/dev/shm";
    CHECK_CODE(brain_open(path, &options, &store), BRAIN_E_NOT_FOUND);
    CHECK_DETAIL("another mount");
    CHECK(changing_call == NULL);
    text[strlen(text) - 1] ^= 1;
    CHECK(access(text, F_OK) != 0); /* what it had made has gone */
    CHECK_SYS(unlink(path));
    link_text = NULL;
}

static void leave_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_SYS(bind(fd, (const struct sockaddr *)&address, sizeof address));
    CHECK_SYS(close(fd));
}

static void test_a_socket_that_others_remove(const char *path)
{
    changing_path = path;
    link_text = "";
    leave_socket(path);
    fail("unlink", path, EACCES);
    check_open_fails(path, 0, BRAIN_E_PERM, "cannot remove the socket");
    changing_call = "unlink";
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(changing_call == NULL);
    check_destroy(store);
    link_text = NULL;
}

int main(void)
{
    check_begin();
    const char *path = check_path_in("/dev/shm");
    test_a_link_of_a_boot_that_cannot_be_told(path); /* before this process knows it */
    for (int i = 0; i < 2; i++) {
        test_its_successor_is_opened(path, MOMENTS[i]);
        test_none_is_made_where_none_shall_be(path, MOMENTS[i]);
    }
    test_a_put_that_needs_room_says_so(path);
    test_a_successor_of_one_half_removed_is_opened(path);
    test_one_half_removed_is_none_for_who_only_looks(path);
    test_who_destroys_may_be_overtaken(path);
    test_who_removes_the_rest_may_be_overtaken(path);
    test_a_path_that_becomes_something_else(path);
    test_what_cannot_be_looked_at_is_said(path);
    test_a_link_that_goes(path);
    test_a_link_that_others_make(path);
    test_a_socket_that_others_remove(path);
    return 0;
}
