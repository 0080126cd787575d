/* sweep.c - what dead processes left among the Plasma objects.
 *
 * The bytes of what they did not seal went with them; the ids that they had taken are still there,
 * and so are the queues of their subscriptions, what they had evicted, and what was deleted while
 * they had a buffer of it. Nobody is in need of it: all that counts as missing, and who wants such an
 * id replaces it. This is for the sake of memory.
 */
#include "queues.h"

#include <stdlib.h>

/* `*is_missing_out`: whether a sealed object counts as missing, apart from our own view of it. */
static int judge(struct bp_objects *objects, const brain_view *view, bool *is_missing_out)
{
    uint64_t note = brain_view_note(view);
    *is_missing_out = note == BP_NOTE_EVICTED;
    if (!bp_note_is_doomed(note)) return 0;
    brain_pin *pins;
    size_t n_pins;
    int code = bp_objects_list_pins(objects, &pins, &n_pins);
    if (code != 0) return code;
    *is_missing_out = bp_objects_count_pins(pins, n_pins, view->object, NULL) <= 1;
    free(pins);
    return 0;
}

int bp_objects_clear(struct bp_objects *objects, const brain_view *view,
                     const struct bp_object_info *info, uint64_t *freed)
{
    bool is_missing;
    int code;
    if (view->name_len != BRAIN_ID_BYTES) return 0; /* damaged: not ours to judge */
    if (info->is_sealed) {
        code = judge(objects, view, &is_missing);
        if (code != 0 || !is_missing) return code;
        code = bp_objects_delete_version(objects, view->name, view->version);
    } else {
        if (bp_objects_is_written(objects, info)) return 0;
        code = brain_delete(objects->space, view->name, view->name_len, view->version);
    }
    if (code == 0) *freed += view->size_bytes;
    return code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* Delete the name that the walk stands at, if it is of the dead. */
static int sweep_one(struct bp_objects *objects, brain_iter *iter)
{
    brain_view view;
    struct bp_object_info info;
    uint64_t freed = 0;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    if (bp_objects_describe(&view, &info) == 0) { /* else damaged: not ours to judge */
        code = bp_objects_clear(objects, &view, &info, &freed);
    }
    bp_objects_put_back(objects, &view);
    return code;
}

int bp_objects_sweep(struct bp_objects *objects)
{
    const void *name;
    size_t name_len;
    brain_iter *iter;
    int code = bp_objects_walk(objects->space, &iter);
    if (code != 0) return code;
    while ((code = brain_iter_next(iter, &name, &name_len)) == 0 &&
           (code = sweep_one(objects, iter)) == 0) {
    }
    brain_iter_free(iter);
    return code == BRAIN_E_NOT_FOUND ? bp_queues_sweep(objects) : code;
}
