/* remove.h - the end of Plasma objects, and what dead processes left of them. */
#ifndef PL_REMOVE_H
#define PL_REMOVE_H

#include "object.h"

/* Delete a sealed object; where somebody has a buffer of it, as soon as nobody has. 0, NOT_FOUND
 * (nothing is there, or it is not sealed); else as brain_delete(). */
int pl_remove_object(struct pl_store *objects, const uint8_t *id);

/* Delete that version of an object: 0, NOT_FOUND where it is no more; else as brain_delete(). */
int pl_remove_version(struct pl_store *objects, const uint8_t *id, uint64_t version);

/* Delete an object that is in the external store, with its file: of that version, 0: of any. 0, NOT_FOUND where it is
 * not there; else as brain_delete(). */
int pl_remove_away(struct pl_store *objects, const uint8_t *id, uint64_t file_version);

/* Delete a doomed object that nobody has any more. */
void pl_remove_unused(struct pl_store *objects, const struct pl_last *last);

/* Delete an object of which we have a view, if it counts as missing: evicted; doomed, and nobody but
 * we has a view of it; not sealed, and its creator is dead. `*freed` grows by its bytes. 0, or as
 * brain_delete(). */
int pl_remove_missing(struct pl_store *objects, const brain_view *view,
                      const struct pl_object *info, uint64_t *freed);

/* Remove what dead processes left: ids of objects that they did not seal, and queues. Returns 0, or
 * as brain_delete(). */
int pl_remove_dead(struct pl_store *objects);

/* Drop a view that was taken to look at an object, and not as a use of it. As a doomed one stays as
 * long as somebody has a view of it, whoever looks has to see it off. */
void pl_remove_put_back(struct pl_store *objects, brain_view *view);

#endif
