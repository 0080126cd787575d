/* unsealed.h - memory of objects that are being written, for children of this process.
 *
 * The library's memory of an object that is not sealed is not there in a child, where buffers and
 * arrays on it still are. So a child finds memory of its own in its place, all zero: what it reads or
 * writes there is nobody's. Of what is sealed the memory is there, and stays.
 */
#ifndef BP_UNSEALED_H
#define BP_UNSEALED_H

#include <stdbool.h>
#include <stddef.h>

struct bp_unsealed {
    void *data;
    size_t size_bytes;
    bool is_sealed;    /* as bp_unsealed_note_sealed() was told */
    bool is_inherited; /* this process is a child of the one that was writing it */
    struct bp_unsealed *next, *previous;
};

/* From the making of an object to its release. The struct is the caller's, and stays where it is.
 * Threads: any, also without the GIL. */
void bp_unsealed_enlist(struct bp_unsealed *self, void *data, size_t size_bytes);
void bp_unsealed_delist(struct bp_unsealed *self);

/* It is sealed: children have what was written. */
void bp_unsealed_note_sealed(struct bp_unsealed *self);

#endif
