/* Rows are one client's each: processes with threads open, close, fork, clone, and are killed. */
#include "check.h"
#include "client.h"
#include "store.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct table {
    _Atomic uint64_t of[BN_CLIENTS_MAX]; /* pid << 32 | nonce */
    _Atomic int dying[4 << 20];
    _Atomic int stop;
    _Atomic uint64_t n_opens, n_forks, n_seen;
    _Atomic uint32_t nonce;
};
static struct table *t;
static const char *path;

static int is_gone(pid_t pid)
{
    if (t->dying[pid]) return 1;
    char name[64], line[512];
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    FILE *f = fopen(name, "r");
    if (f == NULL) return 1;
    int gone = 0;
    if (fgets(line, sizeof line, f) != NULL) {
        char *p = strrchr(line, ')');
        gone = p != NULL && (p[2] == 'Z' || p[2] == 'X');
    } else gone = 1;
    fclose(f);
    return gone;
}
static uint64_t sit(uint32_t row)
{
    uint64_t me = (uint64_t)getpid() << 32 | ++t->nonce, was = atomic_exchange(&t->of[row], me);
    if (was != 0 && !is_gone((pid_t)(was >> 32))) {
        fprintf(stderr, "row %u: process %d sits where %d does\n", row, getpid(), (int)(was >> 32));
        abort();
    }
    return me;
}
static void rise(uint32_t row, uint64_t me)
{
    uint64_t was = me;
    if (!atomic_compare_exchange_strong(&t->of[row], &was, 0)) {
        fprintf(stderr, "row %u: process %d was driven away by %d\n", row, getpid(), (int)(was >> 32));
        abort();
    }
}
static void use(brain_store *s, unsigned *seed)
{
    brain_space *space = check_space(s, "default");
    char name[8], buf[9000];
    snprintf(name, sizeof name, "%d", rand_r(seed) % 20);
    memset(buf, name[0], sizeof buf);
    int err = brain_put_bytes(space, name, strlen(name), buf, (size_t)(rand_r(seed) % (int)sizeof buf));
    if (err != 0) { fprintf(stderr, "put %d %s\n", err, brain_error_detail()); abort(); }
    brain_view v;
    err = brain_get(space, name, strlen(name), &v);
    if (err == 0) {
        const char *d = v.data;
        for (int spin = 0; spin < 3; spin++) {
            for (size_t i = 0; i < v.size_bytes; i++) if (d[i] != name[0]) { fprintf(stderr, "TORN view of %s at %zu: %d\n", name, i, d[i]); abort(); }
            if (rand_r(seed) % 8 == 0) sched_yield();
        }
        brain_view_drop(&v);
    } else if (err != BRAIN_E_NOT_FOUND) { fprintf(stderr, "get %d %s\n", err, brain_error_detail()); abort(); }
    brain_space_close(space);
}
static void rounds(unsigned *seed, int n, int depth);
static void child_of(brain_store **s, uint32_t *rows, int n, unsigned *seed, int depth, int raw)
{
    uint64_t mine[4];
    for (int i = 0; i < n; i++) {
        if (!raw && s[i] != NULL && *s[i]->mark == 1) {
            if (s[i]->row == rows[i]) { fprintf(stderr, "child has parent's row\n"); abort(); }
            mine[i] = sit(s[i]->row);
        } else mine[i] = 0;
    }
    if (!raw) for (int i = 0; i < n; i++) if (mine[i]) use(s[i], seed);
    rounds(seed, 5, depth + 1);
    for (int i = 0; i < n; i++) {
        if (s[i] == NULL) continue;
        if (mine[i]) rise(s[i]->row, mine[i]);
        brain_close(s[i]);
    }
    rounds(seed, 3, depth + 1);
    _exit(0);
}
static void rounds(unsigned *seed, int n, int depth)
{
    for (int k = 0; k < n && !t->stop; k++) {
        brain_store *s[4] = { 0 };
        uint32_t rows[4] = { 0 };
        uint64_t me[4] = { 0 };
        int m = 1 + rand_r(seed) % 4;
        for (int i = 0; i < m; i++) {
            brain_options o = BRAIN_OPTIONS_INIT;
            o.flags = BRAIN_OPEN_EXISTING;
            int err = brain_open(path, &o, &s[i]);
            if (err != 0) { fprintf(stderr, "open %d %s\n", err, brain_error_detail()); abort(); }
            t->n_opens++;
            rows[i] = s[i]->row;
            me[i] = sit(rows[i]);
        }
        use(s[rand_r(seed) % m], seed);
        if (depth < (getenv("NOFORK") ? 0 : 2) && rand_r(seed) % 6 == 0) {
            int raw = rand_r(seed) % 3 == 0 && depth == 9, status;
            pid_t pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork();
            if (pid == 0) { *seed ^= (unsigned)getpid(); child_of(s, rows, m, seed, depth, raw); }
            t->n_forks++;
            if (rand_r(seed) % 2) { usleep((useconds_t)(rand_r(seed) % 1500)); t->dying[pid] = 1; kill(pid, SIGKILL); }
            waitpid(pid, &status, 0);
            if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) { fprintf(stderr, "child died of %d\n", WTERMSIG(status)); abort(); }
        }
        for (int i = 0; i < m; i++) { rise(rows[i], me[i]); brain_close(s[i]); }
    }
}
static void *thread(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    rounds(&seed, 1 << 30, 0);
    return NULL;
}
int main(int argc, char **argv)
{
    check_begin();
    int seconds = argc > 1 ? atoi(argv[1]) : 10;
    t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    path = check_path();
    brain_store *keeper = check_open(path, 64 * CHECK_MIB);
    brain_close(keeper);
    if (getenv("ONE") != NULL) {
        pthread_t th[4];
        for (uintptr_t k = 0; k < 4; k++) pthread_create(&th[k], NULL, thread, (void *)(k * 7919 + 5));
        sleep((unsigned)seconds);
        t->stop = 1;
        for (int k = 0; k < 4; k++) pthread_join(th[k], NULL);
        fprintf(stderr, "%llu opens\n", (unsigned long long)t->n_opens);
        _exit(0);
    }
    time_t end = time(NULL) + seconds;
    pid_t p[4];
    unsigned seed = 1;
    int bad = 0;
    for (int i = 0; i < 4; i++) p[i] = 0;
    while (time(NULL) < end && !bad) {
        for (int i = 0; i < 4; i++) {
            if (p[i] == 0) {
                p[i] = fork();
                if (p[i] == 0) {
                    prctl(1, SIGKILL); /* PR_SET_PDEATHSIG */
                    pthread_t th[3];
                    for (uintptr_t k = 0; k < 3; k++) pthread_create(&th[k], NULL, thread, (void *)(k * 7919 + (uintptr_t)getpid()));
                    for (int k = 0; k < 3; k++) pthread_join(th[k], NULL);
                    _exit(0);
                }
            }
        }
        usleep(20000);
        int i = rand_r(&seed) % 4, status;
        pid_t q = waitpid(p[i], &status, WNOHANG);
        if (q == p[i]) { fprintf(stderr, "worker ended: %x\n", status); bad = 1; break; }
        if (rand_r(&seed) % 4 == 0) { t->dying[p[i]] = 1; kill(p[i], SIGKILL); waitpid(p[i], NULL, 0); p[i] = 0; }
    }
    t->stop = 1;
    for (int i = 0; i < 4; i++) {
        int status = 0;
        if (p[i] > 0) {
            for (int k = 0; k < 500 && waitpid(p[i], &status, WNOHANG) == 0; k++) {
                usleep(20000);
                if (k == 499) { fprintf(stderr, "worker hangs\n"); kill(p[i], SIGKILL); bad = 1; }
            }
            if (status != 0) { fprintf(stderr, "worker: %x\n", status); bad = 1; }
        }
    }
    keeper = check_open(path, 0);
    CHECK_SOUND(keeper);
    fprintf(stderr, "%llu opens, %llu forks, rows %u, clients %u\n", (unsigned long long)t->n_opens, (unsigned long long)t->n_forks,
            bn_client_n_rows(keeper), check_stat(keeper).n_clients);
    check_destroy(keeper);
    return bad;
}
