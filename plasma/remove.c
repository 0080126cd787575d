/* remove.c - the end of Plasma objects, and what dead processes left of them.
 *
 * The bytes of what they did not seal went with them; the ids that they had taken are still there,
 * and so are the queues of their subscriptions, what they had evicted, and what was deleted while
 * they had a buffer of it. Nobody is in need of it: all that counts as missing, and who wants such an
 * id replaces it. This is for the sake of memory.
 */
#include "remove.h"

#include "external.h"
#include "pins.h"
#include "queue.h"

#include <stdlib.h>

#define LOOKS     2u /* at the pins: that of one who only looked is gone in a moment */
#define MOMENT_NS 20000

int pl_remove_version(struct pl_store *objects, const uint8_t *id, uint64_t version)
{
    struct pl_notice notice = pl_queue_notice(id, 0, 0);
    struct pl_telling telling;
    uint64_t now = version;
    int code;
    notice.data_bytes = notice.meta_bytes = -1;
    do { /* once more where the list of subscribers has changed, also by the telling */
        code = pl_queue_tell(objects, &notice, &telling);
        if (code != 0) continue;
        code = brain_batch_delete_if(telling.batch, objects->space, id, BRAIN_ID_BYTES, version);
        if (code == 0) code = brain_batch_commit(telling.batch, NULL);
        pl_queue_told(&telling);
    } while (code == BRAIN_E_STALE && brain_exists(objects->space, id, BRAIN_ID_BYTES, &now) == 0 &&
             now == version);
    return code == BRAIN_E_STALE ? BRAIN_E_NOT_FOUND : code;
}

int pl_remove_away(struct pl_store *objects, const uint8_t *id, uint64_t file_version)
{
    struct pl_external external;
    struct pl_object info;
    brain_view view;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code != 0) return code;
    bool is_away = view.kind == BRAIN_KIND_UNSEALED && pl_object_describe(&view, &info) == 0 &&
                   info.is_away && (file_version == 0 || info.file_version == file_version);
    brain_view_drop(&view);
    if (!is_away) return BRAIN_E_NOT_FOUND;
    code = pl_remove_version(objects, id, info.version);
    if (code == 0 && pl_external_find(objects, &external) == 0 && external.is_there) {
        pl_external_remove(&external, id, info.file_version);
    }
    return code;
}

/* 0 also where somebody has it. Two who let go at once both see that nobody has it any more, and one
 * of them deletes it. */
static int delete_if_unused(struct pl_store *objects, const struct pl_last *last)
{
    for (unsigned look = 0; look < LOOKS; look++) {
        brain_pin *pins;
        size_t n_pins;
        if (look > 0) pl_store_pause(MOMENT_NS);
        int code = pl_pins_list(objects, &pins, &n_pins);
        if (code != 0) return code;
        size_t n = pl_pins_count(pins, n_pins, last->object, NULL);
        free(pins);
        if (n > 0) continue;
        code = pl_remove_version(objects, last->id, last->version);
        /* Another was first; or it was evicted to the external store meanwhile. */
        if (code == BRAIN_E_NOT_FOUND) code = pl_remove_away(objects, last->id, last->version);
        return code == BRAIN_E_NOT_FOUND ? 0 : code;
    }
    return 0;
}

void pl_remove_unused(struct pl_store *objects, const struct pl_last *last)
{
    /* What fails here is done by whoever meets it. */
    int code = delete_if_unused(objects, last);
    (void)code;
}

/* Doom an object, of which we have a view. False: it is missing already. */
static bool doom(const brain_view *view)
{
    for (;;) {
        uint64_t note = brain_view_note(view);
        if (note == PL_NOTE_EVICTED) return false;
        if (pl_note_is_doomed(note)) return true;
        uint64_t when = pl_note_is_evicting(note) ? pl_store_now() : note;
        if (brain_view_swap_note(view, note, when | PL_NOTE_DOOMED) != 0) return true;
        if (brain_view_note(view) == note) return true; /* it cannot be set here */
    }
}

int pl_remove_object(struct pl_store *objects, const uint8_t *id)
{
    brain_view view;
    int code = brain_get(objects->space, id, BRAIN_ID_BYTES, &view);
    if (code != 0) return code;
    const struct pl_last last = pl_object_last(&view);
    bool is_there = view.kind != BRAIN_KIND_UNSEALED && doom(&view);
    brain_view_drop(&view);
    if (!is_there) return pl_remove_away(objects, id, 0);
    return delete_if_unused(objects, &last);
}

/* `*is_missing_out`: whether a sealed object counts as missing, apart from our own view of it. */
static int judge(struct pl_store *objects, const brain_view *view, bool *is_missing_out)
{
    uint64_t note = brain_view_note(view);
    *is_missing_out = note == PL_NOTE_EVICTED;
    if (!pl_note_is_doomed(note)) return 0;
    brain_pin *pins;
    size_t n_pins;
    int code = pl_pins_list(objects, &pins, &n_pins);
    if (code != 0) return code;
    *is_missing_out = pl_pins_count(pins, n_pins, view->object, NULL) <= 1;
    free(pins);
    return 0;
}

int pl_remove_missing(struct pl_store *objects, const brain_view *view,
                      const struct pl_object *info, uint64_t *freed)
{
    bool is_missing;
    int code;
    if (view->name_len != BRAIN_ID_BYTES || info->is_away)
        return 0; /* damaged: not ours to judge */
    if (info->is_sealed) {
        code = judge(objects, view, &is_missing);
        if (code != 0 || !is_missing) return code;
        code = pl_remove_version(objects, view->name, view->version);
    } else {
        if (pl_object_is_written(objects, info)) return 0;
        code = brain_delete(objects->space, view->name, view->name_len, view->version);
    }
    if (code == 0) *freed += view->size_bytes;
    return code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND ? 0 : code;
}

void pl_remove_put_back(struct pl_store *objects, brain_view *view)
{
    bool is_doomed = view->name_len == BRAIN_ID_BYTES && view->kind != BRAIN_KIND_UNSEALED &&
                     pl_note_is_doomed(brain_view_note(view));
    struct pl_last last = is_doomed ? pl_object_last(view) : (struct pl_last){ .version = 0 };
    brain_view_drop(view);
    if (is_doomed) pl_remove_unused(objects, &last);
}

/* Delete the name that the walk stands at, if it is of the dead. */
static int sweep_one(struct pl_store *objects, brain_iter *iter)
{
    brain_view view;
    struct pl_object info;
    uint64_t freed = 0;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    if (pl_object_describe(&view, &info) == 0) { /* else damaged: not ours to judge */
        code = pl_remove_missing(objects, &view, &info, &freed);
    }
    pl_remove_put_back(objects, &view);
    return code;
}

int pl_remove_dead(struct pl_store *objects)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int code = pl_store_walk(objects->space, &iter);
    if (code != 0) return code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0 &&
           (code = sweep_one(objects, iter)) == 0) {
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? pl_queue_sweep(objects) : code;
}
