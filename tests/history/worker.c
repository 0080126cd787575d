/* worker.c - calls at random on the names of a few groups, each written down.
 *
 * Most calls of a moment are on one group, the same in all processes, so that they meet. A value is
 * a number that nobody else puts, and bytes that follow from it, which who reads it compares.
 */
#include "worker.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../crash/kit.h"
#include "base/atomic.h"

#define VALUE_MAX  10240u
#define VIEWS_HELD 4u
#define HOT_NS     UINT64_C(1000000) /* how long calls go to one group */

struct held {
    brain_view view;
    uint64_t value;
};

struct worker {
    struct worker_job job;
    brain_store *store;
    brain_space *spaces[HISTORY_SPACES];
    uint64_t seed;
    uint64_t n_values;
    uint64_t version[HISTORY_GROUPS][HISTORY_NAMES]; /* that it saw last */
    brain_hint hints[HISTORY_GROUPS][HISTORY_NAMES];
    struct held held[VIEWS_HELD];
    uint64_t buffer[VALUE_MAX / 8];
    uint64_t copy[BRAIN_SMALL_BYTES / 8 + 16];
};

bool worker_fail(struct worker_board *board, const char *format, ...)
{
    uint64_t none = 0;
    if (atomic_compare_exchange_strong(&board->failed, &none, 1)) {
        va_list args;
        va_start(args, format);
        vsnprintf(board->text, sizeof board->text, format, args);
        va_end(args);
    }
    atomic_store(&board->stop, 1);
    return false;
}

static bool refused(struct worker *worker, const char *what, int rc)
{
    return worker_fail(worker->job.board, "%s: %s %s", what, brain_strerror(rc),
                       brain_error_detail());
}

bool worker_spaces_open(struct worker_board *board, brain_store *store,
                        brain_space *spaces[HISTORY_SPACES])
{
    static const char *const names[HISTORY_SPACES] = { "left", "right" };
    for (uint32_t i = 0; i < HISTORY_SPACES; i++) {
        int rc = brain_space_open(store, names[i], strlen(names[i]), &spaces[i]);
        if (rc != 0) {
            return worker_fail(board, "brain_space_open: %s", brain_strerror(rc));
        }
    }
    return true;
}

size_t worker_name(uint64_t group, uint64_t number, char name[16])
{
    return (size_t)snprintf(name, 16, "g%un%u", (unsigned)group, (unsigned)number);
}

static uint64_t below(struct worker *worker, uint64_t n)
{
    return kit_random(&worker->seed) % n;
}

/* ---- values ---------------------------------------------------------------------------------- */

#define KIND_BIT 4u
#define META_BIT 8u

/* In the low bits of a value's number: how long it is, its kind, whether it has metadata. Small
 * ones without metadata are what brain_get_or_copy() copies. */
static uint64_t new_value(struct worker *worker)
{
    uint64_t form = below(worker, 16);
    if (below(worker, 2) == 0) {
        form &= ~(uint64_t)(META_BIT | 2u);
    }
    return worker->job.client << 40 | ++worker->n_values << 8 | form;
}

static size_t size_of(uint64_t value)
{
    static const size_t base[4] = { 16, 120, 1200, 9000 }; /* inline, small, a slot, pages */
    return base[value & 3] + (value >> 8) % 16 * 8;
}

static uint32_t kind_of(uint64_t value)
{
    return (value & KIND_BIT) != 0 ? BRAIN_KIND_RAW : BRAIN_KIND_BYTES;
}

static size_t meta_len_of(uint64_t value)
{
    return (value & META_BIT) != 0 ? sizeof value : 0;
}

/* `part`, `value` and the buffer of the worker stay until the put. */
static void make_value(struct worker *worker, const uint64_t *number, brain_part *part,
                       brain_value *value)
{
    size_t size = size_of(*number);
    worker->buffer[0] = *number;
    kit_fill(worker->buffer + 1, size - 8, *number);
    *part = (brain_part){ .data = worker->buffer, .size_bytes = size };
    *value = (brain_value){ .kind = kind_of(*number),
                            .n_parts = 1,
                            .parts = part,
                            .meta = number,
                            .meta_len = meta_len_of(*number) };
}

/* The number of the value that a view shows, after a look at all that belongs to it. */
static uint64_t identify(const brain_view *view)
{
    uint64_t number;
    if (view->size_bytes < 16) {
        return HISTORY_TORN;
    }
    memcpy(&number, view->data, sizeof number);
    if (view->size_bytes != size_of(number) || view->kind != kind_of(number) ||
        view->meta_len != meta_len_of(number) ||
        (view->meta_len != 0 && memcmp(view->meta, &number, sizeof number) != 0) ||
        !kit_filled((const char *)view->data + 8, view->size_bytes - 8, number)) {
        return HISTORY_TORN;
    }
    return number;
}

/* Drop `view`, or a view that was held before, which has to show what it did. */
static void hold_or_drop(struct worker *worker, brain_view *view, uint64_t value)
{
    if (below(worker, 4) == 0) {
        struct held *held = &worker->held[below(worker, VIEWS_HELD)];
        struct held before = *held;
        *held = (struct held){ *view, value };
        *view = before.view;
        if (before.view.store != NULL && identify(&before.view) != before.value) {
            worker_fail(worker->job.board, "a view has changed");
        }
    }
    brain_view_drop(view);
}

/* ---- records --------------------------------------------------------------------------------- */

/* The fences keep a call within its two times for whoever sees the order of memory: a store that
 * waits in this processor's buffer is seen before the return, and nothing is read before the
 * beginning. */
static uint64_t now(void)
{
    struct timespec time;
    bn_fence_seq();
    clock_gettime(CLOCK_MONOTONIC, &time);
    bn_fence_seq();
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* A record is counted when its call is about to begin, so a death in the call leaves it open. */
static void begin(struct worker *worker, struct history_record *record)
{
    record->client = worker->job.client;
    record->call_ns = now();
    atomic_fetch_add(&worker->job.log->n, 1);
}

/* All results stand in the record before it says that the call has returned. */
static bool end(struct history_record *record, uint64_t return_ns, int result)
{
    record->result = result;
    atomic_store(&record->return_ns, return_ns);
    return true;
}

bool worker_is_changing(struct worker_log *log)
{
    uint64_t n = atomic_load(&log->n);
    if (n == 0 || atomic_load(&log->records[n - 1].return_ns) != 0) {
        return false;
    }
    uint64_t kind = log->records[n - 1].kind;
    return kind >= HISTORY_PUT && kind <= HISTORY_BATCH;
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* One name in a call: where it is, and its place in the record. */
struct target {
    uint64_t group;
    uint64_t number;
    brain_space *space;
    char name[16];
    size_t name_len;
};

static struct target target_of(struct worker *worker, uint64_t group, uint64_t number)
{
    struct target target = { .group = group,
                             .number = number,
                             .space = worker->spaces[number % HISTORY_SPACES] };
    target.name_len = worker_name(group, number, target.name);
    return target;
}

static void note_read(struct worker *worker, struct history_record *record, uint64_t number,
                      const brain_view *view)
{
    record->value[number] = identify(view);
    record->version[number] = view->version;
    worker->version[record->group][number] = view->version;
}

static bool call_get(struct worker *worker, struct history_record *record, struct target *target)
{
    brain_view view = { 0 };
    bool copies = record->kind == HISTORY_COPY;
    brain_hint *hint = &worker->hints[target->group][target->number];
    record->action[target->number] = HISTORY_READS;
    begin(worker, record);
    int rc = copies ? brain_get_or_copy(target->space, target->name, target->name_len, hint,
                                        worker->copy, sizeof worker->copy, &view)
                    : brain_get(target->space, target->name, target->name_len, &view);
    uint64_t return_ns = now();
    if (rc == 0) {
        note_read(worker, record, target->number, &view);
        if (copies) { /* what was copied is gone with the next call */
            brain_view_drop(&view);
        } else {
            hold_or_drop(worker, &view, record->value[target->number]);
        }
    } else if (rc != BRAIN_E_NOT_FOUND) {
        return refused(worker, "get", rc);
    }
    return end(record, return_ns, rc);
}

static bool call_exists(struct worker *worker, struct history_record *record, struct target *target)
{
    record->action[target->number] = HISTORY_READS;
    begin(worker, record);
    int rc = brain_exists(target->space, target->name, target->name_len,
                          &record->version[target->number]);
    uint64_t return_ns = now();
    if (rc != 0 && rc != BRAIN_E_NOT_FOUND) {
        return refused(worker, "exists", rc);
    }
    return end(record, return_ns, rc);
}

/* The version that was seen last is right as often as nobody was faster. */
static uint64_t condition(struct worker *worker, const struct target *target)
{
    switch (below(worker, 5)) {
    case 0:
        return 0;
    case 1:
    case 2:
        return worker->version[target->group][target->number];
    default:
        return BRAIN_ANY_VERSION;
    }
}

static bool is_answer(int rc)
{
    return rc == 0 || rc == BRAIN_E_NOT_FOUND || rc == BRAIN_E_EXISTS || rc == BRAIN_E_STALE;
}

static bool call_put(struct worker *worker, struct history_record *record, struct target *target)
{
    brain_part part;
    brain_value value;
    uint64_t n = target->number;
    brain_hint *hint = &worker->hints[target->group][n];
    record->action[n] = HISTORY_PUTS;
    record->value[n] = new_value(worker);
    record->version[n] = condition(worker, target);
    make_value(worker, &record->value[n], &part, &value);
    int rc = BRAIN_E_BUSY;
    begin(worker, record);
    if (record->kind == HISTORY_TRY_PUT) {
        rc = brain_try_put(target->space, target->name, target->name_len, hint, &value,
                           record->version[n], &record->number);
    }
    if (rc == BRAIN_E_BUSY) {
        rc = brain_put(target->space, target->name, target->name_len, &value, record->version[n],
                       &record->number);
    }
    uint64_t return_ns = now();
    if (rc == 0) {
        worker->version[target->group][n] = record->number;
    }
    return is_answer(rc) ? end(record, return_ns, rc) : refused(worker, "put", rc);
}

static bool call_delete(struct worker *worker, struct history_record *record, struct target *target)
{
    uint64_t if_version = condition(worker, target);
    if (if_version == 0) { /* of a delete that is no condition */
        if_version = BRAIN_ANY_VERSION;
    }
    record->action[target->number] = HISTORY_DELETES;
    record->version[target->number] = if_version;
    begin(worker, record);
    int rc = brain_delete(target->space, target->name, target->name_len, if_version);
    uint64_t return_ns = now();
    return is_answer(rc) ? end(record, return_ns, rc) : refused(worker, "delete", rc);
}

static int add_to_batch(struct worker *worker, brain_batch *batch, struct history_record *record,
                        struct target *target)
{
    uint64_t n = target->number;
    uint64_t what = below(worker, 8);
    brain_part part;
    brain_value value;
    record->version[n] = condition(worker, target);
    if (what == 0) {
        record->action[n] = HISTORY_REQUIRES;
        return brain_batch_require(batch, target->space, target->name, target->name_len,
                                   record->version[n]);
    }
    if (what == 1) {
        record->action[n] = HISTORY_DELETES;
        record->version[n] = BRAIN_ANY_VERSION;
        return brain_batch_delete(batch, target->space, target->name, target->name_len);
    }
    record->action[n] = HISTORY_PUTS;
    record->value[n] = new_value(worker);
    make_value(worker, &record->value[n], &part, &value);
    return brain_batch_put_if(batch, target->space, target->name, target->name_len, &value,
                              record->version[n]);
}

/* Over two names in two namespaces. */
static bool call_batch(struct worker *worker, struct history_record *record, struct target *target)
{
    brain_batch *batch;
    struct target other = target_of(worker, target->group, (target->number + 1) % HISTORY_NAMES);
    int rc = brain_batch_new(worker->store, &batch);
    if (rc != 0) {
        return refused(worker, "batch", rc);
    }
    rc = add_to_batch(worker, batch, record, target);
    if (rc == 0) {
        rc = add_to_batch(worker, batch, record, &other);
    }
    if (rc != 0) {
        brain_batch_free(batch);
        return refused(worker, "batch", rc);
    }
    begin(worker, record);
    rc = brain_batch_commit(batch, &record->number);
    uint64_t return_ns = now();
    brain_batch_free(batch);
    return is_answer(rc) ? end(record, return_ns, rc) : refused(worker, "batch", rc);
}

static bool call_many(struct worker *worker, struct history_record *record, struct target *target)
{
    struct target all[HISTORY_NAMES];
    brain_key keys[HISTORY_NAMES];
    brain_view views[HISTORY_NAMES];
    for (uint32_t i = 0; i < HISTORY_NAMES; i++) {
        all[i] = target_of(worker, target->group, i);
        keys[i] = (brain_key){ all[i].space, all[i].name, all[i].name_len };
        record->action[i] = HISTORY_READS;
    }
    begin(worker, record);
    int rc = brain_get_many(worker->store, keys, HISTORY_NAMES, views, &record->number);
    uint64_t return_ns = now();
    if (rc != 0) {
        return refused(worker, "get_many", rc);
    }
    for (uint32_t i = 0; i < HISTORY_NAMES; i++) {
        if (views[i].store != NULL) {
            note_read(worker, record, i, &views[i]);
            hold_or_drop(worker, &views[i], record->value[i]);
        }
    }
    return end(record, return_ns, 0);
}

/* What a snapshot shows is the state of some moment while it was opened, however late it is looked
 * at: so the call that is written down is the opening alone. */
static bool call_snapshot(struct worker *worker, struct history_record *record,
                          struct target *target)
{
    brain_snapshot *snapshot;
    begin(worker, record);
    int rc = brain_snapshot_open(worker->store, &snapshot);
    uint64_t return_ns = now();
    if (rc != 0) {
        return refused(worker, "snapshot", rc);
    }
    record->number = brain_snapshot_number(snapshot);
    for (uint64_t i = 0; i < HISTORY_NAMES && rc == 0; i++) {
        struct target one = target_of(worker, target->group, i);
        brain_view view;
        for (uint64_t n_turns = below(worker, 4); n_turns > 0; n_turns--) {
            sched_yield();
        }
        record->action[i] = HISTORY_READS;
        rc = brain_snapshot_get(snapshot, one.space, one.name, one.name_len, &view);
        if (rc == 0) {
            record->value[i] = identify(&view);
            record->version[i] = view.version;
            brain_view_drop(&view);
        } else if (rc == BRAIN_E_NOT_FOUND) {
            rc = 0;
        }
    }
    brain_snapshot_close(snapshot);
    return rc == 0 ? end(record, return_ns, 0) : refused(worker, "snapshot_get", rc);
}

/* How often of 100. */
static const struct {
    uint64_t percent;
    enum history_kind kind;
    bool (*call)(struct worker *worker, struct history_record *record, struct target *target);
} calls[] = {
    { 11, HISTORY_GET, call_get },          { 14, HISTORY_COPY, call_get },
    { 4, HISTORY_EXISTS, call_exists },     { 15, HISTORY_PUT, call_put },
    { 20, HISTORY_TRY_PUT, call_put },      { 8, HISTORY_DELETE, call_delete },
    { 12, HISTORY_BATCH, call_batch },      { 12, HISTORY_MANY, call_many },
    { 4, HISTORY_SNAPSHOT, call_snapshot },
};

static bool call_once(struct worker *worker, struct history_record *record)
{
    bool hot = below(worker, 8) != 0;
    uint64_t group = (hot ? now() / HOT_NS : below(worker, HISTORY_GROUPS)) % HISTORY_GROUPS;
    struct target target = target_of(worker, group, below(worker, HISTORY_NAMES));
    uint64_t percent = below(worker, 100);
    size_t i = 0;
    while (percent >= calls[i].percent) {
        percent -= calls[i++].percent;
    }
    record->kind = calls[i].kind;
    record->group = group;
    return calls[i].call(worker, record, &target);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void *work(void *data)
{
    struct worker *worker = data;
    struct worker_log *log = worker->job.log;
    bool right = true;
    while (right && atomic_load(&worker->job.board->stop) == 0 &&
           atomic_load(&log->n) < WORKER_CALLS_MAX) {
        right = call_once(worker, &log->records[atomic_load(&log->n)]);
        if (below(worker, 16) == 0) {
            sched_yield();
        }
    }
    for (uint32_t i = 0; i < VIEWS_HELD; i++) {
        brain_view_drop(&worker->held[i].view);
    }
    return NULL;
}

bool worker_run(const char *path, const struct worker_job *jobs, uint32_t n_jobs)
{
    static struct worker workers[WORKER_THREADS_MAX];
    pthread_t threads[WORKER_THREADS_MAX];
    struct worker_board *board = jobs[0].board;
    brain_store *store;
    brain_client self;
    int rc = brain_open(path, NULL, &store);
    if (rc == 0) rc = brain_self(store, &self);
    if (rc != 0) {
        return worker_fail(board, "brain_open: %s %s", brain_strerror(rc), brain_error_detail());
    }
    for (uint32_t i = 0; i < n_jobs; i++) {
        workers[i].job = jobs[i];
        workers[i].store = store;
        workers[i].seed = jobs[i].seed;
        atomic_store(&jobs[i].log->row, self.row + 1);
        if (!worker_spaces_open(board, store, workers[i].spaces)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < n_jobs; i++) {
        kit_must(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "pthread_create");
    }
    for (uint32_t i = 0; i < n_jobs; i++) {
        kit_must(pthread_join(threads[i], NULL) == 0, "pthread_join");
        for (uint32_t s = 0; s < HISTORY_SPACES; s++) {
            brain_space_close(workers[i].spaces[s]);
        }
    }
    brain_close(store);
    return atomic_load(&board->failed) == 0;
}
