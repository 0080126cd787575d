/* pin.h - the pin ledger: hazard pointers in the file (Maged Michael, 2004), one set of pages a
 * client.
 *
 * A pin says: this slot is not reused while I stand. It counts only if the index word still names
 * the slot after the pin was stored (PAIR pin-retire).
 */
#ifndef BN_PIN_H
#define BN_PIN_H

#include "base/step.h"
#include "store.h"

#define BN_SUSPECTS_MAX 1024u

/* Slots that are out of the index and might be pinned. */
struct bn_suspects {
    uint32_t n;
    uint32_t slot[BN_SUSPECTS_MAX];
    uint32_t gen[BN_SUSPECTS_MAX];
    bool kept[BN_SUSPECTS_MAX];            /* by a pin */
    uint32_t mask;                         /* of places in the next; 0: it is not made yet */
    uint16_t by_hash[4 * BN_SUSPECTS_MAX]; /* position + 1; open addressing */
};

/* Where pin `pin` of this process is. */
static inline _Atomic uint32_t *bn_pin_cell(const struct bn_ledger *ledger, uint32_t pin)
{
    return &ledger->chunks[pin >> 10]->cells[pin & 1023];
}

/* Pin `slot`. `*pin_out` is to be given to bn_pin_drop(). What the caller
 * loads next with seq is loaded after the pin was stored; of other loads C does not say so. BUSY
 * where there is no memory for another. */
int bn_pin_take_slow(struct brain_store *store, uint32_t slot, uint32_t *pin_out);

/* Copy a cell that has changed to a child that is being forked. */
void bn_pin_mirror(struct brain_store *store, uint32_t pin);

static inline int bn_pin_take(struct brain_store *store, uint32_t slot, uint32_t *pin_out)
{
    struct bn_ledger *ledger = &store->ledger;
    /* The cell lies below its page's `top`, and the page is there: who stored the hint knew that.
     * PAIR ledger. */
    uint32_t pin = bn_load_acquire(&ledger->hint);
    uint32_t none = 0;
    if (bn_likely(bn_cas_seq(bn_pin_cell(ledger, pin), &none, slot))) { /* PAIR pin-retire */
        if (bn_unlikely(bn_load_seq(&ledger->mirroring) != 0)) {
            bn_pin_mirror(store, pin);
        }
        *pin_out = pin;
        return 0;
    }
    return bn_pin_take_slow(store, slot, pin_out);
}

/* Let pin `pin` stand for another slot: the old one is not needed any more. For loads
 * after it as bn_pin_take(). */
static inline void bn_pin_move(struct brain_store *store, uint32_t pin, uint32_t slot)
{
    bn_store_seq(bn_pin_cell(&store->ledger, pin), slot); /* PAIR pin-retire */
    if (bn_unlikely(bn_load_seq(&store->ledger.mirroring) != 0)) {
        bn_pin_mirror(store, pin);
    }
}

static inline void bn_pin_drop(struct brain_store *store, uint32_t pin)
{
    struct bn_ledger *ledger = &store->ledger;
    BN_STEP(drop, bn_load_relaxed(bn_pin_cell(ledger, pin)), 0);
    /* First: once the last pin is gone the store may be another. PAIR ledger. */
    bn_store_release(&ledger->hint, pin);
    bn_store_release(bn_pin_cell(ledger, pin), 0u);
    /* relaxed: passing the store, it may leave the child a pin too many until it ends, no more */
    if (bn_unlikely(bn_load_relaxed(&ledger->mirroring) != 0)) {
        bn_pin_mirror(store, pin);
    }
}

/* In the place of a slot: a pin that keeps the store mapped here, and no slot. */
#define BN_PIN_NOTHING UINT32_MAX

/* Let pin `pin` go of its slot, but stand until it is dropped: while it does, no close of another
 * thread unmaps the store. A full barrier. */
static inline void bn_pin_let_go(struct brain_store *store, uint32_t pin)
{
    bn_store_release(bn_pin_cell(&store->ledger, pin), BN_PIN_NOTHING);
    /* PAIR pin-retire: the retirer sees the pin gone, or what follows sees the slot retired. */
    bn_fence_seq();
    if (bn_unlikely(bn_load_relaxed(&store->ledger.mirroring) != 0)) {
        bn_pin_mirror(store, pin);
    }
}

/* Whether another pin of ours on `slot` stands in the page of `pin`, which was let go of: then whoever
 * drops that one is to look after the slot. False where there is none, or only in another page. Of
 * two that let go at once, one sees neither (PAIR pin-retire: each stores its own cell, then a full
 * barrier, then loads that of the other). */
bool bn_pin_stands_beside(const struct brain_store *store, uint32_t pin, uint32_t slot);

/* Pages of the ledger: how many there are, and one of them. */
uint32_t bn_pin_n_chunks(struct brain_store *store);
static inline struct bn_chunk_rec *bn_pin_chunk(const struct brain_store *store, uint32_t i)
{
    return (void *)((uint8_t *)store->clients + BN_CHUNKS_OFF + (bn_off)i * BN_PAGE);
}

/* Claim an empty page for `owner` (layout.h). BUSY, without a text: `*os_out` is why there is no memory
 * (base/os.h), or 0: all are in use. */
int bn_pin_claim_chunk(struct brain_store *store, uint32_t owner, struct bn_chunk_rec **chunk_out,
                       int *os_out);
/* Give a page back, with all that is in it: one's own, or that of the dead. */
void bn_pin_release_chunk(struct bn_chunk_rec *chunk);

/* The first page of this client's ledger. */
int bn_pin_init(struct brain_store *store);

/* Give all pages of this process back. */
void bn_pin_deinit(struct brain_store *store);

/* How many pins this process holds. */
uint64_t bn_pin_count_own(const struct brain_store *store);

/* How many pins the living client of row `row` holds; all the living: UINT32_MAX. */
uint64_t bn_pin_count(struct brain_store *store, uint32_t row);

/* Give the pages of a dead client, or another dead life, back. With it claimed, or our own. */
void bn_pin_bury(struct brain_store *store, uint32_t life);

/* The same in steps of a bounded size, from page `*from` on. Whether that was the last. */
bool bn_pin_bury_some(struct brain_store *store, uint32_t life, uint32_t *from);

/* Give the pages of forked children back that had no row, and are dead: how many were. Needs no lock. */
uint32_t bn_pin_bury_orphans(struct brain_store *store);

static inline void bn_suspects_clear(struct bn_suspects *suspects)
{
    suspects->n = 0;
    suspects->mask = 0;
}

static inline void bn_suspects_add(struct bn_suspects *suspects, uint32_t slot, uint32_t gen)
{
    uint32_t i = suspects->n++;
    suspects->slot[i] = slot;
    suspects->gen[i] = gen;
    suspects->kept[i] = false;
}

/* Mark those suspects that a living client pins. Not under the lock. `*n_cells_out`: how many cells
 * were looked at. Returns 0, or BN_AGAIN where a pin may have moved during the scan: then nothing
 * may be freed on its word. */
int bn_pin_mark(struct brain_store *store, struct bn_suspects *suspects, uint64_t *n_cells_out);

/* Pinned slots, more or less: one whose bit is not set nobody pins. */
#define BN_PIN_SET_BITS 32768u /* eight for each cell that is looked at, at most (reclaim.c) */
struct bn_pin_set {
    uint32_t n_pins;
    uint64_t bits[BN_PIN_SET_BITS / 64]; /* n_pins 0: anything */
};

static inline bool bn_pin_set_may_hold(const struct bn_pin_set *set, uint32_t slot)
{
    return set->n_pins != 0 && (set->bits[slot % BN_PIN_SET_BITS / 64] >> slot % 64 & 1) != 0;
}

/* Note the pins of all rows, the dead included. Returns 0; or BN_AGAIN, and a set that is of no use: there are more
 * than `n_cells_max` cells, or a pin may have moved meanwhile. After a full barrier. Short enough for the lock: loads
 * alone. */
int bn_pin_collect(struct brain_store *store, uint64_t n_cells_max, struct bn_pin_set *set_out);

/* List the pins of the living, other lives among them. `*n_out`: how many there are, also beyond
 * `room`. What a look at one moment after another is worth: pins that are taken or dropped meanwhile
 * may stand there or not, but none is missing because a fork copied it: BUSY where forks never let
 * it be sure of that. */
int bn_pin_list_living(struct brain_store *store, brain_pin *pins, size_t room, size_t *n_out);

/* Some living client, or another life, that pins `slot`: its number + 1, or 0. */
uint32_t bn_pin_find_holder(struct brain_store *store, uint32_t slot);

/* Whether a handle of this process, this one or another, pins `slot`. For who has to know that
 * already: a pin that another thread has only just taken, and will find to be none, counts as
 * well. */
bool bn_pin_is_held_here(struct brain_store *store, uint32_t slot);

/* Prepare pages for the child whose row or life this is, with a copy of all pins; from then until
 * bn_pin_mirror_end(), pins of this process go to both. */
int bn_pin_mirror_begin(struct brain_store *store, uint32_t life);

/* In the parent: stop copying. In the child: the copies become its ledger. */
void bn_pin_mirror_end(struct brain_store *store, bool in_child);

#endif
