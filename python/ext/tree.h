/* tree.h - plain data, nested, and what has an encoder: to the store. */
#ifndef BP_TREE_H
#define BP_TREE_H

#include "convert.h"

/* What the format fixes: docs/format.md, TREE. */
enum bp_tree {
    BP_TREE_REFERENCES = 1, /* a flag of the head: there are references */

    BP_TREE_DEPTH = 500,         /* containers in containers */
    BP_TREE_KEY_DEPTH = 16,      /* the same within a key */
    BP_TREE_COUNTED_BYTES = 64,  /* str and bytes from here on are counted */
    BP_TREE_BUFFER_BYTES = 4096, /* bytes from here on are buffers */

    BP_TREE_TAG_POSITIVE = 2,
    BP_TREE_TAG_NEGATIVE = 3,
    BP_TREE_TAG_SET = 258,
    BP_TREE_TAG_TUPLE = 47616,
    BP_TREE_TAG_FROZENSET = 47617,
    BP_TREE_TAG_BYTEARRAY = 47618,
    BP_TREE_TAG_COMPLEX = 47619,
    BP_TREE_TAG_REFERENCE = 47620,
    BP_TREE_TAG_RAW = 47621,
    BP_TREE_TAG_ARRAY = 47622,
    BP_TREE_TAG_EXTENSION = 47623,
    BP_TREE_TAG_BYTES = 47624,
};

struct bp_parts;

/* Encode `value` where it is a tree. Returns 1; 0 where something in it has to be pickled; -1 with an
 * exception set. Runs encoders, code of others.
 *
 * to_compare   not for the store: in place of what a codecs.Written would write stands what it would be
 *              made of, where that says so. */
int bp_tree_encode(struct bp_state *state, PyObject *value, bool to_compare,
                   struct bp_encoded *encoded);

/* Whether values of this type are plain data or containers, and need no encoder. */
bool bp_tree_is_plain(const PyTypeObject *type);

/* Add the bytes of `raw`, a pickle.PickleBuffer or a codecs.Written, to `parts`. Returns 0, or -1
 * with an exception set: TypeError where it is something else. */
int bp_tree_add_raw(struct bp_state *state, struct bp_parts *parts, PyObject *raw);

#endif
