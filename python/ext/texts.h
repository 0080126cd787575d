/* texts.h - short texts that are kept for further recalls. */
#ifndef BP_TEXTS_H
#define BP_TEXTS_H

#include "state.h"

#define BP_TEXTS_MAX_BYTES ((size_t)31) /* longer ones are not kept */

/* The str of `size` bytes of UTF-8, up to BP_TEXTS_MAX_BYTES: the one that was made before, where it
 * is there still. A new reference, or NULL with an exception set: UnicodeDecodeError. */
PyObject *bp_texts_get(struct bp_state *state, const char *utf8, size_t size);

/* Free what is kept. */
void bp_texts_forget(struct bp_state *state);

#endif
