/* test_pid_namespace.c - a client that is process 1, and so is its child, of another PID namespace. */
#include "check.h"

#include "base/os.h"
#include "client.h"

#include <sched.h>

/* Namespaces of its own for the calling process: its next child is process 1 of one. */
static bool enter_namespaces(void)
{
    return unshare(CLONE_NEWPID | CLONE_NEWNS) == 0;
}

static void check_is_allowed(void)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        _exit(enter_namespaces() ? 0 : 1);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status != 0) {
        check_skip("a PID namespace of one's own takes root, or a kernel that allows it");
    }
}

/* Run it in process 1 of a new namespace. */
static void run_as_process_1(void (*run)(const char *path), const char *path)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK(enter_namespaces());
        pid_t one = check_fork();
        if (one == 0) {
            CHECK_U64(getpid(), 1);
            run(path);
            _exit(0);
        }
        CHECK_CHILD(one);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

static void fork_into_another(const char *path)
{
    brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    uint64_t ours = bn_client_row(store, store->row)->pid_namespace;
    CHECK(ours != 0 && ours == bn_os_pid_namespace());
    CHECK_SYS(unshare(CLONE_NEWPID));
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_U64(getpid(), 1); /* as its parent is */
        const struct bn_row_rec *rec = bn_client_row(store, store->row);
        CHECK(rec->pid == 1 && rec->pid_namespace != ours);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

static void test_a_child_signs_with_its_own_namespace(const char *path)
{
    brain_close(check_open(path, 64 * CHECK_MIB));
    run_as_process_1(fork_into_another, path);
    check_destroy(check_open(path, 0));
}

int main(void)
{
    check_begin();
    check_is_allowed();
    const char *path = check_path();
    test_a_child_signs_with_its_own_namespace(path);
    return 0;
}
