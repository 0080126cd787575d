/* scene.c - the operations that are proved: the table of all of them, and those on names, namespaces
 * and the store. Others are in scene_process.c, scene_loading.c, scene_evict.c and scene_plasma.c. */
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
#include "scene_evict.h"
#include "scene_loading.h"
#include "scene_plasma.h"
#include "scene_process.h"
#include "state.h"
#include "store.h"
#include "trim.h"

#define CAPACITY ((uint64_t)16 << 20)

void scene_prepare(const struct scene *scene, struct stage *stage, const char *path, uint64_t seed)
{
    uint64_t capacity = scene->capacity_bytes;
    fate_decide(seed);
    stage_begin(stage, path, capacity != 0 ? capacity : CAPACITY);
    if (scene->prepare != NULL) {
        scene->prepare(stage);
    }
}

void scene_operate(const struct scene *scene, struct stage *stage)
{
    scene->operate(stage);
    stage->next++;
}

void scene_operate_undisturbed(const struct scene *scene, struct stage *stage)
{
    void (*operate)(struct stage *) = scene->in_pieces != NULL ? scene->in_pieces : scene->operate;
    operate(stage);
    stage->next++;
}

void scene_close(struct stage *stage)
{
    brain_view_drop(&stage->view);
    brain_view_drop(&stage->other);
    brain_snapshot_close(stage->snapshot);
    brain_object_release(stage->object);
    scene_plasma_close(stage);
    brain_close(stage->second);
    stage_leave(stage);
    scene_process_close(stage);
}

static struct bn_state_rec read_state(const struct stage *stage)
{
    char path[KIT_PATH_MAX + 16];
    struct bn_state_rec state = { .committed = 0 };
    snprintf(path, sizeof path, "%s/data", brain_directory(stage->store));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, &state, sizeof state, (off_t)BN_STATE_OFF);
    stage_need(n == (ssize_t)sizeof state ? 0 : BRAIN_E_IO, path);
    close(fd);
    return state;
}

/* ---- puts ------------------------------------------------------------------------------------ */

static void put_new_small(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_SMALL, 1);
}

static void put_new_medium(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_MEDIUM, 1);
}

static void put_empty(struct stage *stage)
{
    stage_put(stage->a, "", 0, 1);
}

static void trim(struct stage *stage)
{
    stage_need(brain_trim(stage->store, NULL), "brain_trim");
}

static void put_new_large(struct stage *stage)
{
    stage_put(stage->a, "new", STAGE_LARGE, 1);
}

static void replace_small(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_SMALL, 1);
}

static void replace_large(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_LARGER, 1);
}

static void replace_large_twice(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_LARGE,
              1 + stage->next); /* the second finds the memory of the first */
}

static void replace_small_by_large(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_LARGE, 1);
}

static void replace_large_by_small(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_SMALL, 1);
}

static void put_if_absent(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(stage_try_put(stage->a, "small3", STAGE_SMALL, 1, 0) == BRAIN_E_EXISTS ? 0 : -1,
                   "put if absent");
    } else {
        stage_need(stage_try_put(stage->a, "new", STAGE_SMALL, 1, 0), "put if absent");
    }
}

static void put_if_version(struct stage *stage)
{
    uint64_t version;
    stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
    if (stage->next == 0) {
        stage_need(stage_try_put(stage->a, "small3", STAGE_SMALL, 1, version + 1) == BRAIN_E_STALE
                       ? 0
                       : -1,
                   "stale put");
        stage_need(stage_try_put(stage->a, "large0", STAGE_LARGE, 1, 1) == BRAIN_E_STALE ? 0 : -1,
                   "stale large put");
    } else {
        stage_need(stage_try_put(stage->a, "small3", STAGE_MEDIUM, 1, version), "put if version");
    }
}

/* A name and a description that find no room in a slot. */
static void put_wordy(struct stage *stage)
{
    static char name[3000];
    const char *text = stage_window(3);
    memset(name, 'n', sizeof name);
    brain_part part = { text, STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_STR,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = text,
                          .meta_len = 700,
                          .description = stage->next == 0 ? text : NULL,
                          .description_len = stage->next == 0 ? 2500 : 0 };
    stage_need(brain_put(stage->a, name, sizeof name, &value, BRAIN_ANY_VERSION, NULL),
               "a long name");
}

static void replace_twice(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_SMALL, 1 + stage->next);
}

static void hold_small(struct stage *stage)
{
    stage_need(brain_get(stage->a, "small3", 6, &stage->view), "small3");
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
        stage_put(stage->a, "small3", STAGE_SMALL, n);
        stage_need(n < 10000 ? 0 : BRAIN_E_BUSY, "no slot becomes ready");
    }
}

/* Until `n_left` are: after those the next put looks at what was replaced since. */
static void use_up_ready(struct stage *stage, uint32_t n_left)
{
    get_ready(stage);
    while (n_ready(stage) > n_left) {
        stage_put(stage->a, "small3", STAGE_SMALL, n_ready(stage));
    }
}

static void use_up_all(struct stage *stage)
{
    use_up_ready(stage, 0);
}

static void use_up_and_hold(struct stage *stage)
{
    use_up_ready(stage, 1);
    hold_small(stage);
}

static void replace_ready(struct stage *stage)
{
    stage_put(stage->a, "small3", STAGE_SMALL, 1 + stage->next);
}

/* The slot that is held is the last that was replaced when the second put looks. */
static void replace_ready_held(struct stage *stage)
{
    char before[STAGE_SMALL];
    memcpy(before, stage->view.data, STAGE_SMALL);
    stage_put(stage->a, "small3", STAGE_SMALL, 300 + stage->next);
    stage_need(memcmp(before, stage->view.data, STAGE_SMALL) == 0 ? 0 : BRAIN_E_CORRUPT,
               "a view has changed");
}

/* With a hint, which the put before it noted. */
static void put_hinted(struct stage *stage, uint64_t seed)
{
    brain_part part = { stage_window(seed), STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    stage_need(brain_try_put(stage->a, "small3", 6, &stage->hint, &value, BRAIN_ANY_VERSION, NULL),
               "small3");
}

static void get_ready_and_hinted(struct stage *stage)
{
    get_ready(stage);
    put_hinted(stage, 1);
    stage_need(stage->hint.space != 0 ? 0 : BRAIN_E_CORRUPT, "no hint");
}

static void replace_ready_hinted(struct stage *stage)
{
    put_hinted(stage, 300 + stage->next);
}

static void replace_ready_in_size(struct stage *stage)
{
    stage_put(stage->a, "small3", stage->next == 0 ? STAGE_SMALL + 5 : STAGE_SMALL - 5, 1);
}

/* ---- values that are elsewhere --------------------------------------------------------------- */

static const char elsewhere[] = "elsewhere";

static void move_away(struct stage *stage, const char *name)
{
    brain_view view;
    stage_need(brain_get(stage->a, name, strlen(name), &view), name);
    stage_need(brain_move_away(&view, elsewhere, sizeof elsewhere), "brain_move_away");
    brain_view_drop(&view);
}

static void move_large(struct stage *stage)
{
    move_away(stage, "large0");
}

/* What stands for a value is replaced by a small one, moved once more, and deleted. */
static void move_and_replace(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        move_large(stage);
        break;
    case 1:
        stage_put(stage->a, "large0", STAGE_SMALL, 1);
        break;
    case 2:
        move_large(stage);
        break;
    default:
        stage_erase(stage->a, "large0");
    }
}

/* Its memory is in use until the view of it goes. */
static void move_held(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_move_away(&stage->view, elsewhere, sizeof elsewhere), "brain_move_away");
        break;
    case 1:
        stage_reuse_memory(stage);
        break;
    default:
        brain_view_drop(&stage->view);
    }
}

static void move_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        move_large(stage);
        break;
    case 1:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        trim(stage);
    }
}

/* What stands for it has an extent, too, for its name. */
static void move_wordy(struct stage *stage)
{
    static char name[3000];
    brain_view view;
    memset(name, 'n', sizeof name);
    stage_need(brain_get(stage->a, name, sizeof name, &view), "a long name");
    stage_need(brain_move_away(&view, elsewhere, sizeof elsewhere), "brain_move_away");
    brain_view_drop(&view);
}

/* ---- deletes --------------------------------------------------------------------------------- */

static void delete_small(struct stage *stage)
{
    stage_erase(stage->a, "small3");
}

static void delete_large(struct stage *stage)
{
    stage_erase(stage->a, "large1");
}

static void register_snapshot(struct stage *stage)
{
    stage_need(brain_snapshot_open(stage->store, &stage->snapshot), "brain_snapshot_open");
}

/* A delete that has to leave its tombstone in the index, which a later change clears. */
static void delete_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "small3");
        break;
    case 1:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    case 2:
        stage_put(stage->a, "small4", STAGE_SMALL, 1);
        break;
    default:
        trim(stage);
    }
}

static void put_over_tombstone(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "large1");
        break;
    case 1:
        stage_put(stage->a, "large1", STAGE_LARGE, 1);
        break;
    case 2:
        stage_erase(stage->a, "large1");
        break;
    case 3:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        stage_put(stage->a, "large1", STAGE_SMALL, 2);
    }
}

/* The value that goes is still in use here. */
static void delete_held(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_erase(stage->a, "large1");
        break;
    case 1:
        stage_reuse_memory(stage);
        break;
    default:
        brain_view_drop(&stage->view);
    }
}

/* ---- batches --------------------------------------------------------------------------------- */

static void add(brain_batch *batch, brain_space *space, const char *name, size_t size)
{
    brain_part part = { stage_window(size), size, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    stage_need(brain_batch_put(batch, space, name, strlen(name), &value), "brain_batch_put");
}

static void batch(struct stage *stage)
{
    brain_batch *changes;
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, stage->a, "new", STAGE_SMALL);
    add(changes, stage->b, "medium0", STAGE_MEDIUM + 50);
    add(changes, stage->a, "large1", STAGE_LARGE);
    stage_need(brain_batch_delete(changes, stage->b, "larger0", 7), "brain_batch_delete");
    stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
}

/* Under conditions: one that does not hold, then all hold. */
static void batch_if(struct stage *stage)
{
    brain_batch *changes;
    uint64_t version;
    brain_part part = { stage_window(5), STAGE_SMALL, 0 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, stage->b, "larger0", STAGE_LARGE);
    stage_need(brain_batch_put_if(changes, stage->a, "new", 3, &value, 0), "brain_batch_put_if");
    stage_need(brain_batch_delete_if(changes, stage->a, "small3", 6, version + (stage->next == 0)),
               "brain_batch_delete_if");
    int err = brain_batch_commit(changes, NULL);
    stage_need(err == (stage->next == 0 ? BRAIN_E_STALE : 0) ? 0 : -1, "a batch with conditions");
    brain_batch_free(changes);
}

static void batch_makes_spaces(struct stage *stage)
{
    brain_batch *changes;
    brain_space *c, *d;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_need(brain_space_open(stage->store, "d", 1, &d), "d");
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, c, "first", STAGE_SMALL);
    add(changes, d, "second", STAGE_LARGE);
    add(changes, c, "first", STAGE_SMALL + 1); /* the last change of a name wins */
    stage_need(brain_batch_delete(changes, stage->a, "small0", 6), "brain_batch_delete");
    stage_need(brain_batch_delete(changes, stage->a, "missing", 7), "brain_batch_delete");
    stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
    brain_space_close(c);
    brain_space_close(d);
}

static void put_many(struct stage *stage, uint32_t n, size_t size)
{
    brain_batch *changes;
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    for (uint32_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "many%u", i);
        add(changes, stage->a, name, size);
    }
    stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
    brain_batch_free(changes);
}

/* More than fit the journal's first page, and more than the index grows by in one holding. */
static void batch_many(struct stage *stage)
{
    put_many(stage, 90, 8);
}

/* What was replaced is in use here when limbo is looked through, and when puts take what slots are free. */
static void replace_held(struct stage *stage)
{
    char before[STAGE_SMALL];
    memcpy(before, stage->view.data, STAGE_SMALL);
    switch (stage->next) {
    case 0:
        stage_put(stage->a, "small3", STAGE_SMALL, 1);
        break;
    case 1:
        trim(stage);
        break;
    default:
        put_many(stage, 8, STAGE_SMALL);
    }
    stage_need(memcmp(before, stage->view.data, STAGE_SMALL) == 0 ? 0 : BRAIN_E_CORRUPT,
               "a view has changed");
}

static void batch_dropped(struct stage *stage)
{
    brain_batch *changes;
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, stage->a, "large0", STAGE_LARGE);
    add(changes, stage->a, "small0", STAGE_SMALL);
    brain_batch_free(changes);
}

/* ---- writing in place ------------------------------------------------------------------------ */

static void create(struct stage *stage)
{
    stage_need(brain_create(stage->store, STAGE_LARGE, &stage->object), "brain_create");
    uint64_t *to = brain_object_data(stage->object);
    for (size_t i = 0; i < STAGE_LARGE / 8; i += 64) {
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
    stage_need(brain_object_seal(stage->object, stage->a, "large2", 6, &value, BRAIN_ANY_VERSION,
                                 NULL),
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
    stage_need(brain_create(stage->store, 100, &stage->object), "brain_create");
    memset(brain_object_data(stage->object), 7, 100);
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = "m", .meta_len = 1 };
    stage_need(brain_object_seal(stage->object, stage->a, "new", 3, &value, 0, NULL), "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

static void create_in_place(struct stage *stage)
{
    stage_need(brain_create_in_place(stage->store, STAGE_LARGE, &stage->object), "brain_create");
    uint64_t *to = brain_object_data(stage->object);
    for (size_t i = 0; i < STAGE_LARGE / 8; i += 64) {
        to[i] = i + 1;
    }
}

static void create_in_place_and_seal(struct stage *stage)
{
    brain_value value = { .kind = BRAIN_KIND_RAW, .meta = "m", .meta_len = 1 };
    if (stage->next == 0) {
        create_in_place(stage);
        return;
    }
    stage_need(brain_object_seal(stage->object, stage->a, "large2", 6, &value, BRAIN_ANY_VERSION,
                                 NULL),
               "seal");
    brain_object_release(stage->object);
    stage->object = NULL;
}

static void create_in_place_and_abort(struct stage *stage)
{
    if (stage->next == 0) {
        create_in_place(stage);
        return;
    }
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
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_need(brain_exists(stage->a, "small3", 6, &version), "small3");
    stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
    add(changes, c, "first", STAGE_SMALL);
    add(changes, stage->b, "new", STAGE_LARGE);
    stage_need(brain_batch_delete_if(changes, stage->a, "small3", 6, version),
               "brain_batch_delete_if");
    stage_need(brain_object_seal_in(stage->object, changes, c, "sealed", 6, &value, 0, NULL),
               "seal");
    brain_batch_free(changes);
    brain_object_release(stage->object);
    stage->object = NULL;
    brain_space_close(c);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

static void space_create(struct stage *stage)
{
    brain_space *c;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_need(brain_space_create(c), "brain_space_create");
    brain_space_close(c);
}

static void put_makes_space(struct stage *stage)
{
    brain_space *c;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    stage_put(c, "first", stage->next == 0 ? STAGE_SMALL : STAGE_LARGE, 1);
    brain_space_close(c);
}

static void space_remove(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_space_remove(stage->b), "brain_space_remove");
        break;
    case 1:
        stage_put(stage->a, "small0", STAGE_SMALL, 1); /* also gives back what the removal left */
        break;
    default:
        stage_put(stage->b, "medium0", STAGE_SMALL, 1);
    }
}

/* More names than are reclaimed in one bite, also in one segment of their list: the first two have 12 and 60. */
static void fill_space(struct stage *stage)
{
    for (uint32_t i = 0; i < 140; i++) {
        stage_put_numbered(stage->b, "many", i, STAGE_SMALL);
    }
}

static brain_space *open_third(const struct stage *stage)
{
    brain_space *c;
    stage_need(brain_space_open(stage->store, "c", 1, &c), "c");
    return c;
}

enum {
    N_LEFT = 66,  /* names: just more than a removal takes out itself */
    N_A_LOOK = 16 /* changes: BN_RECLAIM_LOOK_EVERY */
};

static void fill_third(struct stage *stage)
{
    brain_space *c = open_third(stage);
    for (uint32_t i = 0; i < N_LEFT; i++) {
        stage_put_numbered(c, "many", i, STAGE_SMALL);
    }
    brain_space_close(c);
}

/* A removal that leaves all its names to later changes: batches, each of so many that a look is due. The first takes
 * all of it apart, where no snapshot stands; the second is in the namespace anew. */
static void space_remove_left(struct stage *stage)
{
    brain_space *c = open_third(stage);
    brain_batch *changes;
    char name[16];
    if (stage->next == 0) {
        stage_need(brain_space_remove(c), "brain_space_remove");
    } else {
        bool is_left = stage->store->state->space_dead != 0;
        stage_need(is_left || stage->next > 1 ? 0 : BRAIN_E_CORRUPT, "what a removal leaves");
        stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
        add(changes, stage->next == 2 ? c : stage->a, "new", STAGE_SMALL);
        for (uint32_t i = 1; i < N_A_LOOK; i++) {
            int len = snprintf(name, sizeof name, "none%u", i);
            stage_need(brain_batch_delete(changes, stage->a, name, (size_t)len), "a delete");
        }
        stage_need(brain_batch_commit(changes, NULL), "brain_batch_commit");
        brain_batch_free(changes);
    }
    brain_space_close(c);
}

/* A removal that a snapshot still looks behind. */
static void space_remove_under_snapshot(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_space_remove(stage->b), "brain_space_remove");
        break;
    case 1:
        stage_put(stage->b, "medium0", STAGE_SMALL, 1);
        break;
    case 2:
        brain_snapshot_close(stage->snapshot);
        stage->snapshot = NULL;
        break;
    default:
        stage_put(stage->a, "small0", STAGE_SMALL, 1);
    }
}

/* ---- quotas ---------------------------------------------------------------------------------- */

#define ENOUGH ((uint64_t)1 << 20)

static void set_quota(brain_space *space, uint64_t bytes)
{
    stage_need(brain_space_set_quota(space, bytes), "brain_space_set_quota");
}

static uint64_t held(brain_space *space)
{
    uint64_t bytes = 0;
    stage_need(brain_space_usage(space, NULL, &bytes, NULL), "brain_space_usage");
    return bytes;
}

/* Of one that is there; of one that it makes; and of the next in the record of that. */
static void space_quota(struct stage *stage)
{
    brain_space *c = open_third(stage);
    switch (stage->next) {
    case 0:
        set_quota(stage->a, ENOUGH);
        break;
    case 1:
        set_quota(c, ENOUGH);
        break;
    case 2:
        stage_need(brain_space_remove(c), "brain_space_remove");
        break;
    default:
        stage_put(c, "first", STAGE_SMALL, 1);
    }
    brain_space_close(c);
}

static void need_refused(int err, const char *what)
{
    stage_need(err == BRAIN_E_QUOTA ? 0 : -1, what);
}

/* As much as it may hold. */
static void use_up_quota(struct stage *stage)
{
    get_ready(stage);
    set_quota(stage->a, held(stage->a));
}

/* What a quota refuses, by each of the ways to put, and then what it does not. */
static void put_within_quota(struct stage *stage)
{
    brain_batch *changes;
    brain_value value = { .kind = BRAIN_KIND_RAW };
    uint64_t any = BRAIN_ANY_VERSION;
    switch (stage->next) {
    case 0:
        need_refused(stage_try_put(stage->a, "small3", STAGE_SMALL + 1, 1, any), "a short put");
        need_refused(stage_try_put(stage->a, "new", STAGE_LARGE, 1, any), "a large put");
        break;
    case 1:
        stage_need(brain_batch_new(stage->store, &changes), "brain_batch_new");
        add(changes, stage->a, "small0", STAGE_SMALL - 10);
        add(changes, stage->b, "new", STAGE_LARGE);
        add(changes, stage->a, "new", 11);
        need_refused(brain_batch_commit(changes, NULL), "a batch");
        brain_batch_free(changes);
        break;
    case 2:
        create(stage);
        need_refused(brain_object_seal(stage->object, stage->a, "new", 3, &value, any, NULL),
                     "a seal");
        brain_object_release(stage->object);
        stage->object = NULL;
        break;
    default:
        stage_put(stage->a, "small3", STAGE_SMALL, 300);
    }
}

/* ---- growth ---------------------------------------------------------------------------------- */

/* Near the end of a doubling, when buckets that are not split yet are fullest: two in five have an
 * overflow line. Which ones depends on the store's seed. Every third or fourth new name splits one.
 * */
static void fill_index(struct stage *stage)
{
    for (uint32_t i = 0; i < 400; i++) {
        stage_put_numbered(stage->a, "filler", i, 8);
    }
}

/* So that the batch makes it split some buckets. */
static void fill_index_nearly(struct stage *stage)
{
    for (uint32_t i = 0; i < 180; i++) {
        stage_put_numbered(stage->b, "filler", i, 8);
    }
}

static void grow_index(struct stage *stage)
{
    stage_put_numbered(stage->a, "grown", stage->next, 8);
}

/* Until no slab has a slot of the class that STAGE_MEDIUM values take (8 lines); or until a new slab was
 * taken although the old one has one left, in limbo: then the operation is an ordinary put. */
static void fill_slabs(struct stage *stage)
{
    const uint32_t class_of_medium = 5;
    uint32_t n_slabs = read_state(stage).n_slabs;
    for (uint32_t i = 0; read_state(stage).slab_partial[class_of_medium] != 0 &&
                         read_state(stage).n_slabs == n_slabs;
         i++) {
        stage_put_numbered(stage->a, "filler", i, STAGE_MEDIUM);
    }
}

static void put_takes_slab(struct stage *stage)
{
    stage_put_numbered(stage->a, "new", stage->next, STAGE_MEDIUM);
}

/* Many pins: the ledger needs another page. */
static void many_views(struct stage *stage)
{
    for (uint32_t i = 0; i < BN_CHUNK_CELLS; i++) {
        brain_view view;
        stage_need(brain_get(stage->a, "small0", 6, &view), "small0");
    }
}

/* What is pinned there outlives its name. */
static void one_more_view(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_hold_view(stage);
        break;
    case 1:
        stage_erase(stage->a, "large1");
        break;
    default:
        stage_reuse_memory(stage);
    }
}

/* ---- the store ------------------------------------------------------------------------------- */

static void resize(struct stage *stage)
{
    stage_need(brain_resize(stage->store, 20u << 20), "brain_resize");
}

/* To what is live, after all else is gone; and back. */
static void shrink(struct stage *stage)
{
    if (stage->next == 0) {
        brain_stat stat = { .struct_size = sizeof stat };
        stage_need(brain_stat_get(stage->store, &stat), "brain_stat_get");
        stage_need(brain_resize(stage->store, stat.live_bytes), "brain_resize");
    } else {
        stage_need(brain_resize(stage->store, 20u << 20), "brain_resize");
    }
}

/* As if time went by. */
static void wait_seconds(uint64_t seconds)
{
    bn_trim_ahead_ns += seconds * 1000 * 1000 * 1000;
}

/* Free memory that was not needed for a while: in a store that keeps none. */
static void let_age(struct stage *stage)
{
    static const char *const names[] = { "filler0", "filler1", "filler2",
                                         "filler3", "filler4", "filler5" };
    stage_need(brain_set_keep_free(stage->store, 0), "brain_set_keep_free");
    for (uint32_t i = 0; i < 6; i++) {
        stage_put(stage->a, names[i], STAGE_LARGER, i);
    }
    for (uint32_t i = 0; i < 6; i++) {
        stage_erase(stage->a, names[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        stage_put(stage->a, "large0", STAGE_LARGE, 10 + i);
        wait_seconds(15);
    }
}

/* Half of it is due now: some blocks, and pages of another. */
static void decay(struct stage *stage)
{
    stage_put(stage->a, "large0", STAGE_LARGE, 20);
}

static void compact(struct stage *stage)
{
    stage_need(brain_compact(stage->store, NULL), "brain_compact");
}

static void attach_and_close(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(brain_open(stage->path, NULL, &stage->second), "brain_open");
    } else {
        brain_close(stage->second);
        stage->second = NULL;
    }
}

/* Somebody who died with a view, a snapshot and a half-written object. */
static void die_holding(struct stage *stage)
{
    pid_t pid = kit_fork();
    if (pid == 0) {
        struct stage own = { .path = stage->path };
        stage_open(&own);
        register_snapshot(&own);
        stage_hold_view(&own);
        create(&own);
        _exit(0);
    }
    stage_need(kit_reap(pid) == 0 ? 0 : -1, "the one who dies");
}

static void leave_dead(struct stage *stage)
{
    die_holding(stage);
    stage_erase(stage->a, "large1"); /* which the dead one pins */
}

static void attach_reaps(struct stage *stage)
{
    switch (stage->next) {
    case 0:
        stage_need(brain_open(stage->path, NULL, &stage->second), "brain_open");
        break;
    default:
        trim(stage);
    }
}

static void reap(struct stage *stage)
{
    stage_need(brain_reap(stage->store, NULL), "brain_reap");
}

/* A value beyond the end that the file was made with. */
static int put_huge(brain_space *space)
{
    static brain_part parts[300];
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 300, .parts = parts };
    for (uint32_t i = 0; i < 300; i++) {
        parts[i] = (brain_part){ stage_window(i), STAGE_LARGER, 0 };
    }
    return brain_put(space, "huge", 4, &value, BRAIN_ANY_VERSION, NULL);
}

static void grow_file(struct stage *stage)
{
    if (stage->next == 0) {
        stage_need(brain_resize(stage->store, 8u << 20), "brain_resize");
    } else {
        stage_need(put_huge(stage->a), "huge");
    }
}

/* One who died while the file grew must not keep others from growing it, nor from what is there by then. */
static bool grow_file_again(brain_store *store, char *text)
{
    brain_space *space = NULL;
    brain_view view;
    int err = brain_resize(store, 32u << 20);
    err = err != 0 ? err : brain_space_open(store, "again", 5, &space);
    err = err != 0 ? err : put_huge(space);
    err = err != 0 ? err : brain_get(space, "huge", 4, &view);
    if (err == 0) {
        brain_view_drop(&view);
        err = brain_space_remove(space);
    }
    if (err != 0) {
        snprintf(text, STATE_TEXT_MAX, "a value beyond the end: %s (%.400s)", brain_strerror(err),
                 brain_error_detail());
    }
    brain_space_close(space);
    return err == 0;
}

static void snapshot_and_close(struct stage *stage)
{
    register_snapshot(stage);
    brain_snapshot_close(stage->snapshot);
    stage->snapshot = NULL;
}

#define PLASMA .leaves_notes = true, .look = scene_plasma_look, .tidy = scene_plasma_tidy

#define EVICTS(pieces)                                                                             \
    .in_pieces = pieces, .fills_store = true, .capacity_bytes = SCENE_EVICT_CAPACITY

#define SCENE(called, n, prepared, operated, ...)                                                  \
    { .name = (called), .n_ops = (n), .prepare = (prepared), .operate = (operated), __VA_ARGS__ }

const struct scene scenes[] = {
    SCENE("put-new-small", 1, NULL, put_new_small),
    SCENE("put-new-medium", 1, NULL, put_new_medium),
    SCENE("put-empty-name", 1, NULL, put_empty),
    SCENE("put-new-large-warm", 1, NULL, put_new_large),
    SCENE("put-new-large-fresh", 1, trim, put_new_large),
    SCENE("put-long-name", 2, NULL, put_wordy),
    SCENE("put-takes-slab", 1, fill_slabs, put_takes_slab),
    SCENE("put-grows-index", 10, fill_index, grow_index),
    SCENE("put-if-absent", 2, NULL, put_if_absent),
    SCENE("put-if-version", 2, NULL, put_if_version),
    SCENE("replace-small", 1, NULL, replace_small),
    SCENE("replace-small-held", 3, hold_small, replace_held),
    SCENE("replace-ready", 2, get_ready, replace_ready),
    SCENE("replace-ready-hinted", 2, get_ready_and_hinted, replace_ready_hinted),
    SCENE("replace-ready-in-size", 2, get_ready, replace_ready_in_size),
    SCENE("replace-ready-after-look", 2, use_up_all, replace_ready),
    SCENE("replace-ready-held", 3, use_up_and_hold, replace_ready_held),
    SCENE("replace-large", 1, NULL, replace_large),
    SCENE("replace-large-twice", 3, NULL, replace_large_twice),
    SCENE("replace-small-by-large", 1, NULL, replace_small_by_large),
    SCENE("replace-large-by-small", 1, NULL, replace_large_by_small),
    SCENE("replace-under-snapshot", 2, register_snapshot, replace_twice),
    SCENE("move-away", 1, NULL, move_large),
    SCENE("move-away-held", 3, stage_hold_view, move_held),
    SCENE("move-away-under-snapshot", 3, register_snapshot, move_under_snapshot),
    SCENE("move-away-wordy", 1, put_wordy, move_wordy),
    SCENE("move-away-replaced", 4, NULL, move_and_replace),
    SCENE("delete-small", 1, NULL, delete_small),
    SCENE("delete-large", 1, NULL, delete_large),
    SCENE("delete-held", 3, stage_hold_view, delete_held),
    SCENE("delete-under-snapshot", 4, register_snapshot, delete_under_snapshot),
    SCENE("put-over-tombstone", 5, register_snapshot, put_over_tombstone),
    SCENE("batch", 1, NULL, batch),
    SCENE("batch-makes-spaces", 1, NULL, batch_makes_spaces),
    SCENE("batch-if", 2, NULL, batch_if),
    SCENE("batch-many", 1, fill_index_nearly, batch_many, .is_long = true),
    SCENE("batch-dropped", 1, NULL, batch_dropped),
    SCENE("create-seal", 2, NULL, create_and_seal),
    SCENE("create-small-seal", 1, NULL, create_small_and_seal),
    SCENE("create-seal-in-batch", 2, NULL, seal_in_batch),
    SCENE("create-abort", 1, NULL, create_and_abort),
    SCENE("space-create", 1, NULL, space_create),
    SCENE("space-made-by-put", 2, NULL, put_makes_space),
    SCENE("space-remove", 3, NULL, space_remove),
    SCENE("space-remove-many", 3, fill_space, space_remove, .is_long = true),
    SCENE("space-remove-left", 3, fill_third, space_remove_left, .is_long = true),
    SCENE("space-remove-under-snapshot", 4, register_snapshot, space_remove_under_snapshot),
    SCENE("space-quota", 4, NULL, space_quota),
    SCENE("put-within-quota", 4, use_up_quota, put_within_quota),
    SCENE("get-grows-ledger", 3, many_views, one_more_view),
    SCENE("snapshot", 1, NULL, snapshot_and_close),
    SCENE("trim", 1, NULL, trim),
    SCENE("decay", 1, let_age, decay),
    SCENE("compact", 1, leave_dead, compact),
    SCENE("resize", 1, NULL, resize),
    SCENE("resize-smaller", 2, leave_dead, shrink),
    SCENE("attach-close", 2, NULL, attach_and_close),
    SCENE("attach-reaps", 2, leave_dead, attach_reaps),
    SCENE("reap", 1, die_holding, reap),
    SCENE("grow-file", 2, NULL, grow_file, .is_long = true, .tidy = grow_file_again,
          .capacity_bytes = SCENE_PLASMA_CAPACITY),

    SCENE("create-in-place-seal", 2, NULL, create_in_place_and_seal),
    SCENE("create-in-place-abort", 2, NULL, create_in_place_and_abort),

    SCENE("create-streamed-seal", 3, scene_forget_warm, scene_stream_and_seal),
    SCENE("create-streamed-warm", 3, NULL, scene_stream_and_seal),
    SCENE("create-streamed-abort", 2, scene_forget_warm, scene_stream_and_abort),
    SCENE("create-streamed-long-name", 3, scene_forget_warm, scene_stream_and_copy),
    SCENE("create-streamed-in-batch", 2, NULL, scene_stream_and_seal_in_batch),
    SCENE("advance", 2, NULL, scene_advance),
    SCENE("advance-after-death", 2, scene_die_in_a_change, scene_advance),

    SCENE("evict-put", 2, scene_evict_begin, scene_put_evicts, EVICTS(scene_delete_then_put)),
    SCENE("evict-batch", 2, scene_evict_begin, scene_batch_evicts, EVICTS(scene_delete_then_batch)),
    SCENE("evict-create", 2, scene_evict_begin, scene_create_evicts,
          EVICTS(scene_delete_then_create)),
    SCENE("evict-after-death", 2, scene_evict_after_death, scene_put_evicts,
          EVICTS(scene_delete_then_put), .is_long = true),

    SCENE("view-dup", 5, stage_hold_view, scene_dup),
    SCENE("view-at", 5, stage_hold_view, scene_view_at),
    SCENE("get-by-id", 3, NULL, scene_get_by_id),
    SCENE("note", 4, scene_put_noted, scene_set_note),
    SCENE("fork", 4, stage_hold_view, scene_fork),
    SCENE("fork-child", 6, scene_hold_much, scene_fork_child, .is_long = true,
          .goes_on_in_child = true),
    SCENE("kept-row", 7, scene_keep_row, scene_use_kept_row),
    SCENE("detach-attach", 2, NULL, scene_detach_and_attach),
    SCENE("close-with-view", 4, stage_hold_view, scene_close_with_view),

    SCENE("plasma-put", 2, scene_plasma_begin, scene_plasma_put, PLASMA),
    SCENE("plasma-create", 4, scene_plasma_begin, scene_plasma_create, PLASMA),
    SCENE("plasma-create-small", 4, scene_plasma_begin, scene_plasma_create_small, PLASMA,
          .is_long = true),
    SCENE("plasma-abort", 3, scene_plasma_begin, scene_plasma_abort, PLASMA),
    SCENE("plasma-delete-held", 2, scene_plasma_hold, scene_plasma_delete_held, PLASMA),
    SCENE("plasma-take-notices", 1, scene_plasma_begin, scene_plasma_take_notices, PLASMA),
    SCENE("plasma-subscribe", 3, scene_plasma_begin, scene_plasma_subscribe, PLASMA,
          .is_long = true),
    SCENE("plasma-put-evicts", 3, scene_plasma_fill, scene_plasma_put_evicts, PLASMA,
          .in_pieces = scene_plasma_evict_then_put, .fills_store = true,
          .capacity_bytes = SCENE_PLASMA_CAPACITY),
    SCENE("plasma-evict-external", 2, scene_plasma_fill_external, scene_plasma_evict_one, PLASMA,
          .is_long = true, .capacity_bytes = SCENE_PLASMA_CAPACITY),
};

const uint32_t n_scenes = sizeof scenes / sizeof scenes[0];
