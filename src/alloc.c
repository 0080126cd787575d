/* alloc.c - extents.
 *
 * Owns:     the BLOCKS and BACKED regions; value_end, block_orders, block_free of the state.
 * Blocks:   a free block of 2^k pages is aligned to its size, recorded at its first page, and in
 *           one of two sets of lists: warm ones have backed pages (all, some, or once had), cold
 *           ones none that we know of. A block and its buddy are never both free with the same
 *           order.
 * Extents:  exactly as many pages as asked for: the rest of the block goes back at once. Its record
 *           says USED, by which slot and how many, those of its other pages NONE; freeing compares, and
 *           cuts it into aligned blocks again.
 * Frontier: pages from value_end on were never used and have no records yet.
 * Crash:    all journalled; the bits of BACKED need no journal (layout.h).
 */
#include "alloc.h"

#include "journal.h"

#define NOTES_PER_BLOCK 64u /* that freeing one makes, at most, besides one join */

static struct bn_block_rec *record(const struct brain_store *store, uint32_t page)
{
    return (struct bn_block_rec *)(void *)bn_region_at(store, BN_REGION_BLOCKS) + page;
}

const struct bn_block_rec *bn_alloc_record(const struct brain_store *store, uint32_t page)
{
    return record(store, page);
}

/* The second word of a record: owner, state, order, warm. */
static void set_record(struct brain_store *store, uint32_t page, uint32_t owner,
                       enum bn_block_state state, unsigned order, bool warm)
{
    union {
        struct {
            uint32_t owner;
            uint8_t state, order, warm, pad;
        } part;
        uint64_t word;
    } u = { .part = { owner, (uint8_t)state, (uint8_t)order, warm, 0 } };
    bn_journal_u64(store, &record(store, page)->owner, u.word);
}
static_assert(offsetof(struct bn_block_rec, owner) == 8, "owner begins the second word");

/* `page` begins an extent. */
static void set_used(struct brain_store *store, uint32_t page, uint32_t owner, uint64_t n_pages)
{
    bn_journal_u64(store, record(store, page), n_pages); /* next = n_pages, prev = 0 */
    set_record(store, page, owner, BN_BLOCK_USED, BN_BLOCK_COUNTED, false);
}

/* ---- free lists */

static int push(struct brain_store *store, uint32_t page, unsigned order, bool warm)
{
    struct bn_state_rec *state = store->state;
    uint32_t first = state->block_free[warm][order];
    if (bn_unlikely(first > bn_alloc_end(store))) { /* who frees `page` has looked */
        return bn_error_corrupt("%s: the list of free blocks of order %u", store->path, order);
    }
    bn_journal_u64(store, record(store, page), first); /* next = first, prev = 0 */
    set_record(store, page, 0, BN_BLOCK_FREE, order, warm);
    if (first != 0) {
        bn_journal_u32(store, &record(store, first - 1)->prev, page + 1);
    } else {
        bn_journal_u32(store, &state->block_orders[warm], state->block_orders[warm] | 1u << order);
    }
    bn_journal_u32(store, &state->block_free[warm][order], page + 1);
    return 0;
}

static void unlink_block(struct brain_store *store, uint32_t page)
{
    struct bn_state_rec *state = store->state;
    struct bn_block_rec *rec = record(store, page);
    unsigned order = rec->order, warm = rec->warm;
    uint32_t next = rec->next, prev = rec->prev;
    if (next != 0) {
        bn_journal_u32(store, &record(store, next - 1)->prev, prev);
    }
    if (prev != 0) {
        bn_journal_u32(store, &record(store, prev - 1)->next, next);
    } else {
        bn_journal_u32(store, &state->block_free[warm][order], next);
        if (next == 0) {
            bn_journal_u32(store, &state->block_orders[warm],
                           state->block_orders[warm] & ~(1u << order));
        }
    }
    set_record(store, page, 0, BN_BLOCK_NONE, 0, false);
}

/* Whether both neighbours in its list, or the list, know the block at `page`: a record that says FREE by itself
 * may be a damaged one in the middle of somebody's extent. */
static bool is_listed(const struct brain_store *store, uint32_t page)
{
    const struct bn_block_rec *rec = record(store, page);
    uint32_t end = bn_alloc_end(store);
    if (rec->next > end || rec->prev > end) {
        return false;
    }
    uint32_t link = rec->prev != 0 ? record(store, rec->prev - 1)->next
                                   : store->state->block_free[rec->warm][rec->order];
    return link == page + 1 && (rec->next == 0 || record(store, rec->next - 1)->prev == page + 1);
}

/* Whether `page` begins a free block of `order` that lies below the frontier. */
static bool is_free_block(const struct brain_store *store, uint64_t page, unsigned order)
{
    uint32_t end = bn_alloc_end(store);
    if (page >= end || page + ((uint64_t)1 << order) > end) {
        return false;
    }
    const struct bn_block_rec *rec = record(store, (uint32_t)page);
    return rec->state == BN_BLOCK_FREE && rec->order == order && rec->warm <= 1 &&
           is_listed(store, (uint32_t)page);
}

/* Free one aligned block, joining it with its buddy as often as that is free. */
static int free_block(struct brain_store *store, uint32_t page, unsigned order, bool warm)
{
    while (order + 1 < BN_N_ORDERS) {
        uint32_t buddy = page ^ 1u << order;
        if (!is_free_block(store, buddy, order)) {
            break;
        }
        if (bn_unlikely((bn_journal_counts(store).n_undo + NOTES_PER_BLOCK) *
                            sizeof(struct bn_undo_rec) >
                        bn_load_relaxed(&store->state->backed[BN_REGION_UNDO]))) {
            return bn_error_corrupt("%s: too many free blocks side by side", store->path);
        }
        warm = warm || record(store, buddy)->warm;
        unlink_block(store, buddy);
        page &= ~(1u << order);
        order++;
    }
    return push(store, page, order, warm);
}

/* Free [page, page + n): cut into the largest aligned blocks. */
static int free_range(struct brain_store *store, uint32_t page, uint64_t n, bool warm)
{
    int err = 0;
    while (n > 0 && err == 0) {
        unsigned order = bn_log2_floor(n);
        if (page != 0 && (unsigned)__builtin_ctz(page) < order) {
            order = (unsigned)__builtin_ctz(page);
        }
        order = order < BN_N_ORDERS ? order : BN_N_ORDERS - 1;
        err = free_block(store, page, order, warm);
        page += 1u << order;
        n -= (uint64_t)1 << order;
    }
    return err;
}

/* ---- taking */

/* The smallest block of at least `order` in the warm or cold lists: page, or NOT_FOUND, or
 * CORRUPT. */
static int pop_block(struct brain_store *store, bool warm, unsigned order, uint32_t *page_out,
                     unsigned *order_out)
{
    uint32_t orders = store->state->block_orders[warm] >> order << order;
    if (orders == 0) {
        return BRAIN_E_NOT_FOUND;
    }
    unsigned k = (unsigned)__builtin_ctz(orders);
    uint32_t link = store->state->block_free[warm][k];
    if (link == 0 || !is_free_block(store, link - 1, k) || record(store, link - 1)->warm != warm ||
        record(store, link - 1)->prev != 0) {
        return bn_error_corrupt("%s: the list of free blocks of order %u", store->path, k);
    }
    unlink_block(store, link - 1);
    *page_out = link - 1;
    *order_out = k;
    return 0;
}

/* Take from beyond the frontier: aligned, so that what is freed can join. */
static int take_fresh(struct brain_store *store, uint64_t n_pages, unsigned order,
                      uint32_t *page_out)
{
    uint64_t end = store->state->value_end, size = (uint64_t)1 << order;
    uint64_t start = bn_align_up(end, size), new_end = start + n_pages;
    if (new_end > store->region_bytes[BN_REGION_VALUES] / BN_PAGE || new_end > UINT32_MAX) {
        return bn_error(BRAIN_E_FULL, "%s: its address space for values is used up", store->path);
    }
    int err = bn_store_need(store, BN_REGION_VALUES, new_end * BN_PAGE);
    err = err != 0 ? err
                   : bn_store_need(store, BN_REGION_BLOCKS, new_end * sizeof(struct bn_block_rec));
    err = err != 0 ? err : bn_store_need(store, BN_REGION_BACKED, (new_end + 63) / 64 * 8);
    if (err != 0) {
        return err;
    }
    bn_journal_u32(store, &store->state->value_end, (uint32_t)new_end);
    err = start > end ? free_range(store, (uint32_t)end, start - end, false) : 0;
    *page_out = (uint32_t)start;
    return err;
}

/* Warm memory is worth a good deal, but a small value must not break up a large warm block while a
 * cold piece fits: large blocks would run out although the store is nearly empty. */
static bool prefer_warm(const struct brain_store *store, unsigned want)
{
    uint32_t warm = store->state->block_orders[1] >> want,
             cold = store->state->block_orders[0] >> want;
    return warm != 0 && (cold == 0 || __builtin_ctz(warm) <= __builtin_ctz(cold) + 4);
}

int bn_alloc_take(struct brain_store *store, uint64_t n_pages, uint32_t owner, uint32_t *page_out)
{
    unsigned want = bn_log2_ceil(n_pages), got = 0;
    uint32_t page = 0;
    if (want >= BN_N_ORDERS) {
        return bn_error(BRAIN_E_FULL, "%s: no value may be that large", store->path);
    }
    bool warm = prefer_warm(store, want);
    int err = pop_block(store, warm, want, &page, &got);
    if (err == 0) {
        uint64_t rest = ((uint64_t)1 << got) - n_pages;
        err = free_range(store, page + (uint32_t)n_pages, rest, warm);
    } else if (err == BRAIN_E_NOT_FOUND) {
        err = take_fresh(store, n_pages, want, &page);
    }
    if (err == 0) {
        set_used(store, page, owner, n_pages);
        *page_out = page;
    }
    return err;
}

/* Of an extent that is not counted: whether no other begins in it. */
static bool is_one_extent(const struct brain_store *store, uint32_t page, uint64_t n_pages)
{
    bool is_one = true;
    for (uint64_t i = 1; i < n_pages && is_one; i++) {
        is_one = record(store, page + (uint32_t)i)->state == BN_BLOCK_NONE;
    }
    return is_one;
}

/* Whether an extent begins there that is as long as its owner says, whose size may be damaged. */
static bool is_extent(const struct brain_store *store, uint32_t page, uint64_t n_pages)
{
    const struct bn_block_rec *rec = record(store, page);
    if (rec->state != BN_BLOCK_USED) {
        return false;
    }
    return rec->order == BN_BLOCK_COUNTED ? rec->next == n_pages
                                          : is_one_extent(store, page, n_pages);
}

int bn_alloc_give(struct brain_store *store, uint32_t page, uint64_t n_pages, bool warm)
{
    uint32_t end = bn_alloc_end(store);
    if (page >= end || n_pages == 0 || n_pages > end - page || !is_extent(store, page, n_pages)) {
        return bn_error_corrupt("%s: an extent at page %u is not recorded as one", store->path,
                                page);
    }
    set_record(store, page, 0, BN_BLOCK_NONE, 0, false);
    return free_range(store, page, n_pages, warm);
}

int bn_alloc_take_warm(struct brain_store *store, uint32_t owner, uint32_t *page_out,
                       uint64_t *n_pages_out)
{
    unsigned got = 0;
    int err = pop_block(store, true, 0, page_out, &got);
    if (err == 0) {
        *n_pages_out = (uint64_t)1 << got;
        set_used(store, *page_out, owner, *n_pages_out);
    }
    return err;
}

/* ---- looking */

/* A block lies at a multiple of its size, and an extent at the start of the block that it was cut from: so that is
 * `page` with some of its low bits cleared, and in between nothing is recorded. */
uint32_t bn_alloc_slot_of(const struct brain_store *store, uint32_t page)
{
    for (unsigned order = 0; order < BN_N_ORDERS && page < bn_alloc_end(store); order++) {
        const struct bn_block_rec *rec = record(store, page >> order << order);
        if (rec->state != BN_BLOCK_NONE) {
            return rec->state == BN_BLOCK_USED ? rec->owner : 0;
        }
    }
    return 0;
}

/* ---- looking, without the lock */

/* An extent is recorded at its first page, and all its other pages as NONE, for as long as it is one: so
 * the first record from `page` back that says anything is its. */
uint32_t bn_alloc_owner(const struct brain_store *store, uint64_t page)
{
    uint64_t backed = bn_load_acquire(&store->state_view->backed[BN_REGION_BLOCKS]);
    uint64_t room = store->region_bytes[BN_REGION_BLOCKS];
    const struct bn_block_rec *records = (const void *)bn_region_view(store, BN_REGION_BLOCKS);
    if (page >= (backed < room ? backed : room) / sizeof *records) {
        return 0;
    }
    for (uint64_t i = page + 1; i-- > 0;) {
        /* relaxed: of an extent that stays it was stored before anybody could know its value */
        uint64_t word = bn_load_relaxed((const _Atomic uint64_t *)(const void *)&records[i].owner);
        if (BN_FIELD(struct bn_block_rec, state, word) != BN_BLOCK_NONE) {
            return BN_FIELD(struct bn_block_rec, state, word) == BN_BLOCK_USED
                       ? (uint32_t)BN_FIELD(struct bn_block_rec, owner, word)
                       : 0;
        }
    }
    return 0;
}

/* ---- backed pages */

static _Atomic uint64_t *bits_at(const struct brain_store *store, uint64_t page)
{
    return (_Atomic uint64_t *)(void *)bn_region_at(store, BN_REGION_BACKED) + page / 64;
}

uint64_t bn_alloc_run(const struct brain_store *store, uint32_t page, uint64_t n_pages,
                      bool *backed_out)
{
    uint64_t at = page, end = page + n_pages;
    bool first = bn_load_relaxed(bits_at(store, at)) >> (at % 64) & 1;
    while (at < end) {
        uint64_t word = bn_load_relaxed(bits_at(store, at)); /* relaxed: pages of our own extent */
        uint64_t differ = (first ? ~word : word) >> (at % 64);
        if (differ != 0) {
            at += (unsigned)__builtin_ctzll(differ);
            break;
        }
        at = (at / 64 + 1) * 64;
    }
    *backed_out = first;
    return (at < end ? at : end) - page;
}

void bn_alloc_set_backed(struct brain_store *store, uint32_t page, uint64_t n_pages, bool backed)
{
    uint64_t at = page, end = page + n_pages;
    while (at < end) {
        uint64_t stop = (at / 64 + 1) * 64 < end ? (at / 64 + 1) * 64 : end;
        uint64_t mask = (stop - at == 64 ? ~(uint64_t)0 : (((uint64_t)1 << (stop - at)) - 1))
                        << (at % 64);
        if (backed) {
            (void)bn_or_seq(bits_at(store, at), mask);
        } else {
            (void)bn_and_seq(bits_at(store, at), ~mask);
        }
        at = stop;
    }
}
