/* test_require.c - a batch with conditions on names that it does not change; and brain_view_swap_note(). */
#include "check.h"

#include <pthread.h>
#include <sched.h>

#include "lock.h"

static brain_store *store;
static brain_space *space, *missing;

static uint64_t put(const char *name)
{
    brain_value value = { .kind = BRAIN_KIND_NONE };
    uint64_t version;
    CHECK_OK(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, &version));
    return version;
}

/* A batch that puts "new", if `name` in `in` is as `if_version` says. */
static void check_require(brain_space *in, const char *name, uint64_t if_version, int want)
{
    brain_value value = { .kind = BRAIN_KIND_NONE };
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_require(batch, in, name, strlen(name), if_version));
    CHECK_OK(brain_batch_put(batch, space, "new", 3, &value));
    CHECK_CODE(brain_batch_commit(batch, NULL), want);
    CHECK_CODE(brain_exists(space, "new", 3, NULL), want == 0 ? 0 : BRAIN_E_NOT_FOUND);
    int code = brain_delete(space, "new", 3, BRAIN_ANY_VERSION);
    CHECK(code == 0 || code == BRAIN_E_NOT_FOUND);
    brain_batch_free(batch);
    CHECK_CODE(brain_space_exists(missing), BRAIN_E_NOT_FOUND); /* a look makes nothing */
    CHECK_SOUND(store);
}

static void check_conditions(void)
{
    uint64_t version = put("there"), other = put("other");
    check_require(space, "there", version, 0);
    check_require(space, "there", BRAIN_ANY_VERSION, 0);
    check_require(space, "there", other, BRAIN_E_STALE);
    check_require(space, "there", 0, BRAIN_E_STALE);
    check_require(space, "absent", 0, 0);
    check_require(space, "absent", version, BRAIN_E_STALE);
    check_require(space, "absent", BRAIN_ANY_VERSION, BRAIN_E_STALE);
    check_require(missing, "absent", 0, 0);
    check_require(missing, "absent", version, BRAIN_E_STALE);
    CHECK_U64(put("there") > version, 1);
    check_require(space, "there", version, BRAIN_E_STALE);
    uint64_t seen = 0;
    CHECK_OK(brain_exists(space, "other", 5, &seen));
    CHECK_U64(seen, other); /* what is required is not changed */
}

/* Nothing but a condition. */
static void check_alone(void)
{
    brain_batch *batch;
    uint64_t version = put("there");
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_require(batch, space, "there", 5, version));
    CHECK_OK(brain_batch_commit(batch, NULL));
    CHECK_OK(brain_batch_require(batch, space, "there", 5, version + 1));
    CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_STALE);
    CHECK_OK(brain_batch_commit(batch, NULL)); /* it is empty */
    brain_batch_free(batch);
    CHECK_SOUND(store);
}

/* ---- a namespace that comes while a batch waits for its turn */

struct waiting {
    brain_space *of_other;
    bool deletes;
    int code;
    uint64_t number;
};

/* Put "new", if "x" is absent from a namespace that does not exist; or with a delete of it. */
static void *commit_in_turn(void *arg)
{
    struct waiting *waiting = arg;
    brain_value value = { .kind = BRAIN_KIND_NONE };
    brain_batch *batch;
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, "new", 3, &value));
    CHECK_OK(waiting->deletes ? brain_batch_delete(batch, missing, "x", 1)
                              : brain_batch_require(batch, missing, "x", 1, 0));
    waiting->code = brain_batch_commit(batch, &waiting->number);
    brain_batch_free(batch);
    return NULL;
}

/* While the batch waits for the lock, somebody else puts the name there. Who is first by the number of
 * the commit has been first in all. */
static void check_turn(brain_store *other, struct waiting *waiting)
{
    pthread_t thread;
    uint32_t died;
    uint64_t version = 0, now = 0;
    brain_value value = { .kind = BRAIN_KIND_NONE };
    CHECK_OK(bn_lock_acquire(other, true, &died, &(uint64_t){ 0 }));
    CHECK(pthread_create(&thread, NULL, commit_in_turn, waiting) == 0);
    while ((bn_load_relaxed(&other->state->lock_word) & BN_LOCK_WAITERS) == 0) {
        sched_yield();
    }
    bn_lock_release(other);
    CHECK_OK(brain_put(waiting->of_other, "x", 1, &value, BRAIN_ANY_VERSION, &version));
    CHECK(pthread_join(thread, NULL) == 0);
    int code = brain_exists(missing, "x", 1, &now);
    if (waiting->deletes) {
        CHECK_OK(waiting->code);
        CHECK_CODE(code, waiting->number > version ? BRAIN_E_NOT_FOUND : 0);
    } else {
        CHECK_OK(code);
        CHECK(waiting->code == BRAIN_E_STALE || (waiting->code == 0 && waiting->number < version));
    }
    CHECK_OK(brain_space_remove(missing));
}

static void check_turns(void)
{
    brain_store *other = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
    struct waiting waiting = { .of_other = check_space(other, "missing") };
    for (int i = 0; i < 200; i++) {
        waiting.deletes = i % 2 == 0;
        check_turn(other, &waiting);
    }
    brain_space_close(waiting.of_other);
    brain_close(other);
    CHECK_OK(brain_delete(space, "new", 3, BRAIN_ANY_VERSION));
    CHECK_SOUND(store);
}

static void check_swaps(void)
{
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = meta, .meta_len = sizeof meta };
    brain_view view, none = { .store = NULL };
    CHECK_OK(brain_put(space, "noted", 5, &value, BRAIN_ANY_VERSION, NULL));
    CHECK_OK(brain_get(space, "noted", 5, &view));
    CHECK_U64(brain_view_swap_note(&view, 1, 2), 0);
    CHECK_U64(brain_view_swap_note(&view, 0, 2), 1);
    CHECK_U64(brain_view_note(&view), 2);
    CHECK_U64(brain_view_swap_note(&view, 2, UINT64_MAX), 1);
    CHECK_U64(brain_view_note(&view), UINT64_MAX);
    brain_view_drop(&view);
    CHECK_U64(brain_view_swap_note(&none, 0, 1), 0);
    put("there");
    CHECK_OK(brain_get(space, "there", 5, &view)); /* has no room for one */
    CHECK_U64(brain_view_swap_note(&view, 0, 1), 0);
    brain_view_drop(&view);
}

static void check_read_only(void)
{
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    brain_space *of_reader = check_space(reader, "default");
    brain_view view;
    CHECK_OK(brain_get(of_reader, "noted", 5, &view));
    uint64_t note = brain_view_note(&view);
    CHECK_U64(brain_view_swap_note(&view, note, 7), 0);
    CHECK_U64(brain_view_note(&view), note);
    brain_view_drop(&view);
    brain_space_close(of_reader);
    brain_close(reader);
}

int main(void)
{
    check_begin();
    store = check_open(check_path(), 16 * CHECK_MIB);
    space = check_space(store, "default");
    missing = check_space(store, "missing");
    check_conditions();
    check_alone();
    check_turns();
    check_swaps();
    check_read_only();
    brain_space_close(space);
    brain_space_close(missing);
    check_destroy(store);
    return 0;
}
