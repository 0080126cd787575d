/* test_mark.c - marks: each is given out once, and is zero again in whatever child. */
#include "check.h"

#include "layout.h"
#include "mark.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* More than a page of them for each thread. */
#define N_MARKS   (BN_PAGE / sizeof(uint32_t) + 7)
#define N_THREADS 4u

static _Atomic uint32_t *new_mark(void)
{
    _Atomic uint32_t *mark = bn_mark_new();
    if (mark == NULL) {
        check_skip("the kernel wipes no pages for children");
    }
    return mark;
}

static void *take_marks(void *taken)
{
    _Atomic uint32_t **marks = taken;
    for (size_t i = 0; i < N_MARKS; i++) {
        marks[i] = new_mark();
    }
    return NULL;
}

/* In a process that has none yet. */
static void test_without_memory_there_is_none(void)
{
    struct rlimit was, none = { 0, 0 };
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_SYS(getrlimit(RLIMIT_AS, &was));
        none.rlim_max = was.rlim_max;
        CHECK_SYS(setrlimit(RLIMIT_AS, &none));
        _Atomic uint32_t *mark = bn_mark_new();
        CHECK_SYS(setrlimit(RLIMIT_AS, &was));
        CHECK(mark == NULL);
        CHECK(bn_mark_new() != NULL);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

static void test_each_is_given_out_once(void)
{
    static _Atomic uint32_t *marks[N_THREADS][N_MARKS];
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, take_marks, marks[i]) == 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    for (size_t i = 0; i < N_THREADS * N_MARKS; i++) {
        _Atomic uint32_t *mark = marks[i / N_MARKS][i % N_MARKS];
        CHECK_U64(bn_add_seq(mark, 1u), 0); /* 1, were it anybody else's */
    }
}

static void test_a_child_finds_zero(bool raw)
{
    _Atomic uint32_t *mark = new_mark();
    bn_store_relaxed(mark, 1u);
    pid_t pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : check_fork();
    CHECK_SYS(pid);
    if (pid == 0) {
        _Atomic uint32_t *own = new_mark();
        bool right = own != mark && bn_load_relaxed(mark) == 0 && bn_load_relaxed(own) == 0;
        _exit(right ? 0 : 1);
    }
    CHECK_CHILD(pid);
    CHECK_U64(bn_load_relaxed(mark), 1);
}

int main(void)
{
    check_begin();
    if (check_heeds_address_limit()) {
        test_without_memory_there_is_none();
    } else {
        printf("SKIPPED: a limit of the address space is not heeded here (qemu-user?)\n");
    }
    test_each_is_given_out_once();
    test_a_child_finds_zero(false);
    test_a_child_finds_zero(true);
    return 0;
}
