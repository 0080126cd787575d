/* corrupt.c - a store that is damaged, what is in it, and what is called. */
#include "../fuzz/images.h"

#include "alloc.h"
#include "handle.h"
#include "index.h"
#include "slot.h"

#include "corrupt.h"

const char *path;
brain_store *store;
struct bn_state_rec *state;
brain_space *one, *two;
brain_snapshot *snapshot;

static int fds[IMAGES_N_FILES];

/* ---- the tables */

void corrupt_begin(void)
{
    check_begin();
    path = check_path();
    images_build(path);
}

void corrupt_open(void)
{
    images_write(IMAGES_REST, path, fds);
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    state = store->state;
    one = check_space(store, "one");
    two = check_space(store, "two");
}

void corrupt_close(void)
{
    brain_snapshot_close(snapshot);
    snapshot = NULL;
    brain_space_close(one);
    brain_space_close(two);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

static void run_one(const struct corrupt_case *one_case, void (*after)(void))
{
    corrupt_open();
    CHECK_OK(get(one, "n9"));
    CHECK_OK(get(two, "outside0"));
    if (one_case->before != NULL) {
        one_case->before();
    }
    one_case->damage();
    int err = one_case->call();
    CHECK_CODE(err, one_case->code);
    if (err != 0) {
        CHECK_DETAIL(one_case->word);
    }
    if (after != NULL) {
        after();
    }
    corrupt_close();
}

void corrupt_run(const struct corrupt_case *cases, size_t n, void (*after)(void))
{
    for (size_t i = 0; i < n; i++) {
        if (check_apart(cases[i].name)) {
            run_one(&cases[i], after);
            _exit(0);
        }
    }
}

/* ---- what is there */

uint32_t slot_of(brain_space *space, const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    uint32_t slot = view.object;
    brain_view_drop(&view);
    return slot;
}

struct bn_slot_rec *rec_of(brain_space *space, const char *name)
{
    return bn_slot_at(store, slot_of(space, name));
}

struct bn_cold_rec *cold_of(brain_space *space, const char *name)
{
    return bn_slot_cold(store, slot_of(space, name));
}

_Atomic uint64_t *word_of(brain_space *space, const char *name)
{
    uint32_t slot = slot_of(space, name);
    _Atomic uint64_t *word = bn_index_find_slot(store, bn_slot_cold(store, slot)->hash_low, slot);
    CHECK(word != NULL);
    return word;
}

uint32_t id_of(brain_space *space)
{
    return bn_handle_ref(bn_load_relaxed(&space->resolved)).id;
}

struct bn_space_rec *space_rec(brain_space *space)
{
    return bn_space_at(store, id_of(space));
}

struct bn_block_rec *block_at(uint32_t page)
{
    return (struct bn_block_rec *)(uintptr_t)bn_alloc_record(store, page);
}

uint32_t last_line(void)
{
    return (uint32_t)(bn_load_relaxed(&state->backed[BN_REGION_SLOTS]) / BN_LINE - 1);
}

/* ---- before the damage */

void take_snapshot(void)
{
    CHECK_OK(brain_snapshot_open(store, &snapshot));
}

/* ---- damage */

void nothing(void)
{
}

void each_chain(uint64_t next)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    for (uint64_t i = 0; i < (n == 0 ? 1 : n); i++) {
        bn_store_release(&bn_index_bucket_at(store, i)->next, next);
    }
}

void chains_lead_beyond(void)
{
    each_chain((uint64_t)1 << 38);
}

void index_counts_too_many_buckets(void)
{
    bn_store_release(&state->index_state, (uint64_t)1 << 33);
    state->n_entries = (uint64_t)1 << 34;
}

void word_names_no_slot(void)
{
    _Atomic uint64_t *word = word_of(one, "n9");
    bn_store_release(word, (bn_load_relaxed(word) >> 32 << 32) | NO_SLOT);
}

void slot_is_of_no_class(void)
{
    bn_slab_at(store, slot_of(one, "n9") / BN_SLAB_LINES)->shape.class_idx = 200;
}

void slot_beside_extent_is_longer(void)
{
    struct bn_slot_rec *rec = rec_of(one, "big1");
    rec->meta_len = 60000;
}

void root_is_not_there(void)
{
    bn_store_release(&state->backed[BN_REGION_SPACES], 0ul);
}

void region_ends(enum bn_region region)
{
    store->region_bytes[region] = bn_load_relaxed(&state->backed[region]);
}

/* ---- calls */

int get(brain_space *space, const char *name)
{
    brain_view view;
    int err = brain_get(space, name, strlen(name), &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    return err;
}

int put(brain_space *space, const char *name, size_t size)
{
    static uint8_t bytes[100000];
    return brain_put_bytes(space, name, strlen(name), bytes, size);
}

int snapshot_get(const char *name)
{
    brain_view view;
    int err = brain_snapshot_get(snapshot, one, name, strlen(name), &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    return err;
}

int get_small(void)
{
    return get(one, "n9");
}

int snapshot_small(void)
{
    return snapshot_get("n9");
}

int put_new(void)
{
    return put(one, "nobody", 20);
}

int put_over_small(void)
{
    return put(one, "n9", 20);
}

int put_over_large(void)
{
    return put(one, "big1", 20000);
}

int delete_small(void)
{
    return brain_delete(one, "n9", 2, BRAIN_ANY_VERSION);
}

static int walk_over(brain_iter *iter)
{
    const void *name;
    size_t len;
    int err;
    uint64_t n = 0;
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        CHECK(++n < 1000000);
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

int walk(void)
{
    brain_iter *iter;
    int err = brain_iter_names(one, NULL, &iter);
    return err != 0 ? err : walk_over(iter);
}

int trim(void)
{
    return brain_trim(store, NULL);
}

int stat_get(void)
{
    brain_stat stat = { .struct_size = sizeof stat };
    return brain_stat_get(store, &stat);
}

int check(void)
{
    brain_problem problems[1];
    size_t n = 0;
    int err = brain_check(store, problems, 1, &n);
    if (err == 0 && n > 0) {
        return bn_error(BRAIN_E_CORRUPT, "%s", problems[0].text);
    }
    return err;
}
