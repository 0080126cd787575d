/* writes.c - operations of a random program that change the store. */
#include "writes.h"

#include "check.h"
#include "held.h"
#include "model.h"
#include "reads.h"

uint64_t writes_n_short;

void writes_put(void)
{
    uint32_t s = model_any_space(), n = model_any_name();
    struct model_value *older = &model_now.values[s][n], value;
    brain_value given;
    brain_part parts[3];
    int code;
    model_make_value(&value, &given, parts);
    model_make_description(&value, &given, older);
    uint64_t condition = model_any_condition(older, false, &code), version = 99;
    brain_space *space = held_spaces[held_any_store()][s];
    int err = check_below(2) == 0
                  ? BRAIN_E_BUSY
                  : brain_try_put(space, model_names[n], model_name_lens[n],
                                  held_any_hint(space, n), &given, condition, &version);
    writes_n_short += err == 0;
    if (err == BRAIN_E_BUSY) { /* whatever it was, nothing has happened */
        err = brain_put(space, model_names[n], model_name_lens[n], &given, condition, &version);
    }
    if (held_is_full(err)) {
        err = brain_put(space, model_names[n], model_name_lens[n], &given, condition, &version);
        if (held_is_really_full(err, value.size)) {
            model_now.exists[s] = brain_space_exists(space) == 0;
            return;
        }
    }
    if (code == 0) {
        CHECK_OK(err);
        model_take_version(version);
        value.version = version;
        *older = value;
        model_now.exists[s] = true;
    } else {
        CHECK_CODE(err, code);
        CHECK_U64(version, 99);
        model_now.exists[s] = brain_space_exists(space) == 0; /* a failed put may have made it */
    }
}

void writes_delete(void)
{
    uint32_t s = model_any_space(), n = model_any_name();
    int code;
    uint64_t condition = model_any_condition(&model_now.values[s][n], true, &code);
    CHECK_CODE(brain_delete(held_spaces[held_any_store()][s], model_names[n], model_name_lens[n],
                            condition),
               code);
    if (code == 0) {
        model_now.values[s][n] = (struct model_value){ 0 };
    }
}

/* What the last change of a name in a batch leads to: an error where its condition does not hold. */
static int codes[MODEL_SPACES][MODEL_NAMES];
static bool is_in_batch[MODEL_SPACES][MODEL_NAMES];

static bool is_a_code(int err)
{
    bool is_one = false;
    for (int s = 0; s < MODEL_SPACES; s++) {
        for (int n = 0; n < MODEL_NAMES; n++) {
            is_one = is_one || (err != 0 ? codes[s][n] == err : codes[s][n] != 0);
        }
    }
    return err != 0 ? is_one : !is_one;
}

/* A condition without a change. */
static void add_requirement(brain_batch *batch, uint32_t store, uint32_t s, uint32_t n)
{
    uint64_t there = model_now.values[s][n].version;
    const uint64_t wanted[] = { 0, there, there, there, BRAIN_ANY_VERSION, there + 1 };
    uint64_t want = wanted[check_below(sizeof wanted / sizeof *wanted)];
    bool holds = want == BRAIN_ANY_VERSION ? there != 0 : want == there;
    CHECK_OK(brain_batch_require(batch, held_spaces[store][s], model_names[n], model_name_lens[n],
                                 want));
    codes[s][n] = holds ? 0 : BRAIN_E_STALE;
}

static void add_delete(brain_batch *batch, uint32_t store, uint32_t s, uint32_t n)
{
    uint64_t there = model_now.values[s][n].version;
    if (check_below(4) > 0 || there == 0) {
        CHECK_OK(
            brain_batch_delete(batch, held_spaces[store][s], model_names[n], model_name_lens[n]));
        codes[s][n] = 0;
        return;
    }
    bool holds = check_below(8) > 0;
    CHECK_OK(brain_batch_delete_if(batch, held_spaces[store][s], model_names[n], model_name_lens[n],
                                   holds ? there : there + 1));
    codes[s][n] = holds ? 0 : BRAIN_E_STALE;
}

/* Mostly one that holds: one that does not is the end of the whole batch. */
static int add_put(brain_batch *batch, uint32_t store, uint32_t s, uint32_t n,
                   const brain_value *given)
{
    uint64_t there = model_now.values[s][n].version, want = BRAIN_ANY_VERSION;
    int code = 0;
    if (check_below(3) == 0) {
        bool holds = check_below(20) > 0;
        want = holds ? there : there + 1;
        code = holds ? 0 : BRAIN_E_STALE;
    } else if (there != 0 && check_below(60) == 0) {
        want = 0;
        code = BRAIN_E_EXISTS;
    }
    int err = brain_batch_put_if(batch, held_spaces[store][s], model_names[n], model_name_lens[n],
                                 given, want);
    if (err == 0) {
        codes[s][n] = code;
    }
    return err;
}

/* Adds one random change; `after` becomes what the table will be. False: full. */
static bool add_change(brain_batch *batch, uint32_t store, struct model_table *after)
{
    uint32_t s = model_any_space(), n = model_any_name();
    uint64_t dice = check_below(20);
    is_in_batch[s][n] = true;
    if (dice == 0) {
        add_requirement(batch, store, s, n);
        after->values[s][n] = model_now.values[s][n];
        return true;
    }
    if (dice < 7) {
        add_delete(batch, store, s, n);
        after->values[s][n] = (struct model_value){ 0 };
        /* A put that follows keeps the description of what the store holds now. */
        return true;
    }
    struct model_value value;
    brain_value given;
    brain_part parts[3];
    model_make_value(&value, &given, parts);
    model_make_description(&value, &given, &model_now.values[s][n]);
    int err = add_put(batch, store, s, n, &given);
    if (err == BRAIN_E_FULL) {
        return false;
    }
    CHECK_OK(err);
    value.version = UINT64_MAX;
    after->values[s][n] = value;
    return true;
}

/* What has not been sealed is as it was written. */
static void check_object(const struct held_object *it)
{
    const void *data = brain_object_data(it->object);
    CHECK((data == NULL) == it->is_streamed);
    CHECK(data == NULL || check_is_filled(data, it->size, it->seed));
}

/* More of a streamed object, if not all. Whether it is full. */
static bool fill(struct held_object *it)
{
    while (it->is_streamed && it->filled < it->size) {
        uint64_t n = 1 + check_below(check_below(2) == 0 ? 5000 : it->size - it->filled);
        n = n < it->size - it->filled ? n : it->size - it->filled;
        check_fill(model_room, it->size, it->seed);
        CHECK_OK(brain_object_append(it->object, model_room + it->filled, n));
        it->filled += n;
        if (check_below(4) == 0) {
            break;
        }
    }
    bool is_full = !it->is_streamed || it->filled == it->size;
    if (!is_full) {
        brain_value bare = { .kind = 7 };
        CHECK_CODE(brain_object_seal(it->object, held_spaces[it->store][0], "x", 1, &bare,
                                     BRAIN_ANY_VERSION, NULL),
                   BRAIN_E_INVAL);
    }
    return is_full;
}

/* Under a name that the batch does not change; else that would be an error. */
static int seal_in(struct held_object *it, brain_batch *batch, struct model_table *after,
                   uint64_t *number_out)
{
    uint32_t s = model_any_space(), n = model_any_name();
    if (is_in_batch[s][n]) {
        return brain_batch_commit(batch, number_out);
    }
    struct model_value value = { .size = it->size,
                                 .seed = it->seed,
                                 .kind = 7,
                                 .meta_len = model_any_len(),
                                 .created_ns = model_any_time() };
    check_fill(model_extra[0], value.meta_len, value.seed + 1);
    brain_value given = { .kind = 7,
                          .meta = model_extra[0],
                          .meta_len = value.meta_len,
                          .created_ns = value.created_ns };
    model_make_description(&value, &given, &model_now.values[s][n]);
    uint64_t there = model_now.values[s][n].version;
    bool holds = check_below(8) > 0;
    int err =
        brain_object_seal_in(it->object, batch, held_spaces[it->store][s], model_names[n],
                             model_name_lens[n], &given, holds ? there : there + 1, number_out);
    if (err == 0) {
        CHECK(holds);
        value.version = UINT64_MAX;
        after->values[s][n] = value;
        brain_object_release(it->object);
        it->object = NULL;
    } else {
        check_object(it);
        codes[s][n] = holds ? 0 : BRAIN_E_STALE;
    }
    return err;
}

void writes_batch(void)
{
    static struct model_table after;
    uint32_t store = held_any_store(), n = (uint32_t)check_below(check_below(8) == 0 ? 120 : 12);
    brain_batch *batch;
    uint64_t number = 0;
    after = model_now;
    memset(codes, 0, sizeof codes);
    memset(is_in_batch, 0, sizeof is_in_batch);
    CHECK_OK(brain_batch_new(held_stores[store], &batch));
    for (uint32_t i = 0; i < n; i++) {
        if (!add_change(batch, store, &after)) {
            brain_batch_free(batch);
            held_is_full(BRAIN_E_FULL);
            return;
        }
    }
    if (check_below(8) == 0) {
        brain_batch_free(batch); /* given up */
        return;
    }
    /* With an object that was written in place, or without. */
    struct held_object *it = &held_objects[check_below(HELD_OBJECTS)];
    bool seals = it->object != NULL && it->store == store && check_below(2) == 0 && fill(it);
    int err = seals ? seal_in(it, batch, &after, &number) : brain_batch_commit(batch, &number);
    brain_batch_free(batch);
    if (held_is_full(err) || err != 0) {
        CHECK(err == BRAIN_E_FULL || is_a_code(err));
        for (int s = 0; s < MODEL_SPACES; s++) {
            model_now.exists[s] = brain_space_exists(held_spaces[store][s]) == 0;
        }
        return;
    }
    CHECK(is_a_code(0));
    n += seals;
    for (int s = 0; s < MODEL_SPACES; s++) {
        for (int i = 0; i < MODEL_NAMES; i++) {
            if (after.values[s][i].version == UINT64_MAX) {
                after.values[s][i].version = number;
                after.exists[s] = true; /* a put that a later delete overrode makes no namespace */
            }
        }
    }
    if (n > 0) {
        CHECK(number >= model_last_version);
        model_last_version = number;
    }
    model_now = after;
}

void writes_space(void)
{
    uint32_t s = (uint32_t)check_below(MODEL_SPACES);
    brain_space *space = held_spaces[held_any_store()][s];
    uint64_t n = 999;
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, model_now.exists[s] ? model_count(&model_now, s) : 0);
    CHECK_CODE(brain_space_exists(space), model_now.exists[s] ? 0 : BRAIN_E_NOT_FOUND);
    if (check_below(2) == 0) {
        CHECK_CODE(brain_space_create(space), model_now.exists[s] ? BRAIN_E_EXISTS : 0);
        model_now.exists[s] = true;
    } else if (s != 0 || check_below(10) == 0) {
        CHECK_CODE(brain_space_remove(space), model_now.exists[s] ? 0 : BRAIN_E_NOT_FOUND);
        model_now.exists[s] = false;
        model_now.n_removed[s]++;
        memset(model_now.values[s], 0, sizeof model_now.values[s]);
    }
}

static void seal(struct held_object *it)
{
    uint32_t s = model_any_space(), n = model_any_name();
    struct model_value *older = &model_now.values[s][n];
    struct model_value value = { .size = it->size,
                                 .seed = it->seed,
                                 .kind = 7,
                                 .meta_len = model_any_len(),
                                 .created_ns = model_any_time() };
    int code;
    uint64_t version = 0, condition = model_any_condition(older, false, &code);
    check_fill(model_extra[0], value.meta_len, value.seed + 1);
    brain_value given = { .kind = 7,
                          .meta = model_extra[0],
                          .meta_len = value.meta_len,
                          .created_ns = value.created_ns };
    model_make_description(&value, &given, older);
    int err = brain_object_seal(it->object, held_spaces[it->store][s], model_names[n],
                                model_name_lens[n], &given, condition, &version);
    model_now.exists[s] = brain_space_exists(held_spaces[it->store][s]) == 0;
    if (held_is_full(err)) {
        return;
    }
    CHECK_CODE(err, code);
    if (code != 0) {
        check_object(it);
        return;
    }
    model_take_version(version);
    value.version = version;
    *older = value;
    if (!it->in_place && !it->is_streamed) { /* what is written now stays here */
        memset(brain_object_data(it->object), 0xee, it->size);
    }
    CHECK_CODE(brain_object_seal(it->object, held_spaces[it->store][s], model_names[n],
                                 model_name_lens[n], &given, BRAIN_ANY_VERSION, NULL),
               BRAIN_E_INVAL);
    brain_object_release(it->object);
    it->object = NULL;
}

void writes_object(void)
{
    struct held_object *it = &held_objects[check_below(HELD_OBJECTS)];
    if (it->object == NULL) {
        it->store = held_any_store();
        it->size = model_any_size();
        it->seed = check_random();
        it->in_place = check_below(2) != 0;
        it->is_streamed = check_below(3) == 0;
        it->filled = 0;
        int err = (it->is_streamed ? brain_create_streamed
                   : it->in_place  ? brain_create_in_place
                                   : brain_create)(held_stores[it->store], it->size, &it->object);
        if (held_is_full(err)) {
            it->object = NULL;
            return;
        }
        CHECK_OK(err);
        CHECK((uintptr_t)brain_object_data(it->object) % 64 == 0);
        if (!it->is_streamed) {
            check_fill(brain_object_data(it->object), it->size, it->seed);
        }
    } else if (check_below(5) == 0) {
        brain_object_release(it->object);
        it->object = NULL;
    } else if (fill(it)) {
        seal(it);
    }
}

void writes_short(void)
{
    uint32_t s = model_any_space(), n = (uint32_t)check_below(10);
    bool closes = s == 0 && check_below(2) == 0;
    for (uint32_t i = 0; i < HELD_SNAPSHOTS && closes; i++) {
        held_close_snapshot(i); /* while there is one, no slot of an older value is ready */
    }
    for (int i = 0; i < 10; i++) {
        struct model_value *older = &model_now.values[s][n];
        struct model_value value = { .size = check_below(256), .seed = check_random(), .kind = 7 };
        brain_part part = { .data = model_room, .size_bytes = value.size };
        brain_value given = { .kind = 7, .parts = &part, .n_parts = 1 };
        brain_space *space = held_spaces[held_any_store()][s];
        int code;
        uint64_t condition = model_any_condition(older, false, &code), version = 99;
        check_fill(model_room, value.size, value.seed);
        value.description_len = older->version != 0 ? older->description_len : 0;
        value.description_seed = older->version != 0 ? older->description_seed : 0;
        bool is_small = condition == BRAIN_ANY_VERSION && check_below(2) == 0;
        int err = is_small ? brain_try_put_small(space, model_names[n], model_name_lens[n],
                                                 held_any_hint(space, n), given.kind, model_room,
                                                 value.size)
                           : brain_try_put(space, model_names[n], model_name_lens[n],
                                           held_any_hint(space, n), &given, condition, &version);
        if (is_small && err == 0) {
            CHECK_OK(brain_exists(space, model_names[n], model_name_lens[n], &version));
        }
        writes_n_short += err == 0;
        if (err == BRAIN_E_BUSY) {
            err = brain_put(space, model_names[n], model_name_lens[n], &given, condition, &version);
        }
        if (held_is_full(err)) {
            model_now.exists[s] = brain_space_exists(space) == 0;
            return;
        }
        CHECK_CODE(err, code);
        if (code != 0) {
            CHECK_U64(version, 99);
            model_now.exists[s] = brain_space_exists(space) == 0; /* as in writes_put() */
            continue;
        }
        model_take_version(version);
        value.version = version;
        *older = value;
        model_now.exists[s] = true;
        reads_check_get_or_copy(held_spaces[held_any_store()][s], older, n);
    }
}

void writes_advance(void)
{
    uint64_t number = model_last_version + check_below(3) * check_below(1000);
    CHECK_OK(brain_advance(held_stores[held_any_store()], number));
    CHECK(check_stat(held_stores[0]).committed >= number);
    model_last_version = number; /* the next is above it */
}

/* What stands for the value are its first bytes: nothing else of it changes. */
void writes_move(void)
{
    brain_view view;
    uint64_t number = 0, before = 0;
    uint32_t s = model_any_space(), n = model_any_name();
    struct model_value *value = &model_now.values[s][n];
    brain_space *space = held_spaces[held_any_store()][s];
    if (value->version == 0 || value->size == 0) {
        return;
    }
    uint64_t most = value->size < BRAIN_AWAY_MAX ? value->size : BRAIN_AWAY_MAX;
    size_t len = 1 + (size_t)check_below(most);
    bool may = value->kind != BRAIN_KIND_AWAY && value->size >= len + 8;
    CHECK_OK(brain_get(space, model_names[n], model_name_lens[n], &view));
    CHECK_OK(brain_wait_space(space, 0, 0, &before));
    int err = brain_move_away(&view, view.data, len);
    if (err != 0) {
        CHECK(may ? held_is_full(err) : err == BRAIN_E_INVAL);
    } else {
        CHECK(may);
        value->kind = BRAIN_KIND_AWAY;
        value->size = len;
        CHECK_CODE(brain_move_away(&view, view.data, len), BRAIN_E_STALE);
    }
    brain_view_drop(&view);
    CHECK_OK(brain_wait_space(space, 0, 0, &number));
    CHECK_U64(number, before); /* nobody has changed anything */
}

void writes_note(void)
{
    uint8_t meta[BRAIN_NOTE_BYTES] = { 0 };
    brain_value given = { .kind = BRAIN_KIND_RAW, .meta = meta, .meta_len = sizeof meta };
    brain_view one, other;
    uint64_t version, note = check_random();
    uint32_t s = model_any_space(), n = model_any_name();
    if (!model_now.exists[s] || model_now.values[s][n].version != 0) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        int err = brain_put(held_spaces[held_any_store()][s], model_names[n], model_name_lens[n],
                            &given, BRAIN_ANY_VERSION, &version);
        if (held_is_full(err)) {
            break;
        }
        CHECK_OK(err);
        model_take_version(version);
        CHECK_OK(brain_get(held_spaces[0][s], model_names[n], model_name_lens[n], &one));
        CHECK_OK(brain_get(held_spaces[1][s], model_names[n], model_name_lens[n], &other));
        CHECK_U64(brain_view_note(&one), 0);
        brain_view_set_note(&one, note);
        CHECK_U64(brain_view_note(&other), note);
        CHECK_U64(brain_view_swap_note(&other, note + 1, 5), 0);
        CHECK_U64(brain_view_swap_note(&other, note, note + 7), 1);
        CHECK_U64(brain_view_note(&one), note + 7);
        brain_view_drop(&one);
        brain_view_drop(&other);
    }
    int err =
        brain_delete(held_spaces[0][s], model_names[n], model_name_lens[n], BRAIN_ANY_VERSION);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
}
