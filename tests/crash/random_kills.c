/* random_kills.c - writers and readers on one store, killed at random, at full speed.
 *
 *     random_kills [options]
 *
 * --kills N       how many kills (default 300); --seconds S: end after so long, whatever is left
 * --named N       and go on until so many have died with the lock
 * --aimed N       in 100 kills of writers: how many wait until the lock word names one (default 75)
 * --stops N       afterwards: stop a writer N times, a quarter of them while it has the lock
 * --writers N --readers N --waiters N --families N   (default 4, 2, 1 and 1; a family forks)
 * --late N        how many waits may miss their wake-up (default: any number; they are printed)
 * --round N       kills between two audits (default 1000)
 * --undisturbed S seconds of the first round, without kills (default 3)
 * --strict        what the store takes for all but values must not rise in both of the last two
 *                 quarters of the rounds: a peak comes once, what leaks goes on
 * --dir PATH      make the store in a folder there (a tmpfs of 64 MB, say)
 * --capacity MB   of the store (default 16)
 * --pidns         each victim in a PID namespace of its own
 * --python EXE    the writers are Python processes, run with EXE; --script PATH: random_kills.py
 * --seed N
 *
 * Between the rounds all victims end in an orderly way and the store is audited: every invariant,
 * every value, every byte. At the end, with all deleted and trimmed, values must take as many
 * blocks as before the first victim began.
 *
 * Exits with 0, 1 (something was found), 2 (it could not be made).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "kills_killer.h"
#include "kit.h"

#define AUDIT_S      300u
#define FILL_S       3.0 /* seconds, as the next */
#define FILL_EVERY_S 0.25

struct options {
    uint64_t n_kills;
    uint64_t n_named;
    uint64_t n_stops;
    uint64_t n_round;
    uint64_t n_late; /* the most that is no failure */
    uint32_t aimed_percent;
    double seconds;
    double undisturbed_s;
    bool strict;
    uint64_t capacity_mb;
    const char *dir;
};

/* ---- audits, each in a process of its own, which may crash ----------------------------------- */

enum audit {
    AUDIT_FOUND,
    AUDIT_SOUND,
    AUDIT_CLEAR,
    AUDIT_EMPTY
};

struct auditing {
    enum audit what;
    uint64_t number; /* kills, or the capacity */
};

static brain_stat *audit_stat; /* shared with the process that audits */

static bool audit_here(const struct killer *killer, struct auditing job)
{
    switch (job.what) {
    case AUDIT_FOUND:
        return kills_audit_found(killer->board, killer->path, job.number);
    case AUDIT_SOUND:
        return kills_audit(killer->board, killer->path, job.number);
    case AUDIT_CLEAR:
        return kills_audit_clear(killer->board, killer->path, audit_stat);
    default:
        return kills_audit_empty(killer->board, killer->path, audit_stat);
    }
}

static bool audit(struct killer *killer, enum audit what, uint64_t number)
{
    struct auditing job = { what, number };
    pid_t pid = kit_fork();
    if (pid == 0) {
        alarm(AUDIT_S);
        _exit(audit_here(killer, job) ? 0 : 1);
    }
    int status = kit_reap(pid);
    return status == 0 ||
           kills_fail(killer->board, "an audit ended with wait status 0x%x", (unsigned)status);
}

static volatile sig_atomic_t is_ended; /* by SIGINT or SIGTERM: what was found is printed */

static void end_early(int signal_number)
{
    (void)signal_number;
    is_ended = 1;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

/* What the store takes when it is cleared, and when it is empty. */
struct weight {
    uint64_t value_bytes; /* with the bystanders */
    uint64_t empty_bytes; /* of both files, without */
    uint64_t clients_bytes;
    uint64_t backed[BN_N_REGIONS];
};

static uint64_t bytes_of_file(const struct killer *killer, const char *name)
{
    char path[KIT_PATH_MAX + 16];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", killer->path, name);
    kit_must(stat(path, &status) == 0, path);
    return (uint64_t)status.st_blocks * 512;
}

static bool clear_and_weigh(struct killer *killer, struct weight *weight)
{
    if (!audit(killer, AUDIT_CLEAR, 0)) {
        return false;
    }
    weight->value_bytes = audit_stat->value_backed_bytes;
    if (!audit(killer, AUDIT_EMPTY, 0)) {
        return false;
    }
    weight->clients_bytes = bytes_of_file(killer, "clients");
    weight->empty_bytes = bytes_of_file(killer, "data") + weight->clients_bytes;
    for (int i = 0; i < BN_N_REGIONS; i++) {
        weight->backed[i] = atomic_load(&killer->state->backed[i]);
    }
    return true;
}

static uint64_t metadata_bytes(const struct killer *killer)
{
    uint64_t sum = bytes_of_file(killer, "clients");
    for (int i = 0; i < BN_REGION_VALUES; i++) {
        sum += atomic_load(&killer->state->backed[i]);
    }
    return sum;
}

/* Which parts of the metadata have grown. */
static void print_growth(const struct weight *first, const struct weight *last)
{
    static const char *const names[BN_N_REGIONS] = { "undo",     "publish", "slots",  "buckets",
                                                     "overflow", "names",   "spaces", "limbo",
                                                     "private",  "tombs",   "blocks", "backed",
                                                     "values" };
    for (int i = 0; i < BN_REGION_VALUES; i++) {
        if (first->backed[i] != last->backed[i]) {
            printf("  %s: %ju -> %ju\n", names[i], (uintmax_t)first->backed[i],
                   (uintmax_t)last->backed[i]);
        }
    }
    if (first->clients_bytes != last->clients_bytes) {
        printf("  the file of clients: %ju -> %ju\n", (uintmax_t)first->clients_bytes,
               (uintmax_t)last->clients_bytes);
    }
}

/* The dead are clients until somebody reaps them, and what they held is in limbo until then: at a
 * time there is more of both than there are victims. So that the two kinds of rounds compare, this
 * one has more. */
#define EXTRA_WRITERS 2u
#define EXTRA_READERS 4u

static uint64_t n_refused(const struct kills_board *board)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < board->n_writers; i++) {
        n += atomic_load(&board->writers[i].n_full);
    }
    return n;
}

/* A snapshot keeps all that is replaced. A reader that the scheduler forgets while it has one does
 * so for a moment, sooner or later; the first round shall have seen worse: one that stands until
 * the store is full. */
static void fill_limbo(const struct killer *killer)
{
    double end = kit_seconds() + FILL_S;
    pid_t pid = kit_fork();
    if (pid == 0) {
        brain_store *store;
        brain_snapshot *snapshot;
        if (brain_open(killer->path, NULL, &store) == 0 &&
            brain_snapshot_open(store, &snapshot) == 0) {
            while (n_refused(killer->board) == 0 && kit_seconds() < end) {
                usleep(1000);
            }
            brain_snapshot_close(snapshot);
            brain_close(store);
        }
        _exit(0);
    }
    (void)kit_reap(pid);
}

static bool run_undisturbed(struct killer *killer, double seconds, struct weight *weight)
{
    struct kills_board *board = killer->board;
    board->n_writers += EXTRA_WRITERS;
    board->n_readers += EXTRA_READERS;
    killer_start(killer);
    double end = kit_seconds() + seconds;
    do { /* how far memory is scattered when the store is full is another each time */
        fill_limbo(killer);
        double next = kit_seconds() + FILL_EVERY_S;
        while (kit_seconds() < next && kit_seconds() < end && atomic_load(&board->failed) == 0 &&
               !is_ended) {
            usleep(10000);
        }
    } while (kit_seconds() < end && atomic_load(&board->failed) == 0 && !is_ended);
    bool right = killer_stop(killer) && audit(killer, AUDIT_SOUND, 0);
    right = right && clear_and_weigh(killer, weight);
    board->n_writers -= EXTRA_WRITERS;
    board->n_readers -= EXTRA_READERS;
    return right;
}

/* Children whose parents live to tell. */
static uint64_t n_children_killed(const struct killer *killer)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < KILLS_FAMILIES_MAX; i++) {
        n += atomic_load(&killer->board->families[i].n_children_killed);
    }
    return n;
}

static uint64_t n_kills(const struct killer *killer)
{
    uint64_t n = n_children_killed(killer);
    for (int role = 0; role < KILLS_N_ROLES; role++) {
        n += killer->n_killed[role];
    }
    return n;
}

static uint64_t n_named(const struct killer *killer)
{
    uint64_t n = killer->n_families_named;
    for (int mode = 0; mode < KILLER_N_MODES; mode++) {
        n += killer->count[mode].n_named + killer->count[mode].n_taken_over;
    }
    return n;
}

static bool is_enough(const struct killer *killer, const struct options *options)
{
    return n_kills(killer) >= options->n_kills && n_named(killer) >= options->n_named;
}

static bool run_round(struct killer *killer, const struct options *options, double end)
{
    uint64_t before = n_kills(killer);
    bool right = true;
    killer_start(killer);
    while (right && n_kills(killer) - before < options->n_round && !is_enough(killer, options) &&
           kit_seconds() < end && !is_ended) {
        bool aimed = kit_random(&killer->seed) % 100 < options->aimed_percent;
        right = killer_kill(killer, aimed);
    }
    right = killer_stop(killer) && right;
    return right && audit(killer, AUDIT_SOUND, n_kills(killer) - before);
}

static bool run_stops(struct killer *killer, const struct options *options)
{
    bool right = true;
    killer_start(killer);
    while (right && !is_ended &&
           (killer->n_stops < options->n_stops || killer->n_stops_named < options->n_stops / 4)) {
        right = killer_pause(killer, killer->n_stops % 2 == 0);
    }
    right = killer_stop(killer) && right;
    return right && audit(killer, AUDIT_SOUND, 0);
}

/* ---- what comes out -------------------------------------------------------------------------- */

static void print_count(const char *what, const struct killer_count *count)
{
    uint64_t n = count->n_named + count->n_taken_over;
    printf("  %-8s %7ju kills of writers; %6ju died with the lock (%4.1f %%), %ju of them taken "
           "over from before we could look\n",
           what, (uintmax_t)count->n, (uintmax_t)n,
           count->n == 0 ? 0.0 : 100.0 * (double)n / (double)count->n,
           (uintmax_t)count->n_taken_over);
}

static void print_kills(const struct killer *killer)
{
    print_count("blind", &killer->count[KILLER_BLIND]);
    print_count("aimed", &killer->count[KILLER_AIMED]);
    print_count("several", &killer->count[KILLER_SEVERAL]);
    printf("  others: readers %ju, waiters %ju, forked children and their parents %ju (%ju with "
           "the lock); %ju times several at once\n",
           (uintmax_t)killer->n_killed[KILLS_READER], (uintmax_t)killer->n_killed[KILLS_WAITER],
           (uintmax_t)(killer->n_killed[KILLS_FAMILY] + n_children_killed(killer)),
           (uintmax_t)killer->n_families_named, (uintmax_t)killer->n_at_once);
    printf("  on which step: journal empty %ju, splitting a bucket %ju, taking slots and memory "
           "%ju, before the commit %ju, tidying after it %ju\n",
           (uintmax_t)killer->n_at_step[KILLER_STEP_EMPTY],
           (uintmax_t)killer->n_at_step[KILLER_STEP_SPLIT],
           (uintmax_t)killer->n_at_step[KILLER_STEP_TAKING],
           (uintmax_t)killer->n_at_step[KILLER_STEP_PUBLISHING],
           (uintmax_t)killer->n_at_step[KILLER_STEP_TIDYING]);
}

/* What the victims did. */
struct work {
    uint64_t n_ops, n_gets, n_waits, n_late, n_forks;
};

static struct work work_of(const struct kills_board *board)
{
    struct work work = { 0 };
    for (uint32_t i = 0; i < board->n_writers; i++) {
        work.n_ops += atomic_load(&board->writers[i].n_ops);
    }
    for (uint32_t i = 0; i < board->n_readers; i++) {
        work.n_gets += atomic_load(&board->readers[i].n_gets);
    }
    for (uint32_t i = 0; i < KILLS_WAITERS_MAX; i++) {
        work.n_waits += atomic_load(&board->waiters[i].n_waits);
        work.n_late += atomic_load(&board->waiters[i].n_late);
    }
    for (uint32_t i = 0; i < KILLS_FAMILIES_MAX; i++) {
        work.n_gets += atomic_load(&board->families[i].n_turns);
        work.n_forks += atomic_load(&board->families[i].n_forks);
    }
    return work;
}

static void print_report(const struct killer *killer, double seconds)
{
    struct work work = work_of(killer->board);
    printf("%ju kills in %.0f s; %ju changes (%ju refused for want of memory), %ju readings, %ju "
           "waits (%ju missed their wake-up), %ju forks\n",
           (uintmax_t)n_kills(killer), seconds, (uintmax_t)work.n_ops,
           (uintmax_t)n_refused(killer->board), (uintmax_t)work.n_gets, (uintmax_t)work.n_waits,
           (uintmax_t)work.n_late, (uintmax_t)work.n_forks);
    if (n_kills(killer) > 0) {
        print_kills(killer);
    }
    if (killer->n_stops > 0) {
        printf("%ju stops of a writer, %ju of them with the lock held; %ju readings meanwhile\n",
               (uintmax_t)killer->n_stops, (uintmax_t)killer->n_stops_named,
               (uintmax_t)killer->n_gets_while_stopped);
    }
}

/* A waiter misses its wake-up where the writer dies between commit and wake-up, and nobody comes to
 * recover meanwhile; where it sleeps there; and where the machine does. */
static bool judge_waits(const struct killer *killer, uint64_t most)
{
    uint64_t n_late = work_of(killer->board).n_late;
    return n_late <= most ||
           kills_fail(killer->board, "%ju waits slept on although there was a change",
                      (uintmax_t)n_late);
}

/* What the store took for all but values after each round. */
struct course {
    uint64_t *bytes;
    uint64_t n;
};

static void note_course(struct course *course, uint64_t bytes)
{
    course->bytes = realloc(course->bytes, (course->n + 1) * sizeof *course->bytes);
    kit_must(course->bytes != NULL, "realloc");
    course->bytes[course->n++] = bytes;
}

/* From the end of the quarter before to its own. Memory of metadata is kept for reuse, so it follows
 * the peaks of what was needed at once. */
static bool rises_in(const struct course *course, uint64_t quarter)
{
    return course->bytes[(course->n * (quarter + 1) - 1) / 4] >
           course->bytes[(course->n * quarter - 1) / 4];
}

static bool goes_on_rising(const struct course *course)
{
    return course->n >= 8 && rises_in(course, 2) && rises_in(course, 3);
}

static bool compare_weights(struct killer *killer, const struct weight *first,
                            const struct weight *last)
{
    uint64_t value_bytes, meta_bytes;
    printf("cleared and trimmed: values take %ju bytes (at first %ju), the empty store %ju (after "
           "the "
           "undisturbed round %ju)\n",
           (uintmax_t)last->value_bytes, (uintmax_t)first->value_bytes,
           (uintmax_t)last->empty_bytes, (uintmax_t)first->empty_bytes);
    print_growth(first, last);
    if (last->value_bytes != first->value_bytes) {
        return kills_fail(killer->board, "values take another number of bytes than before");
    }
    files_weigh(killer->path, &value_bytes, &meta_bytes);
    return value_bytes == 0 ||
           kills_fail(killer->board, "%ju bytes of values are left in an empty store",
                      (uintmax_t)value_bytes);
}

static bool run(struct killer *killer, const struct options *options)
{
    struct weight before = { 0 }, first = { 0 }, last = { 0 };
    struct course course = { 0 };
    double start = kit_seconds(), end = start + options->seconds;
    uint64_t capacity = options->capacity_mb << 20;
    bool right = audit(killer, AUDIT_FOUND, capacity) && killer_watch(killer) &&
                 clear_and_weigh(killer, &before) && audit(killer, AUDIT_FOUND, capacity) &&
                 run_undisturbed(killer, options->undisturbed_s, &first) &&
                 audit(killer, AUDIT_FOUND, capacity);
    first.value_bytes = before.value_bytes;
    while (right && !is_enough(killer, options) && kit_seconds() < end && !is_ended) {
        right = run_round(killer, options, end);
        note_course(&course, metadata_bytes(killer));
        printf("after %7ju kills, %4.0f s: %s; %ju KiB of metadata\n", (uintmax_t)n_kills(killer),
               kit_seconds() - start, right ? "sound" : "WRONG",
               (uintmax_t)metadata_bytes(killer) / 1024);
        fflush(stdout);
    }
    right = right && (options->n_stops == 0 || run_stops(killer, options));
    print_report(killer, kit_seconds() - start);
    if (right && options->strict && goes_on_rising(&course)) {
        right = kills_fail(killer->board, "the store takes more and more for all but values");
    }
    free(course.bytes);
    return right && judge_waits(killer, options->n_late) && clear_and_weigh(killer, &last) &&
           compare_weights(killer, &first, &last);
}

/* ---- the command line ------------------------------------------------------------------------ */

/* Whether argv[*i] is the option `name`; then its value is taken, too. */
static bool takes(char **argv, int *i, const char *name, const char **value)
{
    if (strcmp(argv[*i], name) != 0) {
        return false;
    }
    *value = argv[++*i];
    if (*value == NULL) {
        kit_die("%s needs a value", name);
    }
    return true;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static void parse(char **argv, struct options *options, struct killer *killer)
{
    for (int i = 1; argv[i] != NULL; i++) {
        const char *value;
        if (takes(argv, &i, "--kills", &value)) {
            options->n_kills = number(value);
        } else if (takes(argv, &i, "--named", &value)) {
            options->n_named = number(value);
        } else if (takes(argv, &i, "--seconds", &value)) {
            options->seconds = strtod(value, NULL);
        } else if (takes(argv, &i, "--undisturbed", &value)) {
            options->undisturbed_s = strtod(value, NULL);
        } else if (takes(argv, &i, "--aimed", &value)) {
            options->aimed_percent = (uint32_t)number(value);
        } else if (takes(argv, &i, "--stops", &value)) {
            options->n_stops = number(value);
        } else if (takes(argv, &i, "--late", &value)) {
            options->n_late = number(value);
        } else if (takes(argv, &i, "--round", &value)) {
            options->n_round = number(value);
        } else if (takes(argv, &i, "--writers", &value)) {
            killer->board->n_writers = number(value);
        } else if (takes(argv, &i, "--readers", &value)) {
            killer->board->n_readers = number(value);
        } else if (takes(argv, &i, "--waiters", &value)) {
            killer->n_waiters = (uint32_t)number(value);
        } else if (takes(argv, &i, "--families", &value)) {
            killer->n_families = (uint32_t)number(value);
        } else if (takes(argv, &i, "--dir", &value)) {
            options->dir = value;
        } else if (takes(argv, &i, "--capacity", &value)) {
            options->capacity_mb = number(value);
        } else if (takes(argv, &i, "--python", &value)) {
            killer->python = value;
        } else if (takes(argv, &i, "--script", &value)) {
            killer->script = value;
        } else if (takes(argv, &i, "--seed", &value)) {
            killer->seed = number(value);
        } else if (strcmp(argv[i], "--strict") == 0) {
            options->strict = true;
        } else if (strcmp(argv[i], "--pidns") == 0) {
            killer->new_pid_namespaces = true;
        } else {
            kit_die("unknown option %s (the head of the source says which there are)", argv[i]);
        }
    }
}

static void *shared_memory(size_t size, int *fd_out)
{
    int fd = memfd_create("board", 0); /* not close-on-exec: Python victims inherit it */
    kit_must(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "memfd_create");
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    kit_must(at != MAP_FAILED, "mmap");
    *fd_out = fd;
    return at;
}

int main(int argc, char **argv)
{
    static struct killer killer;
    struct options options = { .n_kills = 300,
                               .n_round = 1000,
                               .n_late = UINT64_MAX,
                               .aimed_percent = 75,
                               .seconds = 1e9,
                               .undisturbed_s = 3,
                               .capacity_mb = 16 };
    int stat_fd;
    (void)argc;
    killer.board = shared_memory(sizeof *killer.board, &killer.board_fd);
    audit_stat = shared_memory(sizeof *audit_stat, &stat_fd);
    killer.board->n_writers = 4;
    killer.board->n_readers = 2;
    killer.board->killer = (uint64_t)getpid();
    killer.n_waiters = killer.n_families = 1;
    killer.seed = (uint64_t)getpid();
    parse(argv, &options, &killer);
    if (killer.board->n_writers - 1 >= KILLS_WRITERS_MAX - EXTRA_WRITERS ||
        killer.board->n_readers > KILLS_READERS_MAX - EXTRA_READERS) {
        kit_die("1 to %u writers, and up to %u readers", KILLS_WRITERS_MAX - EXTRA_WRITERS,
                KILLS_READERS_MAX - EXTRA_READERS);
    }
    if (killer.n_waiters > KILLS_WAITERS_MAX || killer.n_families > KILLS_FAMILIES_MAX) {
        kit_die("up to %u waiters, and %u families", KILLS_WAITERS_MAX, KILLS_FAMILIES_MAX);
    }
    if (killer.new_pid_namespaces) {
        killer.n_families = 0; /* a process of another namespace cannot be found by its number */
    }
    killer_go_first();
    kit_must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "prctl");
    /* Whatever it waits for then, a death or an answer, it waits on: half a look is none. */
    struct sigaction early = { .sa_handler = end_early, .sa_flags = SA_RESTART };
    sigaction(SIGINT, &early, NULL);
    sigaction(SIGTERM, &early, NULL);
    kit_workdir(options.dir);
    kit_path(killer.path, "store");
    printf("seed %ju\n", (uintmax_t)killer.seed);
    if (!run(&killer, &options)) {
        printf("WRONG: %s\n", killer.board->text);
        return 1;
    }
    printf("nothing lost, nothing left\n");
    return 0;
}
