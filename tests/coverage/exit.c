/* exit.c - linked into every program of the coverage build: a process that ends by _exit(), as children of tests
 * do, counts as well. One that is killed does not. */
#include <stdlib.h>
#include <unistd.h>

extern void __gcov_dump(void);
extern pid_t __gcov_fork(void);

void _exit(int status)
{
    __gcov_dump();
    _Exit(status); /* the C library's own; tests wrap syscall() */
}

/* gcov's own begins the child's counts anew after the fork handlers, which would be lost. What the parent has
 * counted so far is counted twice, which changes no branch. */
pid_t __gcov_fork(void)
{
    return fork();
}
