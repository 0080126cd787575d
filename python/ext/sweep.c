/* sweep.c - what dead processes left among the Plasma objects.
 *
 * The bytes of what they did not seal went with them; the ids that they had taken are still there,
 * and so are the queues of their subscriptions, what they had evicted, and what was deleted while
 * they had a buffer of it. Nobody is in need of it: all that counts as missing, and who wants such an
 * id replaces it. This is for the sake of memory.
 */
#include "queues.h"

#include <stdlib.h>

int bp_objects_clear(struct bp_objects *objects, const brain_view *view)
{
    uint64_t note = brain_view_note(view);
    if (bp_note_is_doomed(note)) {
        brain_pin *pins;
        size_t n_pins;
        int code = bp_objects_list_pins(objects, &pins, &n_pins);
        if (code != 0) return code;
        size_t n = bp_objects_count_pins(pins, n_pins, view->object, NULL);
        free(pins);
        if (n > 1) return 0; /* not ours alone */
    } else if (note != BP_NOTE_EVICTED) {
        return 0;
    }
    int code = bp_objects_delete_version(objects, view->name, view->version);
    return code == BRAIN_E_NOT_FOUND ? 0 : code;
}

/* Delete the name that the walk stands at, if it is of the dead. */
static int sweep_one(struct bp_objects *objects, brain_iter *iter)
{
    brain_view view;
    struct bp_object_info info;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    if (bp_objects_describe(&view, &info) != 0) {
        code = 0; /* damaged: not ours to judge */
    } else if (info.is_sealed) {
        code = bp_objects_clear(objects, &view);
    } else if (!bp_objects_is_written(objects, &info)) {
        code = brain_delete(objects->space, view.name, view.name_len, view.version);
        if (code == BRAIN_E_STALE || code == BRAIN_E_NOT_FOUND) code = 0;
    }
    brain_view_drop(&view);
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
