/* exit.c - linked into every program of the coverage build: a process that ends by _exit(), as children of tests
 * do, counts as well. One that is killed does not. */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

extern void __gcov_dump(void);
extern pid_t __gcov_fork(void);

/* What a test has set for its library: the counts have to be written all the same. */
static void lift_limits(void)
{
    static const int limits[] = { RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS };
    for (int i = 0; i < 3; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i], &limit) == 0) {
            limit.rlim_cur = limit.rlim_max;
            (void)setrlimit(limits[i], &limit);
        }
    }
}

void _exit(int status)
{
    lift_limits();
    __gcov_dump();
    _Exit(status); /* the C library's own; tests wrap syscall() */
}

/* gcov's own begins the child's counts anew after the fork handlers, which would be lost. What the parent has
 * counted so far is counted twice, which changes no branch. */
pid_t __gcov_fork(void)
{
    return fork();
}
