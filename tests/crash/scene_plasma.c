/* scene_plasma.c - operations on Plasma objects, as plasma/ does them over brain.h.
 *
 * Time stands still during an operation, since objects say when they were made. */
#include "scene_plasma.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fate.h"
#include "kit.h"
#include "plasma/evict.h"
#include "plasma/external.h"
#include "plasma/queue.h"
#include "plasma/recall.h"
#include "plasma/remove.h"
#include "plasma/use.h"
#include "state.h"

#define BIG    40000u /* of which four and the common ground nearly fill SCENE_PLASMA_CAPACITY */
#define BIGGER 70000u /* takes the room of two */

static const uint8_t token[PL_TOKEN_BYTES] = "subscriber-token";

struct id {
    uint8_t bytes[BRAIN_ID_BYTES];
};

static struct id id_of(const char *name)
{
    struct id id = { { 0 } };
    memcpy(id.bytes, name, strlen(name));
    return id;
}

static void put(struct stage *stage, const char *name, size_t size)
{
    static const char meta[] = "meta";
    struct id id = id_of(name);
    brain_part parts[] = { { stage_window(size), 0, 0 },
                           { stage_window(size + 1), 0, 0 },
                           { meta, sizeof meta, 0 } };
    parts[0].size_bytes = size < STAGE_LARGER ? size : STAGE_LARGER;
    parts[1].size_bytes = size - parts[0].size_bytes;
    brain_value value = { .kind = BRAIN_KIND_RAW, .n_parts = 3, .parts = parts };
    stage_need(pl_create_put(&stage->objects, id.bytes, &value, sizeof meta, true), name);
}

/* Later than the last time that it was. */
static void let_time_pass(void)
{
    static uint64_t seconds;
    fate_stop_time((UINT64_C(1700000000) + ++seconds) * 1000000000);
}

static void stop_time(const struct stage *stage)
{
    fate_stop_time((UINT64_C(1800000000) + stage->next) * 1000000000);
}

static void open_objects(struct stage *stage)
{
    let_time_pass();
    stage_need(pl_store_open(stage->store, &stage->objects), "pl_store_open");
}

/* With a subscriber, who is told of all that happens from here on. */
void scene_plasma_begin(struct stage *stage)
{
    open_objects(stage);
    put(stage, "old", STAGE_LARGE);
    stage_need(pl_queue_subscribe(&stage->objects, token), "pl_queue_subscribe");
    put(stage, "told", STAGE_SMALL);
}

void scene_plasma_close(struct stage *stage)
{
    if (stage->objects.store != NULL) {
        pl_create_release(&stage->objects, &stage->creation);
        pl_store_close(&stage->objects);
    }
}

/* ---- put, create, seal, release, delete ------------------------------------------------------ */

void scene_plasma_put(struct stage *stage)
{
    stop_time(stage);
    if (stage->next == 0) {
        put(stage, "new", STAGE_SMALL);
    } else {
        put(stage, "newer", STAGE_LARGE);
    }
}

static void delete(struct stage *stage, const char *name)
{
    struct id id = id_of(name);
    stage_need(pl_remove_object(&stage->objects, id.bytes), name);
}

static void create(struct stage *stage, size_t size)
{
    struct id id = id_of("new");
    struct pl_creation *creation = &stage->creation;
    stage_need(pl_create_object(&stage->objects, id.bytes, size, "m", 1, creation), "create");
    uint64_t *to = brain_object_data(creation->object);
    for (size_t i = 0; i < size / 8; i += 64) {
        to[i] = i + 1;
    }
}

static void create_seal_release_delete(struct stage *stage, size_t size)
{
    stop_time(stage);
    switch (stage->next) {
    case 0:
        create(stage, size);
        break;
    case 1:
        stage_need(pl_create_seal(&stage->objects, &stage->creation), "pl_create_seal");
        break;
    case 2:
        pl_create_release(&stage->objects, &stage->creation);
        break;
    default:
        delete (stage, "new");
    }
}

void scene_plasma_create(struct stage *stage)
{
    create_seal_release_delete(stage, STAGE_LARGE);
}

/* One that takes no room in the store before the seal: what has its id holds that. */
void scene_plasma_create_small(struct stage *stage)
{
    create_seal_release_delete(stage, 200);
}

void scene_plasma_abort(struct stage *stage)
{
    stop_time(stage);
    switch (stage->next) {
    case 0:
        create(stage, STAGE_LARGE);
        break;
    case 1:
        pl_create_abort(&stage->objects, &stage->creation);
        break;
    default:
        pl_create_release(&stage->objects, &stage->creation);
    }
}

void scene_plasma_hold(struct stage *stage)
{
    struct pl_object info;
    struct id id = id_of("old");
    scene_plasma_begin(stage);
    stage_need(pl_use_get(&stage->objects, id.bytes, &stage->view, &info), "old");
}

/* It goes with the last buffer of it. */
void scene_plasma_delete_held(struct stage *stage)
{
    stop_time(stage);
    if (stage->next == 0) {
        delete (stage, "old");
    } else {
        pl_use_drop(&stage->objects, &stage->view);
    }
}

/* ---- notifications --------------------------------------------------------------------------- */

void scene_plasma_take_notices(struct stage *stage)
{
    struct pl_notice *notices;
    uint64_t number = 0;
    size_t n;
    stop_time(stage);
    stage_need(pl_queue_take(&stage->objects, token, 0, &number, &notices, &n), "pl_queue_take");
    stage_need(n == 1 ? 0 : BRAIN_E_CORRUPT, "one notification");
    free(notices);
}

void scene_plasma_subscribe(struct stage *stage)
{
    static const uint8_t another[PL_TOKEN_BYTES] = "another-listener";
    stop_time(stage);
    switch (stage->next) {
    case 0:
        stage_need(pl_queue_subscribe(&stage->objects, another), "pl_queue_subscribe");
        break;
    case 1:
        put(stage, "new", STAGE_SMALL); /* which both are told */
        break;
    default:
        delete (stage, "new");
    }
}

/* ---- eviction -------------------------------------------------------------------------------- */

/* Four objects, of which somebody has the one that would go first. */
void scene_plasma_fill(struct stage *stage)
{
    struct pl_object info;
    struct id first = id_of("object0");
    open_objects(stage);
    for (uint32_t i = 0; i < 4; i++) {
        char name[BRAIN_ID_BYTES];
        let_time_pass();
        snprintf(name, sizeof name, "object%u", i);
        put(stage, name, BIG);
    }
    stage_need(pl_use_get(&stage->objects, first.bytes, &stage->view, &info), "object0");
}

/* Two go for the new one, one after the other: as many states. */
#define N_EVICTED 2u

void scene_plasma_put_evicts(struct stage *stage)
{
    stage->next = N_EVICTED;
    stop_time(stage);
    put(stage, "new", BIGGER);
}

void scene_plasma_evict_then_put(struct stage *stage)
{
    uint64_t freed;
    if (stage->next == N_EVICTED) {
        scene_plasma_put_evicts(stage);
        return;
    }
    stage_need(pl_evict_some(&stage->objects, 1, false, &freed), "pl_evict_some");
    stage_need(freed > BIG && freed < 2 * BIG ? 0 : BRAIN_E_CORRUPT, "one object is evicted");
}

/* The same with an external store, in the folder of this run: in all its stores the same. */
void scene_plasma_fill_external(struct stage *stage)
{
    struct pl_external external;
    char directory[KIT_PATH_MAX + 16];
    snprintf(directory, sizeof directory, "%.*s/files",
             (int)(strrchr(stage->path, '/') - stage->path), stage->path);
    kit_remove_tree(
        directory); /* what another run of this scene has left: its store had the same id */
    kit_must(mkdir(directory, 0700) == 0, directory);
    scene_plasma_fill(stage);
    stage_need(pl_external_give(&stage->objects, directory, &external), "pl_external_give");
}

void scene_plasma_evict_one(struct stage *stage)
{
    uint64_t freed;
    stop_time(stage);
    stage_need(pl_evict_some(&stage->objects, 1, false, &freed), "pl_evict_some");
    stage_need(freed > BIG && freed < 2 * BIG ? 0 : BRAIN_E_CORRUPT, "one object is evicted");
}

/* ---- what must hold -------------------------------------------------------------------------- */

static bool failed(char *text, const char *what, int err)
{
    snprintf(text, STATE_TEXT_MAX, "%s: %s (%.400s)", what, brain_strerror(err),
             brain_error_detail());
    return false;
}

/* Whether an object makes sense; `*n_evicted` counts those that are missing. */
static bool is_sound(const brain_view *view, uint32_t *n_evicted, char *text)
{
    struct pl_object info;
    int err = pl_object_describe(view, &info);
    if (err != 0) {
        return failed(text, "pl_object_describe", err);
    }
    *n_evicted += info.is_sealed && brain_view_note(view) == PL_NOTE_EVICTED;
    return true;
}

static bool look_at_objects(brain_iter *iter, char *text)
{
    const void *name;
    size_t name_len;
    uint32_t n_evicted = 0;
    int err;
    while ((err = brain_iter_next(iter, &name, &name_len)) == 0) {
        brain_view view;
        err = brain_iter_get(iter, &view);
        if (err != 0) {
            return failed(text, "brain_iter_get", err);
        }
        bool sound = is_sound(&view, &n_evicted, text);
        brain_view_drop(&view);
        if (!sound) {
            return false;
        }
    }
    if (err == BRAIN_E_NOT_FOUND && n_evicted > 1) {
        snprintf(text, STATE_TEXT_MAX, "%u objects count as evicted and are there", n_evicted);
        return false;
    }
    return err == BRAIN_E_NOT_FOUND || failed(text, "a walk over objects", err);
}

bool scene_plasma_look(brain_store *store, char *text)
{
    brain_space *space;
    brain_iter *iter;
    int err = brain_space_open(store, PL_OBJECTS_SPACE, PL_OBJECTS_SPACE_LEN, &space);
    if (err == 0 && (err = brain_iter_names(space, NULL, &iter)) == 0) {
        bool right = look_at_objects(iter, text);
        brain_iter_free(iter);
        brain_space_close(space);
        return right;
    }
    return failed(text, "a walk over objects", err);
}

/* Whether all that is there is sealed, and can be got. */
static int get_all(struct pl_store *objects)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int err = pl_store_walk(objects->space, &iter);
    while (err == 0 && (err = brain_iter_next(iter, &name, &name_len)) == 0) {
        struct pl_object info;
        brain_view view;
        struct id id;
        memcpy(id.bytes, name, BRAIN_ID_BYTES);
        err = pl_recall_get(objects, id.bytes, &view, &info);
        if (err == 0) {
            pl_use_drop(objects, &view);
        } else if (err == BRAIN_E_NOT_FOUND) {
            err = BRAIN_E_CORRUPT;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

/* An external store of the copy's own: each brings back what was evicted, and takes the files away. */
static void split_external(const struct pl_store *objects, struct pl_external *external)
{
    char directory[PL_EXTERNAL_PATH_MAX], from[sizeof external->folder + 300];
    char to[sizeof directory + 400];
    const char *id = strrchr(external->folder, '/');
    snprintf(directory, sizeof directory, "%s-tidied", brain_path(objects->store));
    kit_remove_tree(directory);
    snprintf(to, sizeof to, "%s%s", directory, id);
    kit_must(mkdir(directory, 0700) == 0 && mkdir(to, 0700) == 0, to);
    DIR *folder = opendir(external->folder);
    kit_must(folder != NULL, external->folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        snprintf(from, sizeof from, "%s/%s", external->folder, entry->d_name);
        snprintf(to, sizeof to, "%s%s/%s", directory, id, entry->d_name);
        kit_must(link(from, to) == 0, to);
    }
    closedir(folder);
    brain_value value = { .kind = BRAIN_KIND_RAW,
                          .meta = directory,
                          .meta_len = strlen(directory) };
    stage_need(brain_put(objects->control, "external", 8, &value, BRAIN_ANY_VERSION, NULL),
               "external");
    stage_need(pl_external_find(objects, external), "pl_external_find");
}

/* What is evicted to files stays there: it goes by being deleted. */
static int delete_all(struct pl_store *objects)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int err = pl_store_walk(objects->space, &iter);
    while (err == 0 && (err = brain_iter_next(iter, &name, &name_len)) == 0) {
        struct id id;
        memcpy(id.bytes, name, BRAIN_ID_BYTES);
        err = pl_remove_object(objects, id.bytes);
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

bool scene_plasma_tidy(brain_store *store, char *text)
{
    struct pl_external external;
    struct pl_store objects;
    uint64_t n = 0, freed;
    int err = pl_store_open(store, &objects);
    if (err != 0) {
        return failed(text, "pl_store_open", err);
    }
    stage_need(pl_external_find(&objects, &external), "pl_external_find");
    if (external.is_there) split_external(&objects, &external);
    if ((err = pl_remove_dead(&objects)) != 0) {
        failed(text, "pl_remove_dead", err);
    } else if ((err = get_all(&objects)) != 0) {
        failed(text, "to get what is there", err);
    } else if ((err = pl_evict_some(&objects, UINT64_MAX, false, &freed)) != 0) {
        failed(text, "pl_evict_some", err);
    } else if (external.is_there && (err = delete_all(&objects)) != 0) {
        failed(text, "to delete what is there", err);
    } else if ((err = brain_space_count(objects.space, &n)) != 0) {
        failed(text, "brain_space_count", err);
    } else if (n != 0) {
        snprintf(text, STATE_TEXT_MAX, "%ju objects cannot be evicted", (uintmax_t)n);
    }
    pl_store_close(&objects);
    return err == 0 && n == 0;
}
