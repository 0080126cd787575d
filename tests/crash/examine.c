/* examine.c - what a store is worth that somebody left behind.
 *
 * Readers come first: what they see before the recovery they must see after it.
 */
#include "examine.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "files.h"
#include "kit.h"

/* Longer than this is a hang. */
#define TIMEOUT_S 60u

/* Clients beside the one that examines: with it more than any scene leaves rows of the dead. */
#define N_NEWCOMERS 3u

struct examination {
    const char *directory;
    struct state_catalogue *catalogue;
    brain_store *store;
    brain_store *newcomers[N_NEWCOMERS];
    bool (*tidy)(brain_store *store, char *text);
    struct examine_report *report;
};

/* Both always false, for the caller to return. */
static bool failed(struct examination *x, const char *what, int err)
{
    snprintf(x->report->problem, sizeof x->report->problem, "%s: %s (%.300s)", what,
             brain_strerror(err), brain_error_detail());
    return false;
}

static bool differs(struct examination *x, const char *what, uint64_t is, uint64_t should)
{
    snprintf(x->report->problem, sizeof x->report->problem, "%s: %ju, not %ju", what, (uintmax_t)is,
             (uintmax_t)should);
    return false;
}

static bool check(struct examination *x, const char *when)
{
    brain_problem problems[3];
    size_t n = 0;
    int err = brain_check(x->store, problems, 3, &n);
    if (err != 0) {
        return failed(x, when, err);
    }
    if (n != 0) {
        snprintf(x->report->problem, sizeof x->report->problem,
                 "%s, brain_check: %zu problems: %.180s; %.180s", when, n, problems[0].text,
                 n > 1 ? problems[1].text : "");
    }
    return n == 0;
}

/* Read before and after the recovery, which brain_check() begins with. */
static bool read_and_recover(struct examination *x)
{
    static struct state again;
    struct examine_report *report = x->report;
    struct state_reader reader;
    char text[STATE_TEXT_MAX];
    state_reader_open(&reader, x->catalogue, x->store);
    bool right = state_read(&reader, &report->state, report->problem) && check(x, "at first") &&
                 state_read(&reader, &again, report->problem);
    if (right && !state_equal(x->catalogue, &report->state, &again, text)) {
        snprintf(report->problem, sizeof report->problem,
                 "recovery changes what readers see: %.400s", text);
        right = false;
    }
    state_reader_close(&reader);
    return right;
}

/* The totals must be those of what is there. */
static bool compare_totals(struct examination *x)
{
    brain_stat stat = { .struct_size = sizeof stat };
    uint64_t n_names = 0, n_spaces = 0;
    int err = brain_stat_get(x->store, &stat);
    if (err != 0) {
        return failed(x, "brain_stat_get", err);
    }
    for (uint32_t i = 0; i < x->catalogue->n_names; i++) {
        n_names += x->report->state.seen[i].version != 0;
    }
    for (uint32_t i = 0; i < x->catalogue->n_spaces; i++) {
        n_spaces += x->report->state.space_there[i];
    }
    x->report->live_bytes = stat.live_bytes;
    if (stat.live_bytes != x->report->state.bytes) {
        return differs(x, "live_bytes", stat.live_bytes, x->report->state.bytes);
    }
    uint64_t used = x->store->state->used_pages, should = bn_alloc_count_used(x->store);
    if (used != should) {
        return differs(x, "pages in extents", used, should);
    }
    if (stat.n_objects != n_names || stat.n_namespaces != n_spaces) {
        return differs(x, "n_objects and n_namespaces", stat.n_objects * 1000 + stat.n_namespaces,
                       n_names * 1000 + n_spaces);
    }
    return true;
}

/* Whoever sits down where the dead ones sat has nothing of theirs: it would keep that for as long as it lives.
 * They stay until the end. */
static bool seat_newcomers(struct examination *x)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = 0;
    for (uint32_t i = 0; i < N_NEWCOMERS && err == 0; i++) {
        err = brain_open(x->directory, &options, &x->newcomers[i]);
    }
    return err == 0 || failed(x, "brain_open, once more", err);
}

/* Small and large values come and go, in a namespace of their own. */
static bool use(struct examination *x)
{
    static char bytes[30000];
    brain_space *space;
    uint64_t capacity, live;
    int err = brain_usage(x->store, &capacity, &live);
    err = err != 0 ? err : brain_resize(x->store, capacity + (1u << 20)); /* it may be full */
    err = err != 0 ? err : brain_space_open(x->store, "scratch", 7, &space);
    for (uint32_t i = 0; err == 0 && i < 6; i++) {
        char name[16];
        size_t size = i % 2 == 0 ? 20 : 5000 * i;
        int len = snprintf(name, sizeof name, "scratch%u", i / 2);
        err = brain_put_bytes(space, name, (size_t)len, bytes, size);
    }
    err = err == 0 ? brain_delete(space, "scratch0", 8, BRAIN_ANY_VERSION) : err;
    err = err == 0 ? brain_space_remove(space) : err;
    if (err != 0) {
        return failed(x, "using it", err);
    }
    brain_space_close(space);
    return true;
}

static bool give_back(struct examination *x)
{
    brain_stat stat = { .struct_size = sizeof stat };
    int err = brain_trim(x->store, NULL);
    if (err != 0) {
        return failed(x, "brain_trim", err);
    }
    err = brain_stat_get(x->store, &stat);
    if (err != 0) {
        return failed(x, "brain_stat_get", err);
    }
    x->report->limbo_bytes = stat.limbo_bytes;
    x->report->private_bytes = stat.private_bytes;
    x->report->value_bytes = stat.value_backed_bytes;
    if (stat.live_bytes != x->report->live_bytes) {
        return differs(x, "live_bytes after use", stat.live_bytes, x->report->live_bytes);
    }
    if (stat.limbo_bytes != 0) {
        return differs(x, "bytes left in limbo", stat.limbo_bytes, 0);
    }
    if (stat.n_limbo != 0) {
        return differs(x, "slots left in limbo", stat.n_limbo, 0);
    }
    if (stat.private_bytes != 0) {
        return differs(x, "private bytes left", stat.private_bytes, 0);
    }
    return true;
}

/* What the scene says must be possible now; and all memory of that is given back, too. */
static bool tidy_up(struct examination *x, uint64_t *value_bytes_out)
{
    brain_stat stat = { .struct_size = sizeof stat };
    if (x->tidy != NULL && !(x->tidy(x->store, x->report->problem) && check(x, "tidied"))) {
        return false;
    }
    int err = x->tidy != NULL ? brain_trim(x->store, NULL) : 0;
    err = err != 0 ? err : brain_stat_get(x->store, &stat);
    *value_bytes_out = stat.value_backed_bytes;
    return err == 0 || failed(x, "brain_trim", err);
}

static bool weigh(struct examination *x, uint64_t said)
{
    uint64_t value_bytes;
    files_weigh(x->directory, &value_bytes, &x->report->meta_bytes);
    return said == value_bytes ||
           differs(x, "value_backed_bytes, against the file's blocks", said, value_bytes);
}

static void examine_here(struct examination *x, bool collect)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    uint64_t value_bytes;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(x->directory, &options, &x->store);
    if (err != 0) {
        failed(x, "brain_open", err);
        return;
    }
    bool right = (!collect || state_collect(x->catalogue, x->store, x->report->problem)) &&
                 read_and_recover(x) && compare_totals(x) && seat_newcomers(x) && use(x) &&
                 give_back(x) && check(x, "at last") && tidy_up(x, &value_bytes);
    for (uint32_t i = 0; i < N_NEWCOMERS; i++) {
        brain_close(x->newcomers[i]);
    }
    brain_close(x->store);
    if (right) {
        weigh(x, value_bytes);
    }
}

static struct examine_report *shared_report(void)
{
    static struct examine_report *shared;
    if (shared == NULL) {
        void *at =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        kit_must(at != MAP_FAILED, "mmap");
        shared = at;
    }
    return shared;
}

void examine(const char *directory, struct state_catalogue *catalogue, bool collect,
             bool (*tidy)(brain_store *store, char *text), struct examine_report *report)
{
    struct examine_report *shared = shared_report();
    struct examination x = {
        .directory = directory, .catalogue = catalogue, .tidy = tidy, .report = shared
    };
    memset(shared, 0, sizeof *shared);
    backing_log_use(NULL);
    pid_t pid = kit_fork();
    if (pid == 0) {
        alarm(TIMEOUT_S);
        examine_here(&x, collect);
        _exit(0);
    }
    int status = kit_reap(pid);
    *report = *shared;
    if (WIFSIGNALED(status)) {
        snprintf(report->problem, sizeof report->problem, "whoever opens it %s (signal %d)",
                 WTERMSIG(status) == SIGALRM ? "hangs" : "crashes", WTERMSIG(status));
    } else if (WEXITSTATUS(status) != 0) {
        snprintf(report->problem, sizeof report->problem, "the examination itself failed");
    }
}
