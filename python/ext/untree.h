/* untree.h - plain data, nested, and what has an encoder: from the store. */
#ifndef BP_UNTREE_H
#define BP_UNTREE_H

#include "convert.h"

/* The value that `view` shows, which it takes over. Runs decoders, code of others.
 *
 * trusted  whether pickles are allowed; else whoever wrote the value may be hostile.
 * Returns a new reference, or NULL with an exception set. */
PyObject *bp_untree_decode(struct bp_state *state, brain_view *view, bool trusted);

/* The same of a copy of a value; only where bp_untree_may_be_copy(): nothing of it stays in use. */
PyObject *bp_untree_decode_copy(struct bp_state *state, const brain_view *view, bool trusted);
bool bp_untree_may_be_copy(const brain_view *view);

/* Read the form of a TREE, and make nothing of it: `data` has its head, table and stream; its buffers
 * need not be there.
 *
 * node   called with (name, payload) in place of a decoder.
 * part   called with (what, size in bytes, metadata of a tensor or None) in place of a buffer: what is
 *        "raw", "array" or "bytes".
 * Returns a new reference, or NULL with an exception set. */
PyObject *bp_untree_read(struct bp_state *state, const char *data, size_t size_bytes,
                         PyObject *node, PyObject *part);

/* Free what is kept for further recalls. */
void bp_untree_forget_texts(struct bp_state *state);

#endif
