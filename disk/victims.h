/* victims.h - which values are spilled: those that nobody has used for longest, and nobody has a view of. */
#ifndef BD_VICTIMS_H
#define BD_VICTIMS_H

#include <stdbool.h>

#include "brain_disk.h"

/* Views of up to `room` of them, to be dropped, the coldest first: of a namespace, or of all but the library's own. 0, or as
 * brain_get(). */
int bd_victims_find(brain_store *store, brain_space *space, uint64_t min_bytes,
                    brain_view *views_out, size_t room, size_t *n_out);

/* Whether anybody but the caller has a view of what `view`, the caller's only one, shows. */
int bd_victims_is_viewed(brain_store *store, const brain_view *view, bool *is_out);

#endif
