/* away.h - values that are in files: a view of what stands for one becomes a view of the value. */
#ifndef BP_AWAY_H
#define BP_AWAY_H

#include "state.h"

/* The tag of a view whose data are mapped from a file. */
#define BP_TAG_AWAY 0x4157u

/* Let a view that may be of a value that is away show the value, as if it were in the store. It is to be dropped by
 * bp_away_drop() then. Returns 0; -1 with an exception set, and the view dropped. */
int bp_away_recall_slowly(struct bp_state *state, brain_view *view);

static inline int bp_away_recall(struct bp_state *state, brain_view *view)
{
    return view->kind != BRAIN_KIND_AWAY ? 0 : bp_away_recall_slowly(state, view);
}

/* brain_view_drop(), and what is mapped goes. */
void bp_away_drop_slowly(struct bp_state *state, brain_view *view);

static inline void bp_away_drop(struct bp_state *state, brain_view *view)
{
    if (view->tag == BP_TAG_AWAY) {
        bp_away_drop_slowly(state, view);
    } else {
        brain_view_drop(view);
    }
}

/* brain_view_dup(), of a view that shows a value in a file, too. */
int bp_away_dup(struct bp_state *state, const brain_view *view, brain_view *copy_out);

/* brain_view_at(): of an address in a file that is mapped here, too. */
int bp_away_at(struct bp_state *state, brain_store *store, const void *address,
               brain_view *view_out);

/* brain_view_private(), of a part of a value in a file, too. */
int bp_away_private(struct bp_state *state, const brain_view *view, void **data_out);

/* The id that the value had in memory, whether it is there or not: brain_view_id(), of any view. */
void bp_away_id(const struct bp_state *state, const brain_view *view,
                uint8_t id_out[BRAIN_ID_BYTES]);

/* brain_get_by_id(), by that id. The view may be of what stands for the value. */
int bp_away_get_by_id(brain_store *store, const uint8_t id[BRAIN_ID_BYTES], brain_view *view_out);

#endif
