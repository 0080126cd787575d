/* alloc.h - extents of the VALUES region: a binary buddy system over pages, with an exact fit.
 *
 * Everything needs the writer lock and changes its records through the journal, but for the bits
 * that say which pages are backed: those are set by whoever backed the pages of an extent of its
 * own, and cleared by whoever is about to give the pages of one back.
 *
 * Source: Knuth, The Art of Computer Programming 1, 2.5 (buddy system).
 */
#ifndef BN_ALLOC_H
#define BN_ALLOC_H

#include "store.h"

static inline uint64_t bn_alloc_pages(uint64_t bytes)
{
    return (bytes + BN_PAGE - 1) / BN_PAGE;
}

/* Pages that have a record: all below the frontier, if that can be. */
static inline uint32_t bn_alloc_end(const struct brain_store *store)
{
    uint64_t room =
        bn_load_relaxed(&store->state->backed[BN_REGION_BLOCKS]) / sizeof(struct bn_block_rec);
    /* relaxed: under the lock, or as a bound of how often to try (bn_reclaim_trim()) */
    uint32_t end = bn_load_relaxed(bn_atomic32(&store->state->value_end));
    return end <= room ? end : (uint32_t)room;
}

/* Where a page is in the file. */
static inline bn_off bn_alloc_off(const struct brain_store *store, uint32_t page)
{
    return store->region_off[BN_REGION_VALUES] + (bn_off)page * BN_PAGE;
}

/* Take `n_pages` contiguous pages for slot `owner`; those that are backed already are preferred.
 * Returns 0, BN_AGAIN, FULL (the region's end) or CORRUPT. */
int bn_alloc_take(struct brain_store *store, uint64_t n_pages, uint32_t owner, uint32_t *page_out);

/* Give an extent back. `warm`: its pages are still backed. CORRUPT where it is none of that length. O(log
 * pages); where it is not counted (layout.h) O(pages). */
int bn_alloc_give(struct brain_store *store, uint32_t page, uint64_t n_pages, bool warm);

/* Take a whole free block with backed pages. NOT_FOUND where there is none. Whole: a part that came
 * back cold would join the warm rest again. */
int bn_alloc_take_warm(struct brain_store *store, uint32_t owner, uint32_t *page_out,
                       uint64_t *n_pages_out);

/* From `page` on, at most `n_pages`: how many pages are alike, and whether they are backed. */
uint64_t bn_alloc_run(const struct brain_store *store, uint32_t page, uint64_t n_pages,
                      bool *backed_out);

/* Say of pages of one's own extent that they are backed / are not. */
void bn_alloc_set_backed(struct brain_store *store, uint32_t page, uint64_t n_pages, bool backed);

/* The slot whose extent `page` lies in; 0: none. Without the lock, and so right where the caller knows
 * that some extent there stays until this returns; else any number. O(pages before it). */
uint32_t bn_alloc_owner(const struct brain_store *store, uint64_t page);

/* The slot whose extent page `page` lies in, 0: none. Under the lock; in at most as many looks as there are
 * orders. */
uint32_t bn_alloc_slot_of(const struct brain_store *store, uint32_t page);

/* The record of a page, for check.c and cold.c. */
const struct bn_block_rec *bn_alloc_record(const struct brain_store *store, uint32_t page);

#endif
