/* operations.c - the operations on the store under test, each with what undoes it, and the table of them all. */
#include "operations.h"

#include "../unit/check.h"
#include "calls.h"
#include "openings.h"
#include "subject.h"
#include "trim.h"

#define N_SMALL 3000u

static char long_name[60000];
static uint32_t n_done; /* of many: how many were */
static brain_view views[3 * 1008];

void operations_begin(void)
{
    check_fill(long_name, sizeof long_name, 9);
}

static int run_put_small(void)
{
    int err = 0;
    for (n_done = 0; n_done < N_SMALL && err == 0; n_done += err == 0) {
        uint32_t name = 1000 + n_done;
        err = subject_put(subject.space, &name, sizeof name, 8, name);
    }
    return err;
}

static void undo_small(void) /* all up to the failure are there, and no more */
{
    for (uint32_t i = 0; i < n_done; i++) {
        uint32_t name = 1000 + i;
        subject_check_value(subject.space, &name, sizeof name, 8, name);
        CHECK_OK(brain_delete(subject.space, &name, sizeof name, BRAIN_ANY_VERSION));
    }
}

static int run_put_large(void)
{
    return subject_put(subject.space, "large", 5, SUBJECT_LARGE, 1);
}
static void undo_large(void)
{
    subject_check_value(subject.space, "large", 5, SUBJECT_LARGE, 1);
    CHECK_OK(brain_delete(subject.space, "large", 5, BRAIN_ANY_VERSION));
}

static int run_put_long(void)
{
    return subject_put(subject.space, long_name, sizeof long_name, 100, 1);
}
static void undo_long(void)
{
    subject_check_value(subject.space, long_name, sizeof long_name, 100, 1);
    CHECK_OK(brain_delete(subject.space, long_name, sizeof long_name, BRAIN_ANY_VERSION));
}

static int add_to_batch(brain_batch *batch)
{
    int err = 0;
    for (uint32_t i = 0; i < N_SMALL + 3 && err == 0; i++) {
        uint32_t name = 1000 + i;
        brain_part part = { .data = subject.data, .size_bytes = i < N_SMALL ? 8 : SUBJECT_LARGE };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        check_fill(subject.data, part.size_bytes, name);
        err = brain_batch_put(batch, subject.space, &name, sizeof name, &value);
    }
    for (uint32_t i = 0; i < SUBJECT_VALUES && err == 0; i++) {
        err = brain_batch_delete(batch, subject.space, &i, sizeof i);
    }
    return err;
}

static int run_batch(void)
{
    brain_batch *batch = NULL;
    int err = brain_batch_new(subject.store, &batch);
    err = err != 0 ? err : add_to_batch(batch);
    err = err != 0 ? err : brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    return err;
}

static void undo_batch(void)
{
    for (uint32_t i = 0; i < N_SMALL + 3; i++) {
        uint32_t name = 1000 + i;
        subject_check_value(subject.space, &name, sizeof name, i < N_SMALL ? 8 : SUBJECT_LARGE,
                            name);
    }
    CHECK_OK(brain_space_remove(subject.space));
    for (uint32_t i = 0; i < SUBJECT_VALUES; i++) {
        CHECK_OK(subject_put(subject.space, &i, sizeof i, subject_size(i), i));
    }
}

static int run_object(void)
{
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create(subject.store, SUBJECT_LARGE, &object);
    if (err != 0) {
        return err;
    }
    check_fill(brain_object_data(object), SUBJECT_LARGE, 1);
    err = brain_object_seal(object, subject.space, "large", 5, &bare, BRAIN_ANY_VERSION, NULL);
    if (err != 0) { /* as it was before */
        CHECK(check_is_filled(brain_object_data(object), SUBJECT_LARGE, 1));
    }
    brain_object_release(object);
    return err;
}

/* The object into a namespace that is missing, with changes there and here, and conditions. */
static int add_conditions(brain_batch *batch)
{
    uint32_t first = 0, last = SUBJECT_VALUES - 1;
    brain_part part = { .data = subject.data, .size_bytes = SUBJECT_LARGE };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    check_fill(subject.data, SUBJECT_LARGE, 2);
    int err = brain_batch_put_if(batch, subject.space, "beside", 6, &value, 0);
    part.size_bytes = 10;
    err = err != 0 ? err : brain_batch_put(batch, subject.other, "a", 1, &value);
    err = err != 0 ? err : brain_batch_require(batch, subject.other, "none", 4, 0);
    err = err != 0
              ? err
              : brain_batch_require(batch, subject.space, &last, sizeof last, BRAIN_ANY_VERSION);
    return err != 0 ? err : brain_batch_delete(batch, subject.space, &first, sizeof first);
}

static int run_object_in_batch(void)
{
    brain_object *object = NULL;
    brain_batch *batch = NULL;
    uint64_t version = 0;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create(subject.store, SUBJECT_LARGE, &object);
    if (err != 0) {
        return err;
    }
    check_fill(brain_object_data(object), SUBJECT_LARGE, 1);
    err = brain_batch_new(subject.store, &batch);
    err = err != 0 ? err : add_conditions(batch);
    err = err != 0
              ? err
              : brain_object_seal_in(object, batch, subject.other, "large", 5, &bare, 0, &version);
    CHECK((err == 0) == (version != 0));
    CHECK(check_is_filled(brain_object_data(object), SUBJECT_LARGE, 1));
    brain_batch_free(batch);
    brain_object_release(object);
    return err;
}

static void undo_object_in_batch(void)
{
    uint32_t first = 0;
    subject_check_value(subject.space, "beside", 6, SUBJECT_LARGE, 2);
    subject_check_value(subject.other, "large", 5, SUBJECT_LARGE, 1);
    CHECK_OK(brain_exists(subject.other, "a", 1, NULL));
    CHECK_OK(brain_space_remove(subject.other));
    CHECK_OK(brain_delete(subject.space, "beside", 6, BRAIN_ANY_VERSION));
    CHECK_OK(subject_put(subject.space, &first, sizeof first, subject_size(0), 0));
}

/* By ids, with the namespaces; more than one page of the ledger holds. */
static int run_by_id(void)
{
    uint8_t id[BRAIN_ID_BYTES];
    uint32_t last = SUBJECT_VALUES - 1, n = 0;
    int err = brain_get(subject.space, &last, sizeof last, &views[0]);
    if (err != 0) {
        return err;
    }
    brain_view_id(&views[0], id);
    for (n = 1; n < 1100 && err == 0; n++) {
        brain_space *its;
        err = brain_get_by_id(subject.store, id, &views[n]);
        if (err == 0) {
            err = brain_view_space(&views[n], &its, NULL, NULL);
            if (err == 0) {
                brain_space_close(its);
            }
        } else {
            break;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int run_space(void)
{
    int err = brain_space_create(subject.other);
    return err != 0 ? err : subject_put(subject.other, "a", 1, 10, 1);
}

static void undo_space(void)
{
    subject_check_value(subject.other, "a", 1, 10, 1);
    CHECK_OK(brain_space_remove(subject.other));
}

static int run_quota(void)
{
    int err = brain_space_set_quota(subject.other, 10);
    err = err != 0 ? err : brain_space_set_quota(subject.other, 9);
    return err != 0 ? err : subject_put(subject.other, "a", 1, 9, 1);
}

static void undo_quota(void)
{
    uint64_t quota;
    CHECK_OK(brain_space_usage(subject.other, NULL, NULL, &quota));
    CHECK(quota == 10 || quota == 9 || quota == 0);
    CHECK_CODE(brain_space_remove(subject.other), quota != 0 ? 0 : BRAIN_E_NOT_FOUND);
}

static int run_views(void)
{
    uint32_t name = 1;
    int err = 0;
    for (n_done = 0; n_done < sizeof views / sizeof *views && err == 0; n_done += err == 0) {
        err = brain_get(subject.space, &name, sizeof name, &views[n_done]);
    }
    for (uint32_t i = 0; i < n_done; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int run_many(void)
{
    enum {
        N = 30
    };
    brain_key keys[N];
    brain_view got[N];
    uint32_t names[N];
    for (uint32_t i = 0; i < N; i++) {
        names[i] = i;
        keys[i] = (brain_key){ subject.space, &names[i], sizeof names[i] };
    }
    int err = brain_get_many(subject.store, keys, N, got, NULL);
    for (uint32_t i = 0; i < N && err == 0; i++) {
        CHECK((got[i].store != NULL) == (i < SUBJECT_VALUES));
        brain_view_drop(&got[i]);
    }
    return err;
}

static int run_walk(void)
{
    brain_iter *iter = NULL;
    const void *name;
    size_t len;
    uint32_t n = 0;
    int err = brain_iter_names(subject.space, NULL, &iter);
    if (err != 0) {
        return err;
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        n++;
    }
    brain_iter_free(iter);
    CHECK(err != BRAIN_E_NOT_FOUND || n == SUBJECT_VALUES);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int run_replace_and_delete(void) /* a change back and forth: either is what was there */
{
    uint32_t name = 5;
    int err = brain_put_bytes(subject.space, "temporary", 9, "x", 1);
    err = err != 0 ? err : subject_put(subject.space, &name, sizeof name, subject_size(name), name);
    n_done = subject_note(err) == 0 || brain_exists(subject.space, "temporary", 9, NULL) == 0;
    return err;
}

static void undo_temporary(void)
{
    if (n_done != 0) {
        CHECK_OK(brain_delete(subject.space, "temporary", 9, BRAIN_ANY_VERSION));
    }
}

static int run_trim(void)
{
    uint64_t freed = 0;
    int fail_later = calls_pause();
    CHECK_OK(subject_put(subject.space, "temporary", 9, SUBJECT_LARGE, 1));
    CHECK_OK(brain_delete(subject.space, "temporary", 9, BRAIN_ANY_VERSION));
    calls_resume(fail_later);
    calls.n = 0;
    int err = brain_trim(subject.store, &freed);
    CHECK(err != 0 || freed >= SUBJECT_LARGE);
    return err;
}

static int run_compact(void)
{
    uint64_t freed = 0;
    int fail_later = calls_pause();
    CHECK_OK(subject_put(subject.space, "temporary", 9, SUBJECT_LARGE, 1));
    CHECK_OK(brain_delete(subject.space, "temporary", 9, BRAIN_ANY_VERSION));
    calls_resume(fail_later);
    calls.n = 0;
    int err = brain_compact(subject.store, &freed);
    CHECK(err != 0 || freed >= SUBJECT_LARGE);
    return err;
}

/* Time has gone by, and a put that succeeds gives back what was not needed: whatever becomes of that, it is put. */
static int run_decay(void)
{
    int fail_later = calls_pause();
    CHECK_OK(brain_set_keep_free(subject.store, 0));
    CHECK_OK(subject_put(subject.space, "temporary", 9, SUBJECT_LARGE, 1));
    CHECK_OK(brain_delete(subject.space, "temporary", 9, BRAIN_ANY_VERSION));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(subject_put(subject.space, "temporary", 9, 5000, 1));
        bn_trim_ahead_ns += UINT64_C(15) * 1000 * 1000 * 1000;
    }
    calls_resume(fail_later);
    calls.n = 0;
    return subject_put(subject.space, "temporary", 9, 5000, 1);
}

static void undo_decay(void)
{
    CHECK_OK(brain_delete(subject.space, "temporary", 9, BRAIN_ANY_VERSION));
}

/* What it has free goes back, if that can be; smaller it is. */
static int run_shrink(void)
{
    int err = brain_resize(subject.store, 15 * CHECK_MIB);
    brain_stat stat = { .struct_size = sizeof stat };
    int fail_later = calls_pause();
    CHECK_OK(brain_stat_get(subject.store, &stat));
    CHECK_U64(stat.capacity_bytes, (err == 0 ? 15 : 16) * CHECK_MIB);
    CHECK_OK(brain_resize(subject.store, 16 * CHECK_MIB));
    calls_resume(fail_later);
    return err;
}

static int run_get(void)
{
    uint8_t buf[100];
    brain_view view;
    uint32_t name = 1, last = SUBJECT_VALUES - 1;
    uint64_t n = 0;
    int err = brain_get(subject.space, &last, sizeof last, &view);
    if (err == 0) {
        CHECK(check_is_filled(view.data, view.size_bytes, last));
        brain_view_drop(&view);
    }
    err = err != 0 ? err
                   : brain_get_copy(subject.space, &name, sizeof name, buf, sizeof buf, NULL, NULL,
                                    NULL);
    err = err != 0 ? err
                   : brain_get_or_copy(subject.space, &name, sizeof name, NULL, subject.data,
                                       SUBJECT_LARGE, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    err = err != 0 ? err : brain_exists(subject.space, &name, sizeof name, NULL);
    err = err != 0 ? err : brain_space_exists(subject.space);
    return err != 0 ? err : brain_space_count(subject.space, &n);
}

/* Of a value that another process put after it had made the file longer: more has to be mapped. */
static int run_get_grown(void)
{
    static const uint64_t capacity = 512 * CHECK_MIB;
    int fail_later = calls_pause();
    brain_view view;
    brain_store *it = check_open(subject_made_path(), CHECK_MIB);
    brain_space *its = check_space(it, "default");
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_resize(it, capacity));
        for (uint32_t i = 0; i < 30; i++) {
            CHECK_OK(subject_put(its, &i, sizeof i, 2 * SUBJECT_LARGE, i));
        }
        _exit(0);
    }
    CHECK_CHILD(pid);
    calls_resume(fail_later);
    uint32_t last = 29;
    int err = brain_get(its, &last, sizeof last, &view);
    fail_later = calls_pause();
    if (err == 0) {
        CHECK(check_is_filled(view.data, view.size_bytes, last));
        brain_view_drop(&view);
    }
    brain_space_close(its);
    check_destroy(it);
    calls_resume(fail_later);
    return err;
}

/* Puts without a description of names that have one: it is fetched, and goes with the new value. In a batch the
 * data lies in an extent by then, which has no room for it. */
static char description[60000];

static int put_described(brain_batch *batch, const char *name, size_t len, size_t size,
                         const char *text, size_t text_len)
{
    brain_part part = { .data = subject.data, .size_bytes = size };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .description = text,
                          .description_len = text_len };
    return batch != NULL ? brain_batch_put(batch, subject.other, name, len, &value)
                         : brain_put(subject.other, name, len, &value, BRAIN_ANY_VERSION, NULL);
}

static int keep_descriptions(void)
{
    brain_batch *batch = NULL;
    int err = put_described(NULL, "small", 5, 20, NULL, 0);
    err = err != 0 ? err : brain_batch_new(subject.store, &batch);
    err = err != 0 ? err : put_described(batch, "small", 5, 5000, NULL, 0);
    err = err != 0 ? err : put_described(batch, "large", 5, 20000, NULL, 0);
    err = err != 0 ? err : put_described(batch, "none", 4, 20000, NULL, 0);
    err = err != 0 ? err : brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    return err;
}

static int run_keep_descriptions(void)
{
    static const char *const names[] = { "small", "large" };
    int fail_later = calls_pause();
    memset(description, 'd', sizeof description);
    CHECK_OK(put_described(NULL, "small", 5, 10, "what it is", 10));
    CHECK_OK(put_described(NULL, "large", 5, 10, description, sizeof description));
    calls_resume(fail_later);
    calls.n = 0;
    int err = keep_descriptions();
    (void)subject_note(err);
    fail_later = calls_pause();
    for (int i = 0; i < 2; i++) {
        brain_view view;
        CHECK_OK(brain_get(subject.other, names[i], 5, &view));
        CHECK_U64(view.description_len, i == 0 ? 10 : sizeof description);
        CHECK(memcmp(view.description, i == 0 ? "what it is" : description, view.description_len) ==
              0);
        CHECK(err != 0 || view.size_bytes == (i == 0 ? 5000 : 20000));
        brain_view_drop(&view);
    }
    CHECK_OK(brain_space_remove(subject.other));
    calls_resume(fail_later);
    return err;
}

/* Values that the file has to be made longer for. What was put before one is refused stays. */
static int run_grow(void)
{
    int fail_later = calls_pause(), err = 0;
    brain_store *it = check_open(subject_made_path(), CHECK_MIB);
    brain_space *its = check_space(it, "default");
    uint32_t n = 0;
    CHECK_OK(brain_resize(it, 512 * CHECK_MIB));
    calls_resume(fail_later);
    calls.n = 0;
    while (n < 8 && (err = subject_put(its, &n, sizeof n, 2 * SUBJECT_LARGE, n)) == 0) {
        n++;
    }
    (void)subject_note(err);
    fail_later = calls_pause();
    for (uint32_t i = 0; i < n; i++) {
        subject_check_value(its, &i, sizeof i, 2 * SUBJECT_LARGE, i);
    }
    CHECK_SOUND(it);
    brain_space_close(its);
    check_destroy(it);
    calls_resume(fail_later);
    return err;
}

/* Notes and second views of one that is held. */
static int second_views(const brain_view *view)
{
    brain_view copy, found;
    brain_space *its = NULL;
    void *mine = NULL;
    int err = brain_view_dup(view, &copy);
    if (err != 0) {
        return err;
    }
    brain_view_drop(&copy);
    err = brain_view_at(subject.store, (const uint8_t *)view->data + view->size_bytes / 2, &found);
    if (err != 0) {
        return err;
    }
    CHECK(found.object == view->object);
    brain_view_drop(&found);
    err = brain_view_private(view, &mine);
    if (err != 0) {
        return err;
    }
    CHECK(memcmp(mine, view->data, view->size_bytes) == 0);
    memset(mine, 1, view->size_bytes);
    brain_private_free(mine, view->size_bytes);
    err = brain_view_space(view, &its, NULL, NULL);
    brain_space_close(its);
    return err;
}

static int run_second_views(void)
{
    brain_view view;
    uint32_t last = SUBJECT_VALUES - 1;
    int err = brain_get(subject.space, &last, sizeof last, &view);
    if (err == 0) {
        err = second_views(&view);
        brain_view_drop(&view);
    }
    return err;
}

static int run_note(void)
{
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_view view;
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = meta, .meta_len = sizeof meta };
    int err = brain_put(subject.space, "temporary", 9, &value, BRAIN_ANY_VERSION, NULL);
    err = err != 0 ? err : brain_get(subject.space, "temporary", 9, &view);
    if (err == 0) {
        brain_view_set_note(&view, 5);
        CHECK(brain_view_swap_note(&view, 5, 6) == 1 && brain_view_note(&view) == 6);
        brain_view_drop(&view);
    }
    (void)subject_note(err); /* before another answer */
    n_done = brain_exists(subject.space, "temporary", 9, NULL) == 0;
    return err;
}

static int run_snapshot(void)
{
    brain_snapshot *snapshot = NULL;
    brain_iter *iter = NULL;
    brain_view view;
    const void *name;
    size_t len;
    uint32_t first = 1;
    int err = brain_snapshot_open(subject.store, &snapshot);
    if (err != 0) {
        return err;
    }
    err = brain_snapshot_get(snapshot, subject.space, &first, sizeof first, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    err = err != 0 ? err : brain_iter_spaces(subject.store, snapshot, &iter);
    err = err != 0 ? err : brain_iter_next(iter, &name, &len);
    brain_iter_free(iter);
    brain_snapshot_close(snapshot);
    return err;
}

static int run_walk_with_views(void)
{
    brain_iter *iter = NULL;
    brain_view view;
    const void *name;
    size_t len;
    int err = brain_iter_names(subject.space, NULL, &iter);
    while (err == 0 && (err = brain_iter_next(iter, &name, &len)) == 0) {
        err = brain_iter_get(iter, &view);
        if (err == 0) {
            brain_view_drop(&view);
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int run_wait(void)
{
    uint32_t name = 1;
    uint64_t version = 0, number = 0;
    int err = brain_wait(subject.space, &name, sizeof name, 0, 0, &version);
    err = err != 0 ? err : brain_wait_space(subject.space, 0, 0, &number);
    err =
        err != 0 ? err : brain_wait(subject.space, &name, sizeof name, version, 1000000, &version);
    /* A signal that ends a wait is the caller's matter. */
    return err == BRAIN_E_TIMEOUT || (err == BRAIN_E_INTR && calls.mode == CALLS_INTERRUPTED) ? 0
                                                                                              : err;
}

static int run_look(void)
{
    brain_client clients[4], self;
    brain_pin pins[4];
    uint64_t counts[BRAIN_N_COUNTS];
    brain_problem problems[4];
    brain_stat stat = { .struct_size = sizeof stat };
    size_t n;
    uint32_t n_dead;
    int err = brain_stat_get(subject.store, &stat);
    err = err != 0 ? err : brain_clients(subject.store, clients, 4, &n);
    err = err != 0 ? err : brain_pins(subject.store, pins, 4, &n);
    uint32_t cursor = 0;
    brain_object_info info = { .struct_size = sizeof info };
    while (err == 0) {
        err = brain_objects(subject.store, BRAIN_OBJECT_ANY, &cursor, &info, 1, &n);
    }
    err = err == BRAIN_E_NOT_FOUND ? 0 : err;
    err = err != 0 ? err : brain_counts(subject.store, counts);
    err = err != 0 ? err : brain_metrics(subject.store, NULL, 0, &n);
    err = err != 0 ? err : brain_self(subject.store, &self);
    if (err == 0) {
        CHECK(brain_client_lives(subject.store, self.row, self.seat) == 1);
    }
    err = err != 0 ? err : brain_reap(subject.store, &n_dead);
    err = err != 0 ? err : brain_check(subject.store, problems, 4, &n);
    if (err == 0 && n != 0) {
        check_fail(__FILE__, __LINE__, "a failed call is taken for a problem: %s",
                   problems[0].text);
    }
    return err;
}

/* A value goes elsewhere: it is there, or what stands for it is. */
static int run_move(void)
{
    brain_view view;
    int err = subject_put(subject.space, "temporary", 9, SUBJECT_LARGE, 1);
    n_done = err == 0;
    err = err != 0 ? err : brain_get(subject.space, "temporary", 9, &view);
    if (err != 0) {
        return err;
    }
    uint64_t version = view.version;
    err = brain_move_away(&view, "elsewhere", 9);
    brain_view_drop(&view);
    int got = brain_get(subject.space, "temporary", 9, &view);
    if (got == 0) {
        CHECK(view.version == version && view.size_bytes == (err == 0 ? 9u : SUBJECT_LARGE));
        brain_view_drop(&view);
    }
    return err != 0 ? err : got;
}

/* Where it is wanted to be known, a get that cannot note that it was is a get all the same. */
static int run_coldest(void)
{
    brain_view held[4];
    size_t n = 0;
    int err = brain_set_full(subject.store, BRAIN_FULL_LRU);
    for (uint32_t name = 0; name < SUBJECT_VALUES && err == 0; name++) {
        brain_view view;
        err = brain_get(subject.space, &name, sizeof name, &view);
        if (err == 0) {
            brain_view_drop(&view);
        }
    }
    err = err != 0 ? err : brain_coldest(subject.store, NULL, 1, held, 4, &n);
    for (size_t i = 0; i < n; i++) {
        brain_view_drop(&held[i]);
    }
    int again = brain_set_full(subject.store, BRAIN_FULL_ERROR);
    return err != 0 ? err : again;
}

/* Put into a full store in mode lru, where all else is in use. */
static int put_and_evict(brain_space *cache)
{
    brain_object *object = NULL;
    uint64_t capacity, live;
    int err = brain_usage(subject.store, &capacity, &live);
    err = err != 0
              ? err
              : brain_create_streamed(subject.store, capacity - live - 2 * SUBJECT_LARGE, &object);
    for (uint32_t name = 0; name < 5 && err == 0; name++) {
        err = subject_put(cache, &name, sizeof name, SUBJECT_LARGE, name);
    }
    brain_object_release(object);
    return err;
}

static int run_evict(void)
{
    brain_view held[SUBJECT_VALUES] = { { .store = NULL } };
    brain_space *cache = NULL;
    int err = brain_set_full(subject.store, BRAIN_FULL_LRU);
    for (uint32_t name = 0; name < SUBJECT_VALUES && err == 0; name++) {
        err = brain_get(subject.space, &name, sizeof name, &held[name]);
    }
    err = err != 0 ? err : brain_space_open(subject.store, "cache", 5, &cache);
    err = err != 0 ? err : put_and_evict(cache);
    for (uint32_t name = 0; name < SUBJECT_VALUES; name++) {
        brain_view_drop(&held[name]);
    }
    brain_space_close(cache);
    return err;
}

static void undo_evict(void)
{
    brain_space *cache = NULL;
    CHECK_OK(brain_space_open(subject.store, "cache", 5, &cache));
    int err = brain_space_remove(cache);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    brain_space_close(cache);
    CHECK_OK(brain_set_full(subject.store, BRAIN_FULL_ERROR));
}

static int run_resize(void)
{
    return brain_resize(subject.store, 16 * CHECK_MIB); /* as it is */
}

static int run_delete(void)
{
    uint32_t last = SUBJECT_VALUES - 1;
    int err = brain_delete(subject.space, &last, sizeof last, BRAIN_ANY_VERSION);
    n_done = brain_exists(subject.space, &last, sizeof last, NULL) != 0;
    return err;
}
static void undo_delete(void)
{
    uint32_t last = SUBJECT_VALUES - 1;
    if (n_done != 0) {
        CHECK_OK(subject_put(subject.space, &last, sizeof last, subject_size(last), last));
    }
}

static int run_try_put(void)
{
    uint32_t name = 1;
    brain_hint hint = { 0 };
    brain_part part = { .data = subject.data, .size_bytes = subject_size(name) };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    check_fill(subject.data, part.size_bytes, name);
    int err = 0;
    for (int i = 0; i < 300 && err == 0; i++) {
        err = brain_try_put(subject.space, &name, sizeof name, &hint, &value, BRAIN_ANY_VERSION,
                            NULL);
        if (err == BRAIN_E_BUSY) { /* which has no text */
            err = brain_put(subject.space, &name, sizeof name, &value, BRAIN_ANY_VERSION, NULL);
        }
    }
    return err;
}

static int run_in_place(void)
{
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create_in_place(subject.store, SUBJECT_LARGE, &object);
    if (err == 0) {
        check_fill(brain_object_data(object), SUBJECT_LARGE, 1);
        err = brain_object_seal(object, subject.space, "large", 5, &bare, BRAIN_ANY_VERSION, NULL);
    }
    brain_object_release(object);
    return err;
}

/* In pieces that end in the middle of pages. `goes_on`: what fails is done once more, which has to go well. */
static int stream(bool goes_on)
{
    enum {
        PIECE = 7001
    };
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create_streamed(subject.store, SUBJECT_LARGE, &object);
    check_fill(subject.data, SUBJECT_LARGE, 1);
    for (size_t at = 0; at < SUBJECT_LARGE && err == 0; at += PIECE) {
        size_t rest = SUBJECT_LARGE - at;
        err = brain_object_append(object, subject.data + at, rest < PIECE ? rest : PIECE);
        if (err != 0 && goes_on) {
            CHECK(strlen(brain_error_detail()) > 10);
            int fail_later = calls_pause();
            err = brain_object_append(object, subject.data + at, rest < PIECE ? rest : PIECE);
            calls_resume(fail_later);
        }
    }
    err = err != 0 ? err
                   : brain_object_seal(object, subject.space, "large", 5, &bare, BRAIN_ANY_VERSION,
                                       NULL);
    brain_object_release(object);
    return err;
}

static int run_streamed(void)
{
    return stream(false);
}

static int run_streamed_on(void)
{
    return stream(true);
}

static int run_advance(void)
{
    static uint64_t number;
    return brain_advance(subject.store, number += 1000);
}

static int run_abort(void)
{
    static const uint64_t sizes[] = { 10, 3000, SUBJECT_LARGE };
    int err = 0;
    for (int i = 0; i < 3 && err == 0; i++) {
        brain_object *object = NULL;
        err = brain_create(subject.store, sizes[i], &object);
        brain_object_release(object);
    }
    return err;
}

static int run_put_sizes(void)
{
    static const size_t sizes[] = { 0, 8, 255, 256, 1900, 2100, 5000, 70000 };
    int err = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && err == 0; i++) {
        err = subject_put(subject.space, "temporary", 9, sizes[i], i);
    }
    (void)subject_note(err); /* before another answer */
    n_done = brain_exists(subject.space, "temporary", 9, NULL) == 0;
    return err;
}

/* What fails in a child is the child's matter; what fails before, or in the parent, the parent goes on with.
 * The child says by its status how it went: 0: well; 2: something failed. */
static int run_fork(void)
{
    pid_t pid = fork();
    CHECK_SYS(pid);
    if (pid == 0) {
        brain_view view;
        uint32_t name = 1;
        int err = brain_get(subject.space, &name, sizeof name, &view);
        if (err == 0) {
            brain_view_drop(&view);
        }
        err = err != 0 ? err
                       : subject_put(subject.space, &name, sizeof name, subject_size(name), name);
        CHECK(err == 0 || calls.has_failed);
        CHECK(err == 0 || err == BRAIN_E_FORKED || err == BRAIN_E_NOMEM || err == BRAIN_E_FULL ||
              err == BRAIN_E_IO || err == BRAIN_E_BUSY || err == BRAIN_E_TIMEOUT);
        CHECK(err == 0 || strlen(brain_error_detail()) > 10);
        (void)calls_pause(); /* what else is done at the end is not the library's */
        _exit(calls.has_failed ? 2 : 0);
    }
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 1);
    calls.has_failed = calls.has_failed || WEXITSTATUS(status) == 2;
    return 0;
}

const struct operation operations[] = {
    { "put small", run_put_small, undo_small, true },
    { "put large", run_put_large, undo_large, false },
    { "put long name", run_put_long, undo_long, false },
    { "put sizes", run_put_sizes, undo_temporary, true },
    { "try to put", run_try_put, NULL, false },
    { "delete", run_delete, undo_delete, true },
    { "batch", run_batch, undo_batch, false },
    { "object", run_object, undo_large, false },
    { "object in place", run_in_place, undo_large, false },
    { "object streamed", run_streamed, undo_large, false },
    { "object streamed, and on", run_streamed_on, undo_large, false },
    { "object given up", run_abort, NULL, false },
    { "object in a batch", run_object_in_batch, undo_object_in_batch, false },
    { "by id", run_by_id, NULL, false },
    { "namespace", run_space, undo_space, false },
    { "quota", run_quota, undo_quota, true },
    { "get", run_get, NULL, false },
    { "get what is grown", run_get_grown, NULL, false },
    { "grow", run_grow, NULL, false },
    { "descriptions that stay", run_keep_descriptions, NULL, false },
    { "views", run_views, NULL, false },
    { "second views", run_second_views, NULL, false },
    { "note", run_note, undo_temporary, true },
    { "move away", run_move, undo_temporary, true },
    { "get many", run_many, NULL, false },
    { "snapshot", run_snapshot, NULL, false },
    { "walk", run_walk, NULL, false },
    { "walk with views", run_walk_with_views, NULL, false },
    { "wait", run_wait, NULL, false },
    { "replace", run_replace_and_delete, undo_temporary, true },
    { "trim", run_trim, NULL, false },
    { "coldest", run_coldest, NULL, false },
    { "evict", run_evict, undo_evict, true },
    { "compact", run_compact, NULL, false },
    { "decay", run_decay, undo_decay, true },
    { "resize", run_resize, NULL, false },
    { "shrink", run_shrink, NULL, false },
    { "advance", run_advance, NULL, false },
    { "look", run_look, NULL, false },
    { "fork", run_fork, NULL, false },
    { "open again", openings_open_again, NULL, false },
    { "open read-only", openings_open_read_only, NULL, false },
    { "open", openings_open, NULL, false },
    { "make", openings_make, NULL, false },
    { "make of the default size", openings_make_default, NULL, false },
    { "make elsewhere", openings_make_elsewhere, NULL, false },
    { "destroy", openings_destroy, NULL, false },
    { NULL, NULL, NULL, false },
};
