/* calls.c - a child that works under our eyes, by ptrace(). */
#include "calls.h"

#include <sys/ptrace.h>
#include <sys/uio.h>

#include "../unit/check.h"

static int wait_for(pid_t pid)
{
    int status;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    CHECK(got == pid);
    return status;
}

static struct __ptrace_syscall_info look(pid_t pid)
{
    struct __ptrace_syscall_info info;
    CHECK_SYS(ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info));
    return info;
}

pid_t calls_begin(void (*work)(brain_store *), const char *path)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_store *store = check_open(path, 16 * CHECK_MIB);
        CHECK_SYS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
        raise(SIGSTOP);
        work(store);
        _exit(0);
    }
    int status = wait_for(pid);
    if (!WIFSTOPPED(status)) {
        check_skip("no ptrace() here");
    }
    CHECK_SYS(
        ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)));
    return pid;
}

long calls_next(pid_t pid)
{
    CHECK_SYS(ptrace(PTRACE_SYSCALL, pid, NULL, NULL));
    int status = wait_for(pid);
    if (WIFEXITED(status)) {
        CHECK_U64(WEXITSTATUS(status), 0);
        return CALLS_END;
    }
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
    struct __ptrace_syscall_info info = look(pid);
    return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (long)info.entry.nr : CALLS_RETURNED;
}

unsigned long calls_argument(pid_t pid, int i)
{
    struct __ptrace_syscall_info info = look(pid);
    CHECK(info.op == PTRACE_SYSCALL_INFO_ENTRY);
    return info.entry.args[i];
}

long calls_result(pid_t pid)
{
    struct __ptrace_syscall_info info = look(pid);
    CHECK(info.op == PTRACE_SYSCALL_INFO_EXIT);
    return (long)info.exit.rval;
}

void calls_copy(pid_t pid, unsigned long from, void *to, size_t size)
{
    struct iovec ours = { to, size }, its = { (void *)from, size };
    CHECK(process_vm_readv(pid, &ours, 1, &its, 1, 0) == (ssize_t)size);
}

bool calls_kill_at(pid_t pid, int n)
{
    for (int i = 0; i <= n; i++) {
        if (calls_next(pid) == CALLS_END) {
            return false;
        }
    }
    CHECK_SYS(kill(pid, 9));
    int status;
    do {
        status = wait_for(pid);
    } while (WIFSTOPPED(status));
    return true;
}
