/* test_path.c - where a store is made, found, and removed. */
#include "check.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void check_link(void)
{
    const char *path = check_path_in("/tmp");
    char target[400], again[400];
    brain_store *store = check_open(path, CHECK_MIB), *second;
    brain_space *space = check_space(store, "default");
    ssize_t n = readlink(path, target, sizeof target - 1);
    CHECK(n > 0);
    target[n] = '\0';
    CHECK(strcmp(brain_directory(store), target) == 0 && strcmp(brain_path(store), path) == 0);
    CHECK(strncmp(target, "/dev/shm/brain-", 15) == 0);
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    /* A cleaner of /tmp takes the link: the next one finds the same store, and makes it again. */
    CHECK_SYS(unlink(path));
    second = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    n = readlink(path, again, sizeof again - 1);
    CHECK(n > 0);
    again[n] = '\0';
    CHECK(strcmp(again, target) == 0);
    brain_space *its = check_space(second, "default");
    CHECK_OK(brain_exists(its, "a", 1, NULL));
    brain_space_close(its);
    brain_close(second);
    brain_space_close(space);
    check_destroy(store);
    CHECK(!is_there(path) && !is_there(target));
}

/* Where no link can be made, no store is left on /dev/shm, where nobody would find it. */
static void check_no_link(void)
{
    char path[80];
    snprintf(path, sizeof path, "/proc/self/brain-test-%d", (int)getpid());
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *none = NULL;
    CHECK(brain_open(path, &options, &none) < 0 && none == NULL);
    CHECK_DETAIL("cannot make the link");
    options.flags = BRAIN_OPEN_EXISTING;
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_NOT_FOUND);
}

static void check_in_memory(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, CHECK_MIB), *none = NULL;
    struct stat st;
    CHECK_SYS(lstat(path, &st));
    CHECK(S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
    CHECK(strcmp(brain_directory(store), path) == 0);
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXCLUSIVE;
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_EXISTS);
    /* A store of the same name made while the old one is still open is another one. */
    CHECK_OK(brain_destroy(store));
    CHECK(!is_there(path));
    CHECK_CODE(brain_destroy(store), BRAIN_E_DESTROYED);
    options.flags = BRAIN_OPEN_EXISTING;
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_NOT_FOUND);
    options.flags = BRAIN_OPEN_READ_ONLY;
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_NOT_FOUND);
    CHECK(none == NULL && !is_there(path));
    brain_store *next = check_open_with(path, CHECK_MIB, BRAIN_OPEN_EXCLUSIVE);
    brain_space *space = check_space(store, "default"), *other = check_space(next, "default");
    CHECK_OK(brain_put_bytes(other, "a", 1, "1", 1));
    CHECK_CODE(brain_exists(space, "a", 1, NULL), BRAIN_E_DESTROYED);
    CHECK_CODE(brain_put_bytes(space, "a", 1, "2", 1), BRAIN_E_DESTROYED);
    CHECK_CODE(brain_destroy(store), BRAIN_E_DESTROYED);
    CHECK_OK(brain_exists(other, "a", 1, NULL));
    brain_space_close(space);
    brain_space_close(other);
    brain_close(store);
    check_destroy(next);
}

static void check_relative(void)
{
    const char *path = check_path();
    CHECK_SYS(chdir("/dev/shm"));
    brain_store *store = check_open(strrchr(path, '/') + 1, CHECK_MIB);
    CHECK(strcmp(brain_path(store), path) == 0);
    CHECK_SYS(chdir("/"));
    brain_store *second = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    brain_close(second);
    char odd[200];
    snprintf(odd, sizeof odd, "dev/shm/../shm//%s/", strrchr(path, '/') + 1);
    second = check_open_with(odd, 0, BRAIN_OPEN_EXISTING);
    brain_close(second);
    check_destroy(store);
    brain_store *none = NULL;
    CHECK_CODE(brain_open("", NULL, &none), BRAIN_E_INVAL);
    CHECK_CODE(brain_open("/", NULL, &none), BRAIN_E_INVAL);
    CHECK_CODE(brain_open("/dev/shm/there/is/no/such/place", NULL, &none), BRAIN_E_NOT_FOUND);
    char longer[5000];
    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    CHECK_CODE(brain_open(longer, NULL, &none), BRAIN_E_INVAL);
    CHECK(none == NULL);
}

/* ---- a directory that was asked for */

static char directory[] = "/dev/shm/brain-test-in-XXXXXX";

static brain_store *open_in(const char *path, const char *where, uint32_t flags)
{
    brain_store *store = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = where;
    options.flags = flags;
    CHECK_OK(brain_open(path, &options, &store));
    return store;
}

static bool is_in(const brain_store *store, const char *where)
{
    char text[400];
    ssize_t n = readlink(brain_path(store), text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    size_t len = strlen(where);
    return strcmp(text, brain_directory(store)) == 0 && strncmp(text, where, len) == 0 &&
           strncmp(text + len, "/brain-", 7) == 0;
}

static int count_in(const char *where)
{
    int n = 0;
    DIR *dir = opendir(where);
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    }
    closedir(dir);
    return n;
}

static void check_directory(const char *of_path)
{
    const char *path = check_path_in(of_path);
    brain_store *store = open_in(path, directory, 0), *second, *none = NULL;
    struct stat st;
    CHECK(is_in(store, directory));
    CHECK_SYS(stat(brain_directory(store), &st));
    CHECK((st.st_mode & 0777) == 0700 && count_in(directory) == 1);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    brain_space_close(space);

    /* What is there is opened, whatever is asked for. */
    static const char *const others[] = { NULL, "/dev/shm", "/proc", "/no/such/place", "" };
    for (size_t i = 0; i < 5; i++) {
        second = open_in(path, others[i], i % 2 == 0 ? 0 : BRAIN_OPEN_EXISTING);
        CHECK(strcmp(brain_directory(second), brain_directory(store)) == 0);
        brain_close(second);
    }
    brain_options options = BRAIN_OPTIONS_INIT;
    options.directory = directory;
    options.flags = BRAIN_OPEN_EXCLUSIVE;
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_EXISTS);

    /* The link is lost, and made again by whoever says where. */
    CHECK_SYS(unlink(path));
    second = open_in(path, directory, BRAIN_OPEN_EXISTING);
    CHECK(is_in(second, directory));
    space = check_space(second, "default");
    CHECK_OK(brain_exists(space, "a", 1, NULL));
    brain_space_close(space);
    brain_close(second);
    CHECK(count_in(directory) == 1);
    check_destroy(store);
    CHECK(!is_there(path) && count_in(directory) == 0);

    /* A store of the usual place whose link is lost is found there first. */
    if (strcmp(of_path, "/tmp") == 0) {
        store = check_open(path, CHECK_MIB);
        CHECK_SYS(unlink(path));
        second = open_in(path, directory, 0);
        CHECK(strcmp(brain_directory(second), brain_directory(store)) == 0);
        brain_close(second);
        check_destroy(store);
    }
}

/* Its mode is as anywhere, and a group's members may go where it is. */
static void check_directory_mode(void)
{
    const char *path = check_path();
    struct stat st;
    brain_store *store = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = directory;
    options.mode = 0640;
    CHECK_OK(brain_open(path, &options, &store));
    CHECK_SYS(stat(brain_directory(store), &st));
    CHECK((st.st_mode & 0777) == 0750);
    check_destroy(store);
}

static void check_wrong_directory(void)
{
    const char *path = check_path();
    brain_store *none = NULL;
    static const char *const wrong[] = { "", "/no/such/place", "/proc/self/stat", "/proc" };
    for (size_t i = 0; i < 4; i++) {
        brain_options options = BRAIN_OPTIONS_INIT;
        options.directory = wrong[i];
        CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_INVAL);
        CHECK_DETAIL(wrong[i]);
        CHECK_DETAIL(i < 3 ? "make it" : "huge=always");
        options.flags = BRAIN_OPEN_EXISTING;
        CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_NOT_FOUND);
    }
    CHECK(none == NULL && !is_there(path));

    /* Options of before there was one. */
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = "/no/such/place";
    options.struct_size = offsetof(brain_options, directory);
    CHECK_OK(brain_open(path, &options, &none));
    CHECK(strcmp(brain_directory(none), path) == 0);
    check_destroy(none);
}

/* A link of ours that leads nowhere: replaced, but where it leads to what is not seen here. */
static void check_dangling(void)
{
    const char *path = check_path();
    char was[400], *device;
    brain_store *store = open_in(path, directory, 0), *none = NULL;
    snprintf(was, sizeof was, "%s", brain_directory(store));
    brain_close(store);
    check_remove_dir(was);
    store = open_in(path, directory, BRAIN_OPEN_EXCLUSIVE);
    CHECK(strcmp(brain_directory(store), was) == 0);
    check_destroy(store);

    brain_options options = BRAIN_OPTIONS_INIT;
    options.directory = directory;
    device = strrchr(was, '-');
    CHECK(device != NULL);
    strcpy(device, "-77"); /* another mount, of this boot */
    CHECK_SYS(symlink(was, path));
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_NOT_FOUND);
    CHECK_DETAIL("another mount");
    memset(device - 8, 'b', 8); /* another boot */
    CHECK_SYS(unlink(path));
    CHECK_SYS(symlink(was, path));
    store = open_in(path, directory, 0);
    CHECK(is_in(store, directory));
    check_destroy(store);
    CHECK_SYS(symlink("/dev/shm/brain-not-ours", path));
    CHECK_CODE(brain_open(path, &options, &none), BRAIN_E_CORRUPT);
    CHECK_SYS(unlink(path));
    CHECK(count_in(directory) == 0);
}

static void refuse(const char *path, uint32_t flags, int code, const char *word)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *none = NULL;
    options.capacity_bytes = CHECK_MIB;
    options.flags = flags;
    snprintf(check_note, sizeof check_note, "%.150s", path);
    CHECK_CODE(brain_open(path, &options, &none), code);
    CHECK_DETAIL(word);
    CHECK(none == NULL);
    check_note[0] = '\0';
}

/* Paths that lead nowhere, each in its own way. */
static void check_odd_paths(void)
{
    char odd[600], loop[200];
    snprintf(loop, sizeof loop, "%s/loop", directory);
    CHECK_SYS(symlink(loop, loop));
    snprintf(odd, sizeof odd, "%s/store", loop);
    refuse(odd, 0, BRAIN_E_PERM, "may not be entered");
    refuse(loop, 0, BRAIN_E_CORRUPT, "symbolic link");
    CHECK_SYS(unlink(loop));
    refuse("/tmp-is-not-this/store", 0, BRAIN_E_NOT_FOUND, "does not exist"); /* nor below /tmp */
    refuse("/tmp-is-not-this/~/store", 0, BRAIN_E_NOT_FOUND, "expanduser()");
    refuse("/proc/self/stat/store", 0, BRAIN_E_IO, "Not a directory");
    refuse("/proc/self/stat/in/store", 0, BRAIN_E_PERM, "may not be entered");
    snprintf(odd, sizeof odd, "%s/%0300d/store", directory, 0);
    refuse(odd, 0, BRAIN_E_PERM, "may not be entered");
    snprintf(odd, sizeof odd, "%s/%0216d", directory, 0);
    refuse(odd, 0, BRAIN_E_INVAL, "longer than 215 bytes");
    odd[strlen(odd) - 1] = '\0';
    check_destroy(check_open(odd, CHECK_MIB));
    refuse("/brain-test-that-is-not-there", BRAIN_OPEN_EXISTING, BRAIN_E_NOT_FOUND, "no store at");

    /* Where the current directory was removed, only what is absolute has a meaning. */
    pid_t pid = check_fork();
    if (pid == 0) {
        snprintf(odd, sizeof odd, "%s/here", directory);
        CHECK_SYS(mkdir(odd, 0700));
        CHECK_SYS(chdir(odd));
        CHECK_SYS(rmdir(odd));
        refuse("store", 0, BRAIN_E_INVAL, "absolute path");
        _exit(0);
    }
    CHECK_CHILD(pid);

    /* Neither is on a file system in memory, whatever it is. */
    const char *path = check_path_in("/var/tmp");
    brain_store *store = check_open(path, CHECK_MIB);
    CHECK(strncmp(brain_directory(store), "/dev/shm/", 9) == 0);
    check_destroy(store);
    CHECK(!is_there(path) && count_in(directory) == 0);
}

/* The current directory becomes one whose path is `len` bytes long, below `top`: `n_parts_out` parts of it. */
static void go_deep(const char *top, size_t len, int *n_parts_out)
{
    char part[202];
    size_t at = strlen(top);
    CHECK_SYS(chdir(top));
    for (*n_parts_out = 0; at < len; ++*n_parts_out) {
        size_t left = len - at; /* never one of it at the end: that would be a slash alone */
        size_t n = left <= sizeof part ? left : left <= sizeof part + 2 ? 100 : sizeof part;
        snprintf(part, n, "%0*d", (int)n - 1, 0);
        CHECK_SYS(mkdir(part, 0700));
        CHECK_SYS(chdir(part));
        at += n;
    }
}

static void come_back(int n_parts)
{
    char here[PATH_MAX];
    for (int i = 0; i < n_parts; i++) {
        CHECK(getcwd(here, sizeof here) != NULL);
        CHECK_SYS(chdir(".."));
        CHECK_SYS(rmdir(strrchr(here, '/') + 1));
    }
}

/* A path is taken whole or refused, also where it is longer with its links resolved: a part of it would be another. */
static void check_long_paths(void)
{
    enum {
        PATH_BYTES_MAX = 4031
    };
    char path[PATH_MAX + 16], top[PATH_MAX];
    pid_t pid = check_fork(); /* which has a current directory of its own */
    if (pid != 0) {
        CHECK_CHILD(pid);
        return;
    }
    for (int in_memory = 0; in_memory < 2; in_memory++) {
        int n_parts;
        snprintf(top, sizeof top, "%s", check_path_in(in_memory ? "/dev/shm" : "/tmp"));
        CHECK_SYS(mkdir(top, 0700));
        go_deep(top, PATH_BYTES_MAX - 2, &n_parts);
        snprintf(path, sizeof path, "s");
        brain_store *store = check_open(path, CHECK_MIB);
        CHECK(strlen(brain_path(store)) == PATH_BYTES_MAX);
        snprintf(path, sizeof path, "%s", brain_path(store));
        brain_close(check_open_with(path, 0, BRAIN_OPEN_EXISTING));
        check_destroy(store);
        CHECK(!is_there("s"));
        refuse("st", 0, BRAIN_E_INVAL, "longer than 4031 bytes");

        /* The same by a short way. */
        char link[100], deep[PATH_MAX];
        CHECK(getcwd(deep, sizeof deep) != NULL);
        snprintf(link, sizeof link, "%s", check_path_in("/dev/shm"));
        CHECK_SYS(symlink(deep, link));
        snprintf(path, sizeof path, "%s/s", link);
        check_destroy(check_open(path, CHECK_MIB));
        strcat(path, "t");
        refuse(path, 0, BRAIN_E_INVAL, "where links lead");
        CHECK_SYS(unlink(link));

        /* As the directory of another: what comes behind it is longer. */
        brain_options options = BRAIN_OPTIONS_INIT;
        brain_store *none = NULL;
        options.directory = deep;
        CHECK_CODE(brain_open(link, &options, &none), BRAIN_E_INVAL);
        CHECK_DETAIL("comes behind it");
        snprintf(path, sizeof path, "/dev/shm/%0300d",
                 0); /* there is no such thing: that is another matter */
        options.directory = path;
        CHECK_CODE(brain_open(link, &options, &none), BRAIN_E_INVAL);
        CHECK_DETAIL("there is no directory");
        CHECK(none == NULL && !is_there(link));
        come_back(n_parts);
        CHECK_SYS(rmdir(top));
    }
    _exit(0);
}

/* Links that are not ours, or lead to something else. */
static void check_odd_links(void)
{
    const char *path = check_path_in("/tmp");
    char was[400], text[500];
    CHECK_SYS(symlink("nowhere", path));
    refuse(path, 0, BRAIN_E_CORRUPT, "symbolic link");
    CHECK_SYS(unlink(path));
    CHECK_SYS(symlink("/proc/self/stat", path));
    refuse(path, 0, BRAIN_E_CORRUPT, "no directory");
    CHECK_SYS(unlink(path));

    brain_store *store = check_open(path, CHECK_MIB);
    snprintf(was, sizeof was, "%s", brain_directory(store));
    check_destroy(store);
    CHECK_SYS(symlink(strrchr(was, '/') + 1, path)); /* a name of ours, but not from / on */
    refuse(path, 0, BRAIN_E_CORRUPT, "symbolic link");
    CHECK_SYS(unlink(path));
    snprintf(text, sizeof text, "/no/such/place%s", strrchr(was, '/'));
    CHECK_SYS(symlink(text, path)); /* seen by whoever has that directory */
    refuse(path, 0, BRAIN_E_NOT_FOUND, "another mount");
    CHECK_SYS(unlink(path));

    if (geteuid() == 0) { /* else there is nobody else's */
        store = check_open(path, CHECK_MIB);
        CHECK_SYS(lchown(path, 65533, (gid_t)-1));
        refuse(path, 0, BRAIN_E_PERM, "65533");
        brain_close(check_open_with(path, 0, BRAIN_OPEN_SHARED));
        check_destroy(store);
    }
    CHECK_SYS(mknod(path, S_IFIFO | 0600, 0));
    refuse(path, 0, BRAIN_E_CORRUPT, "another kind of file");
    CHECK(strstr(brain_error_detail(), "remove") == NULL); /* it may be /etc/passwd */
    CHECK_SYS(unlink(path));
}

/* What is named as a store that is being made, and is none. */
static void check_odd_leftovers(void)
{
    char file[200], full[200], inner[260];
    snprintf(file, sizeof file, "%s/.brain-new-file", directory);
    snprintf(full, sizeof full, "%s/.brain-new-full", directory);
    snprintf(inner, sizeof inner, "%s/kept", full);
    int fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    close(fd);
    CHECK_SYS(mkdir(full, 0700));
    CHECK_SYS(mkdir(inner, 0700));
    if (geteuid() == 0) {
        CHECK_SYS(chown(full, 65533, (gid_t)-1));
    }
    brain_store *store = open_in(check_path(), directory, 0);
    CHECK(is_there(file) && is_there(inner));
    check_destroy(store);
    CHECK_SYS(unlink(file));
    CHECK_SYS(rmdir(inner));
    CHECK_SYS(rmdir(full));
}

/* What somebody left who died while removing a store: `data` alone, marked, or an empty directory. Who may
 * write removes it; who only looks does not. Anything else stays. */
static void check_remains(void)
{
    const char *path = check_path();
    char data[200], clients[200], other[200];
    static const uint32_t destroyed = 1;
    snprintf(data, sizeof data, "%s/data", path);
    snprintf(clients, sizeof clients, "%s/clients", path);
    snprintf(other, sizeof other, "%s/other", path);
    for (int marked = 0; marked < 2; marked++) {
        brain_close(check_open(path, CHECK_MIB));
        CHECK_SYS(unlink(clients));
        if (marked != 0) {
            int fd = open(data, O_WRONLY | O_CLOEXEC);
            CHECK(fd >= 0 && pwrite(fd, &destroyed, 4, 4096 + 8) == 4);
            close(fd);
            refuse(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_NOT_FOUND, "");
            CHECK(is_there(data));
            refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_NOT_FOUND, "");
            CHECK(!is_there(path));
        } else {
            refuse(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_IO, "clients");
            refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_IO, "clients");
            CHECK_SYS(truncate(data, 4));
            refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_IO, "clients");
            CHECK_SYS(truncate(data, 4096));
            refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_IO, "clients");
            CHECK(is_there(data));
            CHECK_SYS(unlink(data));
            CHECK_SYS(rmdir(path));
        }
    }
    /* Marked, but with both files: nobody who destroys stops there. */
    brain_close(check_open(path, CHECK_MIB));
    int fd = open(data, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, &destroyed, 4, 4096 + 8) == 4);
    close(fd);
    CHECK_SYS(truncate(clients, 0));
    refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_CORRUPT, "clients");
    CHECK(is_there(data) && is_there(clients));
    CHECK_SYS(unlink(data));
    CHECK_SYS(mkdir(data, 0700)); /* and what is no file is no store */
    refuse(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_CORRUPT, "not a file");
    refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_IO, "data");
    CHECK_SYS(rmdir(data));
    CHECK_SYS(unlink(clients));
    CHECK_SYS(rmdir(path));

    CHECK_SYS(mkdir(path, 0700));
    refuse(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_NOT_FOUND, "");
    CHECK(is_there(path));
    CHECK_SYS(mkdir(other, 0700));
    refuse(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_CORRUPT, "not a store");
    refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_CORRUPT, "not a store");
    CHECK_SYS(rmdir(other));
    refuse(path, BRAIN_OPEN_EXISTING, BRAIN_E_NOT_FOUND, "");
    CHECK(!is_there(path));
    /* A directory that some link of the user's leads to may be anybody's. */
    const char *link = check_path_in("/tmp");
    CHECK_SYS(mkdir(path, 0700));
    CHECK_SYS(symlink(path, link));
    refuse(link, 0, BRAIN_E_CORRUPT, "leads to");
    CHECK(is_there(path));
    CHECK_SYS(unlink(link));
    CHECK_SYS(rmdir(path));
}

/* The directory of an open store is somebody else's by the time that it is destroyed. */
static void check_destroyed_elsewhere(void)
{
    const char *path = check_path();
    char aside[200];
    snprintf(aside, sizeof aside, "%s-aside", path);
    brain_store *store = check_open(path, CHECK_MIB), *next;
    CHECK_SYS(rename(path, aside));
    next = check_open(path, CHECK_MIB);
    CHECK_OK(brain_destroy(store)); /* its files go, the successor stays */
    CHECK(is_there(path));
    brain_space *space = check_space(next, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    brain_space_close(space);
    brain_close(store);
    check_destroy(next);
    CHECK(!is_there(path));
    CHECK_SYS(rmdir(aside)); /* empty */
}

/* Whether process `i` asks for the directory: none, all, or every other one. */
enum asking {
    NONE,
    ALL,
    SOME
};

static brain_store *open_asking(const char *path, enum asking asking, int i)
{
    return asking == ALL || (asking == SOME && i % 2 == 0) ? open_in(path, directory, 0)
                                                           : check_open(path, CHECK_MIB);
}

/* Many open the same new path at once: one store, in which all find each other. */
static void check_race(const char *dir, enum asking asking)
{
    enum {
        N = 20
    };
    for (int round = 0; round < 5; round++) {
        const char *path = check_path_in(dir);
        struct check_gate start = check_gate_new(), there = check_gate_new(),
                          leave = check_gate_new();
        pid_t pids[N];
        for (int i = 0; i < N; i++) {
            pids[i] = check_fork();
            if (pids[i] == 0) {
                check_gate_pass(&start);
                brain_store *store = open_asking(path, asking, i);
                brain_space *space = check_space(store, "default");
                CHECK_OK(brain_put_bytes(space, &i, sizeof i, "", 0));
                check_gate_open(&there);
                check_gate_pass(&leave);
                uint64_t n = 0;
                CHECK_OK(brain_space_count(space, &n));
                CHECK_U64(n, N);
                _exit(0);
            }
        }
        for (int i = 0; i < N; i++) {
            check_gate_open(&start);
        }
        for (int i = 0; i < N; i++) {
            check_gate_pass(&there);
        }
        for (int i = 0; i < N; i++) {
            check_gate_open(&leave);
        }
        for (int i = 0; i < N; i++) {
            CHECK_CHILD(pids[i]);
        }
        brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
        CHECK_SOUND(store);
        check_destroy(store);
        check_gate_free(&start);
        check_gate_free(&there);
        check_gate_free(&leave);
    }
}

static int count_leftovers(const char *where)
{
    int n = 0;
    DIR *dir = opendir(where);
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += strncmp(entry->d_name, ".brain-new-", 11) == 0;
    }
    closedir(dir);
    return n;
}

/* Makers that are killed at any moment leave what the next one sweeps away. */
static void check_killed_makers(enum asking asking)
{
    const char *where = asking == ALL ? directory : "/dev/shm";
    const char *path = check_path();
    for (int i = 0; i < 60; i++) {
        struct check_gate start = check_gate_new();
        pid_t pid = check_fork();
        if (pid == 0) {
            for (;;) {
                check_gate_open(&start);
                brain_store *store = open_asking(path, asking, 0);
                check_destroy(store);
            }
        }
        check_gate_pass(&start);
        for (volatile uint64_t k = check_below(200000); k > 0; k--) {
        }
        check_kill(pid);
        check_gate_free(&start);
    }
    int before = count_leftovers(where);
    brain_store *store = open_asking(path, asking, 0);
    check_destroy(store);
    store = open_asking(path, asking, 0);
    check_destroy(store);
    /* Others may be making stores in there at this moment, but not so many. */
    printf("leftovers: %d, then %d\n", before, count_leftovers(where));
    CHECK(count_leftovers(where) < 10 && !is_there(path));
}

/* What a server of Plasma left at the path makes room for a store; what one still uses does not. */
static void check_socket(void)
{
    const char *path = check_path_in("/tmp");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    brain_options existing = { .struct_size = sizeof existing, .flags = BRAIN_OPEN_EXISTING };
    brain_store *store;
    CHECK(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_SYS(bind(fd, (const struct sockaddr *)&address, sizeof address));
    CHECK_SYS(listen(fd, 1));
    CHECK_CODE(brain_open(path, NULL, &store), BRAIN_E_CORRUPT);
    CHECK_DETAIL("plasma_store");
    CHECK(is_there(path));
    close(fd);
    CHECK_CODE(brain_open(path, &existing, &store), BRAIN_E_NOT_FOUND);
    CHECK(is_there(path)); /* who only looks removes nothing */
    store = check_open(path, CHECK_MIB);
    struct stat st;
    CHECK_SYS(lstat(path, &st));
    CHECK(S_ISLNK(st.st_mode));
    check_destroy(store);
}

int main(void)
{
    check_begin();
    check_state = check_new_seed();
    check_link();
    check_socket();
    check_no_link();
    check_in_memory();
    check_relative();
    check_race("/dev/shm", NONE);
    check_race("/tmp", NONE);
    check_killed_makers(NONE);
    CHECK(mkdtemp(directory) != NULL);
    check_directory("/tmp");
    check_directory("/dev/shm");
    check_directory_mode();
    check_wrong_directory();
    check_dangling();
    check_odd_paths();
    check_long_paths();
    check_odd_links();
    check_odd_leftovers();
    check_remains();
    check_destroyed_elsewhere();
    check_race("/tmp", SOME);
    check_race("/dev/shm", SOME);
    check_race("/dev/shm", ALL);
    check_killed_makers(ALL);
    CHECK(count_in(directory) == 0);
    CHECK_SYS(rmdir(directory));
    return 0;
}
