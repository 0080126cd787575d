/* exit.c - linked into every program of the coverage build: a process that ends by _exit(), as children of tests
 * do, counts as well. One that is killed does not. */
#include <sys/syscall.h>
#include <unistd.h>

extern void __gcov_dump(void);
extern pid_t __gcov_fork(void);

void _exit(int status)
{
    __gcov_dump();
    syscall(SYS_exit_group, status);
    __builtin_unreachable();
}

/* gcov's own begins the child's counts anew after the fork handlers, which would be lost. What the parent has
 * counted so far is counted twice, which changes no branch. */
pid_t __gcov_fork(void)
{
    return fork();
}
