/* draft.h - the type Draft: a value that is written in the store before it has a name. */
#ifndef BP_DRAFT_H
#define BP_DRAFT_H

#include "brainobject.h"

BP_METHOD(bp_draft_array);
BP_METHOD(bp_draft_bytes);
BP_METHOD(bp_draft_seal);

struct bp_encoded;

/* Put a value of which something is to be written yet, straight into the store, in the namespace
 * `held`. As brain_put(); or BP_RAISED with an exception set. */
int bp_draft_put(struct bp_brain *self, struct bp_space *held, const char *name, size_t name_len,
                 const struct bp_encoded *encoded, uint64_t if_version, uint64_t *version_out);

#endif
