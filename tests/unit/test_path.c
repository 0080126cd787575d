/* test_path.c - where a store is made, found, and removed. */
#include "check.h"

#include <dirent.h>

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

/* Many open the same new path at once: one store, in which all find each other. */
static void check_race(const char *dir)
{
    enum { N = 20 };
    for (int round = 0; round < 5; round++) {
        const char *path = check_path_in(dir);
        struct check_gate start = check_gate_new(), there = check_gate_new(), leave = check_gate_new();
        pid_t pids[N];
        for (int i = 0; i < N; i++) {
            pids[i] = check_fork();
            if (pids[i] == 0) {
                check_gate_pass(&start);
                brain_store *store = check_open(path, CHECK_MIB);
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

static int count_leftovers(void)
{
    int n = 0;
    DIR *dir = opendir("/dev/shm");
    CHECK(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += strncmp(entry->d_name, ".brain-new-", 11) == 0;
    }
    closedir(dir);
    return n;
}

/* Makers that are killed at any moment leave what the next one sweeps away. */
static void check_killed_makers(void)
{
    const char *path = check_path();
    for (int i = 0; i < 60; i++) {
        struct check_gate start = check_gate_new();
        pid_t pid = check_fork();
        if (pid == 0) {
            for (;;) {
                check_gate_open(&start);
                brain_store *store = check_open(path, CHECK_MIB);
                check_destroy(store);
            }
        }
        check_gate_pass(&start);
        for (volatile uint64_t k = check_below(200000); k > 0; k--) {
        }
        check_kill(pid);
        check_gate_free(&start);
    }
    int before = count_leftovers();
    brain_store *store = check_open(path, CHECK_MIB);
    check_destroy(store);
    store = check_open(path, CHECK_MIB);
    check_destroy(store);
    /* Others may be making stores in there at this moment, but not so many. */
    printf("leftovers: %d, then %d\n", before, count_leftovers());
    CHECK(count_leftovers() < 10 && !is_there(path));
}

int main(void)
{
    check_begin();
    check_state = check_new_seed();
    check_link();
    check_no_link();
    check_in_memory();
    check_relative();
    check_race("/dev/shm");
    check_race("/tmp");
    check_killed_makers();
    return 0;
}
