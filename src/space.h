/* space.h - namespace records and tallies.
 *
 * A namespace is an object of kind SPACE in the root space, whose data is the id of a record
 * here. */
#ifndef BN_SPACE_H
#define BN_SPACE_H

#include "store.h"

#define BN_ROOT_SPACE 0u

/* Record of a space, for writing; NULL where the id is not backed. */
BN_INLINE struct bn_space_rec *bn_space_at(const struct brain_store *store, uint32_t id)
{
    uint64_t backed = bn_load_relaxed(&store->state->backed[BN_REGION_SPACES]);
    if (bn_unlikely(((uint64_t)id + 1) * sizeof(struct bn_space_rec) > backed)) {
        return NULL;
    }
    return (struct bn_space_rec *)(void *)bn_region_at(store, BN_REGION_SPACES) + id;
}

/* The same for reading. */
const struct bn_space_rec *bn_space_view(struct brain_store *store, uint32_t id);

/* Whether (id, gen) is still what it was resolved to: not removed by a committed change, not
 * reused. */
static inline bool bn_space_stands(const struct brain_store *store, const struct bn_space_rec *rec,
                                   uint32_t gen)
{
    uint64_t removed = bn_load_acquire(&rec->removed);
    if (bn_unlikely(removed != 0 && removed <= bn_load_acquire(&store->state_view->committed))) {
        return false;
    }
    return bn_load_acquire(&rec->gen) == gen; /* rises before `removed` is set back to 0 */
}

/* A value of the space is about to be moved away, before its tally changes. Journalled. */
void bn_space_note_move(struct brain_store *store, struct bn_space_rec *rec);

/* The commit that last changed what can be seen in a space whose tally is of commit `number`. */
uint64_t bn_space_changed(const struct bn_space_rec *rec, uint64_t number);

/* Take a record for a new space; its gen is final. Journalled: 0, BN_AGAIN, FULL, CORRUPT. */
int bn_space_take(struct brain_store *store, uint64_t quota, uint32_t *id_out, uint32_t *gen_out);

/* After the commit that removes it: to the list of the dead. Journalled. */
void bn_space_bury(struct brain_store *store, uint32_t id);

/* Give the first dead space's record back; it has no names left. Journalled. */
void bn_space_give_dead(struct brain_store *store);

/* ---- tallies (layout.h) */

/* Fill the older of two records with what the newer has and more. It is valid when it has a number:
 * the caller stores that, journalled. */
BN_INLINE struct bn_tally_rec *bn_tally_prepare(struct bn_tally_rec tally[2], int64_t count,
                                                int64_t bytes)
{
    int newer = bn_load_relaxed(&tally[1].number) > bn_load_relaxed(&tally[0].number);
    struct bn_tally_rec *older = &tally[!newer];
    uint64_t new_count = bn_load_relaxed(&tally[newer].count) + (uint64_t)count;
    uint64_t new_bytes = bn_load_relaxed(&tally[newer].bytes) + (uint64_t)bytes;
    /* Where values are replaced by others of their size it has them already: a store costs more than a look. */
    if (bn_load_relaxed(&older->count) != new_count) {
        bn_store_release(&older->count, new_count);
    }
    if (bn_load_relaxed(&older->bytes) != new_bytes) {
        bn_store_release(&older->bytes, new_bytes);
    }
    return older;
}

/* Add to a tally in the transaction under way. Journalled. */
void bn_tally_add(struct brain_store *store, struct bn_tally_rec tally[2], int64_t count,
                  int64_t bytes);

/* The tally as the lock holder sees it, transaction under way included. */
const struct bn_tally_rec *bn_tally_now(const struct bn_tally_rec tally[2]);

/* Whether a space may become `more` bytes larger by its quota. Under the lock. */
static inline bool bn_space_may_grow(const struct bn_space_rec *rec, uint64_t more)
{
    uint64_t quota = bn_load_relaxed(&rec->quota); /* relaxed: under the lock */
    return bn_likely(quota == 0) ||
           (more <= quota && bn_load_relaxed(&bn_tally_now(rec->tally)->bytes) <= quota - more);
}

/* The tally as of the last commit; `*number_out`, if not NULL, is the commit that changed it
 * last. */
void bn_tally_read(const struct brain_store *store, const struct bn_tally_rec tally[2],
                   uint64_t *count_out, uint64_t *bytes_out, uint64_t *number_out);

#endif
