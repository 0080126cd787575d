/* script.c - the steps of a script. */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brain.h"

#define STEPS_MAX       64
#define NAMES_MAX       20000
#define LOCK_TIMEOUT_NS (2 * 1000 * 1000)
#define N_VIEWS         4
#define MIB             ((uint64_t)1 << 20)
#define LARGE_EVERY     8

struct use {
    struct script *script;
    brain_store *store;
    brain_space *spaces[4];
    brain_view views[N_VIEWS];
    brain_hint hint;
    brain_snapshot *snapshot;
    brain_batch *batch;
    brain_object *object;
    uint64_t object_bytes;
    bool
        is_small; /* no value of more than 16 KB: to take and to give back a MB is the time of all else */
    void (*disturb)(struct script *script);
    char name[64];
    size_t name_len;
};

/* ---- what is wrong */

static volatile uint64_t sum;

__attribute__((noreturn)) static void wrong(const char *call, const char *what, int code)
{
    fprintf(stderr, "WRONG: %s: %s (%d)\n", call, what, code);
    abort();
}

static int answered(const char *call, int code)
{
    bool is_public =
        (code <= 0 && code >= BRAIN_E_QUOTA) || (code <= BRAIN_E_INVAL && code >= BRAIN_E_FORKED);
    if (!is_public) {
        wrong(call, "no code of brain.h", code);
    }
    if (code <= BRAIN_E_INVAL && brain_error_detail()[0] == '\0') {
        wrong(call, "an error without a text", code);
    }
    return code;
}
#define DO(call) answered(#call, call)

static void touch(const void *bytes, uint64_t n)
{
    const uint8_t *at = bytes;
    for (uint64_t i = 0; i < n; i += i + 4096 < n ? 4096 : n - i > 1 ? n - i - 1 : 1) {
        sum += at[i];
    }
}

/* ---- arguments */

static uint64_t below(struct use *use, uint64_t n)
{
    return script_byte(use->script) % n;
}

static brain_space *space(struct use *use)
{
    return use->spaces[below(use, 4)];
}

/* One that the images have, more often than not. */
static const char *name(struct use *use)
{
    static const char *const kinds[] = { "n", "n", "n", "big", "t", "more", "often", "new" };
    uint8_t byte = script_byte(use->script);
    use->name_len = (size_t)snprintf(use->name, sizeof use->name, "%s%u", kinds[byte >> 5],
                                     (unsigned)(byte & 31) % (byte >> 5 == 3 ? 16u : 32u));
    return use->name;
}

static uint64_t version(struct use *use)
{
    uint64_t choice = below(use, 4);
    return choice == 0 ? 0 : choice == 1 ? below(use, 200) : BRAIN_ANY_VERSION;
}

static const uint8_t bytes[MIB];

static size_t size(struct use *use)
{
    uint64_t number = script_number(use->script, 2);
    return (number & 0xc000) == 0xc000   ? (number & 0x3fff) * (use->is_small ? 1 : 61)
           : (number & 0x8000) == 0x8000 ? number & 0x3fff
                                         : number & 0x1ff;
}

static brain_value value(struct use *use, brain_part *part)
{
    *part = (brain_part){ .data = bytes, .size_bytes = size(use), .align = 8 };
    uint8_t more = script_byte(use->script);
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = part, .meta = bytes };
    value.meta_len = more & 1 ? 3000 : more & 2 ? 30 : 0;
    value.description = more & 4 ? "described" : NULL;
    value.description_len = more & 8 ? 9 : 0;
    return value;
}

/* ---- steps */

static void look(brain_view *view)
{
    brain_tensor tensor;
    int64_t whole;
    double real;
    touch(view->data, view->size_bytes);
    touch(view->name, view->name_len);
    touch(view->meta, view->meta_len);
    touch(view->description, view->description_len);
    if (view->store != NULL) {
        sum += brain_view_created_ns(view);
    }
    (void)DO(brain_tensor_decode(view->meta, view->meta_len, view->size_bytes, &tensor));
    (void)DO(brain_view_int(view, &whole));
    (void)DO(brain_view_float(view, &real));
}

static void look_and_drop(brain_view *view)
{
    look(view);
    brain_view_drop(view);
}

static void do_get(struct use *use)
{
    brain_view view;
    if (DO(brain_get(space(use), name(use), use->name_len, &view)) == 0) {
        look_and_drop(&view);
    }
}

static void do_get_or_copy(struct use *use)
{
    uint64_t buf[64];
    brain_view view;
    brain_hint hint = { 0 };
    brain_space *in = space(use);
    (void)name(use);
    for (int i = 0; i < 2; i++) {
        if (DO(brain_get_or_copy(in, use->name, use->name_len, &hint, buf, sizeof buf, &view)) ==
            0) {
            look_and_drop(&view);
        }
    }
}

static void do_get_copy(struct use *use)
{
    uint8_t buf[300];
    size_t size_bytes;
    uint32_t kind;
    uint64_t number;
    (void)DO(brain_get_copy(space(use), name(use), use->name_len, buf, sizeof buf, &size_bytes,
                            &kind, &number));
}

static void do_exists(struct use *use)
{
    uint64_t number;
    (void)DO(brain_exists(space(use), name(use), use->name_len, &number));
}

static void do_get_many(struct use *use)
{
    brain_key keys[8];
    brain_view views[8];
    char names[8][64];
    uint64_t number;
    for (int i = 0; i < 8; i++) {
        memcpy(names[i], name(use), sizeof names[i]);
        keys[i] = (brain_key){ use->spaces[i % 2], names[i], use->name_len };
    }
    if (DO(brain_get_many(use->store, keys, 8, views, &number)) == 0) {
        for (int i = 0; i < 8; i++) {
            if (views[i].store != NULL) {
                look_and_drop(&views[i]);
            }
        }
    }
}

/* Views that stay over other steps. */
static void do_hold(struct use *use)
{
    brain_view *held = &use->views[below(use, N_VIEWS)];
    brain_view_drop(held);
    if (DO(brain_get(space(use), name(use), use->name_len, held)) != 0) {
        memset(held, 0, sizeof *held);
    }
}

static void do_drop(struct use *use)
{
    brain_view_drop(&use->views[below(use, N_VIEWS)]);
}

static void do_with_view(struct use *use)
{
    brain_view *held = &use->views[below(use, N_VIEWS)], other;
    uint8_t id[BRAIN_ID_BYTES];
    const void *named;
    size_t len;
    brain_space *found;
    void *data;
    if (held->store == NULL) {
        return;
    }
    look(held);
    brain_view_id(held, id);
    if (DO(brain_get_by_id(use->store, id, &other)) == 0) {
        look_and_drop(&other);
    }
    if (DO(brain_view_space(held, &found, &named, &len)) == 0) {
        touch(named, len);
        brain_space_close(found);
    }
    if (DO(brain_view_dup(held, &other)) == 0) {
        look_and_drop(&other);
    }
    if (DO(brain_view_at(use->store, (const uint8_t *)held->data + script_number(use->script, 2),
                         &other)) == 0) {
        look_and_drop(&other);
    }
    if (DO(brain_view_private(held, &data)) == 0) {
        touch(data, held->size_bytes);
        brain_private_free(data, held->size_bytes);
    }
    sum += brain_view_note(held);
    brain_view_set_note(held, 7);
    sum += (uint64_t)brain_view_swap_note(held, 7, script_byte(use->script));
}

static void do_id(struct use *use)
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    brain_view_id(&use->views[0], id); /* those of the store */
    for (int i = 0; i < 4; i++) {
        id[below(use, sizeof id)] = script_byte(use->script);
    }
    if (DO(brain_get_by_id(use->store, id, &view)) == 0) {
        look_and_drop(&view);
    }
}

static void walk(brain_iter *iter)
{
    const void *found;
    size_t len;
    brain_view view;
    for (uint32_t n = 0; DO(brain_iter_next(iter, &found, &len)) == 0; n++) {
        touch(found, len);
        if (n == NAMES_MAX) {
            wrong("brain_iter_next", "a walk without an end", 0);
        }
        if (n % 4 == 0 && DO(brain_iter_get(iter, &view)) == 0) {
            look_and_drop(&view);
        }
    }
    brain_iter_free(iter);
}

static void do_walk(struct use *use)
{
    brain_iter *iter;
    brain_snapshot *as_of = below(use, 2) == 0 ? use->snapshot : NULL;
    if (DO(brain_iter_names(space(use), as_of, &iter)) == 0) {
        walk(iter);
    }
    if (DO(brain_iter_spaces(use->store, as_of, &iter)) == 0) {
        walk(iter);
    }
}

static void do_snapshot(struct use *use)
{
    brain_view view;
    if (use->snapshot == NULL && DO(brain_snapshot_open(use->store, &use->snapshot)) != 0) {
        use->snapshot = NULL;
        return;
    }
    sum += brain_snapshot_number(use->snapshot);
    if (DO(brain_snapshot_get(use->snapshot, space(use), name(use), use->name_len, &view)) == 0) {
        look_and_drop(&view);
    }
    if (below(use, 2) == 0) {
        brain_snapshot_close(use->snapshot);
        use->snapshot = NULL;
    }
}

static void do_put(struct use *use)
{
    brain_part part;
    brain_value what = value(use, &part);
    uint64_t number;
    (void)DO(brain_put(space(use), name(use), use->name_len, &what, version(use), &number));
}

/* Small values in place of small ones: the short way, and looks at what is retired. */
static void do_puts(struct use *use)
{
    uint64_t number = 5, n = 1 + below(use, 120), got;
    brain_part part = { .data = &number, .size_bytes = sizeof number };
    brain_value what = { .kind = BRAIN_KIND_INT, .n_parts = 1, .parts = &part };
    brain_hint hint = { 0 };
    brain_space *in = space(use);
    (void)name(use);
    for (uint64_t i = 0; i < n; i++) {
        if (DO(brain_try_put(in, use->name, use->name_len, &hint, &what, BRAIN_ANY_VERSION,
                             &got)) != 0 &&
            DO(brain_put(in, use->name, use->name_len, &what, BRAIN_ANY_VERSION, &got)) != 0) {
            return; /* the next would say the same */
        }
    }
}

static void do_put_bytes(struct use *use)
{
    (void)DO(brain_put_bytes(space(use), name(use), use->name_len, bytes, size(use)));
}

static void do_delete(struct use *use)
{
    (void)DO(brain_delete(space(use), name(use), use->name_len, version(use)));
}

static void do_batch(struct use *use)
{
    brain_part part;
    uint64_t n = 1 + below(use, 24);
    if (use->batch == NULL && DO(brain_batch_new(use->store, &use->batch)) != 0) {
        use->batch = NULL;
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t which = below(use, 8);
        brain_space *in = space(use);
        (void)name(use);
        if (which < 4) {
            brain_value what = value(use, &part);
            (void)DO(brain_batch_put(use->batch, in, use->name, use->name_len, &what));
        } else if (which == 4) {
            brain_value what = value(use, &part);
            (void)DO(
                brain_batch_put_if(use->batch, in, use->name, use->name_len, &what, version(use)));
        } else if (which == 5) {
            (void)DO(brain_batch_delete(use->batch, in, use->name, use->name_len));
        } else if (which == 6) {
            (void)DO(brain_batch_delete_if(use->batch, in, use->name, use->name_len, version(use)));
        } else {
            (void)DO(brain_batch_require(use->batch, in, use->name, use->name_len, version(use)));
        }
    }
}

static void do_commit(struct use *use)
{
    uint64_t number;
    if (use->batch != NULL) {
        (void)DO(brain_batch_commit(use->batch, &number));
        brain_batch_free(use->batch);
        use->batch = NULL;
    }
}

static void do_create(struct use *use)
{
    brain_object_release(use->object);
    use->object = NULL;
    use->object_bytes = size(use);
    int err = below(use, 2) == 0
                  ? DO(brain_create(use->store, use->object_bytes, &use->object))
                  : DO(brain_create_in_place(use->store, use->object_bytes, &use->object));
    if (err == 0) {
        memset(brain_object_data(use->object), 7, use->object_bytes);
    } else {
        use->object = NULL;
    }
}

static void do_seal(struct use *use)
{
    brain_part part;
    brain_value what = value(use, &part);
    uint64_t number;
    what.n_parts = 0;
    if (use->object == NULL) {
        return;
    }
    brain_space *in = space(use);
    (void)name(use);
    if (use->batch != NULL && below(use, 2) == 0) {
        (void)DO(brain_object_seal_in(use->object, use->batch, in, use->name, use->name_len, &what,
                                      version(use), &number));
    } else {
        (void)DO(brain_object_seal(use->object, in, use->name, use->name_len, &what, version(use),
                                   &number));
    }
    brain_object_release(use->object);
    use->object = NULL;
}

static void do_space(struct use *use)
{
    uint64_t n;
    brain_space *in = space(use);
    switch (below(use, 4)) {
    case 0:
        (void)DO(brain_space_create(in));
        break;
    case 1:
        (void)DO(brain_space_remove(in));
        break;
    case 2:
        (void)DO(brain_space_exists(in));
        break;
    default:
        (void)DO(brain_space_count(in, &n));
        break;
    }
}

static void do_wait(struct use *use)
{
    uint64_t number = script_number(use->script, 1);
    brain_space *in = space(use);
    (void)DO(brain_wait(in, name(use), use->name_len, number, 0, &number));
    (void)DO(brain_wait(in, use->name, use->name_len, UINT64_MAX - 1, 0, &number));
    (void)DO(brain_wait_space(in, number, 0, &number));
    (void)DO(brain_wait_space(in, UINT64_MAX - 1, 0, &number));
}

static void do_stat(struct use *use)
{
    brain_stat stat = { .struct_size = sizeof stat };
    uint64_t capacity, live;
    (void)DO(brain_stat_get(use->store, &stat));
    (void)DO(brain_usage(use->store, &capacity, &live));
    sum += (uint64_t)brain_is_busy(use->store) + brain_access(use->store);
}

/* A walk goes on behind what is damaged, and ends. */
static void do_looks(struct use *use)
{
    brain_object_info infos[4] = { { .struct_size = sizeof infos[0] } };
    brain_client client;
    uint32_t cursor = 0;
    uint64_t epoch;
    size_t n = 0;
    int err;
    do {
        err = DO(brain_objects(use->store, BRAIN_OBJECT_ANY, &cursor, infos, 4, &n));
        for (size_t i = 0; (err == 0 || err == BRAIN_E_CORRUPT) && i < n; i++) {
            sum += infos[i].size_bytes + strlen(infos[i].name) + strlen(infos[i].space);
        }
    } while (err == 0 || err == BRAIN_E_CORRUPT);
    (void)DO(brain_object_look(use->store, script_byte(use->script), &infos[0]));
    (void)DO(brain_writer(use->store, &client, &epoch));
}

static void do_clients(struct use *use)
{
    brain_client clients[4], self;
    brain_pin pins[8];
    size_t n;
    uint32_t n_dead;
    (void)DO(brain_clients(use->store, clients, 4, &n));
    if (DO(brain_self(use->store, &self)) == 0) {
        sum += (uint64_t)brain_client_lives(use->store, self.row, self.seat);
    }
    sum += (uint64_t)brain_client_lives(use->store, script_byte(use->script), 1);
    (void)DO(brain_pins(use->store, pins, 8, &n));
    do_looks(use);
    (void)DO(brain_reap(use->store, &n_dead));
}

static void do_check(struct use *use)
{
    brain_problem problems[2];
    size_t n;
    (void)DO(brain_check(use->store, problems, 2, &n));
}

static void do_trim(struct use *use)
{
    uint64_t freed;
    (void)DO(brain_trim(use->store, &freed));
}

static void do_resize(struct use *use)
{
    (void)DO(brain_resize(use->store, (4 + below(use, 8)) * MIB));
}

static void do_compact(struct use *use)
{
    uint64_t freed;
    (void)DO(brain_set_keep_free(use->store, below(use, 8) * MIB));
    (void)DO(brain_compact(use->store, &freed));
}

static void do_disturb(struct use *use)
{
    if (use->disturb != NULL) {
        use->disturb(use->script);
    }
}

static void do_advance(struct use *use)
{
    (void)DO(brain_advance(use->store, below(use, 4) << below(use, 64)));
}

/* An object that comes in pieces, with whatever others do in between; do_seal() seals it. */
static void do_stream(struct use *use)
{
    static const uint8_t piece[20000] = { 7 };
    brain_object_release(use->object);
    use->object = NULL;
    use->object_bytes = size(use);
    int err = DO(brain_create_streamed(use->store, use->object_bytes, &use->object));
    if (err != 0) {
        use->object = NULL;
        return;
    }
    for (uint64_t left = use->object_bytes; left > 0 && err == 0;) {
        uint64_t n = left < sizeof piece ? left : sizeof piece;
        err = DO(brain_object_append(use->object, piece, n));
        left -= n;
        do_disturb(use);
    }
}

/* In the order of their bytes: a corpus goes by it. New ones at the end. */
static void (*const steps[])(struct use *use) = {
    do_get,    do_get_or_copy, do_get_copy, do_exists,  do_get_many, do_hold,
    do_drop,   do_with_view,   do_id,       do_walk,    do_snapshot, do_put,
    do_puts,   do_delete,      do_batch,    do_commit,  do_create,   do_seal,
    do_space,  do_wait,        do_stat,     do_clients, do_check,    do_trim,
    do_resize, do_put_bytes,   do_disturb,  do_advance, do_stream,   do_compact,
};
#define N_STEPS (sizeof steps / sizeof steps[0])
#define N_FIRST 27u /* of them that the corpus was made with */

/* So that a corpus means what it did, as far as can be: the bytes that are left over are those of later steps. */
static size_t step_of(uint8_t byte)
{
    return byte < UINT8_MAX / N_FIRST * N_FIRST ? byte % N_FIRST
                                                : N_FIRST + byte % (N_STEPS - N_FIRST);
}

/* ---- the whole */

static void let_go(struct use *use)
{
    brain_object_release(use->object);
    brain_batch_free(use->batch);
    brain_snapshot_close(use->snapshot);
    for (int i = 0; i < N_VIEWS; i++) {
        brain_view_drop(&use->views[i]);
    }
    for (int i = 0; i < 4; i++) {
        brain_space_close(use->spaces[i]);
    }
}

/* False: it does not open. */
static bool begin(struct use *use, const char *path, uint32_t flags)
{
    static const char *const names[] = { "one", "two", "kept", "fresh" };
    brain_options options = BRAIN_OPTIONS_INIT;
    options.lock_timeout_ns = LOCK_TIMEOUT_NS;
    options.flags = BRAIN_OPEN_EXISTING | flags;
    if (DO(brain_open(path, &options, &use->store)) != 0) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (DO(brain_space_open(use->store, names[i], strlen(names[i]), &use->spaces[i])) != 0) {
            wrong("brain_space_open", "a name that it does not take", i);
        }
    }
    return true;
}

void script_run(struct script *script, const char *path, void (*disturb)(struct script *script))
{
    struct use use = { .script = script, .disturb = disturb };
    uint8_t how = script_byte(script);
    if (!begin(&use, path, (how & 3) == 3 ? BRAIN_OPEN_READ_ONLY : 0)) {
        return;
    }
    for (int i = 0; i < STEPS_MAX && script->at < script->end; i++) {
        steps[step_of(script_byte(script))](&use);
    }
    let_go(&use);
    if (how & 4) {
        (void)DO(brain_destroy(use.store));
    }
    brain_close(use.store);
}

void script_run_all(const char *path, uint64_t seed)
{
    struct use use = { .is_small = (seed ^ seed >> 3) % LARGE_EVERY != 0 };
    if (!begin(&use, path, 0)) {
        return;
    }
    for (size_t step = 0; step < N_STEPS; step++) {
        uint64_t words[32];
        for (size_t i = 0; i < 32; i++) {
            words[i] = seed += UINT64_C(0x9e3779b97f4a7c15) * (seed << 13 ^ seed >> 7 ^ i);
        }
        use.script = &(struct script){ (const uint8_t *)words, (const uint8_t *)(words + 32) };
        steps[step](&use);
    }
    let_go(&use);
    brain_close(use.store);
}
