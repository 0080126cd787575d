/* c_calls.c - what do the calls of C cost, alone and where several processes make them at once?
 *
 * usage: c_calls FOLDER alone             ns of each get and put of 8 bytes
 *        c_calls FOLDER small             rates of puts of 8 bytes: one process, and two
 *        c_calls FOLDER large             the same of 1 MB
 *        c_calls FOLDER readers N         rates of gets: one process, N, and N on stores of their own
 *        c_calls FOLDER stores            lines of the store that processes that get store to
 *
 * Processes that are compared run in rounds: alone, then together, and so on, each on a processor of
 * its own as long as there are enough. Each says how long it waited, ready to run, for its processor, and
 * how often another process took that away from it. Where both are more than nothing, or one came late, it is
 * the scheduler that is measured, and c_calls.py leaves the round out. The first alone will not do: who
 * sleeps for the writer lock waits for its processor after each sleep, and that is what the store does.
 */
#include "bench.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <ucontext.h>

#define BLOCK     2000
#define N_BLOCKS  500
#define N_ROUNDS  600
#define ROUND_NS  3000000u /* shorter than a process mostly has its processor for */
#define N_MAX     8
#define LARGE     1000000u
#define PAGE      4096u
#define WATCHED   16
#define N_GETS    20000
#define LINE      64u
#define LINES_MAX 256
#define TRAP_FLAG 0x100

static const char *folder;
static cpu_set_t allowed;

/* ---- alone ----------------------------------------------------------------------------------- */

static brain_space *space;
static brain_hint hint;
static uint64_t buf[16];
static uint64_t number;

static void get_hinted(void)
{
    brain_view view;
    bench_must(brain_get_or_copy(space, "name", 4, &hint, buf, sizeof buf, &view), "get");
    brain_view_drop(&view);
}

static void get_unhinted(void)
{
    brain_view view;
    bench_must(brain_get_or_copy(space, "name", 4, NULL, buf, sizeof buf, &view), "get");
    brain_view_drop(&view);
}

static void get_pinned(void)
{
    brain_view view;
    bench_must(brain_get(space, "name", 4, &view), "get");
    brain_view_drop(&view);
}

static void put_with(brain_hint *with)
{
    number++;
    int rc = brain_try_put_small(space, "name", 4, with, BRAIN_KIND_BYTES, &number, sizeof number);
    if (rc == BRAIN_E_BUSY) { /* not at once: as any caller has to go on */
        rc = brain_put_bytes(space, "name", 4, &number, sizeof number);
    }
    bench_must(rc, "put");
}

/* The same value, described in a struct. */
static void put_value(void)
{
    brain_part part = { .data = &number, .size_bytes = sizeof number };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    number++;
    int rc = brain_try_put(space, "name", 4, &hint, &value, BRAIN_ANY_VERSION, NULL);
    if (rc == BRAIN_E_BUSY) {
        rc = brain_put(space, "name", 4, &value, BRAIN_ANY_VERSION, NULL);
    }
    bench_must(rc, "put");
}

static void put_hinted(void)
{
    put_with(&hint);
}

static void put_unhinted(void)
{
    put_with(NULL);
}

static void put_bytes(void)
{
    number++;
    bench_must(brain_put_bytes(space, "name", 4, &number, sizeof number), "put");
}

/* What the loop and its call cost by themselves. */
static void nothing(void)
{
    number++;
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

/* Each in turn, as in harness.alternate(): the median ns of a call. */
static void measure_alone(void)
{
    static const struct {
        const char *name;
        void (*call)(void);
    } calls[] = {
        { "get_hinted", get_hinted },     { "get_unhinted", get_unhinted },
        { "get_pinned", get_pinned },     { "put_hinted", put_hinted },
        { "put_unhinted", put_unhinted }, { "put_bytes", put_bytes },
        { "put_value", put_value },       { "nothing", nothing },
    };
    enum {
        N_CALLS = sizeof calls / sizeof *calls
    };
    static double ns[N_CALLS][N_BLOCKS];
    brain_store *store;
    bench_open(folder, "alone", &store, &space);
    bench_must(brain_put_bytes(space, "name", 4, "8 bytes.", 8), "put");
    for (int block = 0; block < N_BLOCKS; block++) {
        for (int i = 0; i < N_CALLS; i++) {
            calls[i].call(); /* the hint is of the present value */
            uint64_t began = bench_now_ns();
            for (int k = 0; k < BLOCK; k++) {
                calls[i].call();
            }
            ns[i][block] = (double)(bench_now_ns() - began) / BLOCK;
        }
    }
    for (int i = 0; i < N_CALLS; i++) {
        qsort(ns[i], N_BLOCKS, sizeof ns[i][0], by_size);
        printf("%s\"%s\": %.2f", i > 0 ? ", " : "{", calls[i].name, ns[i][N_BLOCKS / 2]);
    }
    printf("}\n");
}

/* ---- several processes ----------------------------------------------------------------------- */

struct round_of {
    uint64_t began_ns, until_ns; /* set before the word goes out */
    bool own_store;
};

/* What a process did in a round. */
struct done {
    uint64_t n_calls, taken_ns, delay_ns, n_preempted;
    uint64_t late_ns; /* after the others */
};

struct worker {
    pid_t pid;
    int order[2], answer[2]; /* pipes */
};

static char large[LARGE];

static void put_large(brain_space *its, const char *name)
{
    bench_must(brain_put_bytes(its, name, strlen(name), large, sizeof large), "put");
}

static void put_small(brain_space *its, const char *name)
{
    bench_must(brain_put_bytes(its, name, strlen(name), large, 8), "put");
}

/* Not copied, but pinned: of the two ways it is the one that writes at all. */
static void get_view(brain_space *its, const char *name)
{
    brain_view view;
    bench_must(brain_get(its, name, strlen(name), &view), "get");
    brain_view_drop(&view);
}

struct job {
    void (*call)(brain_space *its, const char *name);
    int per_look; /* calls between two looks at the clock */
    bool one_name;
};

static const struct job jobs[] = {
    { put_small, 50, false },
    { put_large, 1, false },
    { get_view, 200, true },
};

static uint64_t times_preempted(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_nivcsw;
}

static struct done do_round(const struct job *job, const struct round_of *round, brain_space *its,
                            const char *name)
{
    struct done done = { 0 };
    while (bench_now_ns() < round->began_ns) {
    }
    uint64_t delay = bench_run_delay_ns(), preempted = times_preempted(), began = bench_now_ns(),
             now;
    do {
        for (int i = 0; i < job->per_look; i++) {
            job->call(its, name);
        }
        done.n_calls += (uint64_t)job->per_look;
        now = bench_now_ns();
    } while (now < round->until_ns);
    done.taken_ns = now - began;
    done.late_ns = began - round->began_ns;
    done.delay_ns = bench_run_delay_ns() - delay;
    done.n_preempted = times_preempted() - preempted;
    return done;
}

static void work(const struct job *job, int which, const struct worker *worker)
{
    brain_store *store, *own_store;
    brain_space *shared, *own;
    struct round_of round;
    char name[16], own_name[16];
    bench_stay_on(&allowed, which);
    snprintf(own_name, sizeof own_name, "store-%d", which);
    snprintf(name, sizeof name, "name %d", job->one_name ? 0 : which);
    bench_open(folder, "shared", &store, &shared);
    bench_open(folder, own_name, &own_store, &own);
    for (int i = 0; i < 10; i++) { /* the memory is warm */
        put_large(shared, name);
        put_large(own, name);
    }
    put_small(shared, name);
    put_small(own, name);
    struct done ready = { 0 };
    if (write(worker->answer[1], &ready, sizeof ready) != sizeof ready) bench_fail("write");
    while (read(worker->order[0], &round, sizeof round) == sizeof round) {
        struct done done = do_round(job, &round, round.own_store ? own : shared, name);
        if (write(worker->answer[1], &done, sizeof done) != sizeof done) break;
    }
    brain_space_close(own);
    brain_close(own_store);
    brain_space_close(shared);
    brain_close(store);
}

static void await(const struct worker *worker, struct done *done_out)
{
    if (read(worker->answer[0], done_out, sizeof *done_out) != sizeof *done_out)
        bench_fail("a process");
}

static void hire(const struct job *job, int n_workers, struct worker *workers)
{
    struct done ready;
    for (int i = 0; i < n_workers; i++) {
        if (pipe(workers[i].order) != 0 || pipe(workers[i].answer) != 0) bench_fail("pipe");
        workers[i].pid = fork();
        if (workers[i].pid < 0) bench_fail("fork");
        if (workers[i].pid == 0) {
            for (int k = 0; k <= i; k++) { /* the end of the orders is the end of the work */
                close(workers[k].order[1]);
            }
            work(job, i, &workers[i]);
            _exit(0);
        }
        close(workers[i].order[0]);
        close(workers[i].answer[1]);
    }
    for (int i = 0; i < n_workers; i++) {
        await(&workers[i], &ready);
    }
}

static void dismiss(int n_workers, const struct worker *workers)
{
    int status;
    for (int i = 0; i < n_workers; i++) {
        close(workers[i].order[1]);
    }
    for (int i = 0; i < n_workers; i++) {
        if (waitpid(workers[i].pid, &status, 0) < 0 || status != 0) bench_fail("a process");
    }
}

/* The first `n_workers` at once. Prints the rate of each, and the largest share of the round in which one did
 * not have its processor: it came late, or was held up. */
static void run_round(const char *name, int n_workers, const struct worker *workers, bool own_store)
{
    struct done done;
    struct round_of round = { .own_store = own_store };
    double worst = 0;
    round.began_ns = bench_now_ns() + 500000u; /* all have read it by then */
    round.until_ns = round.began_ns + ROUND_NS;
    for (int i = 0; i < n_workers; i++) {
        if (write(workers[i].order[1], &round, sizeof round) != sizeof round) bench_fail("write");
    }
    printf("\"%s\": [", name);
    for (int i = 0; i < n_workers; i++) {
        await(&workers[i], &done);
        uint64_t delayed_ns = done.late_ns + (done.n_preempted > 0 ? done.delay_ns : 0);
        double delayed = (double)delayed_ns / ROUND_NS;
        if (delayed > worst) worst = delayed;
        printf("%s%.1f", i > 0 ? ", " : "", (double)done.n_calls * 1e9 / (double)done.taken_ns);
    }
    printf("], \"%s_delayed\": %.4f", name, worst);
}

static void measure_rates(const struct job *job, int n_workers)
{
    struct worker workers[N_MAX];
    hire(job, n_workers, workers);
    printf("[");
    for (int i = 0; i < N_ROUNDS; i++) {
        printf("%s{", i > 0 ? ",\n " : "");
        run_round("alone", 1, workers, false);
        printf(", ");
        run_round("together", n_workers, workers, false);
        printf(", ");
        run_round("apart", n_workers, workers, true);
        printf("}");
    }
    printf("]\n");
    dismiss(n_workers, workers);
}

/* ---- what a get stores to -------------------------------------------------------------------- */

#ifdef __x86_64__

/* Each page of the store that this process may store to is made read-only, whatever mapping it has it by. So a
 * store is a fault, which notes the line of the file, makes the page writable, and goes on by one instruction,
 * behind which the page is read-only again. Nothing escapes that: a store of the same value, and an exchange
 * that fails, are faults, too. */
static struct mapping {
    uintptr_t begin, end;
    uint64_t inode, off;
} watched[WATCHED];
static int n_watched;

struct line {
    uint64_t inode, off;
};

struct lines {
    int n; /* more than there is room for: some are missing */
    struct line at[LINES_MAX];
};
static struct lines *volatile noted;

/* Writable for one instruction. A store has two where it crosses from one to the next: each is a fault. */
static uintptr_t opened[2];
static volatile int n_opened;

static bool has_line(const struct lines *lines, const struct line *line)
{
    for (int i = 0; i < lines->n && i < LINES_MAX; i++) {
        if (lines->at[i].inode == line->inode && lines->at[i].off == line->off) return true;
    }
    return false;
}

static void note_line(const struct mapping *mapping, uintptr_t address)
{
    uintptr_t begin = address & ~(uintptr_t)(LINE - 1);
    struct line line = { mapping->inode, mapping->off + (begin - mapping->begin) };
    struct lines *lines = noted;
    if (has_line(lines, &line)) return;
    if (lines->n < LINES_MAX) lines->at[lines->n] = line;
    lines->n++;
}

/* The fault says where a store begins, not how wide it is. So one that crosses into the next line, if it were
 * of a word of 8 bytes, is noted with both: too many lines rather than too few. Of wider ones the second line
 * is not seen. They are made by copies alone, each part of which is seen where it begins; and a get copies out
 * of the store, never into it. */
static void note_store(const struct mapping *mapping, uintptr_t address)
{
    uintptr_t last = (address & 7) == 0 ? address : address + 7;
    note_line(mapping, address);
    if (address / LINE != last / LINE && address / PAGE == last / PAGE) note_line(mapping, last);
}

static const struct mapping *find_mapping(uintptr_t address)
{
    for (int i = 0; i < n_watched; i++) {
        if (address >= watched[i].begin && address < watched[i].end) return &watched[i];
    }
    return NULL;
}

/* A store to a page that is watched: note it, and open the page for this instruction. */
static void let_through(int sig, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uintptr_t address = (uintptr_t)info->si_addr, page = address & ~(uintptr_t)(PAGE - 1);
    const struct mapping *mapping = find_mapping(address);
    if (mapping == NULL || n_opened == sizeof opened / sizeof *opened) {
        signal(sig, SIG_DFL); /* not ours: it faults again, and ends the process */
        return;
    }
    note_store(mapping, address);
    if (mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) != 0) _exit(1);
    opened[n_opened++] = page;
    registers[REG_EFL] |= TRAP_FLAG;
}

/* That instruction is done: close what was open. */
static void watch_again(int sig, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)sig;
    (void)info;
    while (n_opened > 0) {
        if (mprotect((void *)opened[--n_opened], PAGE, PROT_READ) != 0) _exit(1);
    }
    registers[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

/* The writable mappings of the store: how many there are, of which as many as there is room for. */
static int find_writable(struct mapping mappings_out[WATCHED])
{
    char line[4600], mode[8];
    int n = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (maps == NULL) bench_fail("/proc/self/maps");
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long begin, end, off, inode;
        if (strstr(line, folder) == NULL) continue;
        if (sscanf(line, "%llx-%llx %7s %llx %*s %llu", &begin, &end, mode, &off, &inode) != 5)
            continue;
        if (mode[1] != 'w') continue;
        if (n < WATCHED) {
            mappings_out[n] = (struct mapping){ (uintptr_t)begin, (uintptr_t)end, inode, off };
        }
        n++;
    }
    fclose(maps);
    return n;
}

static void watch(void)
{
    struct sigaction fault = { .sa_sigaction = let_through, .sa_flags = SA_SIGINFO };
    struct sigaction step = { .sa_sigaction = watch_again, .sa_flags = SA_SIGINFO };
    n_watched = find_writable(watched);
    if (n_watched > WATCHED) bench_fail("too many mappings");
    bench_must(sigaction(SIGSEGV, &fault, NULL), "sigaction");
    bench_must(sigaction(SIGTRAP, &step, NULL), "sigaction");
    for (int i = 0; i < n_watched; i++) {
        size_t length = watched[i].end - watched[i].begin;
        bench_must(mprotect((void *)watched[i].begin, length, PROT_READ), "mprotect");
    }
}

/* That no store escaped: the library mapped nothing anew, and each page that was opened is closed. */
static void see_all_watched(void)
{
    struct mapping writable[WATCHED];
    bench_must(find_writable(writable), "what is not watched");
}

/* The lines that each kind of call stored to. */
enum kind {
    BY_COPY,
    BY_PIN,
    BY_PUT,
    N_KINDS
};

struct found {
    int n_watched;
    struct lines lines[N_KINDS];
};

static void get_and_watch(struct found *found_out, pthread_barrier_t *barrier)
{
    brain_store *store;
    bench_must(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl"); /* not to wait for one that failed */
    bench_open(folder, "stores", &store, &space);
    get_pinned();
    pthread_barrier_wait(
        barrier); /* both are there until the end: neither has what was the other's */
    noted = &found_out->lines[BY_COPY];
    watch();
    found_out->n_watched = n_watched;
    for (int i = 0; i < N_GETS / 2; i++) {
        get_hinted();
        get_unhinted();
    }
    noted = &found_out->lines[BY_PIN];
    for (int i = 0; i < N_GETS; i++) {
        get_pinned();
    }
    see_all_watched();
    pthread_barrier_wait(barrier);
    noted = &found_out->lines[BY_PUT]; /* that stores are seen at all, and lines in common */
    put_bytes();
    for (int kind = 0; kind < N_KINDS; kind++) {
        if (found_out->lines[kind].n > LINES_MAX) bench_fail("more lines than there is room for");
    }
    _exit(0);
}

static int count_common(const struct lines *some, const struct lines *others)
{
    int n = 0;
    for (int i = 0; i < some->n; i++) {
        n += has_line(others, &some->at[i]);
    }
    return n;
}

/* Of what is stored to by any get: one process may copy a value while the other one pins it. */
static void add_lines(struct lines *to, const struct lines *more)
{
    for (int i = 0; i < more->n; i++) {
        if (has_line(to, &more->at[i])) continue;
        if (to->n == LINES_MAX) bench_fail("more lines than there is room for");
        to->at[to->n++] = more->at[i];
    }
}

static void print_of_each(const char *name, const struct found found[2], enum kind kind)
{
    printf("\"%s\": [%d, %d], ", name, found[0].lines[kind].n, found[1].lines[kind].n);
}

static void print_found(const struct found found[2])
{
    struct lines gets[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        add_lines(&gets[i], &found[i].lines[BY_COPY]);
        add_lines(&gets[i], &found[i].lines[BY_PIN]);
    }
    printf("{\"mappings\": %d, \"gets\": %d, ", found[0].n_watched, N_GETS);
    print_of_each("by_copy", found, BY_COPY);
    print_of_each("by_pin", found, BY_PIN);
    print_of_each("by_put", found, BY_PUT);
    printf("\"common\": %d, \"common_by_put\": %d}\n", count_common(&gets[0], &gets[1]),
           count_common(&found[0].lines[BY_PUT], &found[1].lines[BY_PUT]));
}

static void measure_stores(void)
{
    struct found *found = bench_shared(2 * sizeof *found);
    pthread_barrierattr_t shared;
    pthread_barrier_t *barrier = bench_shared(sizeof *barrier);
    brain_store *store;
    int status;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(barrier, &shared, 2);
    bench_open(folder, "stores", &store, &space);
    bench_must(brain_put_bytes(space, "name", 4, "8 bytes.", 8), "put");
    brain_space_close(space);
    brain_close(store);
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (pid < 0) bench_fail("fork");
        if (pid == 0) get_and_watch(&found[i], barrier);
    }
    for (int i = 0; i < 2; i++) { /* whichever ends: the other may wait for it */
        if (wait(&status) < 0 || status != 0) bench_fail("a process");
    }
    print_found(found);
}

#else

static void measure_stores(void)
{
    printf("{\"not_measured\": \"to go on by one instruction is written for x86-64 alone\"}\n");
}

#endif

int main(int argc, char **argv)
{
    if (argc < 3) return fprintf(stderr, "usage: c_calls FOLDER WHAT [N]\n"), 2;
    folder = argv[1];
    const char *what = argv[2];
    bench_must(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
    if (strcmp(what, "alone") == 0) {
        measure_alone();
    } else if (strcmp(what, "small") == 0) {
        measure_rates(&jobs[0], 2);
    } else if (strcmp(what, "large") == 0) {
        measure_rates(&jobs[1], 2);
    } else if (strcmp(what, "readers") == 0 && argc == 4) {
        int n = atoi(argv[3]);
        measure_rates(&jobs[2], n < 1 ? 1 : n > N_MAX ? N_MAX : n);
    } else if (strcmp(what, "stores") == 0) {
        measure_stores();
    } else {
        return fprintf(stderr, "c_calls: what is %s?\n", what), 2;
    }
    return 0;
}
