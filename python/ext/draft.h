/* draft.h - the type Draft: a value that is written in the store before it has a name. */
#ifndef BP_DRAFT_H
#define BP_DRAFT_H

#include "brainobject.h"

BP_METHOD(bp_draft_array);
BP_METHOD(bp_draft_bytes);
BP_METHOD(bp_draft_seal);

#endif
