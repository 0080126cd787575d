/* wake.c - how long does it take until a waiting process sees a change, beside a bare futex?
 *
 * usage: wake FOLDER
 *
 * Two processes, each on a processor of its own where there are two. One says that it is about to wait, and
 * waits; the other lets it fall asleep, notes the time, and makes the change; the first notes when it is
 * back. In turn by a futex in shared memory (a store to a word, and a wake) and by the store (a put, and
 * brain_wait()). Prints what each took in ns, and of it what the sleeper waited for its processor from when
 * it was woken: what is the kernel's alone.
 */
#include "bench.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define N_ROUNDS  3000
#define SETTLE_NS 50000u /* until who is about to wait sleeps */

enum way {
    BY_FUTEX,
    BY_STORE,
    N_WAYS
};

struct board {
    _Alignas(64) _Atomic uint32_t word;
    _Alignas(64) _Atomic uint32_t about; /* rounds that the sleeper has begun */
    _Alignas(64) _Atomic uint64_t changed_ns;
    uint64_t taken_ns[N_WAYS][N_ROUNDS], delay_ns[N_WAYS][N_ROUNDS];
    uint64_t n_slept;
};

static struct board *board;
static const char *folder;

static void wait_by_futex(uint32_t seen)
{
    while (atomic_load(&board->word) == seen) {
        syscall(SYS_futex, &board->word, FUTEX_WAIT, seen, NULL, NULL, 0);
    }
}

static void change_by_futex(void)
{
    atomic_fetch_add(&board->word, 1);
    syscall(SYS_futex, &board->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static uint64_t times_slept(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_nvcsw;
}

static void sleep_and_see(void)
{
    brain_store *store;
    brain_space *space;
    uint64_t version, slept;
    bench_open(folder, "store", &store, &space);
    bench_must(brain_exists(space, "name", 4, &version), "exists");
    slept = times_slept();
    for (uint32_t i = 0; i < N_WAYS * N_ROUNDS; i++) {
        enum way way = i % N_WAYS;
        uint32_t seen = atomic_load(&board->word);
        uint64_t delay = bench_run_delay_ns();
        atomic_store(&board->about, i + 1);
        if (way == BY_FUTEX) {
            wait_by_futex(seen);
        } else {
            bench_must(brain_wait(space, "name", 4, version, BRAIN_FOREVER, &version), "wait");
        }
        board->taken_ns[way][i / N_WAYS] = bench_now_ns() - atomic_load(&board->changed_ns);
        board->delay_ns[way][i / N_WAYS] = bench_run_delay_ns() - delay;
    }
    board->n_slept = times_slept() - slept;
    brain_space_close(space);
    brain_close(store);
}

static void change(brain_space *space)
{
    for (uint32_t i = 0; i < N_WAYS * N_ROUNDS; i++) {
        while (atomic_load(&board->about) != i + 1) {
            sched_yield(); /* where there is one processor */
        }
        uint64_t until = bench_now_ns() + SETTLE_NS;
        while (bench_now_ns() < until) {
        }
        atomic_store(&board->changed_ns, bench_now_ns());
        if (i % N_WAYS == BY_FUTEX) {
            change_by_futex();
        } else {
            bench_must(brain_put_bytes(space, "name", 4, &i, sizeof i), "put");
        }
    }
}

static void print(const char *name, const uint64_t *ns)
{
    printf("\"%s\": [", name);
    for (int i = 0; i < N_ROUNDS; i++) {
        printf("%s%llu", i > 0 ? ", " : "", (unsigned long long)ns[i]);
    }
    printf("], ");
}

int main(int argc, char **argv)
{
    brain_store *store;
    brain_space *space;
    cpu_set_t allowed;
    int status;
    if (argc != 2) return fprintf(stderr, "usage: wake FOLDER\n"), 2;
    folder = argv[1];
    board = bench_shared(sizeof *board);
    bench_must(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
    bench_open(folder, "store", &store, &space);
    bench_must(brain_put_bytes(space, "name", 4, "x", 1), "put");
    pid_t pid = fork();
    if (pid < 0) bench_fail("fork");
    bench_stay_on(&allowed, pid == 0);
    if (pid == 0) {
        sleep_and_see();
        _exit(0);
    }
    change(space);
    if (waitpid(pid, &status, 0) < 0 || status != 0) bench_fail("a process");
    brain_space_close(space);
    brain_close(store);
    printf("{");
    print("futex_ns", board->taken_ns[BY_FUTEX]);
    print("futex_delay_ns", board->delay_ns[BY_FUTEX]);
    print("store_ns", board->taken_ns[BY_STORE]);
    print("store_delay_ns", board->delay_ns[BY_STORE]);
    printf("\"slept\": %llu, \"rounds\": %d}\n", (unsigned long long)board->n_slept,
           N_WAYS * N_ROUNDS);
    return 0;
}
