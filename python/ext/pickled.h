/* pickled.h - values that have no kind of their own: pickle protocol 5 with its buffers beside
 * it. */
#ifndef BP_PICKLED_H
#define BP_PICKLED_H

#include "convert.h"

/* Pickle `value`, its buffers uncopied. As bp_convert_encode(); `to_compare` as for
 * bp_tree_encode(). */
int bp_pickled_encode(struct bp_state *state, PyObject *value, bool allowed, bool to_compare,
                      PyObject *name, struct bp_encoded *encoded);

/* Turn the exception that is set, of a pickler or an encoder, into one that says which part of `value`
 * it was. */
void bp_pickled_explain(struct bp_state *state, PyObject *value, PyObject *name);

/* Unpickle what `view` shows, which it takes over; the buffers stay where they are. As
 * bp_convert_decode(). */
PyObject *bp_pickled_decode(struct bp_state *state, brain_view *view, bool allowed);

#endif
