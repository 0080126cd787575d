/* test_cgroup.c - a memory cgroup at its limit: the kernel ends who asks for more, and nothing of others is lost.
 *
 * Makes a group below the process's own, for a child alone, and removes it. Not among the short tests: it takes
 * root, and changes the tree of groups of the machine for a moment. SKIPPED where no group can be made.
 */
#include "limits.h"

#define LIMIT (48 * CHECK_MIB)

static char group[4200]; /* the folder of the new group; "" while there is none */

static void remove_group(void)
{
    if (group[0] != '\0' && getpid() == check_main && rmdir(group) != 0) {
        fprintf(stderr, "cannot remove %s: %s\n", group, strerror(errno));
    }
    group[0] = '\0';
}

static bool write_setting(const char *name, const char *text)
{
    char path[4300];
    snprintf(path, sizeof path, "%s/%s", group, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? write(fd, text, strlen(text)) : -1;
    int error = errno;
    if (fd >= 0) {
        CHECK_SYS(close(fd));
    }
    errno = error;
    return n == (ssize_t)strlen(text);
}

static bool make_below(const char *mount, const char *own, bool is_first_version)
{
    char limit[32];
    snprintf(group, sizeof group, "%s%s/brain-test-%d", mount, strcmp(own, "/") == 0 ? "" : own,
             (int)getpid());
    if (mkdir(group, 0700) != 0) {
        printf("no group at %s: %s\n", group, strerror(errno));
        group[0] = '\0';
        return false;
    }
    snprintf(limit, sizeof limit, "%llu", (unsigned long long)LIMIT);
    if (!write_setting(is_first_version ? "memory.limit_in_bytes" : "memory.max", limit)) {
        printf("%s cannot be limited: %s\n", group, strerror(errno));
        remove_group();
        return false;
    }
    if (!is_first_version) {
        (void)write_setting("memory.swap.max", "0"); /* not there where there is no swap */
    }
    return true;
}

/* The hierarchy may not be mounted where it usually is: then here, for this process alone. */
static bool make_mounted(const char *own)
{
    static char dir[] = "/tmp/brain-test-cgroup-XXXXXX";
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mkdtemp(dir) == NULL) {
        printf("no mount namespace: %s\n", strerror(errno));
        return false;
    }
    if (mount("none", dir, "tmpfs", 0, NULL) != 0) {
        CHECK_SYS(rmdir(dir));
        return false;
    }
    char mounted[64];
    snprintf(mounted, sizeof mounted, "%s/memory", dir);
    CHECK_SYS(mkdir(mounted, 0700));
    bool made =
        mount("none", mounted, "cgroup", 0, "memory") == 0 && make_below(mounted, own, true);
    if (!made) {
        printf("no memory hierarchy can be mounted: %s\n", strerror(errno));
    }
    return made;
}

static bool make_group(void)
{
    char text[16384];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    bool has_first = false;
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        const char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
        if (line != NULL && strcmp(controllers, "memory") == 0) {
            has_first = true;
            if (make_below("/sys/fs/cgroup/memory", line, true) || make_mounted(line)) {
                return true;
            }
        } else if (line != NULL && strcmp(number, "0") == 0 && !has_first &&
                   make_below("/sys/fs/cgroup", line, false)) {
            return true;
        }
    }
    return false;
}

static uint8_t data[CHECK_MIB];
static _Atomic uint32_t *n_done; /* values of the child that are put */

static void put_until_the_end(const char *path, const char *another)
{
    char pid[32];
    brain_store *store;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    CHECK(write_setting("cgroup.procs", pid));
    /* What it makes without saying how large stays below half of what it may have. */
    CHECK_OK(brain_open(another, NULL, &store));
    CHECK(check_stat(store).capacity_bytes <= LIMIT / 2);
    printf("default capacity in a group of %llu bytes: %llu\n", (unsigned long long)LIMIT,
           (unsigned long long)check_stat(store).capacity_bytes);
    fflush(stdout);
    check_destroy(store);
    store = check_open(path, 0);
    brain_space *space = check_space(store, "default");
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t name = 1000 + i;
        check_fill(data, sizeof data, name);
        CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, sizeof data));
        *n_done = i + 1;
    }
}

int main(void)
{
    check_begin();
    atexit(remove_group);
    const char *path = check_path(), *another = check_path();
    if (!make_group()) {
        check_skip("no memory cgroup can be made here");
    }
    n_done = check_shared(sizeof *n_done);
    brain_store *store = check_open(path, 1 << 30);
    brain_space *space = check_space(store, "default");
    for (uint32_t name = 0; name < 20; name++) {
        check_fill(data, sizeof data, name);
        CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, sizeof data));
    }
    pid_t pid = limits_fork();
    if (pid == 0) {
        put_until_the_end(path, another);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    printf("killed by the kernel after %u values of 1 MiB\n", *n_done);
    CHECK(*n_done > 0 && *n_done < LIMIT / CHECK_MIB);

    /* Nothing of others is lost, nor what it had put; what it was at is done or not. */
    for (uint32_t i = 0; i < 20; i++) {
        limits_check_value(space, &i, sizeof i, sizeof data, i);
    }
    for (uint32_t i = 0; i < *n_done; i++) {
        uint32_t name = 1000 + i;
        limits_check_value(space, &name, sizeof name, sizeof data, name);
    }
    uint64_t n;
    CHECK_OK(brain_space_count(space, &n));
    CHECK(n == 20 + *n_done || n == 21 + *n_done);
    CHECK_OK(brain_reap(store, NULL));
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_SOUND(store);
    for (uint32_t name = 2000; name < 2040; name++) { /* this process may have more */
        CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, sizeof data));
    }
    brain_space_close(space);
    check_destroy(store);
    return 0;
}
