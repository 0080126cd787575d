/* stage.h - what scenes work with, and what most of them do: put, erase, fill a value. */
#ifndef CRASH_STAGE_H
#define CRASH_STAGE_H

#include <stdint.h>
#include <sys/types.h>

#include "brain.h"
#include "plasma/create.h"

#define STAGE_SMALL  24u
#define STAGE_MEDIUM 400u   /* inline, in a slot of several lines */
#define STAGE_LARGE  9000u  /* an extent of three pages */
#define STAGE_LARGER 20000u /* an extent of five */

/* What a scene works with, in the process that performs it. */
struct stage {
    const char *path;
    uint64_t capacity_bytes;
    brain_store *store;
    brain_space *a;
    brain_space *b;
    brain_store *second; /* another use of the same store */
    brain_object *object;
    brain_snapshot *snapshot;
    brain_view view;
    brain_view other;
    const void *bytes; /* of "large1", which somebody has to keep */
    brain_hint hint;   /* of small3 */
    struct pl_store objects;
    struct pl_creation creation;
    pid_t child;
    uint32_t next; /* number of the next operation, from 0 */
};

/* An operation that fails proves nothing: where `err` is none of 0, the process ends. */
void stage_need(int err, const char *what);

/* Bytes of a value: windows of one pattern, so that no instructions are spent on making them. Up to
 * STAGE_LARGER of them. */
const char *stage_window(uint64_t seed);

int stage_try_put(brain_space *space, const char *name, size_t size, uint64_t seed,
                  uint64_t if_version);
void stage_put(brain_space *space, const char *name, size_t size, uint64_t seed);
void stage_put_numbered(brain_space *space, const char *prefix, uint32_t i, size_t size);
void stage_erase(brain_space *space, const char *name);

/* To the changes of a batch: a put of `size` bytes. */
void stage_add(brain_batch *batch, brain_space *space, const char *name, size_t size);

void stage_trim(struct stage *stage);
void stage_register_snapshot(struct stage *stage);

/* stage->object is begun, of STAGE_LARGE bytes, and has a word in each page. */
void stage_create(struct stage *stage);

/* Begin at `path`: what scenes have in common, in a store of `capacity_bytes`. */
void stage_begin(struct stage *stage, const char *path, uint64_t capacity_bytes);

/* Open the store, and the two namespaces; close both. */
void stage_open(struct stage *stage);
void stage_leave(struct stage *stage);

/* Get a view of "large1" of namespace a, and note where its bytes are; those have to be there still. */
void stage_hold_view(struct stage *stage);
void stage_need_bytes(const struct stage *stage);

/* What goes where those bytes would be if they were free. */
void stage_reuse_memory(struct stage *stage);

#endif
