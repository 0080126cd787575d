/* check.h - what all C tests share: checks that say what failed, a store under a fresh path, children.
 *
 * A test is a program: it ends with 0, with 77 where it could not be done here, or with a line that says what
 * failed. Every path made by check_path() is removed at the end, however the test ends; a child of fork()
 * leaves by _exit().
 */
#ifndef BN_TESTS_CHECK_H
#define BN_TESTS_CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "brain.h"

#define CHECK_SKIPPED 77
#define CHECK_KIB     ((uint64_t)1 << 10)
#define CHECK_MIB     ((uint64_t)1 << 20)

/* AddressSanitizer's allocator is not usable in a child that was forked while other threads allocate. */
#if defined(__SANITIZE_ADDRESS__)
#define CHECK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECK_ASAN 1
#endif
#endif
#ifndef CHECK_ASAN
#define CHECK_ASAN 0
#endif

/* ---- what the system has to be able to */

/* Whether the kernel does what is said to it about memory and fork(). qemu-user says yes to all of it and
 * does nothing: one look in a child tells. */
static inline bool check_heeds_fork_advice(void)
{
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *wiped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *left = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status = 1;
    if (wiped == MAP_FAILED || left == MAP_FAILED) {
        return false;
    }
    wiped[0] = left[0] = 1;
    if (madvise(wiped, bytes, MADV_WIPEONFORK) == 0 && madvise(left, bytes, MADV_DONTFORK) == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(wiped[0] == 0 && msync(left, bytes, MS_ASYNC) != 0 && errno == ENOMEM ? 0 : 1);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid) {
            status = 1;
        }
    }
    munmap(wiped, bytes);
    munmap(left, bytes);
    return status == 0;
}

/* First in the test of who lives and who has died, where processes fork. */
static inline void check_needs_fork_advice(void)
{
    if (!check_heeds_fork_advice()) {
        printf("skipped: MADV_DONTFORK or MADV_WIPEONFORK is said to work here and does nothing, "
               "so that a child "
               "keeps its parent alive (qemu-user?)\n");
        exit(CHECK_SKIPPED);
    }
}

/* Whether a limit of the address space is one. qemu-user says that it was set, and sets none. */
static inline bool check_heeds_address_limit(void)
{
    struct rlimit limit, lower, now;
    if (getrlimit(RLIMIT_AS, &limit) != 0) {
        return false;
    }
    lower = limit;
    lower.rlim_cur = limit.rlim_cur == RLIM_INFINITY ? (rlim_t)1 << 50 : limit.rlim_cur - 4096;
    bool is_set = setrlimit(RLIMIT_AS, &lower) == 0 && getrlimit(RLIMIT_AS, &now) == 0 &&
                  now.rlim_cur == lower.rlim_cur;
    return setrlimit(RLIMIT_AS, &limit) == 0 && is_set;
}

/* ---- failing */

/* Before a variable: there is one for all files that a test is made of. */
#define CHECK_ONE __attribute__((weak))

CHECK_ONE pid_t check_main;     /* the process that cleans up */
CHECK_ONE char check_note[200]; /* printed with a failure: a seed, a step */
CHECK_ONE char check_paths[64][120];
CHECK_ONE int check_n_paths;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            check_fail(__FILE__, __LINE__, "%s", #condition);                                      \
        }                                                                                          \
    } while (0)

#define CHECK_U64(left, right)                                                                     \
    do {                                                                                           \
        uint64_t left_ = (uint64_t)(left), right_ = (uint64_t)(right);                             \
        if (left_ != right_) {                                                                     \
            check_fail(__FILE__, __LINE__, "%s is %llu, %s is %llu", #left,                        \
                       (unsigned long long)left_, #right, (unsigned long long)right_);             \
        }                                                                                          \
    } while (0)

/* A call that returns a code of brain.h. */
#define CHECK_CODE(call, code)                                                                     \
    do {                                                                                           \
        int got_ = (call), want_ = (code);                                                         \
        if (got_ != want_) {                                                                       \
            check_fail(__FILE__, __LINE__, "%s: %d (%s: %s), not %d (%s)", #call, got_,            \
                       brain_strerror(got_), got_ != 0 ? brain_error_detail() : "", want_,         \
                       brain_strerror(want_));                                                     \
        }                                                                                          \
    } while (0)
#define CHECK_OK(call) CHECK_CODE(call, 0)

/* A call of the system that returns -1 on failure. */
#define CHECK_SYS(call)                                                                            \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            check_fail(__FILE__, __LINE__, "%s: %s", #call, strerror(errno));                      \
        }                                                                                          \
    } while (0)

#define CHECK_DETAIL(word)                                                                         \
    do {                                                                                           \
        if (strstr(brain_error_detail(), (word)) == NULL) {                                        \
            check_fail(__FILE__, __LINE__, "the text \"%s\" lacks \"%s\"", brain_error_detail(),   \
                       (word));                                                                    \
        }                                                                                          \
    } while (0)

__attribute__((noreturn, format(printf, 3, 4), unused)) static void
check_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    char text[1200];
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "%s:%d: %s%s%s\n", file, line, text, check_note[0] != '\0' ? "; " : "",
            check_note);
    fflush(NULL);
    if (getpid() != check_main) {
        _exit(1);
    }
    exit(1);
}

__attribute__((noreturn, unused)) static void check_skip(const char *why)
{
    printf("skipped: %s\n", why);
    exit(CHECK_SKIPPED);
}

/* ---- paths */

static inline void check_remove_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        (void)unlinkat(fd, "data", 0);
        (void)unlinkat(fd, "clients", 0);
        (void)close(fd);
        (void)rmdir(path);
    }
}

static inline void check_clean_up(void)
{
    if (getpid() != check_main) {
        return;
    }
    for (int i = 0; i < check_n_paths; i++) {
        char target[400];
        ssize_t n = readlink(check_paths[i], target, sizeof target - 1);
        if (n > 0) {
            target[n] = '\0';
            check_remove_dir(target);
        } else {
            check_remove_dir(check_paths[i]);
        }
        (void)unlink(check_paths[i]);
    }
}

static inline void check_begin(void)
{
    check_main = getpid();
    atexit(check_clean_up);
}

/* A path in `dir` where nothing is. */
static inline const char *check_path_in(const char *dir)
{
    CHECK(check_n_paths < 64);
    char *path = check_paths[check_n_paths];
    snprintf(path, sizeof check_paths[0], "%s/brain-test-XXXXXX", dir);
    int fd = mkstemp(path);
    CHECK_SYS(fd);
    CHECK_SYS(close(fd));
    CHECK_SYS(unlink(path));
    check_n_paths++;
    return path;
}

static inline const char *check_path(void)
{
    return check_path_in("/dev/shm");
}

/* ---- stores */

static inline brain_store *check_open_with(const char *path, uint64_t capacity, uint32_t flags)
{
    brain_store *store = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = capacity;
    options.flags = flags;
    CHECK_OK(brain_open(path, &options, &store));
    return store;
}

static inline brain_store *check_open(const char *path, uint64_t capacity)
{
    return check_open_with(path, capacity, 0);
}

static inline brain_space *check_space(brain_store *store, const char *name)
{
    brain_space *space = NULL;
    CHECK_OK(brain_space_open(store, name, strlen(name), &space));
    return space;
}

static inline void check_destroy(brain_store *store)
{
    CHECK_OK(brain_destroy(store));
    brain_close(store);
}

#define CHECK_SOUND(store) check_sound(store, __FILE__, __LINE__)
static inline void check_sound(brain_store *store, const char *file, int line)
{
    brain_problem problems[4];
    size_t n = 0;
    int err = brain_check(store, problems, 4, &n);
    if (err != 0) {
        check_fail(file, line, "brain_check: %s: %s", brain_strerror(err), brain_error_detail());
    }
    if (n != 0) {
        check_fail(file, line, "%zu problems: %s; %s", n, problems[0].text,
                   n > 1 ? problems[1].text : "");
    }
}

static inline brain_stat check_stat(brain_store *store)
{
    brain_stat stat = { .struct_size = sizeof stat };
    CHECK_OK(brain_stat_get(store, &stat));
    return stat;
}

static inline uint64_t check_live(brain_store *store)
{
    uint64_t capacity, live;
    CHECK_OK(brain_usage(store, &capacity, &live));
    return live;
}

/* ---- random numbers and bytes */

static inline uint64_t check_mix(uint64_t x) /* splitmix64, by Sebastiano Vigna */
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

CHECK_ONE uint64_t check_state;

static inline uint64_t check_random(void)
{
    return check_mix(check_state++);
}

static inline uint64_t check_below(uint64_t n)
{
    return check_random() % n;
}

static inline uint64_t check_new_seed(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return check_mix((uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid());
}

/* Bytes that follow from a seed: byte i of value `seed`. */
static inline void check_fill(void *to, size_t size, uint64_t seed)
{
    uint8_t *at = to;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = check_mix(seed ^ (i << 20));
        memcpy(at + i, &word, size - i < 8 ? size - i : 8);
    }
}

static inline bool check_is_filled(const void *bytes, size_t size, uint64_t seed)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = check_mix(seed ^ (i << 20));
        if (memcmp(at + i, &word, size - i < 8 ? size - i : 8) != 0) {
            return false;
        }
    }
    return true;
}

/* ---- children */

/* Fork; 0 in the child, which is to end with _exit(0). */
static inline pid_t check_fork(void)
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK_SYS(pid);
    return pid;
}

#define CHECK_CHILD(pid) check_child(pid, __FILE__, __LINE__)
static inline void check_child(pid_t pid, const char *file, int line)
{
    int status = 0;
    pid_t got;
    do {
        got = waitpid(pid, &status, 0);
    } while (got < 0 && errno == EINTR);
    if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        check_fail(file, line, "child %d ended with status %x", (int)pid, (unsigned)status);
    }
}

/* One case of a table in a process of its own, whose end says which it was if it crashes, or hangs: true in the child,
 * which ends as above; false when it has ended. */
static inline bool check_apart(const char *name)
{
    snprintf(check_note, sizeof check_note, "%s", name);
    pid_t pid = check_fork();
    if (pid == 0) {
        alarm(60);
        return true;
    }
    CHECK_CHILD(pid);
    check_note[0] = '\0';
    return false;
}

static inline void check_kill(pid_t pid)
{
    int status;
    CHECK_SYS(kill(pid, 9));
    CHECK(waitpid(pid, &status, 0) == pid);
}

/* A pipe as a gate: check_gate_pass() returns once somebody opened it. */
struct check_gate {
    int fds[2];
};

static inline struct check_gate check_gate_new(void)
{
    struct check_gate gate;
    CHECK_SYS(pipe2(gate.fds, O_CLOEXEC));
    return gate;
}

static inline void check_gate_open(struct check_gate *gate)
{
    CHECK(write(gate->fds[1], "x", 1) == 1);
}

static inline void check_gate_pass(struct check_gate *gate)
{
    char byte;
    ssize_t n;
    do {
        n = read(gate->fds[0], &byte, 1);
    } while (n < 0 && errno == EINTR);
    CHECK(n == 1);
}

static inline void check_gate_free(struct check_gate *gate)
{
    (void)close(gate->fds[0]);
    (void)close(gate->fds[1]);
}

/* Memory that this process and its children share. */
static inline void *check_shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

#endif
