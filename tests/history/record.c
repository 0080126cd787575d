/* record.c - records histories: what several processes call on one store, while some are killed.
 *
 *     record [options] | check
 *
 * --seconds S     how long (default 10)
 * --rounds N      end after so many histories, whatever is left of the time
 * --processes N   with one thread each (default 4; 0: none); one more has several
 * --threads N     so many (default 2)
 * --round-ms N    how long a history goes on (default 20)
 * --pause-us N    between two kills, on average (default 1500); 0: nobody is killed
 * --to PATH       where histories (history.h) are written, instead of the standard output
 * --seed N
 *
 * What it did is said on the standard error. Each round begins with no name in the store, which
 * stays the same, with whatever the dead left in it.
 *
 * Exits with 0, 1 (a process found, or died of, what must not be), 2 (it could not be made).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../crash/kit.h"
#include "layout.h"
#include "lock.h"
#include "worker.h"

#define PROCESSES_MAX 16u
#define LOGS_MAX      64u /* of a round: those of the dead stay */
#define CAPACITY      (UINT64_C(64) << 20)
#define ALARM_S       300u /* longer than any call waits */
#define AIM_NS        UINT64_C(4000000)
#define KEPT_NS       UINT64_C(30000)

struct options {
    double seconds;
    uint64_t n_rounds;
    uint32_t n_processes;
    uint32_t n_threads;
    uint64_t round_ms;
    uint64_t pause_us;
};

/* A process, and which logs it writes. */
struct process {
    pid_t pid; /* 0: it has ended */
    uint32_t first_log;
    uint32_t n_logs;
};

struct recorder {
    struct options options;
    uint64_t seed;
    char path[KIT_PATH_MAX];
    const struct bn_state_rec *state; /* of the store */
    struct worker_board *board;
    struct worker_log *logs;
    uint32_t n_logs;    /* in use in this round */
    uint64_t n_clients; /* of all rounds: no two have the same number, so no value comes back */
    struct process processes[PROCESSES_MAX];
    uint64_t n_kills;
    uint64_t n_open;
    uint64_t n_calls;
};

static void *shared_memory(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    kit_must(at != MAP_FAILED, "mmap");
    return at;
}

static uint64_t now_ns(void)
{
    return (uint64_t)(kit_seconds() * 1e9);
}

/* ---- between the rounds ---------------------------------------------------------------------- */

/* In a process of its own, since the recorder must not have the store open when it forks. */
static bool clear(struct worker_board *board, const char *path)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_space *spaces[HISTORY_SPACES];
    brain_stat stat = { .struct_size = sizeof stat };
    brain_store *store;
    brain_batch *batch;
    size_t n_problems = 0;
    options.capacity_bytes = CAPACITY;
    int rc = brain_open(path, &options, &store);
    if (rc != 0 || !worker_spaces_open(board, store, spaces)) {
        return worker_fail(board, "brain_open: %s %s", brain_strerror(rc), brain_error_detail());
    }
    rc = brain_batch_new(store, &batch);
    for (uint64_t i = 0; i < HISTORY_GROUPS * HISTORY_NAMES && rc == 0; i++) {
        char name[16];
        size_t len = worker_name(i / HISTORY_NAMES, i % HISTORY_NAMES, name);
        rc = brain_batch_delete(batch, spaces[i % HISTORY_SPACES], name, len);
    }
    if (rc == 0) rc = brain_batch_commit(batch, NULL);
    if (rc == 0) rc = brain_check(store, NULL, 0, &n_problems);
    if (rc == 0) rc = brain_stat_get(store, &stat);
    if (rc != 0) {
        return worker_fail(board, "after a round: %s %s", brain_strerror(rc), brain_error_detail());
    }
    if (n_problems != 0 || stat.n_objects != 0) {
        return worker_fail(board, "after a round: %zu problems, %ju names left", n_problems,
                           (uintmax_t)stat.n_objects);
    }
    board->committed = stat.committed;
    board->n_recoveries = stat.n_recoveries;
    brain_batch_free(batch);
    brain_space_close(spaces[0]);
    brain_space_close(spaces[1]);
    brain_close(store);
    return true;
}

/* Reap a process that was to end by itself. */
static bool has_ended_well(struct recorder *recorder, pid_t pid)
{
    int status = kit_reap(pid);
    return status == 0 ||
           worker_fail(recorder->board, "a process ended with wait status 0x%x", (unsigned)status);
}

static bool clear_store(struct recorder *recorder)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        alarm(ALARM_S);
        _exit(clear(recorder->board, recorder->path) ? 0 : 1);
    }
    return has_ended_well(recorder, pid);
}

/* ---- processes ------------------------------------------------------------------------------- */

static void start(struct recorder *recorder, struct process *process, uint32_t n_threads)
{
    struct worker_job jobs[WORKER_THREADS_MAX];
    process->first_log = recorder->n_logs;
    process->n_logs = n_threads;
    recorder->n_logs += n_threads;
    for (uint32_t i = 0; i < n_threads; i++) {
        jobs[i] = (struct worker_job){ .board = recorder->board,
                                       .log = &recorder->logs[process->first_log + i],
                                       .client = ++recorder->n_clients,
                                       .seed = kit_random(&recorder->seed) };
    }
    process->pid = kit_fork();
    if (process->pid == 0) {
        alarm(ALARM_S);
        _exit(worker_run(recorder->path, jobs, n_threads) ? 0 : 1);
    }
}

static bool is_changing(struct recorder *recorder, const struct process *process)
{
    for (uint32_t i = 0; i < process->n_logs; i++) {
        if (worker_is_changing(&recorder->logs[process->first_log + i])) {
            return true;
        }
    }
    return false;
}

/* See the lock word of the store. */
static void watch_lock(struct recorder *recorder)
{
    char path[KIT_PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/data", recorder->path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    kit_must(fd >= 0, path);
    void *at = mmap(NULL, BN_PAGE, PROT_READ, MAP_SHARED, fd, (off_t)BN_STATE_OFF);
    kit_must(at != MAP_FAILED, "mmap");
    close(fd);
    recorder->state = at;
}

/* The process that the lock word names. */
static struct process *owner(struct recorder *recorder, uint64_t word)
{
    for (uint32_t i = 0; i <= recorder->options.n_processes; i++) {
        struct process *process = &recorder->processes[i];
        uint64_t row = atomic_load(&recorder->logs[process->first_log].row);
        if (row != 0 && row == (word & BN_LOCK_OWNER)) {
            return process;
        }
    }
    return NULL;
}

/* Wait until somebody has the lock, and has it for `kept_ns` more: that is the victim. A lock is
 * held for less time than a signal takes to arrive; who keeps it is one whom the scheduler took the
 * processor from, wherever it was, and does not come back to before the signal does. */
static struct process *aim_at_lock(struct recorder *recorder, uint64_t kept_ns)
{
    uint64_t end = now_ns() + AIM_NS;
    while (now_ns() < end) {
        uint64_t word = atomic_load(&recorder->state->lock_word);
        uint64_t until = now_ns() + kept_ns;
        while ((word & BN_LOCK_OWNER) != 0 && now_ns() < until &&
               ((atomic_load(&recorder->state->lock_word) ^ word) & ~BN_LOCK_WAITERS) == 0) {
        }
        struct process *process = now_ns() < until ? NULL : owner(recorder, word);
        if (process != NULL) {
            return process;
        }
    }
    return NULL;
}

/* Wait until the process is in a change. */
static void aim_at_change(struct recorder *recorder, const struct process *process)
{
    uint64_t end = now_ns() + AIM_NS;
    while (now_ns() < end && !is_changing(recorder, process)) {
    }
}

/* What a process had not returned from when it ended has happened by now or never will. */
static void close_logs(struct recorder *recorder, const struct process *process)
{
    uint64_t end_ns = now_ns() + 1;
    for (uint32_t i = 0; i < process->n_logs; i++) {
        struct worker_log *log = &recorder->logs[process->first_log + i];
        uint64_t n = atomic_load(&log->n);
        if (n != 0 && atomic_load(&log->records[n - 1].return_ns) == 0) {
            atomic_store(&log->records[n - 1].return_ns, end_ns);
            log->records[n - 1].is_open = 1;
            recorder->n_open++;
        }
    }
}

/* Kill one: a quarter of them at any moment, a quarter in a change, half with the lock. Start
 * another in its place. */
static bool kill_one(struct recorder *recorder)
{
    uint32_t n = recorder->options.n_processes + 1;
    struct process *process = &recorder->processes[kit_random(&recorder->seed) % n];
    uint64_t how = kit_random(&recorder->seed) % 4;
    if (how == 1) {
        aim_at_change(recorder, process);
    } else if (how > 1) {
        struct process *named = aim_at_lock(recorder, kit_random(&recorder->seed) % KEPT_NS);
        process = named != NULL ? named : process;
    }
    kit_must(kill(process->pid, SIGKILL) == 0, "kill");
    int status = kit_reap(process->pid);
    process->pid = 0;
    close_logs(recorder, process);
    if (!(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) && status != 0) {
        return worker_fail(recorder->board, "a process ended with wait status 0x%x",
                           (unsigned)status);
    }
    recorder->n_kills += status != 0; /* else its log was full, and it had ended before */
    start(recorder, process, process->n_logs);
    return true;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static void write_history(struct recorder *recorder, uint64_t round, uint64_t committed,
                          uint64_t n_kills)
{
    struct history_head head = {
        .magic = HISTORY_MAGIC, .round = round, .committed = committed, .n_kills = n_kills
    };
    for (uint32_t i = 0; i < recorder->n_logs; i++) {
        head.n_records += atomic_load(&recorder->logs[i].n);
    }
    recorder->n_calls += head.n_records;
    kit_must(fwrite(&head, sizeof head, 1, stdout) == 1, "standard output");
    for (uint32_t i = 0; i < recorder->n_logs; i++) {
        size_t n = atomic_load(&recorder->logs[i].n);
        kit_must(fwrite(recorder->logs[i].records, sizeof(struct history_record), n, stdout) == n,
                 "standard output");
    }
    kit_must(fflush(stdout) == 0, "standard output");
}

static void clear_logs(struct recorder *recorder)
{
    for (uint32_t i = 0; i < recorder->n_logs; i++) {
        struct worker_log *log = &recorder->logs[i];
        uint64_t n = atomic_load(&log->n);
        if (n < WORKER_CALLS_MAX) {
            n++; /* one that somebody was killed while preparing */
        }
        memset(log->records, 0, n * sizeof log->records[0]);
        atomic_store(&log->row, 0);
        atomic_store(&log->n, 0);
    }
    recorder->n_logs = 0;
}

/* Let all end by themselves. Each is reaped, whatever was found. */
static bool stop(struct recorder *recorder)
{
    bool right = true;
    atomic_store(&recorder->board->stop, 1);
    for (uint32_t i = 0; i <= recorder->options.n_processes; i++) {
        if (recorder->processes[i].pid != 0) {
            right = has_ended_well(recorder, recorder->processes[i].pid) && right;
            recorder->processes[i].pid = 0;
            close_logs(recorder, &recorder->processes[i]); /* it had no answer to write down */
        }
    }
    return right && atomic_load(&recorder->board->failed) == 0;
}

static bool run_round(struct recorder *recorder, uint64_t round)
{
    const struct options *options = &recorder->options;
    uint64_t committed = recorder->board->committed, kills_before = recorder->n_kills;
    bool right = true;
    clear_logs(recorder);
    atomic_store(&recorder->board->stop, 0);
    for (uint32_t i = 0; i <= options->n_processes; i++) {
        start(recorder, &recorder->processes[i], i == 0 ? options->n_threads : 1);
    }
    double end = kit_seconds() + (double)options->round_ms / 1000;
    while (right && kit_seconds() < end && atomic_load(&recorder->board->stop) == 0) {
        bool kills = options->pause_us != 0 && recorder->n_logs + options->n_threads <= LOGS_MAX;
        usleep(kills ? (useconds_t)(kit_random(&recorder->seed) % (2 * options->pause_us)) : 1000);
        right = !kills || kill_one(recorder);
    }
    right = stop(recorder) && right && clear_store(recorder);
    /* Also where something was found: the history may say more. */
    write_history(recorder, round, committed, recorder->n_kills - kills_before);
    return right;
}

static bool run(struct recorder *recorder)
{
    double end = kit_seconds() + recorder->options.seconds;
    bool right = clear_store(recorder);
    uint64_t round = 0;
    if (right) {
        watch_lock(recorder);
    }
    while (right && round < recorder->options.n_rounds && kit_seconds() < end) {
        right = run_round(recorder, round++);
    }
    fprintf(stderr,
            "recorded: %ju histories, %ju calls, %ju kills, %ju of them in a call, %ju "
            "recoveries\n",
            (uintmax_t)round, (uintmax_t)recorder->n_calls, (uintmax_t)recorder->n_kills,
            (uintmax_t)recorder->n_open, (uintmax_t)recorder->board->n_recoveries);
    return right;
}

/* ---- the command line ------------------------------------------------------------------------ */

static void parse(char **argv, struct recorder *recorder)
{
    struct options *options = &recorder->options;
    for (int i = 1; argv[i] != NULL; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (value == NULL) {
            kit_die("%s needs a value, or is none of the options", name);
        }
        uint64_t number = strtoull(value, NULL, 10);
        if (strcmp(name, "--seconds") == 0) {
            options->seconds = strtod(value, NULL);
        } else if (strcmp(name, "--rounds") == 0) {
            options->n_rounds = number;
        } else if (strcmp(name, "--processes") == 0) {
            options->n_processes = (uint32_t)number;
        } else if (strcmp(name, "--threads") == 0) {
            options->n_threads = (uint32_t)number;
        } else if (strcmp(name, "--round-ms") == 0) {
            options->round_ms = number;
        } else if (strcmp(name, "--pause-us") == 0) {
            options->pause_us = number;
        } else if (strcmp(name, "--to") == 0) {
            kit_must(freopen(value, "wb", stdout) != NULL, value);
        } else if (strcmp(name, "--seed") == 0) {
            recorder->seed = number;
        } else {
            kit_die("unknown option %s (the head of the source says which there are)", name);
        }
    }
    if (options->n_threads == 0 || options->n_threads > WORKER_THREADS_MAX) {
        kit_die("1 to %u threads", WORKER_THREADS_MAX);
    }
    if (options->n_processes >= PROCESSES_MAX) {
        kit_die("0 to %u processes", PROCESSES_MAX - 1);
    }
}

int main(int argc, char **argv)
{
    static struct recorder recorder = {
        .options = { .seconds = 10,
                     .n_rounds = UINT64_MAX,
                     .n_processes = 4,
                     .n_threads = 2,
                     .round_ms = 20,
                     .pause_us = 1500 },
    };
    (void)argc;
    recorder.seed = (uint64_t)getpid();
    parse(argv, &recorder);
    recorder.board = shared_memory(sizeof *recorder.board);
    recorder.logs = shared_memory(LOGS_MAX * sizeof *recorder.logs);
    kit_workdir(NULL);
    kit_path(recorder.path, "store");
    fprintf(stderr, "seed %ju\n", (uintmax_t)recorder.seed);
    if (!run(&recorder)) {
        fprintf(stderr, "WRONG: %s\n", recorder.board->text);
        return 1;
    }
    return 0;
}
