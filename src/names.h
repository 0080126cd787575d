/* names.h - the list of a namespace's names: cells in segments.
 *
 * A cell holds the number of the slot that the index holds for that name, is swung with it, and
 * stays in its place as long as the name exists; so a registered walker meets each name of its
 * moment exactly once, without any care for moves.
 */
#ifndef BN_NAMES_H
#define BN_NAMES_H

#include "store.h"

static inline _Atomic uint32_t *bn_names_cell(const struct brain_store *store, uint32_t cell)
{
    return (_Atomic uint32_t *)(void *)bn_region_at(store, BN_REGION_NAMES) + cell;
}

/* Whether `cell` is the number of a backed cell. */
BN_INLINE bool bn_names_exists(const struct brain_store *store, uint32_t cell)
{
    return cell != 0 && ((uint64_t)cell + 1) * sizeof(uint32_t) <=
                            bn_load_relaxed(&store->state->backed[BN_REGION_NAMES]);
}

/* An unused cell of a space. Journalled: 0, BN_AGAIN, FULL, CORRUPT. */
int bn_names_take(struct brain_store *store, struct bn_space_rec *space, uint32_t space_id,
                  uint32_t *cell_out);

/* Give a cell back. Journalled. */
void bn_names_give(struct brain_store *store, struct bn_space_rec *space, uint32_t cell);

/* Give the first segment of a space back, whose cells hold nothing any more. Journalled. */
int bn_names_give_segment(struct brain_store *store, struct bn_space_rec *space);

/* A segment, read-only, bounds-checked: NULL where `segment` is not one. */
const struct bn_segment_rec *bn_names_segment_view(struct brain_store *store, uint32_t segment);

/* The same for a walker, and how many cells it has. It may have come here by a link that was undone, and this be
 * anything of the lists by now: of the head one word is looked at, and the walker asks whether the list still leads
 * here. */
const struct bn_segment_rec *bn_names_walk_segment(struct brain_store *store, uint32_t segment,
                                                   uint32_t *n_cells_out);

static inline const _Atomic uint32_t *bn_names_cells_view(const struct bn_segment_rec *segment)
{
    return (const _Atomic uint32_t *)(const void *)(segment + 1);
}

#endif
