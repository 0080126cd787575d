/* scene.c - the operations that are proved.
 *
 * The common ground of all scenes: namespaces "a" and "b" with small, medium and large values, some
 * free slots and some free memory that is warm, since operations take another way where they find
 * it.
 */
#include "scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fate.h"
#include "kit.h"
#include "layout.h"
#include "store.h"

#define SMALL  24u
#define MEDIUM 400u   /* inline, in a slot of several lines */
#define LARGE  9000u  /* an extent of three pages */
#define LARGER 20000u /* an extent of five */

/* An operation that fails proves nothing. */
static void need(int err, const char *what)
{
    if (err != 0) {
        fprintf(stderr, "%s: %s: %s\n", what, brain_strerror(err), brain_error_detail());
        _exit(3);
    }
}

/* Values are windows of one pattern, so that no instructions are spent on making them. */
static char pattern[LARGER + 64 * 512];

static const char *window(uint64_t seed)
{
    return pattern + seed % 512 * 64;
}

static int try_put(brain_space *space, const char *name, size_t size, uint64_t seed,
                   uint64_t if_version)
{
    brain_part part = { window(seed), size, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    return brain_put(space, name, strlen(name), &value, if_version, NULL);
}

static void put(brain_space *space, const char *name, size_t size, uint64_t seed)
{
    need(try_put(space, name, size, seed, BRAIN_ANY_VERSION), name);
}

static void put_numbered(brain_space *space, const char *prefix, uint32_t i, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "%s%u", prefix, i);
    put(space, name, size, i);
}

static void erase(brain_space *space, const char *name)
{
    need(brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION), name);
}

static void open_store(struct stage *stage)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = 16u << 20;
    need(brain_open(stage->path, &options, &stage->store), stage->path);
    need(brain_space_open(stage->store, "a", 1, &stage->a), "a");
    need(brain_space_open(stage->store, "b", 1, &stage->b), "b");
}

static void lay_ground(struct stage *stage)
{
    for (uint32_t i = 0; i < 8; i++) {
        put_numbered(stage->a, "small", i, SMALL);
        put_numbered(stage->b, "medium", i, MEDIUM);
    }
    for (uint32_t i = 0; i < 3; i++) {
        put_numbered(stage->a, "large", i, LARGE);
        put_numbered(stage->b, "larger", i, LARGER);
    }
    put(stage->a, "large1", LARGER, 77); /* free memory in between, warm */
    put(stage->b, "medium3", SMALL, 78);
    erase(stage->a, "small7");
    erase(stage->b, "larger1");
}

void scene_prepare(const struct scene *scene, struct stage *stage, const char *path, uint64_t seed)
{
    memset(stage, 0, sizeof *stage);
    stage->path = path;
    kit_fill(pattern, sizeof pattern, 1);
    fate_decide(seed);
    open_store(stage);
    lay_ground(stage);
    if (scene->prepare != NULL) {
        scene->prepare(stage);
    }
}

void scene_operate(const struct scene *scene, struct stage *stage)
{
    scene->operate(stage);
    stage->next++;
}

void scene_close(struct stage *stage)
{
    brain_view_drop(&stage->view);
    brain_snapshot_close(stage->snapshot);
    brain_object_release(stage->object);
    brain_space_close(stage->a);
    brain_space_close(stage->b);
    brain_close(stage->second);
    brain_close(stage->store);
}

static struct bn_state_rec read_state(const struct stage *stage)
{
    char path[KIT_PATH_MAX + 16];
    struct bn_state_rec state = { .committed = 0 };
    snprintf(path, sizeof path, "%s/data", brain_directory(stage->store));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, &state, sizeof state, (off_t)BN_STATE_OFF);
    need(n == (ssize_t)sizeof state ? 0 : BRAIN_E_IO, path);
    close(fd);
    return state;
}

/* ---- puts ------------------------------------------------------------------------------------ */

static void put_new_small(struct stage *stage)
{
    put(stage->a, "new", SMALL, 1);
}

static void put_new_medium(struct stage *stage)
{
    put(stage->a, "new", MEDIUM, 1);
}

static void put_empty(struct stage *stage)
{
    put(stage->a, "", 0, 1);
}

static void trim(struct stage *stage)
{
    need(brain_trim(stage->store, NULL), "brain_trim");
}

static void put_new_large(struct stage *stage)
{
    put(stage->a, "new", LARGE, 1);
}

static void replace_small(struct stage *stage)
{
    put(stage->a, "small3", SMALL, 1);
}

static void replace_large(struct stage *stage)
{
    put(stage->a, "large0", LARGER, 1);
}

static void replace_large_twice(struct stage *stage)
{
    put(stage->a, "large0", LARGE, 1 + stage->next); /* the second finds the memory of the first */
}

static void replace_small_by_large(struct stage *stage)
{
    put(stage->a, "small3", LARGE, 1);
}

static void replace_large_by_small(struct stage *stage)
{
    put(stage->a, "large0", SMALL, 1);
}

static void put_if_absent(struct stage *stage)
{
    if (stage->next == 0) {
        need(try_put(stage->a, "small3", SMALL, 1, 0) == BRAIN_E_EXISTS ? 0 : -1, "put if absent");
    } else {
        need(try_put(stage->a, "new", SMALL, 1, 0), "put if absent");
    }
}

static void put_if_version(struct stage *stage)
{
    uint64_t version;
    need(brain_exists(stage->a, "small3", 6, &version), "small3");
    if (stage->next == 0) {
        need(try_put(stage->a, "small3", SMALL, 1, version + 1) == BRAIN_E_STALE ? 0 : -1,
             "stale put");
        need(try_put(stage->a, "large0", LARGE, 1, 1) == BRAIN_E_STALE ? 0 : -1, "stale large put");
    } else {
        need(try_put(stage->a, "small3", MEDIUM, 1, version), "put if version");
    }
}

/* A name and a description that find no room in a slot. */
static void put_wordy(struct stage *stage)
{
    static char name[3000];
    const char *text = window(3);
    memset(name, 'n', sizeof name);
    brain_part part = { text, SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_STR,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = text,
                          .meta_len = 700,
                          .description = stage->next == 0 ? text : NULL,
                          .description_len = stage->next == 0 ? 2500 : 0 };
    need(brain_put(stage->a, name, sizeof name, &value, BRAIN_ANY_VERSION, NULL), "a long name");
}

static void replace_twice(struct stage *stage)
{
    put(stage->a, "small3", SMALL, 1 + stage->next);
}

/* ---- the short way of a small put (src/replace.c) -------------------------------------------- */

#define CLASS_OF_SMALL 1u /* two lines */

static uint32_t n_ready(const struct stage *stage)
{
    return bn_load_relaxed(&stage->store->ready[CLASS_OF_SMALL].n);
}

/* Until more slots are ready than the operations take. */
static void get_ready(struct stage *stage)
{
    for (uint32_t n = 0; n_ready(stage) < 16; n++) {
        put(stage->a, "small3", SMALL, n);
        need(n < 10000 ? 0 : BRAIN_E_BUSY, "no slot becomes ready");
    }
}

/* Until `n_left` are: after those the next put looks at what was replaced since. */
static void use_up_ready(struct stage *stage, uint32_t n_left)
{
    get_ready(stage);
    while (n_ready(stage) > n_left) {
        put(stage->a, "small3", SMALL, n_ready(stage));
    }
}

static void use_up_all(struct stage *stage)
{
    use_up_ready(stage, 0);
}

static void use_up_and_hold(struct stage *stage)
{
    use_up_ready(stage, 1);
    need(brain_get(stage->a, "small3", 6, &stage->view), "small3");
}

static void replace_ready(struct stage *stage)
{
    put(stage->a, "small3", SMALL, 1 + stage->next);
}

/* The slot that is held is the last that was replaced when the second put looks. */
static void replace_ready_held(struct stage *stage)
{
    char before[SMALL];
    memcpy(before, stage->view.data, SMALL);
    put(stage->a, "small3", SMALL, 300 + stage->next);
    need(memcmp(before, stage->view.data, SMALL) == 0 ? 0 : BRAIN_E_CORRUPT, "a view has changed");
}

/* With a hint, which the put before it noted. */
static void put_hinted(struct stage *stage, uint64_t seed)
{
    brain_part part = { window(seed), SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    need(brain_try_put(stage->a, "small3", 6, &stage->hint, &value, BRAIN_ANY_VERSION, NULL),
         "small3");
}

static void get_ready_and_hinted(struct stage *stage)
{
    get_ready(stage);
    put_hinted(stage, 1);
    need(stage->hint.space != 0 ? 0 : BRAIN_E_CORRUPT, "no hint");
}

static void replace_ready_hinted(struct stage *stage)
{
    put_hinted(stage, 300 + stage->next);
}

static void replace_ready_in_size(struct stage *stage)
{
    put(stage->a, "small3", stage->next == 0 ? SMALL + 5 : SMALL - 5, 1);
}

/* ---- deletes --------------------------------------------------------------------------------- */

static void delete_small(struct stage *stage)
{
    erase(stage->a, "small3");
}

static void delete_large(struct stage *stage)
{
    erase(stage->a, "large1");
}

static void register_snapshot(struct stage *stage)
{
    need(brain_snapshot_open(stage->store, &stage->snapshot), "brain_snapshot_open");
}

/* A delete that has to leave its tombstone in the index, which a later change clears. */
static void delete_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        erase(stage->a, "small3");
        break;
    case 1:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    case 2:
        put(stage->a, "small4", SMALL, 1);
        break;
    default:
        trim(stage);
    }
}

static void put_over_tombstone(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        erase(stage->a, "large1");
        break;
    case 1:
        put(stage->a, "large1", LARGE, 1);
        break;
    case 2:
        erase(stage->a, "large1");
        break;
    case 3:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        put(stage->a, "large1", SMALL, 2);
    }
}

/* The value that goes is still in use here. */
static void hold_view(struct stage *stage)
{
    need(brain_get(stage->a, "large1", 6, &stage->view), "large1");
}

static void delete_held(struct stage *stage)
{
    if (stage->next == 0) {
        erase(stage->a, "large1");
    } else {
        brain_view_drop(&stage->view);
    }
}

/* ---- batches --------------------------------------------------------------------------------- */

static void add(brain_batch *batch, brain_space *space, const char *name, size_t size)
{
    brain_part part = { window(size), size, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    need(brain_batch_put(batch, space, name, strlen(name), &value), "brain_batch_put");
}

static void batch(struct stage *stage)
{
    brain_batch *changes;
    need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, stage->a, "new", SMALL);
    add(changes, stage->b, "medium0", MEDIUM + 50);
    add(changes, stage->a, "large1", LARGE);
    need(brain_batch_delete(changes, stage->b, "larger0", 7), "brain_batch_delete");
    need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
}

/* Under conditions: one that does not hold, then all hold. */
static void batch_if(struct stage *stage)
{
    brain_batch *changes;
    uint64_t version;
    brain_part part = { window(5), SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    need(brain_exists(stage->a, "small3", 6, &version), "small3");
    need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, stage->b, "larger0", LARGE);
    need(brain_batch_put_if(changes, stage->a, "new", 3, &value, 0), "brain_batch_put_if");
    need(brain_batch_delete_if(changes, stage->a, "small3", 6, version + (stage->next == 0)),
         "brain_batch_delete_if");
    int err = brain_batch_commit(changes, NULL);
    need(err == (stage->next == 0 ? BRAIN_E_STALE : 0) ? 0 : -1, "a batch with conditions");
    brain_batch_free(changes);
}

static void batch_makes_spaces(struct stage *stage)
{
    brain_batch *changes;
    brain_space *c, *d;
    need(brain_space_open(stage->store, "c", 1, &c), "c");
    need(brain_space_open(stage->store, "d", 1, &d), "d");
    need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, c, "first", SMALL);
    add(changes, d, "second", LARGE);
    add(changes, c, "first", SMALL + 1); /* the last change of a name wins */
    need(brain_batch_delete(changes, stage->a, "small0", 6), "brain_batch_delete");
    need(brain_batch_delete(changes, stage->a, "missing", 7), "brain_batch_delete");
    need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
    brain_space_close(c);
    brain_space_close(d);
}

/* More than fit the journal's first page, and more than the index grows by in one holding. */
static void batch_many(struct stage *stage)
{
    brain_batch *changes;
    need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    for (uint32_t i = 0; i < 90; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%u", i);
        add(changes, stage->a, name, 8);
    }
    need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
}

static void batch_dropped(struct stage *stage)
{
    brain_batch *changes;
    need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, stage->a, "large0", LARGE);
    add(changes, stage->a, "small0", SMALL);
    brain_batch_free(changes);
}

/* ---- writing in place ------------------------------------------------------------------------ */

static void create(struct stage *stage)
{
    need(brain_create(stage->store, LARGE, &stage->object), "brain_create");
    uint64_t *to = brain_object_data(stage->object);
    for (size_t i = 0; i < LARGE / 8; i += 64) {
        to[i] = i + 1;
    }
}

static void create_and_seal(struct stage *stage)
{
    if (stage->next == 0) {
        create(stage);
        return;
    }
    brain_value value = { .kind = BRAIN_KIND_RAW };
    need(brain_object_seal(stage->object, stage->a, "large2", 6, &value, BRAIN_ANY_VERSION, NULL),
         "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

static void create_and_abort(struct stage *stage)
{
    create(stage);
    brain_object_release(stage->object);
    stage->object = NULL;
}

static void create_small_and_seal(struct stage *stage)
{
    need(brain_create(stage->store, 100, &stage->object), "brain_create");
    memset(brain_object_data(stage->object), 7, 100);
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = "m", .meta_len = 1 };
    need(brain_object_seal(stage->object, stage->a, "new", 3, &value, 0, NULL), "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

/* With changes in a batch, one of them where the namespace is made, and a condition. */
static void seal_in_batch(struct stage *stage)
{
    brain_batch *changes;
    brain_space *c;
    uint64_t version;
    brain_value value = { .kind = BRAIN_KIND_RAW };
    if (stage->next == 0) {
        create(stage);
        return;
    }
    need(brain_space_open(stage->store, "c", 1, &c), "c");
    need(brain_exists(stage->a, "small3", 6, &version), "small3");
    need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, c, "first", SMALL);
    add(changes, stage->b, "new", LARGE);
    need(brain_batch_delete_if(changes, stage->a, "small3", 6, version), "brain_batch_delete_if");
    need(brain_object_seal_in(stage->object, changes, c, "sealed", 6, &value, 0, NULL), "seal");
    brain_batch_free(changes);
    brain_object_release(stage->object);
    stage->object = NULL;
    brain_space_close(c);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static void space_create(struct stage *stage)
{
    brain_space *c;
    need(brain_space_open(stage->store, "c", 1, &c), "c");
    need(brain_space_create(c), "brain_space_create");
    brain_space_close(c);
}

static void put_makes_space(struct stage *stage)
{
    brain_space *c;
    need(brain_space_open(stage->store, "c", 1, &c), "c");
    put(c, "first", stage->next == 0 ? SMALL : LARGE, 1);
    brain_space_close(c);
}

static void space_remove(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        need(brain_space_remove(stage->b), "brain_space_remove");
        break;
    case 1:
        put(stage->a, "small0", SMALL, 1); /* also gives back what the removal left */
        break;
    default:
        put(stage->b, "medium0", SMALL, 1);
    }
}

/* More names than are reclaimed in one bite. */
static void fill_space(struct stage *stage)
{
    for (uint32_t i = 0; i < 80; i++) {
        put_numbered(stage->b, "many", i, SMALL);
    }
}

/* A removal that a snapshot still looks behind. */
static void space_remove_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        need(brain_space_remove(stage->b), "brain_space_remove");
        break;
    case 1:
        put(stage->b, "medium0", SMALL, 1);
        break;
    case 2:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        put(stage->a, "small0", SMALL, 1);
    }
}

/* ---- growth ---------------------------------------------------------------------------------- */

/* Near the end of a doubling, when buckets that are not split yet are fullest: two in five have an
 * overflow line. Which ones depends on the store's seed. Every third or fourth new name splits one.
 * */
static void fill_index(struct stage *stage)
{
    for (uint32_t i = 0; i < 400; i++) {
        put_numbered(stage->a, "filler", i, 8);
    }
}

/* So that the batch makes it split some buckets. */
static void fill_index_nearly(struct stage *stage)
{
    for (uint32_t i = 0; i < 180; i++) {
        put_numbered(stage->b, "filler", i, 8);
    }
}

static void grow_index(struct stage *stage)
{
    put_numbered(stage->a, "grown", stage->next, 8);
}

/* Until no slab has a slot of the class that MEDIUM values take (8 lines); or until a new slab was
 * taken although the old one has one left, in limbo: then the operation is an ordinary put. */
static void fill_slabs(struct stage *stage)
{
    const uint32_t class_of_medium = 5;
    uint32_t n_slabs = read_state(stage).n_slabs;
    for (uint32_t i = 0; read_state(stage).slab_partial[class_of_medium] != 0 &&
                         read_state(stage).n_slabs == n_slabs;
         i++) {
        put_numbered(stage->a, "filler", i, MEDIUM);
    }
}

static void put_takes_slab(struct stage *stage)
{
    put_numbered(stage->a, "new", stage->next, MEDIUM);
}

/* Many pins: the ledger needs another page. */
static void many_views(struct stage *stage)
{
    for (uint32_t i = 0; i < BN_CHUNK_CELLS; i++) {
        brain_view view;
        need(brain_get(stage->a, "small0", 6, &view), "small0");
    }
}

static void one_more_view(struct stage *stage)
{
    need(brain_get(stage->a, "large1", 6, &stage->view), "large1");
}

/* ---- the store ------------------------------------------------------------------------------- */

static void resize(struct stage *stage)
{
    need(brain_resize(stage->store, 20u << 20), "brain_resize");
}

static void attach_and_close(struct stage *stage)
{
    if (stage->next == 0) {
        need(brain_open(stage->path, NULL, &stage->second), "brain_open");
    } else {
        brain_close(stage->second);
        stage->second = NULL;
    }
}

/* Somebody who died with a view, a snapshot and a half-written object. */
static void leave_dead(struct stage *stage)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct stage own = { .path = stage->path };
        open_store(&own);
        register_snapshot(&own);
        hold_view(&own);
        create(&own);
        _exit(0);
    }
    need(kit_reap(pid) == 0 ? 0 : -1, "the one who dies");
    erase(stage->a, "large1"); /* which the dead one pins */
}

static void attach_reaps(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        need(brain_open(stage->path, NULL, &stage->second), "brain_open");
        break;
    default:
        trim(stage);
    }
}

static void snapshot_and_close(struct stage *stage)
{
    register_snapshot(stage);
    brain_snapshot_close(stage->snapshot);
    stage->snapshot = NULL;
}

const struct scene scenes[] = {
    { "put-new-small", 1, NULL, put_new_small, false },
    { "put-new-medium", 1, NULL, put_new_medium, false },
    { "put-empty-name", 1, NULL, put_empty, false },
    { "put-new-large-warm", 1, NULL, put_new_large, false },
    { "put-new-large-fresh", 1, trim, put_new_large, false },
    { "put-long-name", 2, NULL, put_wordy, false },
    { "put-takes-slab", 1, fill_slabs, put_takes_slab, false },
    { "put-grows-index", 10, fill_index, grow_index, false },
    { "put-if-absent", 2, NULL, put_if_absent, false },
    { "put-if-version", 2, NULL, put_if_version, false },
    { "replace-small", 1, NULL, replace_small, false },
    { "replace-small-held", 2, hold_view, replace_twice, false },
    { "replace-ready", 2, get_ready, replace_ready, false },
    { "replace-ready-hinted", 2, get_ready_and_hinted, replace_ready_hinted, false },
    { "replace-ready-in-size", 2, get_ready, replace_ready_in_size, false },
    { "replace-ready-after-look", 2, use_up_all, replace_ready, false },
    { "replace-ready-held", 3, use_up_and_hold, replace_ready_held, false },
    { "replace-large", 1, NULL, replace_large, false },
    { "replace-large-twice", 3, NULL, replace_large_twice, false },
    { "replace-small-by-large", 1, NULL, replace_small_by_large, false },
    { "replace-large-by-small", 1, NULL, replace_large_by_small, false },
    { "replace-under-snapshot", 2, register_snapshot, replace_twice, false },
    { "delete-small", 1, NULL, delete_small, false },
    { "delete-large", 1, NULL, delete_large, false },
    { "delete-held", 2, hold_view, delete_held, false },
    { "delete-under-snapshot", 4, register_snapshot, delete_under_snapshot, false },
    { "put-over-tombstone", 5, register_snapshot, put_over_tombstone, false },
    { "batch", 1, NULL, batch, false },
    { "batch-makes-spaces", 1, NULL, batch_makes_spaces, false },
    { "batch-if", 2, NULL, batch_if, false },
    { "batch-many", 1, fill_index_nearly, batch_many, true },
    { "batch-dropped", 1, NULL, batch_dropped, false },
    { "create-seal", 2, NULL, create_and_seal, false },
    { "create-small-seal", 1, NULL, create_small_and_seal, false },
    { "create-seal-in-batch", 2, NULL, seal_in_batch, false },
    { "create-abort", 1, NULL, create_and_abort, false },
    { "space-create", 1, NULL, space_create, false },
    { "space-made-by-put", 2, NULL, put_makes_space, false },
    { "space-remove", 3, NULL, space_remove, false },
    { "space-remove-many", 3, fill_space, space_remove, false },
    { "space-remove-under-snapshot", 4, register_snapshot, space_remove_under_snapshot, false },
    { "get-grows-ledger", 1, many_views, one_more_view, false },
    { "snapshot", 1, NULL, snapshot_and_close, false },
    { "trim", 1, NULL, trim, false },
    { "resize", 1, NULL, resize, false },
    { "attach-close", 2, NULL, attach_and_close, false },
    { "attach-reaps", 2, leave_dead, attach_reaps, false },
};

const uint32_t n_scenes = sizeof scenes / sizeof scenes[0];
