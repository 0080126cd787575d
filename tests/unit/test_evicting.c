/* test_evicting.c - random operations on a store in mode lru, against a plain table: a value may be gone after any
 * change, and then it is counted; nothing else is other than the table says.
 *
 *     test_evicting [STEPS [SEED]]
 */
#include "check.h"

#define N_NAMES     200
#define N_VIEWS     14
#define MOST_A_STEP 6 /* names that a step changes */
#define CAPACITY    ((uint64_t)1 << 20)
#define SIZE_MAX_OF 150000

struct value {
    uint64_t version; /* 0: absent */
    uint64_t size, seed;
};

static brain_store *stores[2];
static brain_space *spaces[2], *own;
static struct value table[N_NAMES];
static uint64_t n_gone, gone_bytes, n_unseen, n_refused;
static uint8_t data[SIZE_MAX_OF];

static struct held {
    brain_view view; /* store NULL: none */
    uint32_t name;
    struct value value;
} held[N_VIEWS];

static uint32_t any(void)
{
    return (uint32_t)check_below(2);
}

static bool is_held(uint32_t name, uint64_t version)
{
    for (int i = 0; i < N_VIEWS; i++) {
        if (held[i].view.store != NULL && held[i].name == name &&
            held[i].value.version == version) {
            return true;
        }
    }
    return false;
}

/* What the table has and the store has not went to make room. Not what a view shows (F2). */
static void note_gone(void)
{
    for (uint32_t name = 0; name < N_NAMES; name++) {
        struct value *value = &table[name];
        if (value->version != 0 &&
            brain_exists(spaces[any()], &name, sizeof name, NULL) == BRAIN_E_NOT_FOUND) {
            CHECK(!is_held(name, value->version));
            n_gone++;
            gone_bytes += value->size;
            *value = (struct value){ 0 };
        }
    }
}

/* The answer of a change that was to be `code`: or FULL; or, of a condition, as if the name had gone before. */
static bool is_done(int err, int code, bool has_condition)
{
    if (err == BRAIN_E_FULL) {
        n_refused++;
        return false;
    }
    if (err != code) {
        uint64_t before = n_gone;
        CHECK(has_condition && (err == BRAIN_E_STALE || err == BRAIN_E_NOT_FOUND));
        note_gone();
        CHECK(n_gone > before);
    }
    return err == 0;
}

static uint64_t any_size(void)
{
    uint64_t dice = check_below(10);
    return dice < 4 ? check_below(200) : dice < 7 ? check_below(5000) : check_below(SIZE_MAX_OF);
}

/* Of `name`: the version that it has, another, or none is asked for. */
static uint64_t any_condition(uint32_t name, int *code_out)
{
    uint64_t there = table[name].version, dice = check_below(4);
    *code_out = dice == 0 ? BRAIN_E_STALE : 0;
    return dice == 0 ? there + 1 : dice == 1 ? there : BRAIN_ANY_VERSION;
}

static void do_put(void)
{
    uint32_t name = (uint32_t)check_below(N_NAMES);
    struct value value = { .size = any_size(), .seed = check_random() };
    brain_part part = { .data = data, .size_bytes = value.size };
    brain_value given = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    int code;
    uint64_t condition = any_condition(name, &code);
    check_fill(data, value.size, value.seed);
    int err = brain_put(spaces[any()], &name, sizeof name, &given, condition, &value.version);
    if (is_done(err, code, condition != BRAIN_ANY_VERSION)) {
        table[name] = value;
    }
}

static void do_delete(void)
{
    uint32_t name = (uint32_t)check_below(N_NAMES);
    int code = table[name].version != 0 ? 0 : BRAIN_E_NOT_FOUND;
    CHECK_CODE(brain_delete(spaces[any()], &name, sizeof name, BRAIN_ANY_VERSION), code);
    table[name] = (struct value){ 0 };
}

static void do_batch(void)
{
    static struct value after[N_NAMES];
    uint32_t n = 1 + (uint32_t)check_below(MOST_A_STEP), which = any();
    brain_batch *batch;
    uint64_t number = 0;
    bool fits = true, is_conditional = false;
    memset(after, 0, sizeof after);
    CHECK_OK(brain_batch_new(stores[which], &batch));
    for (uint32_t i = 0; i < n && fits; i++) {
        uint32_t name = (uint32_t)check_below(N_NAMES);
        struct value value = { .version = 1, .size = any_size() / 4, .seed = check_random() };
        brain_part part = { .data = data, .size_bytes = value.size };
        brain_value given = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        bool has_condition = check_below(4) == 0;
        check_fill(data, value.size, value.seed);
        int err = brain_batch_put_if(batch, spaces[which], &name, sizeof name, &given,
                                     has_condition ? table[name].version : BRAIN_ANY_VERSION);
        CHECK(err == 0 || err == BRAIN_E_FULL);
        fits = err == 0;
        is_conditional = is_conditional || has_condition;
        after[name] = value;
    }
    int err = fits ? brain_batch_commit(batch, &number) : BRAIN_E_FULL;
    brain_batch_free(batch);
    if (is_done(err, 0, is_conditional)) {
        for (uint32_t i = 0; i < N_NAMES; i++) {
            if (after[i].version != 0) {
                table[i] = after[i];
                table[i].version = number;
            }
        }
    }
}

static void do_object(void)
{
    uint32_t name = (uint32_t)check_below(N_NAMES), which = any();
    struct value value = { .size = any_size(), .seed = check_random() };
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    brain_object *object;
    int err =
        (any() == 0 ? brain_create : brain_create_in_place)(stores[which], value.size, &object);
    if (!is_done(err, 0, false)) {
        return;
    }
    check_fill(brain_object_data(object), value.size, value.seed);
    err = brain_object_seal(object, spaces[which], &name, sizeof name, &bare, BRAIN_ANY_VERSION,
                            &value.version);
    if (is_done(err, 0, false)) {
        table[name] = value;
    }
    brain_object_release(object);
}

static void let_go(struct held *it)
{
    if (it->view.store != NULL) {
        CHECK(check_is_filled(it->view.data, it->value.size, it->value.seed));
        brain_view_drop(&it->view);
    }
}

static void do_get(void)
{
    uint32_t name = (uint32_t)check_below(N_NAMES);
    struct held *it = &held[check_below(N_VIEWS)];
    let_go(it);
    int err = brain_get(spaces[any()], &name, sizeof name, &it->view);
    CHECK_CODE(err, table[name].version != 0 ? 0 : BRAIN_E_NOT_FOUND);
    if (err == 0) {
        it->name = name;
        it->value = table[name];
        CHECK_U64(it->view.version, it->value.version);
        CHECK_U64(it->view.size_bytes, it->value.size);
        if (check_below(2) == 0) {
            let_go(it);
        }
    }
}

static brain_snapshot *snapshot;

/* The table as it was when the snapshot was taken, whatever has gone since. */
static void do_snapshot(void)
{
    static struct value then[N_NAMES];
    brain_view view;
    if (snapshot == NULL) {
        if (check_below(3) != 0) {
            return;
        }
        CHECK_OK(brain_snapshot_open(stores[0], &snapshot));
        memcpy(then, table, sizeof then);
        return;
    }
    for (uint32_t name = 0; name < N_NAMES; name++) {
        int err = brain_snapshot_get(snapshot, spaces[0], &name, sizeof name, &view);
        CHECK_CODE(err, then[name].version != 0 ? 0 : BRAIN_E_NOT_FOUND);
        if (err == 0) {
            CHECK_U64(view.version, then[name].version);
            CHECK(check_is_filled(view.data, then[name].size, then[name].seed));
            brain_view_drop(&view);
        }
    }
    brain_snapshot_close(snapshot);
    snapshot = NULL;
}

static void step(void)
{
    uint64_t dice = check_below(100);
    if (dice < 45) {
        do_put();
    } else if (dice < 55) {
        do_batch();
    } else if (dice < 65) {
        do_object();
    } else if (dice < 70) {
        do_delete();
    } else if (dice < 74) {
        do_snapshot();
    } else {
        do_get();
    }
}

static void check_all(bool whole)
{
    uint64_t live = 7;
    note_gone();
    for (uint32_t name = 0; name < N_NAMES; name++) {
        uint64_t version = 0;
        live += table[name].version != 0 ? table[name].size : 0;
        int err = brain_exists(spaces[any()], &name, sizeof name, &version);
        CHECK_CODE(err, table[name].version != 0 ? 0 : BRAIN_E_NOT_FOUND);
        CHECK_U64(version, table[name].version);
    }
    brain_stat stat = check_stat(stores[0]);
    CHECK_U64(stat.live_bytes, live);
    /* A put may have replaced what it had removed itself, as long as it asks for nothing of it. */
    CHECK(stat.n_evicted >= n_gone && stat.n_evicted - n_gone <= n_unseen + MOST_A_STEP);
    CHECK(stat.evicted_bytes >= gone_bytes);
    n_unseen = stat.n_evicted - n_gone;
    CHECK(stat.live_bytes + stat.limbo_bytes + stat.private_bytes <= stat.capacity_bytes);
    if (whole) {
        CHECK_OK(brain_exists(own, "own", 3, NULL));
        CHECK_SOUND(stores[1]);
    }
}

int main(int argc, char **argv)
{
    uint64_t n_steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 6000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    check_begin();
    check_state = seed;
    printf("seed 0x%llx\n", (unsigned long long)seed);
    const char *path = check_path();
    for (int i = 0; i < 2; i++) {
        stores[i] = check_open(path, CAPACITY);
        spaces[i] = check_space(stores[i], "default");
    }
    own = check_space(stores[0], "\xffown");
    CHECK_OK(brain_put_bytes(own, "own", 3, "library", 7));
    CHECK_OK(brain_set_full(stores[0], BRAIN_FULL_LRU));
    for (uint64_t i = 0; i < n_steps; i++) {
        snprintf(check_note, sizeof check_note, "seed 0x%llx, step %llu", (unsigned long long)seed,
                 (unsigned long long)i);
        step();
        check_all(i % 40 == 0);
    }
    for (int i = 0; i < N_VIEWS; i++) {
        let_go(&held[i]);
    }
    brain_snapshot_close(snapshot);
    CHECK_SOUND(stores[0]);
    printf("%llu values gone, %llu times full all the same\n", (unsigned long long)n_gone,
           (unsigned long long)n_refused);
    CHECK(n_gone > n_steps / 20);
    brain_space_close(own);
    for (int i = 0; i < 2; i++) {
        brain_space_close(spaces[i]);
    }
    brain_close(stores[1]);
    check_destroy(stores[0]);
    return 0;
}
