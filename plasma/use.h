/* use.h - the use of a Plasma object: to get it, look at it, and let go of it. */
#ifndef PL_USE_H
#define PL_USE_H

#include "object.h"

#define PL_IS_AWAY 2 /* beside the library's codes: pl_recall_get() brings it back */

/* Get a sealed object. The view's data is data and Plasma metadata; its meta is that of its kind;
 * give it to pl_use_drop(), or to what does as that. NOT_FOUND also where it is not sealed;
 * PL_IS_AWAY where it is in the external store. */
int pl_use_get(struct pl_store *objects, const uint8_t *id, brain_view *view_out,
               struct pl_object *info_out);

/* As brain_get(), also of what is not sealed; but not of a doomed one that nobody has any more. */
int pl_use_look(struct pl_store *objects, const uint8_t *id, brain_view *view_out);

/* Note the time, and drop a view that pl_use_get() gave. True: the object is doomed, and
 * pl_remove_unused() is to be called. */
bool pl_use_let_go(brain_view *view, struct pl_last *last_out);

/* Both. */
void pl_use_drop(struct pl_store *objects, brain_view *view);

/* Whether a sealed object is there: 0, or NOT_FOUND; else as brain_get(). `*version_out`, if not
 * NULL: above which to wait for it. */
int pl_use_is_there(struct pl_store *objects, const uint8_t *id, uint64_t *version_out);

#endif
