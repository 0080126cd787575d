/* test_brain.c - random operations on a store, against a plain table in memory.
 *
 * After each step the bytes in use must be what the table says, to the byte; after each of the first 2,000
 * (later: now and then) brain_check() must be clean. Views and snapshots are held across replacements and
 * compared byte for byte when they go.
 *
 *     test_brain [STEPS [SEED [CHECKED_STEPS]]]
 */
#include "check.h"

#define N_SPACES    4
#define N_NAMES     240
#define N_HELD      24
#define N_SNAPSHOTS 4
#define N_OBJECTS   4
#define N_STORES    2

struct value {
    uint64_t version; /* 0: absent */
    uint64_t size;
    uint64_t seed; /* of its bytes; meta and description follow from it too */
    uint32_t kind;
    uint16_t meta_len;
    uint16_t description_len;
    uint64_t description_seed;
};

struct table {
    bool exists[N_SPACES];
    uint32_t
        n_removed[N_SPACES]; /* how often it was removed: a value knows its namespace until then */
    struct value values[N_SPACES][N_NAMES];
};

struct held_view {
    brain_view view; /* store NULL: none */
    struct value value;
    uint32_t space, n_removed, name;
};

struct held_snapshot {
    brain_snapshot *snapshot;
    uint32_t store;
    struct table table;
};

struct held_object {
    brain_object *object;
    bool in_place;
    uint32_t store;
    uint64_t size, seed;
};

static brain_store *stores[N_STORES]; /* two clients of one store */
static brain_space *spaces[N_STORES][N_SPACES];
static const char *const space_names[N_SPACES] = { "default", "b", "a third one", "d" };
static uint8_t *names[N_NAMES];
static size_t name_lens[N_NAMES];
static struct table now;
static struct held_view held[N_HELD];
static struct held_snapshot snapshots[N_SNAPSHOTS];
static struct held_object objects[N_OBJECTS];
static uint64_t last_version = 1;
static uint64_t n_full;
static uint64_t n_short, n_copied; /* puts and gets that went the short way */
static uint8_t *room;              /* for the data of one put */
static uint8_t extra[2][65536];

#define ROOM_BYTES (5 * CHECK_MIB)

/* ---- the table */

static uint64_t table_live(const struct table *table)
{
    uint64_t sum = 0;
    for (int s = 0; s < N_SPACES; s++) {
        for (int n = 0; n < N_NAMES; n++) {
            sum += table->values[s][n].version != 0 ? table->values[s][n].size : 0;
        }
    }
    return sum;
}

static uint64_t table_count(const struct table *table, uint32_t space)
{
    uint64_t n = 0;
    for (int i = 0; i < N_NAMES; i++) {
        n += table->values[space][i].version != 0;
    }
    return n;
}

/* ---- names and values */

static void make_names(void)
{
    static const size_t lens[] = { 0,    1,    2,    7,    8,    9,    16,    23,
                                   24,   25,   63,   64,   65,   255,  256,   257,
                                   2007, 2008, 2009, 4095, 4096, 4097, 65534, 65535 };
    for (uint32_t i = 0; i < N_NAMES; i++) {
        size_t len =
            i < sizeof lens / sizeof *lens ? lens[i] : 3 + check_below(i % 5 == 0 ? 3000 : 40);
        names[i] = malloc(len + 8);
        CHECK(names[i] != NULL);
        check_fill(names[i], len, i + 7);
        if (len >= 3) { /* all different */
            memcpy(names[i], &i, 2);
        }
        name_lens[i] = len;
    }
}

static uint64_t any_size(void)
{
    static const uint64_t edges[] = { 0,    1,    7,    8,    255,   256,   257,  1023, 1024,
                                      1984, 2007, 2008, 2009, 2048,  2049,  4032, 4095, 4096,
                                      4097, 8191, 8192, 8193, 65535, 65536, 65537 };
    uint64_t dice = check_below(100);
    if (dice < 40) {
        return check_below(64);
    }
    if (dice < 75) {
        return edges[check_below(sizeof edges / sizeof *edges)];
    }
    if (dice < 90) {
        return check_below(3000);
    }
    if (dice < 98) {
        return check_below(40000);
    }
    return CHECK_MIB - 1 + check_below(3) + (check_below(4) == 0 ? check_below(3 * CHECK_MIB) : 0);
}

static uint16_t any_len(void)
{
    uint64_t dice = check_below(20);
    return (uint16_t)(dice < 12   ? 0
                      : dice < 18 ? check_below(40)
                      : dice < 19 ? check_below(3000)
                                  : check_below(65536));
}

/* A new value in `room` and `extra`, as `brain_value` with up to three parts. */
static void make_value(struct value *value, brain_value *out, brain_part parts[3])
{
    *value = (struct value){ .size = any_size(),
                             .seed = check_random(),
                             .kind = (uint32_t)check_below(11),
                             .meta_len = any_len() };
    check_fill(room, value->size, value->seed);
    check_fill(extra[0], value->meta_len, value->seed + 1);
    *out = (brain_value){ .kind = value->kind,
                          .meta = extra[0],
                          .meta_len = value->meta_len,
                          .parts = parts,
                          .n_parts = 1 };
    parts[0] = (brain_part){ .data = room, .size_bytes = value->size };
    if (value->size >= 3 && check_below(3) == 0) {
        size_t a = check_below(value->size), b = a + check_below(value->size - a + 1);
        parts[0].size_bytes = a;
        parts[1] = (brain_part){ .data = room + a, .size_bytes = b - a, .align = 1 };
        parts[2] = (brain_part){ .data = room + b, .size_bytes = value->size - b };
        out->n_parts = 3;
    }
}

/* NULL keeps what `older` has. */
static void make_description(struct value *value, brain_value *out, const struct value *older)
{
    if (check_below(3) != 0) {
        out->description = NULL;
        value->description_len = older->version != 0 ? older->description_len : 0;
        value->description_seed = older->version != 0 ? older->description_seed : 0;
        return;
    }
    value->description_len = any_len();
    value->description_seed = check_random();
    check_fill(extra[1], value->description_len, value->description_seed);
    out->description = extra[1];
    out->description_len = value->description_len;
}

static void check_view(const brain_view *view, const struct value *value, uint32_t name)
{
    CHECK_U64(view->version, value->version);
    CHECK_U64(view->size_bytes, value->size);
    CHECK_U64(view->kind, value->kind);
    CHECK_U64(view->meta_len, value->meta_len);
    CHECK_U64(view->description_len, value->description_len);
    CHECK_U64(view->name_len, name_lens[name]);
    CHECK(memcmp(view->name, names[name], name_lens[name]) == 0);
    CHECK(check_is_filled(view->data, value->size, value->seed));
    CHECK(check_is_filled(view->meta, value->meta_len, value->seed + 1));
    CHECK(check_is_filled(view->description, value->description_len, value->description_seed));
    CHECK((uintptr_t)view->data % (value->size >= 256 ? 64 : 8) == 0);
}

/* ---- letting go */

static void drop_view(uint32_t i)
{
    if (held[i].view.store != NULL) {
        check_view(&held[i].view, &held[i].value, held[i].name);
        brain_view_drop(&held[i].view);
        CHECK(held[i].view.store == NULL);
    }
}

static void close_snapshot(uint32_t i)
{
    brain_snapshot_close(snapshots[i].snapshot);
    snapshots[i].snapshot = NULL;
}

static void release_object(uint32_t i)
{
    brain_object_release(objects[i].object);
    objects[i].object = NULL;
}

static void let_go(void)
{
    for (uint32_t i = 0; i < N_HELD; i++) {
        drop_view(i);
    }
    for (uint32_t i = 0; i < N_SNAPSHOTS; i++) {
        close_snapshot(i);
    }
    for (uint32_t i = 0; i < N_OBJECTS; i++) {
        release_object(i);
    }
}

/* What old values, views and snapshots keep may fill the store; without them everything fits. */
static bool is_full(int err)
{
    if (err != BRAIN_E_FULL) {
        return false;
    }
    n_full++;
    let_go();
    return true;
}

/* Still full with nothing held: then live values and this one must be more than it may hold. */
static bool is_really_full(int err, uint64_t size)
{
    uint64_t capacity, live;
    CHECK_OK(brain_usage(stores[0], &capacity, &live));
    if (err == BRAIN_E_FULL) {
        CHECK(live + size > capacity);
    }
    return err == BRAIN_E_FULL;
}

static void take_version(uint64_t version)
{
    CHECK(version > last_version);
    last_version = version;
}

static uint32_t any_store(void)
{
    return (uint32_t)check_below(N_STORES);
}
static uint32_t any_space(void)
{
    return (uint32_t)(check_below(3) == 0 ? check_below(N_SPACES) : 0);
}
static uint32_t any_name(void)
{
    return (uint32_t)(check_below(2) == 0 ? check_below(N_NAMES) : check_below(30));
}

/* A condition, and what it leads to. */
static uint64_t any_condition(const struct value *older, bool is_delete, int *code_out)
{
    *code_out = is_delete && older->version == 0 ? BRAIN_E_NOT_FOUND : 0;
    switch (check_below(6)) {
    case 0:
        if (!is_delete) {
            *code_out = older->version != 0 ? BRAIN_E_EXISTS : 0;
            return 0;
        }
        return BRAIN_ANY_VERSION;
    case 1: /* of another time */
        *code_out = is_delete && older->version == 0 ? BRAIN_E_NOT_FOUND : BRAIN_E_STALE;
        return older->version + 1 + check_below(5);
    case 2:
        return older->version != 0 ? older->version : BRAIN_ANY_VERSION;
    default:
        return BRAIN_ANY_VERSION;
    }
}

/* ---- operations */

/* NULL at times; else one that was used for the name in this space, if not its last. */
static brain_hint *any_hint(brain_space *space, uint32_t n)
{
    static brain_hint hints[N_STORES][N_SPACES][N_NAMES];
    for (uint32_t i = 0; i < N_STORES; i++) {
        for (uint32_t s = 0; s < N_SPACES; s++) {
            if (spaces[i][s] == space && check_below(4) > 0) {
                return &hints[i][s][n];
            }
        }
    }
    return NULL;
}

static void do_put(void)
{
    uint32_t s = any_space(), n = any_name();
    struct value *older = &now.values[s][n], value;
    brain_value given;
    brain_part parts[3];
    int code;
    make_value(&value, &given, parts);
    make_description(&value, &given, older);
    uint64_t condition = any_condition(older, false, &code), version = 99;
    brain_space *space = spaces[any_store()][s];
    int err = check_below(2) == 0 ? BRAIN_E_BUSY
                                  : brain_try_put(space, names[n], name_lens[n], any_hint(space, n),
                                                  &given, condition, &version);
    n_short += err == 0;
    if (err == BRAIN_E_BUSY) { /* whatever it was, nothing has happened */
        err = brain_put(space, names[n], name_lens[n], &given, condition, &version);
    }
    if (is_full(err)) {
        err = brain_put(space, names[n], name_lens[n], &given, condition, &version);
        if (is_really_full(err, value.size)) {
            now.exists[s] = brain_space_exists(space) == 0;
            return;
        }
    }
    if (code == 0) {
        CHECK_OK(err);
        take_version(version);
        value.version = version;
        *older = value;
        now.exists[s] = true;
    } else {
        CHECK_CODE(err, code);
        CHECK_U64(version, 99);
        now.exists[s] = brain_space_exists(space) == 0; /* a failed put may have made it */
    }
}

static void do_delete(void)
{
    uint32_t s = any_space(), n = any_name();
    int code;
    uint64_t condition = any_condition(&now.values[s][n], true, &code);
    CHECK_CODE(brain_delete(spaces[any_store()][s], names[n], name_lens[n], condition), code);
    if (code == 0) {
        now.values[s][n] = (struct value){ 0 };
    }
}

/* What the last change of a name in a batch leads to: an error where its condition does not hold. */
static int codes[N_SPACES][N_NAMES];
static bool is_in_batch[N_SPACES][N_NAMES];

static bool is_a_code(int err)
{
    bool is_one = false;
    for (int s = 0; s < N_SPACES; s++) {
        for (int n = 0; n < N_NAMES; n++) {
            is_one = is_one || (err != 0 ? codes[s][n] == err : codes[s][n] != 0);
        }
    }
    return err != 0 ? is_one : !is_one;
}

/* A condition without a change. */
static void add_requirement(brain_batch *batch, uint32_t store, uint32_t s, uint32_t n)
{
    uint64_t there = now.values[s][n].version;
    const uint64_t wanted[] = { 0, there, there, there, BRAIN_ANY_VERSION, there + 1 };
    uint64_t want = wanted[check_below(sizeof wanted / sizeof *wanted)];
    bool holds = want == BRAIN_ANY_VERSION ? there != 0 : want == there;
    CHECK_OK(brain_batch_require(batch, spaces[store][s], names[n], name_lens[n], want));
    codes[s][n] = holds ? 0 : BRAIN_E_STALE;
}

static void add_delete(brain_batch *batch, uint32_t store, uint32_t s, uint32_t n)
{
    uint64_t there = now.values[s][n].version;
    if (check_below(4) > 0 || there == 0) {
        CHECK_OK(brain_batch_delete(batch, spaces[store][s], names[n], name_lens[n]));
        codes[s][n] = 0;
        return;
    }
    bool holds = check_below(8) > 0;
    CHECK_OK(brain_batch_delete_if(batch, spaces[store][s], names[n], name_lens[n],
                                   holds ? there : there + 1));
    codes[s][n] = holds ? 0 : BRAIN_E_STALE;
}

/* Mostly one that holds: one that does not is the end of the whole batch. */
static int add_put(brain_batch *batch, uint32_t store, uint32_t s, uint32_t n,
                   const brain_value *given)
{
    uint64_t there = now.values[s][n].version, want = BRAIN_ANY_VERSION;
    int code = 0;
    if (check_below(3) == 0) {
        bool holds = check_below(20) > 0;
        want = holds ? there : there + 1;
        code = holds ? 0 : BRAIN_E_STALE;
    } else if (there != 0 && check_below(60) == 0) {
        want = 0;
        code = BRAIN_E_EXISTS;
    }
    int err = brain_batch_put_if(batch, spaces[store][s], names[n], name_lens[n], given, want);
    if (err == 0) {
        codes[s][n] = code;
    }
    return err;
}

/* Adds one random change; `after` becomes what the table will be. False: full. */
static bool add_change(brain_batch *batch, uint32_t store, struct table *after)
{
    uint32_t s = any_space(), n = any_name();
    uint64_t dice = check_below(20);
    is_in_batch[s][n] = true;
    if (dice == 0) {
        add_requirement(batch, store, s, n);
        after->values[s][n] = now.values[s][n];
        return true;
    }
    if (dice < 7) {
        add_delete(batch, store, s, n);
        after->values[s][n] = (struct value){ 0 };
        /* A put that follows keeps the description of what the store holds now. */
        return true;
    }
    struct value value;
    brain_value given;
    brain_part parts[3];
    make_value(&value, &given, parts);
    make_description(&value, &given, &now.values[s][n]);
    int err = add_put(batch, store, s, n, &given);
    if (err == BRAIN_E_FULL) {
        return false;
    }
    CHECK_OK(err);
    value.version = UINT64_MAX;
    after->values[s][n] = value;
    return true;
}

/* Under a name that the batch does not change; else that would be an error. */
static int seal_in(struct held_object *it, brain_batch *batch, struct table *after,
                   uint64_t *number_out)
{
    uint32_t s = any_space(), n = any_name();
    if (is_in_batch[s][n]) {
        return brain_batch_commit(batch, number_out);
    }
    struct value value = { .size = it->size, .seed = it->seed, .kind = 7, .meta_len = any_len() };
    check_fill(extra[0], value.meta_len, value.seed + 1);
    brain_value given = { .kind = 7, .meta = extra[0], .meta_len = value.meta_len };
    make_description(&value, &given, &now.values[s][n]);
    uint64_t there = now.values[s][n].version;
    bool holds = check_below(8) > 0;
    int err = brain_object_seal_in(it->object, batch, spaces[it->store][s], names[n], name_lens[n],
                                   &given, holds ? there : there + 1, number_out);
    if (err == 0) {
        CHECK(holds);
        value.version = UINT64_MAX;
        after->values[s][n] = value;
        brain_object_release(it->object);
        it->object = NULL;
    } else {
        CHECK(check_is_filled(brain_object_data(it->object), it->size, it->seed));
        codes[s][n] = holds ? 0 : BRAIN_E_STALE;
    }
    return err;
}

static void do_batch(void)
{
    static struct table after;
    uint32_t store = any_store(), n = (uint32_t)check_below(check_below(8) == 0 ? 120 : 12);
    brain_batch *batch;
    uint64_t number = 0;
    after = now;
    memset(codes, 0, sizeof codes);
    memset(is_in_batch, 0, sizeof is_in_batch);
    CHECK_OK(brain_batch_new(stores[store], &batch));
    for (uint32_t i = 0; i < n; i++) {
        if (!add_change(batch, store, &after)) {
            brain_batch_free(batch);
            is_full(BRAIN_E_FULL);
            return;
        }
    }
    if (check_below(8) == 0) {
        brain_batch_free(batch); /* given up */
        return;
    }
    /* With an object that was written in place, or without. */
    struct held_object *it = &objects[check_below(N_OBJECTS)];
    bool seals = it->object != NULL && it->store == store && check_below(2) == 0;
    int err = seals ? seal_in(it, batch, &after, &number) : brain_batch_commit(batch, &number);
    brain_batch_free(batch);
    if (is_full(err) || err != 0) {
        CHECK(err == BRAIN_E_FULL || is_a_code(err));
        for (int s = 0; s < N_SPACES; s++) {
            now.exists[s] = brain_space_exists(spaces[store][s]) == 0;
        }
        return;
    }
    CHECK(is_a_code(0));
    n += seals;
    for (int s = 0; s < N_SPACES; s++) {
        for (int i = 0; i < N_NAMES; i++) {
            if (after.values[s][i].version == UINT64_MAX) {
                after.values[s][i].version = number;
                after.exists[s] = true; /* a put that a later delete overrode makes no namespace */
            }
        }
    }
    if (n > 0) {
        CHECK(number >= last_version);
        last_version = number;
    }
    now = after;
}

static void do_get(void)
{
    uint32_t s = any_space(), n = any_name(), i = (uint32_t)check_below(N_HELD);
    const struct value *value = &now.values[s][n];
    brain_view view = { .size_bytes = 77 };
    int err = brain_get(spaces[any_store()][s], names[n], name_lens[n], &view);
    CHECK_CODE(err, value->version != 0 ? 0 : BRAIN_E_NOT_FOUND);
    if (err != 0) {
        CHECK_U64(view.size_bytes, 77);
        return;
    }
    check_view(&view, value, n);
    if (check_below(2) == 0) {
        brain_view_drop(&view);
        return;
    }
    drop_view(i);
    held[i] = (struct held_view){
        .view = view, .value = *value, .space = s, .n_removed = now.n_removed[s], .name = n
    };
}

static void check_get_or_copy(brain_space *space, const struct value *value, uint32_t n)
{
    static uint64_t buf[64];
    brain_view view;
    int err = brain_get_or_copy(space, names[n], name_lens[n], any_hint(space, n), buf,
                                check_below(sizeof buf), &view);
    CHECK_CODE(err, value->version == 0 ? BRAIN_E_NOT_FOUND : 0);
    if (err != 0) {
        return;
    }
    bool is_copy = view.data == buf;
    n_copied += is_copy;
    CHECK(!is_copy || (value->size < 256 && view.store == NULL && view.name == names[n]));
    CHECK_U64(view.version, value->version);
    CHECK_U64(view.kind, value->kind);
    CHECK_U64(view.size_bytes, value->size);
    CHECK_U64(view.name_len, name_lens[n]);
    CHECK(check_is_filled(view.data, value->size, value->seed));
    brain_view_drop(&view);
}

static void do_get_copy(void)
{
    uint32_t s = any_space(), n = any_name(), kind = 999;
    const struct value *value = &now.values[s][n];
    size_t size = 999, room_bytes = value->size;
    uint64_t version = 999;
    bool small = value->version != 0 && value->size > 0 && check_below(3) == 0;
    brain_space *space = spaces[any_store()][s];
    room_bytes = small ? check_below(value->size) : room_bytes;
    int err =
        brain_get_copy(space, names[n], name_lens[n], room, room_bytes, &size, &kind, &version);
    CHECK_CODE(err, value->version == 0 ? BRAIN_E_NOT_FOUND : small ? BRAIN_E_FULL : 0);
    if (value->version != 0) {
        CHECK_U64(size, value->size);
    }
    if (err == 0) {
        CHECK_U64(version, value->version);
        CHECK_U64(kind, value->kind);
        CHECK(check_is_filled(room, size, value->seed));
    }
    check_get_or_copy(space, value, n);
    version = 999;
    err = brain_exists(space, names[n], name_lens[n], &version);
    CHECK_CODE(err, value->version == 0 ? BRAIN_E_NOT_FOUND : 0);
    CHECK_U64(version, err == 0 ? value->version : 999);
}

static void do_get_many(void)
{
    brain_key keys[60];
    brain_view views[60];
    uint32_t s[60], n[60], n_keys = (uint32_t)check_below(61), store = any_store();
    uint64_t number = 0;
    for (uint32_t i = 0; i < n_keys; i++) {
        s[i] = any_space();
        n[i] = any_name();
        keys[i] = (brain_key){ spaces[store][s[i]], names[n[i]], name_lens[n[i]] };
    }
    CHECK_OK(brain_get_many(stores[store], keys, n_keys, views, &number));
    CHECK(number >= last_version || n_keys == 0);
    for (uint32_t i = 0; i < n_keys; i++) {
        const struct value *value = &now.values[s[i]][n[i]];
        CHECK((views[i].store != NULL) == (value->version != 0));
        if (views[i].store != NULL) {
            check_view(&views[i], value, n[i]);
            brain_view_drop(&views[i]);
        }
    }
}

static void do_space(void)
{
    uint32_t s = (uint32_t)check_below(N_SPACES);
    brain_space *space = spaces[any_store()][s];
    uint64_t n = 999;
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, now.exists[s] ? table_count(&now, s) : 0);
    CHECK_CODE(brain_space_exists(space), now.exists[s] ? 0 : BRAIN_E_NOT_FOUND);
    if (check_below(2) == 0) {
        CHECK_CODE(brain_space_create(space), now.exists[s] ? BRAIN_E_EXISTS : 0);
        now.exists[s] = true;
    } else if (s != 0 || check_below(10) == 0) {
        CHECK_CODE(brain_space_remove(space), now.exists[s] ? 0 : BRAIN_E_NOT_FOUND);
        now.exists[s] = false;
        now.n_removed[s]++;
        memset(now.values[s], 0, sizeof now.values[s]);
    }
}

/* Walk the names of all spaces and the spaces, of a snapshot or of now. */
static void walk(uint32_t store, brain_snapshot *snapshot, const struct table *table)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err;
    uint32_t n_spaces = 0;
    for (uint32_t s = 0; s < N_SPACES; s++) {
        bool seen[N_NAMES] = { false };
        n_spaces += table->exists[s];
        CHECK_OK(brain_iter_names(spaces[store][s], snapshot, &iter));
        while ((err = brain_iter_next(iter, &name, &len)) == 0) {
            uint32_t i = 0;
            while (i < N_NAMES && (len != name_lens[i] || memcmp(name, names[i], len) != 0)) {
                i++;
            }
            CHECK(i < N_NAMES && !seen[i] && table->values[s][i].version != 0);
            seen[i] = true;
            brain_view view;
            if (check_below(3) == 0) {
                CHECK_OK(brain_iter_get(iter, &view));
                check_view(&view, &table->values[s][i], i);
                brain_view_drop(&view);
            }
        }
        CHECK_CODE(err, BRAIN_E_NOT_FOUND);
        brain_iter_free(iter);
        for (uint32_t i = 0; i < N_NAMES; i++) {
            CHECK(seen[i] == (table->values[s][i].version != 0));
        }
    }
    CHECK_OK(brain_iter_spaces(stores[store], snapshot, &iter));
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        n_spaces--;
        uint32_t s = 0;
        while (s < N_SPACES &&
               (len != strlen(space_names[s]) || memcmp(name, space_names[s], len) != 0)) {
            s++;
        }
        CHECK(s < N_SPACES && table->exists[s]);
    }
    CHECK_CODE(err, BRAIN_E_NOT_FOUND);
    CHECK_U64(n_spaces, 0);
    brain_iter_free(iter);
}

static void do_snapshot(void)
{
    uint32_t i = (uint32_t)check_below(N_SNAPSHOTS);
    struct held_snapshot *it = &snapshots[i];
    if (it->snapshot == NULL) {
        it->store = any_store();
        CHECK_OK(brain_snapshot_open(stores[it->store], &it->snapshot));
        CHECK(brain_snapshot_number(it->snapshot) >= last_version);
        it->table = now;
        return;
    }
    for (int k = 0; k < 20; k++) {
        uint32_t s = any_space(), n = any_name(), h = (uint32_t)check_below(N_HELD);
        const struct value *value = &it->table.values[s][n];
        brain_view view;
        int err =
            brain_snapshot_get(it->snapshot, spaces[it->store][s], names[n], name_lens[n], &view);
        CHECK_CODE(err, value->version != 0 ? 0 : BRAIN_E_NOT_FOUND);
        if (err == 0 && k == 0) {
            drop_view(h);
            held[h] = (struct held_view){ .view = view,
                                          .value = *value,
                                          .space = s,
                                          .n_removed = it->table.n_removed[s],
                                          .name = n };
        } else if (err == 0) {
            check_view(&view, value, n);
            brain_view_drop(&view);
        }
    }
    if (check_below(4) == 0) {
        walk(it->store, it->snapshot, &it->table);
    }
    if (check_below(4) == 0) {
        close_snapshot(i);
    }
}

static void seal(struct held_object *it)
{
    uint32_t s = any_space(), n = any_name();
    struct value *older = &now.values[s][n];
    struct value value = { .size = it->size, .seed = it->seed, .kind = 7, .meta_len = any_len() };
    int code;
    uint64_t version = 0, condition = any_condition(older, false, &code);
    check_fill(extra[0], value.meta_len, value.seed + 1);
    brain_value given = { .kind = 7, .meta = extra[0], .meta_len = value.meta_len };
    make_description(&value, &given, older);
    int err = brain_object_seal(it->object, spaces[it->store][s], names[n], name_lens[n], &given,
                                condition, &version);
    now.exists[s] = brain_space_exists(spaces[it->store][s]) == 0;
    if (is_full(err)) {
        return;
    }
    CHECK_CODE(err, code);
    if (code != 0) {
        CHECK(check_is_filled(brain_object_data(it->object), it->size, it->seed));
        return;
    }
    take_version(version);
    value.version = version;
    *older = value;
    if (!it->in_place) { /* what is written now stays here */
        memset(brain_object_data(it->object), 0xee, it->size);
    }
    CHECK_CODE(brain_object_seal(it->object, spaces[it->store][s], names[n], name_lens[n], &given,
                                 BRAIN_ANY_VERSION, NULL),
               BRAIN_E_INVAL);
    brain_object_release(it->object);
    it->object = NULL;
}

static void do_object(void)
{
    struct held_object *it = &objects[check_below(N_OBJECTS)];
    if (it->object == NULL) {
        it->store = any_store();
        it->size = any_size();
        it->seed = check_random();
        it->in_place = check_below(2) != 0;
        int err = (it->in_place ? brain_create_in_place : brain_create)(stores[it->store], it->size,
                                                                        &it->object);
        if (is_full(err)) {
            it->object = NULL;
            return;
        }
        CHECK_OK(err);
        CHECK((uintptr_t)brain_object_data(it->object) % 64 == 0);
        check_fill(brain_object_data(it->object), it->size, it->seed);
    } else if (check_below(5) == 0) {
        brain_object_release(it->object);
        it->object = NULL;
    } else {
        seal(it);
    }
}

/* Small values in place of small ones, again and again: by the short way, as a rule, and by copy. */
static void do_short(void)
{
    uint32_t s = any_space(), n = (uint32_t)check_below(10);
    for (uint32_t i = 0; i < N_SNAPSHOTS && s == 0 && check_below(2) == 0; i++) {
        close_snapshot(i); /* while there is one, no slot of an older value is ready */
    }
    for (int i = 0; i < 10; i++) {
        struct value *older = &now.values[s][n];
        struct value value = { .size = check_below(256), .seed = check_random(), .kind = 7 };
        brain_part part = { .data = room, .size_bytes = value.size };
        brain_value given = { .kind = 7, .parts = &part, .n_parts = 1 };
        brain_space *space = spaces[any_store()][s];
        uint64_t version = 99;
        check_fill(room, value.size, value.seed);
        value.description_len = older->version != 0 ? older->description_len : 0;
        value.description_seed = older->version != 0 ? older->description_seed : 0;
        int err = brain_try_put(space, names[n], name_lens[n], any_hint(space, n), &given,
                                BRAIN_ANY_VERSION, &version);
        n_short += err == 0;
        if (err == BRAIN_E_BUSY) {
            err = brain_put(space, names[n], name_lens[n], &given, BRAIN_ANY_VERSION, &version);
        }
        if (is_full(err)) {
            now.exists[s] = brain_space_exists(space) == 0;
            return;
        }
        CHECK_OK(err);
        take_version(version);
        value.version = version;
        *older = value;
        now.exists[s] = true;
        check_get_or_copy(spaces[any_store()][s], older, n);
    }
}

/* ---- what is held once more */

static void look_at_namespace(const struct held_view *it)
{
    brain_space *space;
    const void *name;
    size_t len;
    bool stands = now.exists[it->space] && now.n_removed[it->space] == it->n_removed;
    CHECK_CODE(brain_view_space(&it->view, &space, &name, &len), stands ? 0 : BRAIN_E_NOT_FOUND);
    if (stands) {
        CHECK(len == strlen(space_names[it->space]) &&
              memcmp(name, space_names[it->space], len) == 0);
        brain_space_close(space);
    }
}

static void look_by_id(const struct held_view *it)
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view found;
    brain_view_id(&it->view, id);
    bool is_there = now.values[it->space][it->name].version == it->value.version;
    CHECK_CODE(brain_get_by_id(stores[any_store()], id, &found), is_there ? 0 : BRAIN_E_NOT_FOUND);
    if (is_there) {
        CHECK_U64(found.object, it->view.object);
        check_view(&found, &it->value, it->name);
        brain_view_drop(&found);
    }
}

static void look_at_bytes(const struct held_view *it)
{
    brain_view found;
    void *mine;
    if (it->value.size == 0) {
        return;
    }
    const uint8_t *at = (const uint8_t *)it->view.data + check_below(it->value.size);
    CHECK_OK(brain_view_at(it->view.store, at, &found));
    CHECK_U64(found.object, it->view.object);
    check_view(&found, &it->value, it->name);
    brain_view_drop(&found);
    CHECK_OK(brain_view_private(&it->view, &mine));
    CHECK(memcmp(mine, it->view.data, it->value.size) == 0);
    memset(mine, 0x5a, it->value.size);
    brain_private_free(mine, it->value.size);
}

static void do_held(void)
{
    struct held_view *it = &held[check_below(N_HELD)];
    brain_view copy;
    if (it->view.store == NULL) {
        return;
    }
    look_at_namespace(it);
    look_by_id(it);
    look_at_bytes(it);
    CHECK_OK(brain_view_dup(&it->view, &copy));
    check_view(&copy, &it->value, it->name);
    if (check_below(2) == 0) { /* either keeps the value */
        brain_view first = it->view;
        it->view = copy;
        copy = first;
    }
    brain_view_drop(&copy);
}

/* A note is the value's, whoever looks, and gone with it. */
static void do_note(void)
{
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_value given = { .kind = BRAIN_KIND_RAW, .meta = meta, .meta_len = sizeof meta };
    brain_view one, other;
    uint64_t version, note = check_random();
    uint32_t s = any_space(), n = any_name();
    if (!now.exists[s] || now.values[s][n].version != 0) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        int err = brain_put(spaces[any_store()][s], names[n], name_lens[n], &given,
                            BRAIN_ANY_VERSION, &version);
        if (is_full(err)) {
            break;
        }
        CHECK_OK(err);
        take_version(version);
        CHECK_OK(brain_get(spaces[0][s], names[n], name_lens[n], &one));
        CHECK_OK(brain_get(spaces[1][s], names[n], name_lens[n], &other));
        CHECK_U64(brain_view_note(&one), 0);
        brain_view_set_note(&one, note);
        CHECK_U64(brain_view_note(&other), note);
        CHECK_U64(brain_view_swap_note(&other, note + 1, 5), 0);
        CHECK_U64(brain_view_swap_note(&other, note, note + 7), 1);
        CHECK_U64(brain_view_note(&one), note + 7);
        brain_view_drop(&one);
        brain_view_drop(&other);
    }
    int err = brain_delete(spaces[0][s], names[n], name_lens[n], BRAIN_ANY_VERSION);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
}

static void do_wait(void)
{
    uint32_t s = any_space(), n = any_name(), store = any_store();
    uint64_t version = now.values[s][n].version, got = 99;
    brain_space *space = spaces[store][s];
    CHECK_CODE(brain_wait(space, names[n], name_lens[n], version, 0, &got), BRAIN_E_TIMEOUT);
    CHECK_U64(got, 99);
    if (version != 0) {
        CHECK_OK(brain_wait(space, names[n], name_lens[n], check_below(version), 0, &got));
        CHECK_U64(got, version);
    }
    CHECK_CODE(brain_wait_space(space, check_stat(stores[store]).committed, 0, &got),
               BRAIN_E_TIMEOUT);
}

static void do_clients(void)
{
    brain_client clients[4], self;
    brain_pin pins[N_HELD];
    size_t n = 0;
    uint32_t n_dead = 9, n_held = 0, store = any_store();
    for (uint32_t i = 0; i < N_HELD; i++) {
        n_held += held[i].view.store != NULL;
    }
    CHECK_OK(brain_pins(stores[store], pins, N_HELD, &n));
    CHECK_U64(n, n_held);
    CHECK_OK(brain_clients(stores[store], clients, 4, &n));
    CHECK_U64(n, N_STORES);
    CHECK_OK(brain_self(stores[store], &self));
    CHECK_U64(brain_client_lives(stores[1 - store], self.row, self.seat), 1);
    CHECK_U64(brain_client_lives(stores[1 - store], self.row, self.seat + 1), 0);
    CHECK_OK(brain_reap(stores[store], &n_dead));
    CHECK_U64(n_dead, 0);
}

static void do_other(void)
{
    uint64_t capacity, live, freed = 0;
    uint32_t store = any_store();
    switch (check_below(10)) {
    case 4:
        do_note();
        break;
    case 5:
        do_wait();
        break;
    case 6:
        do_clients();
        break;
    case 7:
    case 8:
        do_short();
        break;
    case 0:
        CHECK_OK(brain_trim(stores[store], &freed));
        break;
    case 1:
        CHECK_OK(brain_usage(stores[store], &capacity, &live));
        CHECK_OK(brain_resize(stores[store], capacity + check_below(10000)));
        break;
    case 2:
        walk(store, NULL, &now);
        break;
    default:
        drop_view((uint32_t)check_below(N_HELD));
    }
}

static void step(void)
{
    uint64_t dice = check_below(100);
    if (dice < 30) {
        do_put();
    } else if (dice < 45) {
        do_get();
    } else if (dice < 55) {
        do_delete();
    } else if (dice < 63) {
        do_batch();
    } else if (dice < 70) {
        do_object();
    } else if (dice < 77) {
        do_snapshot();
    } else if (dice < 84) {
        do_get_copy();
    } else if (dice < 90) {
        do_get_many();
    } else if (dice < 93) {
        do_space();
    } else if (dice < 95) {
        do_held();
    } else {
        do_other();
    }
}

static void check_all(bool whole)
{
    uint64_t want = table_live(&now);
    CHECK_U64(check_live(stores[0]), want);
    CHECK_U64(check_live(stores[1]), want);
    if (whole) {
        uint64_t n_held = 0;
        for (uint32_t i = 0; i < N_HELD; i++) {
            n_held += held[i].view.store != NULL;
        }
        CHECK_U64(check_stat(stores[0]).n_pins, n_held);
        CHECK_SOUND(stores[0]);
    }
}

/* Nothing is left of anything. */
static void check_empty(void)
{
    let_go();
    for (uint32_t s = 0; s < N_SPACES; s++) {
        if (now.exists[s]) {
            CHECK_OK(brain_space_remove(spaces[0][s]));
        }
    }
    CHECK_OK(brain_trim(stores[0], NULL));
    brain_stat stat = check_stat(stores[0]);
    CHECK_U64(stat.live_bytes, 0);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_objects, 0);
    CHECK_U64(stat.n_namespaces, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(stores[0]);
}

int main(int argc, char **argv)
{
    uint64_t n_steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 5000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : check_new_seed();
    uint64_t n_checked = argc > 3 ? strtoull(argv[3], NULL, 0) : 2000;
    check_begin();
    check_state = seed;
    printf("seed 0x%llx\n", (unsigned long long)seed);
    const char *path = check_path();
    room = malloc(ROOM_BYTES);
    CHECK(room != NULL);
    make_names();
    for (uint32_t i = 0; i < N_STORES; i++) {
        stores[i] = check_open(path, (seed % 2 == 0 ? 96 : 12) * CHECK_MIB);
        for (uint32_t s = 0; s < N_SPACES; s++) {
            spaces[i][s] = check_space(stores[i], space_names[s]);
        }
    }
    for (uint64_t i = 0; i < n_steps; i++) {
        snprintf(check_note, sizeof check_note, "seed 0x%llx, step %llu", (unsigned long long)seed,
                 (unsigned long long)i);
        step();
        check_all(i < n_checked || i % 40 == 0);
    }
    check_empty();
    printf("%llu steps, %llu commits, %llu times full, %llu short puts, %llu copies\n",
           (unsigned long long)n_steps, (unsigned long long)check_stat(stores[0]).committed,
           (unsigned long long)n_full, (unsigned long long)n_short, (unsigned long long)n_copied);
    for (uint32_t i = 0; i < N_STORES; i++) {
        for (uint32_t s = 0; s < N_SPACES; s++) {
            brain_space_close(spaces[i][s]);
        }
    }
    for (uint32_t i = 0; i < N_NAMES; i++) {
        free(names[i]);
    }
    free(room);
    brain_close(stores[1]);
    check_destroy(stores[0]);
    return 0;
}
