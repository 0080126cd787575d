/* recall.h - objects that come back from the external store. */
#ifndef PL_RECALL_H
#define PL_RECALL_H

#include "object.h"

/* As pl_use_get(); one that is away is brought back first, for which others are evicted where that is needed. Also
 * FULL, PERM (the store is open for reading alone), PL_E_EXTERNAL, and as brain_put(). */
int pl_recall_get(struct pl_store *objects, const uint8_t *id, brain_view *view_out,
                  struct pl_object *info_out);

#endif
