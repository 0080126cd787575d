/* test_attack.c - each function is one attack; give its name. */
#include "check.h"

#include "client.h"
#include "lock.h"
#include "store.h"

#ifdef BASE
#define MAP(s) (s)
#else
#define MAP(s) ((s)->map)
#endif

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static char *file_of(const char *dir, const char *name)
{
    static char file[4][4200];
    static int i;
    char *f = file[i++ & 3];
    snprintf(f, 4200, "%s/%s", dir, name);
    return f;
}

static int open_existing(const char *path, brain_store **out)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    return brain_open(path, &options, out);
}

/* A store whose directory was renamed is opened under its new name. */
static void moved(const char *path)
{
    const char *to = check_path();
    brain_store *first = check_open(path, CHECK_MIB), *second;
    CHECK_SYS(rename(path, to));
    CHECK_OK(open_existing(to, &second));
    brain_close(first);
    check_destroy(second);
}

/* ... and a new one stands at the old name. */
static void moved2(const char *path)
{
    const char *to = check_path();
    brain_store *first = check_open(path, CHECK_MIB), *second, *third;
    CHECK_SYS(rename(path, to));
    third = check_open(path, CHECK_MIB);
    CHECK_OK(open_existing(to, &second));
    CHECK(strcmp(brain_directory(second), to) == 0);
    brain_close(first);
    check_destroy(second);
    check_destroy(third);
}

/* The advice of the error: raise the limit and open it anew. */
static void limit(const char *path)
{
    int ready[2], go[2], status;
    char c;
    CHECK_SYS(pipe(ready));
    CHECK_SYS(pipe(go));
    brain_store *first = check_open(path, CHECK_MIB), *second;
    struct stat st;
    CHECK_SYS(stat(file_of(brain_directory(first), "data"), &st));
    brain_close(first);
    pid_t pid = fork();
    if (pid == 0) {
        brain_store *grower = check_open(path, 0);
        brain_space *space = check_space(grower, "default");
        CHECK(write(ready[1], "r", 1) == 1 && read(go[0], &c, 1) == 1);
        size_t size = 48 * CHECK_MIB;
        CHECK_OK(brain_resize(grower, 128 * CHECK_MIB));
        char *bytes = calloc(1, size);
        CHECK_OK(brain_put_bytes(space, "a", 1, bytes, size));
        CHECK(write(ready[1], "d", 1) == 1 && read(go[0], &c, 1) == 1);
        _exit(0);
    }
    CHECK(read(ready[0], &c, 1) == 1);
    struct rlimit old, low;
    CHECK_SYS(getrlimit(RLIMIT_AS, &old));
    low = old;
    low.rlim_cur = 3 * (rlim_t)st.st_size + BN_CLIENTS_BYTES + ((rlim_t)1 << 30);
    CHECK_SYS(setrlimit(RLIMIT_AS, &low));
    CHECK_OK(open_existing(path, &first));
    CHECK(MAP(first)->reserved_bytes < (uint64_t)1 << 35);
    CHECK(write(go[1], "x", 1) == 1 && read(ready[0], &c, 1) == 1);
    brain_space *space = check_space(first, "default");
    brain_view view;
    CHECK_CODE(brain_get(space, "a", 1, &view), BRAIN_E_NOMEM);
    fprintf(stderr, "says: %s\n", brain_error_detail());
    CHECK_SYS(setrlimit(RLIMIT_AS, &old));
    CHECK_OK(open_existing(path, &second)); /* as it says */
    brain_space *space2 = check_space(second, "default");
    CHECK_OK(brain_get(space2, "a", 1, &view));
    brain_view_drop(&view);
    CHECK(write(go[1], "x", 1) == 1 && waitpid(pid, &status, 0) == pid);
    brain_close(first);
    check_destroy(second);
}

/* A handle's thread was ended in the middle of a change; the handle is closed. */
static void lockword(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *second;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.lock_timeout_ns = 1000000000;
    CHECK_OK(brain_open(path, &options, &second));
    uint32_t died;
    CHECK_OK(bn_lock_acquire(first, true, &died)); /* by a thread that is cancelled, or jumps out */
    brain_close(first);
    brain_space *space = check_space(second, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    check_destroy(second);
}

/* Another store's bytes are written over both files (a backup is put back: cp, in place). */
static void copy_over(const char *from, const char *to)
{
    char command[9000];
    snprintf(command, sizeof command, "cp --sparse=always %s %s", from, to);
    CHECK(system(command) == 0);
}
static void restored(const char *path)
{
    const char *other_path = check_path();
    brain_store *first = check_open(path, CHECK_MIB), *second;
    brain_store *other = check_open(other_path, (uint64_t)64 << 30);
    brain_space *space = check_space(other, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "abc", 3));
    char big[100000] = "x";
    CHECK_OK(brain_put_bytes(space, "b", 1, big, sizeof big));
    brain_space_close(space);
    char *from = strdup(brain_directory(other));
    brain_close(other);
    copy_over(file_of(from, "data"), file_of(path, "data"));
    copy_over(file_of(from, "clients"), file_of(path, "clients"));
    CHECK_OK(open_existing(path, &second));
    fprintf(stderr, "shared %d reserved %llx values at %llx\n", MAP(second) == MAP(first),
            (unsigned long long)MAP(second)->reserved_bytes,
            (unsigned long long)(second->region_off[BN_REGION_VALUES] + second->region_bytes[BN_REGION_VALUES]));
    space = check_space(second, "default");
    brain_view view;
    fprintf(stderr, "mapped %llx backed at %llx size %llx\n", (unsigned long long)MAP(second)->mapped_bytes,
            (unsigned long long)second->region_off[BN_REGION_BACKED], (unsigned long long)second->region_bytes[BN_REGION_BACKED]);
    fflush(NULL);
    CHECK_OK(brain_delete(space, "b", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(second, NULL));
    CHECK_OK(brain_put_bytes(space, "b", 1, big, sizeof big));
    CHECK_OK(brain_put_bytes(space, "c", 1, big, sizeof big));
    CHECK_OK(brain_get(space, "a", 1, &view));
    CHECK(memcmp(view.data, "abc", 3) == 0);
    brain_view_drop(&view);
    CHECK_OK(brain_get(space, "b", 1, &view));
    CHECK(memcmp(view.data, big, sizeof big) == 0);
    brain_view_drop(&view);
    brain_close(second);
    CHECK_OK(open_existing(other_path, &other));
    check_destroy(other);
}

/* rm -r, and a FIFO in its place: who maps more waits for ever, and with it all stores and forks. */
static void *get_it(void *arg)
{
    brain_view view;
    int err = brain_get(arg, "a", 1, &view);
    fprintf(stderr, "get: %d\n", err);
    return NULL;
}
static void fifo(const char *path)
{
    const char *other_path = check_path();
    brain_store *first = check_open(path, CHECK_MIB), *other = check_open(other_path, CHECK_MIB);
    brain_space *space = check_space(first, "default");
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        brain_store *grower = check_open(path, 0);
        brain_space *mine = check_space(grower, "default");
        size_t size = 48 * CHECK_MIB;
        CHECK_OK(brain_resize(grower, 128 * CHECK_MIB));
        char *bytes = calloc(1, size);
        CHECK_OK(brain_put_bytes(mine, "a", 1, bytes, size));
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK_SYS(unlink(file_of(path, "data")));
    CHECK_SYS(mkfifo(file_of(path, "data"), 0600));
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, get_it, space) == 0);
    usleep(300000);
    fprintf(stderr, "other store...\n");
    alarm(3);
    brain_space *ospace = check_space(other, "default");
    static char bytes[500000];
    CHECK_OK(brain_put_bytes(ospace, "a", 1, bytes, sizeof bytes));
    fprintf(stderr, "fork...\n");
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    fprintf(stderr, "sound\n");
    _exit(0);
}

/* A supervisor restarts a container that crashes: each time process 1 of a fresh PID namespace. */
static void restarts(const char *path)
{
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_close(store);
    for (int i = 0; i < 40; i++) {
        int status;
        pid_t pid = fork();
        CHECK_SYS(pid);
        if (pid == 0) {
            CHECK_SYS(unshare(CLONE_NEWPID | CLONE_NEWNS));
            pid_t one = fork();
            if (one == 0) {
                CHECK(getpid() == 1);
                CHECK_OK(open_existing(path, &store));
                brain_object *object;
                CHECK_OK(brain_create(store, 100000, &object));
                struct stat st;
                CHECK_SYS(stat("/proc/self/ns/pid", &st));
                CHECK(store->row < 8);
                if (i % 10 == 0 || i == 39) {
                    brain_stat stat = check_stat(store);
                    fprintf(stderr, "restart %d: row %u of %u, namespace %llx private %llu clients %u\n", i, store->row,
                            bn_client_n_rows(store), (unsigned long long)bn_client_row(store, store->row)->pid_namespace,
                            (unsigned long long)stat.private_bytes, stat.n_clients);
                }
                _exit(7); /* crashes */
            }
            CHECK(waitpid(one, &status, 0) == one && WEXITSTATUS(status) == 7);
            _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid && status == 0);
        usleep(100000);
    }
    CHECK_OK(open_existing(path, &store));
    check_destroy(store);
}

/* Process 1 of one PID namespace makes process 1 of another. */
static void nested(const char *path)
{
    int status;
    brain_store *store = check_open(path, 64 * CHECK_MIB);
    brain_close(store);
    CHECK_SYS(unshare(CLONE_NEWPID | CLONE_NEWNS));
    pid_t one = fork();
    if (one == 0) {
        CHECK(getpid() == 1);
        CHECK_OK(open_existing(path, &store));
        uint64_t ours = bn_client_row(store, store->row)->pid_namespace;
        for (int i = 0; i < 5; i++) {
            CHECK_SYS(unshare(CLONE_NEWPID));
            /* clone(CLONE_NEWPID) in general; here the next child is process 1 again */
            pid_t inner = fork();
            if (inner == 0) {
                struct stat st;
                CHECK_SYS(stat("/proc/thread-self/ns/pid", &st) == 0 ? 0 : stat("/proc/self/ns/pid", &st));
                fprintf(stderr, "inner pid %d row %u: signed ns %llx, parent's %llx, kernel's (of the mounted proc) %llx\n", getpid(), store->row,
                        (unsigned long long)bn_client_row(store, store->row)->pid_namespace, (unsigned long long)ours,
                        (unsigned long long)st.st_ino);
                _exit(bn_client_row(store, store->row)->pid_namespace == ours ? 3 : 0);
            }
            CHECK(waitpid(inner, &status, 0) == inner);
            fprintf(stderr, "inner says %d, rows %u\n", WEXITSTATUS(status), bn_client_n_rows(store));
            if (i == 0) break;
        }
        _exit(WEXITSTATUS(status));
    }
    CHECK(waitpid(one, &status, 0) == one);
    pid_t clean = 0;
    (void)clean;
    CHECK(status == 0);
}

/* Rows that are kept cost everybody else's open and fork. */
static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}
static void cost(const char *path, int n_procs, int n_handles)
{
    int ready[2], go[2];
    char c;
    CHECK_SYS(pipe(ready));
    CHECK_SYS(pipe(go));
    check_open(path, 64 * CHECK_MIB);
    pid_t *pids = calloc((size_t)n_procs, sizeof *pids);
    brain_store *mine;
    double t;
    for (int p = 0; p < n_procs; p++) {
        pids[p] = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pids[p] == 0) {
            brain_store *handles[64];
            int err = 0, i;
            for (i = 0; i < n_handles && err == 0; i++) {
                err = open_existing(path, &handles[i]);
            }
            if (err != 0) fprintf(stderr, "process %d handle %d: %s\n", p, i - 1, brain_error_detail());
            for (int k = 1; k < i - (err != 0); k++) {
                brain_close(handles[k]);
            }
            CHECK(write(ready[1], err != 0 ? "e" : "r", 1) == 1);
            CHECK(read(go[0], &c, 1) == 0 || true);
            _exit(0);
        }
        CHECK(read(ready[0], &c, 1) == 1);
        if (p % 50 == 49 || p == 0 || c == 'e') {
            t = now();
            int err = open_existing(path, &mine);
            double o = now() - t;
            fprintf(stderr, "%d processes: open %.0f us -> %d %s", p + 1, o * 1e6, err, err ? brain_error_detail() : "");
            if (err == 0) {
                t = now();
                pid_t f = fork();
                if (f == 0) _exit(0);
                fprintf(stderr, ", fork %.0f us; rows %u used %u\n", (now() - t) * 1e6, bn_client_n_rows(mine), check_stat(mine).n_clients);
                waitpid(f, NULL, 0);
                brain_close(mine);
            } else fprintf(stderr, "\n");
            if (c == 'e') break;
        }
    }
    close(go[1]);
    for (int p = 0; p < n_procs; p++) {
        if (pids[p] > 0) { kill(pids[p], SIGKILL); waitpid(pids[p], NULL, 0); }
    }
}

/* Forks while another thread opens and closes: what the child can never unmap. */
static const char *loop_path;
static _Atomic int loop_stop;
static void *loop(void *arg)
{
    (void)arg;
    while (!loop_stop) {
        brain_store *s;
        if (open_existing(loop_path, &s) == 0) brain_close(s);
    }
    return NULL;
}
static int n_mappings_of(const char *file)
{
    char line[1024];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps) != NULL) n += strstr(line, file) != NULL;
    fclose(maps);
    return n;
}
static void forkleak(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB);
    loop_path = path;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, loop, NULL) == 0);
    int leaks = 0, status;
    for (int i = 0; i < 300; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            brain_close(first); /* all that it has */
            _exit(n_mappings_of("/data") > 0 ? 3 : 0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        leaks += WEXITSTATUS(status) == 3;
    }
    loop_stop = 1;
    pthread_join(thread, NULL);
    fprintf(stderr, "%d of 300 children keep a mapping that they cannot let go of\n", leaks);
    check_destroy(first);
}

/* Raw clones while another thread opens and closes, or puts large values. */
static void *putting(void *arg)
{
    while (!loop_stop) (void)check_stat(arg); /* asks for each client whether it lives */
    return NULL;
}
static void clones(const char *path)
{
    brain_store *first = check_open(path, 8 * CHECK_MIB);
    pthread_t thread;
    for (int i = 0; i < 20; i++) check_open(path, 0);
    CHECK(pthread_create(&thread, NULL, putting, first) == 0);
    int hangs = 0, crashes = 0, status;
    for (int i = 0; i < 400 && hangs < 3; i++) {
        pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0) {
            alarm(2);
            brain_store *s;
            if (open_existing(path, &s) != 0) _exit(3);
            brain_close(s);
            _exit(0);
        }
        CHECK(waitpid(pid, &status, 0) == pid);
        hangs += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        crashes += status != 0 && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    }
    loop_stop = 1;
    pthread_join(thread, NULL);
    fprintf(stderr, "%d hang, %d otherwise\n", hangs, crashes);
    CHECK(hangs == 0);
    check_destroy(first);
}

/* Revoked: the file may not be written any more by who asks. */
static void revoked(const char *path)
{
    (void)path;
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        CHECK_SYS(setegid(65534));
        CHECK_SYS(seteuid(65534));
        const char *mine = check_path();
        brain_store *first = check_open(mine, CHECK_MIB), *second;
        CHECK_SYS(chmod(file_of(brain_directory(first), "data"), 0400));
        int err = open_existing(mine, &second);
        fprintf(stderr, "after chmod 0400: %d\n", err);
        CHECK_OK(brain_destroy(first));
        _exit(err == BRAIN_E_PERM ? 0 : 3);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Forks that fail: the row that was taken for the child says yet who had it before. */
static void failing(const char *path)
{
    (void)path;
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_SYS(setresgid(65534, 65534, 65534));
        CHECK_SYS(setresuid(65533, 65533, 65533));
        const char *mine = check_path();
        brain_store *first = check_open(mine, CHECK_MIB), *many[60];
        for (int i = 0; i < 60; i++) many[i] = check_open(mine, 0);
        for (int i = 0; i < 60; i++) brain_close(many[i]);
        struct rlimit none = { 0, 0 };
        CHECK_SYS(setrlimit(RLIMIT_NPROC, &none));
        for (int i = 0; i < 100; i++) CHECK(fork() < 0);
        int dead = 0;
        for (uint32_t row = 0; row < bn_client_n_rows(first); row++) {
            dead += bn_load_acquire(&bn_client_row(first, row)->state) == BN_ROW_USED && !bn_client_alive(first, row);
        }
        fprintf(stderr, "%d rows of the dead after 100 forks that failed, %u pages of pins\n", dead, first->clients->n_chunks);
        CHECK_OK(brain_destroy(first));
        _exit(dead > 2);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Another library's fork handlers, which were there first and so run inside ours, put a value. */
static brain_space *handler_space;
static const char *handler_phase;
static void put_big(const char *phase)
{
    static char bytes[200000];
    if (handler_space != NULL && strcmp(phase, handler_phase) == 0) {
        int err = brain_put_bytes(handler_space, phase, 1, bytes, sizeof bytes);
        fprintf(stderr, "%s: put %d\n", phase, err);
    }
}
static void h_prepare(void) { put_big("prepare"); }
static void h_parent(void) { put_big("parent"); }
static void h_child(void) { alarm(2); put_big("child"); }
static void handlers(const char *path, const char *phase)
{
    int status;
    CHECK(pthread_atfork(h_prepare, h_parent, h_child) == 0);
    brain_store *first = check_open(path, CHECK_MIB);
    handler_space = check_space(first, "default");
    handler_phase = phase;
    alarm(3);
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    check_destroy(first);
}
static void handlers1(const char *path) { handlers(path, "prepare"); }
static void handlers2(const char *path) { handlers(path, "parent"); }
static void handlers3(const char *path) { handlers(path, "child"); }

/* Two names of one store: the link is removed with it. */
static void names(const char *path)
{
    const char *link = check_path_in("/tmp");
    brain_options o = BRAIN_OPTIONS_INIT;
    brain_store *first = check_open(path, CHECK_MIB), *second;
    char text[300];
    snprintf(text, sizeof text, "/dev/shm/.%s", strrchr(path, '/'));
    CHECK_SYS(symlink(text, link));
    o.flags = BRAIN_OPEN_EXISTING;
    CHECK_OK(brain_open(link, &o, &second));
    check_destroy(second);
    struct stat st;
    int left = lstat(link, &st) == 0;
    fprintf(stderr, "link is left: %d\n", left);
    brain_close(first);
    brain_store *third = NULL;
    int err = brain_open(link, &(brain_options)BRAIN_OPTIONS_INIT, &third);
    fprintf(stderr, "open anew: %d %s\n", err, err ? brain_error_detail() : "");
    if (third) check_destroy(third);
    CHECK(err == 0);
}

/* clients is removed: a stranger cannot open it */
static void noclients(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *second;
    CHECK_SYS(unlink(file_of(path, "clients")));
    int err = open_existing(path, &second);
    fprintf(stderr, "1: %d\n", err);
    if (err == 0) { brain_close(second); err = open_existing(path, &second); fprintf(stderr, "2: %d\n", err); }
    CHECK(err != 0);
    (void)first;
}
/* with a kept life: open succeeds with no file */
static void noclients2(const char *path)
{
    brain_store *first = check_open(path, CHECK_MIB), *second = check_open(path, 0);
    brain_close(second);
    CHECK_SYS(rename(file_of(path, "clients"), file_of(path, "clients.old")));
    copy_over(file_of(path, "clients.old"), file_of(path, "clients"));
    CHECK_SYS(unlink(file_of(path, "clients.old")));
    /* strangers now use the new table */
    int err = open_existing(path, &second), status;
    fprintf(stderr, "own: %d row %u\n", err, err == 0 ? second->row : 0);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        char me[64];
        snprintf(me, sizeof me, "/proc/self/exe");
        execl(me, "test_attack", "openat", path, (char *)NULL);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    CHECK(err != 0);
    (void)first;
}

/* Another process takes views while this one opens a second handle: between the look at the file and at the count. */
static int race_to[2], race_from[2], race_armed;
int fstat64(int fd, struct stat64 *st64);
int fstat64(int fd, struct stat64 *st64)
{
    struct stat *st = (struct stat *)st64;
    int err = (int)syscall(SYS_fstat, fd, st);
    if (err == 0 && race_armed && (uint64_t)st->st_size == BN_CLIENTS_BYTES && ++race_armed == atoi(getenv("NTH") ? getenv("NTH") : "2")) {
        char c;
        race_armed = 0;
        if (write(race_to[1], "x", 1) != 1 || read(race_from[0], &c, 1) != 1) abort();
    }
    return err;
}
static void counting(const char *path)
{
    char c;
    brain_store *first = check_open(path, CHECK_MIB), *second;
    CHECK_SYS(pipe(race_to));
    CHECK_SYS(pipe(race_from));
    pid_t pid = fork();
    if (pid == 0) {
        brain_close(first);
        brain_store *store = check_open(path, 0);
        brain_space *space = check_space(store, "default");
        static char big[20000];
        CHECK_OK(brain_put_bytes(space, "a", 1, big, sizeof big));
        CHECK(write(race_from[1], "r", 1) == 1 && read(race_to[0], &c, 1) == 1);
        static brain_view views[20000];
        for (int i = 0; i < 20000; i++) CHECK_OK(brain_get(space, "a", 1, &views[i]));
        CHECK(write(race_from[1], "r", 1) == 1);
        (void)!read(race_to[0], &c, 1);
        _exit(0);
    }
    CHECK(read(race_from[0], &c, 1) == 1);
    race_armed = 1;
    CHECK_OK(open_existing(path, &second));
    CHECK(race_armed == 0);
    brain_close(second);
    check_destroy(first);
    kill(pid, SIGKILL);
}

int main(int argc, char **argv)
{
    check_begin();
    if (argc == 1) {
        static const char *const all[] = { "moved", "moved2", "limit", "lockword", "fifo", "restarts", "nested", "revoked",
                                           "failing", "clones", "counting", "handlers1", "handlers2", "names" };
        int n_bad = 0;
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            char command[400];
            snprintf(command, sizeof command, "NTH=3 timeout 20 %s %s >/dev/null 2>&1", argv[0], all[i]);
            int bad = system(command) != 0;
            n_bad += bad;
            fprintf(stderr, "%s: %s\n", all[i], bad ? "BROKEN" : "sound");
        }
        return n_bad != 0;
    }
    if (strcmp(argv[1], "openat") == 0) {
        brain_store *s;
        int err = open_existing(argv[2], &s);
        fprintf(stderr, "stranger: %d row %u\n", err, err == 0 ? s->row : 0);
        _exit(0);
    }
    const char *path = check_path();
#define RUN(f) if (strcmp(argv[1], #f) == 0) { f(path); printf("%s: sound\n", #f); return 0; }
    RUN(moved) RUN(moved2) RUN(limit) RUN(lockword) RUN(restored) RUN(fifo) RUN(restarts) RUN(nested)
    RUN(forkleak) RUN(revoked) RUN(noclients) RUN(clones) RUN(counting) RUN(handlers1) RUN(handlers2) RUN(handlers3) RUN(names) RUN(failing) RUN(noclients2)
    if (strcmp(argv[1], "cost") == 0) { cost(path, atoi(argv[2]), atoi(argv[3])); return 0; }
    return 2;
}
