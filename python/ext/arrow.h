/* arrow.h - tables: an Arrow IPC stream, which encoders and decoders of Python make and read. */
#ifndef BP_ARROW_H
#define BP_ARROW_H

#include "convert.h"

/* Encode `value` where it is a table. Returns 1; 0 where it is something else; -1 with an exception
 * set. */
int bp_arrow_encode(struct bp_state *state, PyObject *value, struct bp_encoded *encoded);

/* The table that `view` shows, which it takes over. A new reference, or NULL with an exception
 * set. */
PyObject *bp_arrow_decode(struct bp_state *state, brain_view *view, bool trusted);

#endif
