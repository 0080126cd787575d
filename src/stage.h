/* stage.h - large data on its way into an extent, outside the lock; and what to do when there is no
 * room. */
#ifndef BN_STAGE_H
#define BN_STAGE_H

#include "store.h"
#include "txn.h"

/* What was tried already to make room for one change. */
struct bn_stage_obstacle {
    bool reclaimed;
    bool trimmed;
    uint32_t n_kept;         /* how often all that had gone for it was kept */
    uint32_t n_memory_rooms; /* how often room was made: where there was no memory, */
    uint32_t n_rooms;        /* and where it did not fit */
    uint64_t asked_for;      /* how much of that in all */
    uint64_t limbo;          /* bytes that were there before */
    uint32_t n_tries;        /* since the last commit that was seen */
    uint64_t committed;
};

/* Whether a change that failed may be tried again: what gets in its way comes from commits of
 * others, or is a want of memory that is met; so often without a commit, it is damage. */
bool bn_stage_may_try_again(const struct brain_store *store, struct bn_stage_obstacle *tried);

/* Deal with what stood in the way of a change of `asked` bytes that answered `err`: 0: try again;
 * else the error for the caller, FULL with its text. Not under the lock. */
int bn_stage_overcome(struct brain_store *store, int err, uint64_t asked,
                      struct bn_stage_obstacle *tried);

/* Have somebody make room for `bytes` more, in `space` or (NULL) anywhere, as the mode of the store says: 0: try
 * again; FULL, with a text that says why there is none, or another error. Not under the lock. */
int bn_stage_make_room(struct brain_store *store, struct brain_space *space, uint64_t bytes);

/* The same for a namespace that may not grow, and a change that was not made for that reason. FULL without a text. */
int bn_stage_make_room_in(struct brain_space *space, uint64_t bytes,
                          struct bn_stage_obstacle *tried);

/* Who keeps limbo from being freed, for a text of FULL: "; ..." with the pin on its largest value, or a snapshot.
 * Nothing where nobody is found. Not under the lock. */
#define BN_STAGE_HOLDER_TEXT 320u
void bn_stage_describe_holder(struct brain_store *store, char *text, size_t room);

/* Take a private slot with an extent, making room if need be. */
int bn_stage_take(struct brain_store *store, uint64_t extent_bytes, uint64_t size,
                  uint32_t *holder_out);

/* Give an extent's pages memory. */
int bn_stage_back(struct brain_store *store, uint32_t page, uint64_t n_pages);

/* Write into an extent from `off` on, whose pages are mapped: those without memory get it. */
int bn_stage_write(struct brain_store *store, uint32_t page, uint64_t off, const void *bytes,
                   uint64_t size);

/* Put the data of a change that needs an extent into one. Nothing to do: 0. */
int bn_stage_data(struct brain_store *store, struct bn_change *change);

/* Between them refusals of this thread are not counted: brain_tries_begin(). `bn_stage_tries_end()`: whether that was the
 * outermost. */
void bn_stage_tries_begin(void);
bool bn_stage_tries_end(void);

/* A call is refused with `err`, FULL or QUOTA: count it, and tell of it, at its end. `space`, `name` NULL: of none. */
void bn_stage_refused(struct brain_store *store, const struct brain_space *space, const void *name,
                      uint32_t name_len, uint64_t asked, int err);

#endif
