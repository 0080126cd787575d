/* preload.c - what qemu-user does otherwise than a kernel, for the programs of tests/cross/run.
 *
 * Children: qemu-user says yes to MADV_DONTFORK and does nothing, so a child has the pages and keeps its parent
 *           alive. This takes such pages from a child before anything else runs in it, be it one of fork() or
 *           of a raw clone, and the parent goes on when that is done. Not as a kernel has it: within the fork
 *           there is a moment in which both have the pages. vfork() and posix_spawn(), which share memory until
 *           they execute, are left alone.
 * Threads:  qemu-user says that a thread has ended while it still holds a lock of the emulator's own (clone_lock).
 *           A child that is forked in that moment waits for ever when it makes a thread. So pthread_join()
 *           returns here when the thread is gone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RANGES_MAX  4096u
#define THREADS_MAX 4096u

pid_t fork(void);

struct range {
    uintptr_t from, end;
};

/* A thread that nobody has joined yet. */
struct thread {
    pthread_t thread;
    pid_t tid;
};

struct beginning {
    void *(*run)(void *);
    void *argument;
};

/* The mutex of the tables is held while a process is copied: `fork_mutex` first, then that one. */
static pthread_mutex_t fork_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct range ranges[RANGES_MAX];
static uint32_t n_ranges;
static struct thread threads[THREADS_MAX];
static uint32_t n_threads;
static _Atomic uint32_t
    *is_done; /* shared with the child that is being made: 1: it has no such page any more */

static int (*real_madvise)(void *, size_t, int);
static int (*real_munmap)(void *, size_t);
static pid_t (*real_fork)(void);
static long (*real_syscall)(long, ...);
static int (*real_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static int (*real_join)(pthread_t, void **);

_Noreturn static void die(const char *what)
{
    perror(what);
    abort();
}

static void *find(const char *name)
{
    void *call = dlsym(RTLD_NEXT, name);
    if (call == NULL) {
        die(name);
    }
    return call;
}

/* ---- pages */

static void add(uintptr_t from, uintptr_t end)
{
    if (n_ranges == RANGES_MAX) {
        die("preload: no room for a range");
    }
    ranges[n_ranges++] = (struct range){ from, end };
}

/* With what is left of a range on either side of it. */
static void take_out(uintptr_t from, uintptr_t end)
{
    for (uint32_t i = 0; i < n_ranges;) {
        struct range range = ranges[i];
        if (range.end <= from || range.from >= end) {
            i++;
            continue;
        }
        ranges[i] = ranges[--n_ranges];
        if (range.from < from) {
            add(range.from, from); /* at the end, where it is looked at and left */
        }
        if (range.end > end) {
            add(end, range.end);
        }
    }
}

int madvise(void *addr, size_t size, int advice)
{
    int result = real_madvise(addr, size, advice);
    if (result == 0 && (advice == MADV_DONTFORK || advice == MADV_DOFORK)) {
        uintptr_t from = (uintptr_t)addr;
        pthread_mutex_lock(&mutex);
        take_out(from, from + size);
        if (advice == MADV_DONTFORK) {
            add(from, from + size);
        }
        pthread_mutex_unlock(&mutex);
    }
    return result;
}

int munmap(void *addr, size_t size)
{
    /* Before it: somebody may have the addresses at once after it. */
    pthread_mutex_lock(&mutex);
    take_out((uintptr_t)addr, (uintptr_t)addr + size);
    int result = real_munmap(addr, size);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* ---- children */

static void make_word(void)
{
    void *page =
        mmap(NULL, sizeof *is_done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        die("preload: mmap");
    }
    is_done = page;
}

/* With both mutexes held, as the copying thread had them. */
static void begin_child(void)
{
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    for (uint32_t i = 0; i < n_ranges; i++) {
        if (real_munmap((void *)ranges[i].from, ranges[i].end - ranges[i].from) != 0) {
            die("preload: munmap");
        }
    }
    n_ranges = n_threads = 0;
    atomic_store(is_done, 1u);
    real_syscall(SYS_futex, is_done, FUTEX_WAKE, 1, NULL, NULL, 0);
    real_munmap((void *)is_done, sizeof *is_done);
    make_word();
    mutex = fork_mutex = fresh;
}

static void wait_for_child(void)
{
    while (atomic_load(is_done) == 0) {
        real_syscall(SYS_futex, is_done, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    atomic_store(is_done, 0u);
}

static void hold(void)
{
    pthread_mutex_lock(&mutex);
}

static void let_go(void)
{
    pthread_mutex_unlock(&mutex);
}

pid_t fork(void)
{
    pthread_mutex_lock(&fork_mutex);
    pid_t pid = real_fork(); /* hold() and then let_go() or begin_child() */
    if (pid == 0) {
        return 0;
    }
    if (pid > 0) {
        wait_for_child();
    }
    pthread_mutex_unlock(&fork_mutex);
    return pid;
}

/* All arguments, wanted or not, as the C library passes them on. */
long syscall(long number, ...)
{
    va_list list;
    long given[6];
    va_start(list, number);
    for (int i = 0; i < 6; i++) {
        given[i] = va_arg(list, long);
    }
    va_end(list);
    bool makes_child = number == SYS_clone && (given[0] & CLONE_VM) == 0;
    if (makes_child) {
        pthread_mutex_lock(&fork_mutex);
        hold();
    }
    long result = real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
    if (makes_child && result == 0) {
        begin_child();
    } else if (makes_child) {
        let_go();
        if (result > 0) {
            wait_for_child();
        }
        pthread_mutex_unlock(&fork_mutex);
    }
    return result;
}

/* ---- threads */

/* Its number, and no thread of that name any more in the table; 0: it is not there. */
static pid_t take_thread(pthread_t thread)
{
    for (uint32_t i = 0; i < n_threads; i++) {
        if (pthread_equal(threads[i].thread, thread)) {
            pid_t tid = threads[i].tid;
            threads[i] = threads[--n_threads];
            return tid;
        }
    }
    return 0;
}

static void *begin_thread(void *argument)
{
    struct beginning beginning = *(struct beginning *)argument;
    free(argument);
    pthread_mutex_lock(&mutex);
    (void)take_thread(pthread_self()); /* one that was detached, and nobody joined */
    if (n_threads == THREADS_MAX) {
        die("preload: no room for a thread");
    }
    threads[n_threads++] = (struct thread){ pthread_self(), gettid() };
    pthread_mutex_unlock(&mutex);
    return beginning.run(beginning.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    struct beginning *beginning = malloc(sizeof *beginning);
    if (beginning == NULL) {
        return EAGAIN;
    }
    *beginning = (struct beginning){ run, argument };
    int error = real_create(thread, attributes, begin_thread, beginning);
    if (error != 0) {
        free(beginning);
    }
    return error;
}

int pthread_join(pthread_t thread, void **result)
{
    int error = real_join(thread, result);
    if (error == 0) {
        pthread_mutex_lock(&mutex);
        pid_t tid = take_thread(thread);
        pthread_mutex_unlock(&mutex);
        while (tid != 0 && real_syscall(SYS_tgkill, getpid(), tid, 0) == 0) {
            sched_yield();
        }
    }
    return error;
}

/* First of all: handlers before a fork run the last first, those after it the first first. */
__attribute__((constructor)) static void begin(void)
{
    real_madvise = (int (*)(void *, size_t, int))find("madvise");
    real_munmap = (int (*)(void *, size_t))find("munmap");
    real_fork = (pid_t(*)(void))find("fork");
    real_syscall = (long (*)(long, ...))find("syscall");
    real_create = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))find(
        "pthread_create");
    real_join = (int (*)(pthread_t, void **))find("pthread_join");
    make_word();
    if (pthread_atfork(hold, let_go, begin_child) != 0) {
        die("preload: pthread_atfork");
    }
}
