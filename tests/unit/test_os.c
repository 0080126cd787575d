/* test_os.c - what base/os.h finds out about limits that others have set. */
#include "check.h"

#include <ftw.h>

#include "base/os.h"
#include "error.h"

/* ---- memory cgroups: a tree of files as the kernel shows them */

static char folder[200];

static void write_file(const char *name, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK_SYS(close(fd));
}

static void write_group(const char *name, const char *limit_name, const char *limit,
                        const char *usage_name, const char *usage)
{
    char file[300];
    snprintf(file, sizeof file, "groups/%s%s", name, limit_name);
    write_file(file, limit);
    snprintf(file, sizeof file, "groups/%s%s", name, usage_name);
    write_file(file, usage);
}

static void write_first(const char *name, const char *limit, const char *usage)
{
    char group[200];
    snprintf(group, sizeof group, "memory/%s", name);
    write_group(group, "memory.limit_in_bytes", limit, "memory.usage_in_bytes", usage);
}

static void write_second(const char *name, const char *limit, const char *usage)
{
    write_group(name, "memory.max", limit, "memory.current", usage);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_all(void)
{
    CHECK_SYS(nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS));
    CHECK_SYS(mkdir(folder, 0700));
}

static uint64_t left_in(const char *own)
{
    char groups[300], file[300];
    write_file("own", own);
    snprintf(groups, sizeof groups, "%s/groups", folder);
    snprintf(file, sizeof file, "%s/own", folder);
    uint64_t left = bn_os_cgroup_left(groups, file);
    remove_all();
    return left;
}

#define NONE_FIRST "9223372036854771712\n"

static void test_the_second_version_counts_all_groups_on_the_way(void)
{
    write_second("a/", "3000000\n", "1000000\n");
    write_second("a/b/", "max\n", "900000\n");
    CHECK_U64(left_in("0::/a/b\n"), 2000000);
    write_second("a/", "max\n", "1000000\n");
    write_second("a/b/", "1000000\n", "900000\n");
    CHECK_U64(left_in("0::/a/b\n"), 100000);
    write_second("a/", "max\n", "1000000\n");
    CHECK_U64(left_in("0::/a\n"), UINT64_MAX);
}

/* A service of systemd, a job of Slurm: the process is not in the topmost group, and nothing hides that. */
static void test_the_first_version_counts_the_processs_own_group(void)
{
    const char *own = "9:name=systemd:/\n5:cpu,cpuacct:/c\n4:memory:/a/b\n0::/\n";
    write_first("", NONE_FIRST, "5000000\n");
    write_first("a/", NONE_FIRST, "1000000\n");
    write_first("a/b/", "3000000\n", "1000000\n");
    CHECK_U64(left_in(own), 2000000);
    write_first("", NONE_FIRST, "5000000\n");
    write_first("a/", "1500000\n", "1000000\n");
    write_first("a/b/", "3000000\n", "1000000\n");
    CHECK_U64(left_in(own), 500000);
    write_first("a/b/", "3000000\n", "1000000\n");
    CHECK_U64(left_in("4:cpuset,memory,pids:/a/b\n"), 2000000);
    write_first("a/b/", "3000000\n", "1000000\n");
    CHECK_U64(left_in("4:memoryless:/a/b\n"), UINT64_MAX);
}

/* Docker shows the container's group as the topmost one, and calls it by the host's name. */
static void test_in_a_container_the_topmost_group_is_its_own(void)
{
    write_first("", "4000000\n", "1000000\n");
    CHECK_U64(left_in("4:memory:/docker/0123\n0::/\n"), 3000000);
    write_second("", "4000000\n", "1000000\n");
    CHECK_U64(left_in("0::/\n"), 3000000);
}

static void test_a_group_that_is_over_its_limit_leaves_nothing(void)
{
    write_second("a/", "1000000\n", "1000001\n");
    CHECK_U64(left_in("0::/a\n"), 0);
}

/* A number that cannot be read is none, and so is the limit. */
static void test_numbers_that_are_none(void)
{
    static const char *const none[] = { "\n", "", "-1\n", ":", "all\n" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        write_second("a/", none[i], "1000000\n");
        CHECK_U64(left_in("0::/a\n"), UINT64_MAX);
        write_second("a/", "1000000\n", none[i]);
        CHECK_U64(left_in("0::/a\n"), 1000000);
    }
    CHECK_U64(left_in("0::\n"), UINT64_MAX);
}

/* Longer than the address of a socket may be: it cannot be one that a program left there. */
static void test_a_long_path_is_no_dead_socket(void)
{
    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK(!bn_os_is_dead_socket(path));
}

/* Nothing left would be a store of 4 KiB. */
static void test_a_usage_that_cannot_be_read_leaves_the_limit(void)
{
    write_file("groups/a/memory.max", "1000000\n");
    CHECK_U64(left_in("0::/a\n"), 1000000);
    write_first("", NONE_FIRST, "nonsense\n");
    write_first("a/", "2000000\n", "nonsense\n");
    CHECK_U64(left_in("4:memory:/a\n"), 2000000);
}

static void test_without_cgroups_there_is_no_limit(void)
{
    CHECK_U64(left_in(""), UINT64_MAX);
    CHECK_U64(left_in("nonsense\n::\n4:memory\n0::/missing\n"), UINT64_MAX);
    CHECK_U64(bn_os_cgroup_left("/missing", "/missing"), UINT64_MAX);
}

static void test_a_limit_of_the_system_says_what_to_raise(void)
{
    CHECK_CODE(bn_error_os(-ENFILE, "cannot open x"), BRAIN_E_IO);
    CHECK(strstr(brain_error_detail(), "fs.file-max") != NULL);
    CHECK_CODE(bn_error_os(-EDQUOT, "cannot write x"), BRAIN_E_FULL);
    CHECK_CODE(bn_error_os(-EROFS, "cannot write x"), BRAIN_E_PERM);
}

static void test_what_cannot_be_found_out_about_a_socket_is_no_dead_one(void)
{
    struct rlimit limit, none;
    char path[300];
    snprintf(path, sizeof path, "%s/socket", folder);
    CHECK(!bn_os_is_dead_socket(path)); /* nothing is there */
    write_file("socket", "");
    CHECK(bn_os_is_dead_socket(path)); /* nobody listens: who asks has seen that it is a socket */
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
    none = limit;
    none.rlim_cur = 0;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &none));
    CHECK(!bn_os_is_dead_socket(path));
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_SYS(unlink(path));
}

/* Neither locked nor unlocked: who asks has to hear of it. */
static void test_a_lock_that_cannot_be_asked_for(void)
{
    bool held = true;
    CHECK(bn_os_byte_lock(-1, 0) == -EBADF && bn_os_byte_lock_wait(-1, 0) == -EBADF);
    CHECK(bn_os_byte_locked(-1, 0, &held) == -EBADF && held);
}

/* A limit on files that is far enough is none. */
static void test_a_file_below_its_limit(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/file", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    struct rlimit limit, lower;
    CHECK_SYS(getrlimit(RLIMIT_FSIZE, &limit));
    lower = limit;
    lower.rlim_cur = 1000;
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &lower));
    int below = bn_os_lengthen(fd, 1000), at_end = bn_os_write(fd, "end", 3, 997);
    int beyond = bn_os_lengthen(fd, 1001), behind = bn_os_write(fd, "end", 3, 998);
    CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
    CHECK(below == 0 && at_end == 0 && beyond == -EFBIG && behind == -EFBIG);
    CHECK_SYS(close(fd));
    CHECK_SYS(unlink(path));
}

int main(void)
{
    check_begin();
    snprintf(folder, sizeof folder, "%s/brain-test-XXXXXX",
             getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    test_the_second_version_counts_all_groups_on_the_way();
    test_the_first_version_counts_the_processs_own_group();
    test_in_a_container_the_topmost_group_is_its_own();
    test_a_group_that_is_over_its_limit_leaves_nothing();
    test_a_usage_that_cannot_be_read_leaves_the_limit();
    test_without_cgroups_there_is_no_limit();
    test_numbers_that_are_none();
    test_a_long_path_is_no_dead_socket();
    test_what_cannot_be_found_out_about_a_socket_is_no_dead_one();
    test_a_lock_that_cannot_be_asked_for();
    test_a_file_below_its_limit();
    test_a_limit_of_the_system_says_what_to_raise();
    CHECK_SYS(rmdir(folder));
    return 0;
}
