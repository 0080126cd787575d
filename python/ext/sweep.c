/* sweep.c - what dead processes left among the Plasma objects.
 *
 * The bytes of what they did not seal went with them; the ids that they had taken are still there,
 * and so are the queues of their subscriptions. Nobody is in need of it: who meets such an id
 * replaces it. This is for the sake of memory, and runs when somebody connects.
 */
#include "queues.h"

/* Delete the name that the walk stands at, if it is what a dead creator left. */
static int sweep_one(struct bp_objects *objects, brain_iter *iter)
{
    brain_view view;
    struct bp_object_info info;
    int code = brain_iter_get(iter, &view);
    if (code != 0) return code == BRAIN_E_NOT_FOUND ? 0 : code;
    if (view.kind == BRAIN_KIND_UNSEALED && bp_objects_describe(&view, &info) == 0 &&
        !bp_objects_is_written(objects, &info)) {
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
