/* layout.h - the bytes that live in the two files of a store, and nothing else.
 *
 * Everything declared here is shared between processes of different versions: sizes and offsets are
 * part of the format (docs/format.md), pinned by static_assert and by tests/format. Whatever is not
 * declared here is private to one process.
 *
 *   data     superblock | state | undo | publish | slots | buckets | overflow | names | spaces |
 *            limbo | private | tombs | blocks | backed | values
 *   clients  head | rows | wake-up words | ledger chunks
 *
 * Both files are sparse: each region has room to grow in place, and a watermark says up to where
 * its pages are backed. A page is backed before anyone may touch it, so that a full file system is
 * an error code and never a SIGBUS; metadata pages are never given back.
 *
 * In the record comments:
 *   writer  who may store to the field      guard  which lock or state protects it
 *   order   how its stores are ordered      crash  what a death leaves, and who repairs it
 * "lock" is the writer lock (lock.h). "journalled" means: changed only through journal.h, so
 * recovery restores it unless the change's transaction had committed.
 */
#ifndef BN_LAYOUT_H
#define BN_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BN_MAGIC  "brainst\n"
#define BN_FORMAT 1u
#define BN_PAGE   4096u
#define BN_LINE   64u

typedef uint64_t bn_off; /* bytes from the start of a file; 0 is never a valid target */

/* ---- superblock: written once, before the store is renamed into place ------------------------ */

enum bn_region {
    BN_REGION_UNDO,     /* struct bn_undo_rec[] */
    BN_REGION_PUBLISH,  /* struct bn_publish_rec[] */
    BN_REGION_SLOTS,    /* struct bn_slab_rec, each with its slots */
    BN_REGION_BUCKETS,  /* struct bn_bucket_rec[] */
    BN_REGION_OVERFLOW, /* struct bn_bucket_rec[] */
    BN_REGION_NAMES,    /* struct bn_segment_rec, each with its cells */
    BN_REGION_SPACES,   /* struct bn_space_rec[] */
    BN_REGION_LIMBO,    /* uint32_t[]: slots in limbo */
    BN_REGION_PRIVATE,  /* uint32_t[]: slots that are not published yet */
    BN_REGION_TOMBS,    /* uint32_t[]: tombstones that had to stay in the index */
    BN_REGION_BLOCKS,   /* struct bn_block_rec[], one per value page */
    BN_REGION_BACKED,   /* uint64_t[]: one bit per value page */
    BN_REGION_VALUES,   /* the extents; last, so that it can grow */
    BN_N_REGIONS
};

struct bn_region_rec {
    bn_off off;          /* page-aligned; VALUES: 2 MiB-aligned */
    uint64_t size_bytes; /* room in the file. VALUES: the most that it can grow to */
};

/* Features that an older library does not know: may be ignored / allow reading only / forbid
 * opening. */
struct bn_super_rec {
    char magic[8];
    uint32_t format;
    uint32_t record_signature; /* folds the sizes of all records: another build, another layout */
    uint64_t features_ignore;
    uint64_t features_read_only;
    uint64_t features_refuse;
    uint8_t store_id[16]; /* random */
    uint64_t hash_seed;   /* random: nobody can choose names that collide */
    uint64_t created_ns;
    uint64_t capacity_max_bytes;
    struct bn_region_rec regions[BN_N_REGIONS];
    uint64_t checksum; /* XXH3 of all bytes before it */
};
static_assert(sizeof(struct bn_super_rec) == 296, "the superblock is part of the format");
static_assert(offsetof(struct bn_super_rec, regions) == 80, "the superblock is part of the format");

/* ---- state: the words of the store that change ----------------------------------------------- */

#define BN_N_CLASSES 10 /* slot sizes in lines: 1 2 3 4 6 8 12 16 24 32 */
#define BN_N_ORDERS  32 /* blocks of 2^0 to 2^31 pages */

/* A number with the commit that made it, kept twice, so that a reader sees it as of a commit
 * although a writer changes it before committing: the valid one is that with the higher number not
 * above `committed`. A writer fills the other and stores its number last (journalled: after an
 * abort its number is the old, lower one, and its contents do not matter). A reader loads the
 * number again afterwards. */
struct bn_tally_rec {
    _Atomic uint64_t number;
    _Atomic uint64_t count; /* names */
    _Atomic uint64_t bytes; /* of their values */
};
static_assert(sizeof(struct bn_tally_rec) == 24, "tally is part of the format");

/* Page 1 of `data`.
 *
 *   0 what every get loads  64 committed  128 lock and journal  192 tallies  384 writers' own
 *
 * index_state  (n_buckets << 1) | splitting.  writer: lock holder.  order: release; rises only.
 *              Readers take it as the count of moves: a miss is believed if it stood still. crash:
 *              an odd value is a split under way, which recovery completes, never undoes.
 * destroyed    set once by brain_destroy().
 * full_mode    enum brain_full: what a put does that finds the store full.  writer: anyone, plainly.
 * backed[]     bytes of a region that are backed.  writer: anyone, by compare-and-swap, after the
 *              pages are there; rises only.  crash: too low a value wastes nothing: backing again
 *              is harmless.
 * committed    THE commit point: a slot, tally or removal with a number above it is not visible
 *              yet. writer: lock holder.  order: PAIR commit. A full barrier has to stand between
 *              its store and the looks at registrations, pins and sleepers: txn.c stores it
 *              sequentially consistent, which is one; replace.c stores it with release, and looks
 *              at none of them before it has released the lock, which is one.
 * n_evicted, evicted_bytes  what mode lru has removed.  writer: who did, atomically, afterwards.  crash:
 *              what it removed last may not be counted.
 * lock_word    see lock.h.
 * counts       n_undo | n_publish << 22 | n_tidied << 42 | tidying << 63: all the journal's lengths
 *              in one word, so that one store moves it from one step to the next. `tidying` tells
 *              the notes made before the commit (not to be undone once it is there) from those of a
 *              tidying step. writer: lock holder, and recovery.
 * txn_number   number of the transaction under way, stored while the journal is empty.
 * n_looks_due  how often somebody wanted to look through limbo and did not: a large value was
 *              replaced, a last view of one dropped, and the lock was held; or a reader, who takes
 *              no lock, had a pin on one for a moment, or closed a snapshot; or a dead client's
 *              pins went; or an extent was let go of without the lock.  writer: who did not, sequentially
 *              consistent, in the first case before it tries the lock once more.  reader: who has
 *              made a change, or trimmed, after it released the lock, a full barrier (PAIR looks).
 * n_looks_done as many had been wanted when limbo was last looked through.  writer: who did.
 *              crash: too low a value costs another look.
 * n_let_go     how many extents were let go of without the lock.  writer: who did, after it has said so in
 *              the slot (value_gone), and before it asks for a look; who reaps a client that may have died
 *              in between.
 * n_let_go_done  as many had been when the private set was last gone through for them.  writer: who did.
 *              crash: too low a value costs another look.
 * keep_free    how much free memory stays with the store (trim.c), and one byte; 0: the default.  writer: anyone,
 *              at once.
 * decay_ns     when the period began over which it is looked how much memory is needed, by the wall clock; 0: none
 *              yet.  writer: whoever begins the next, by compare-and-swap.
 * used_pages   of values: those of extents.  writer: lock holder, journalled.  A first library of this format does not
 *              count them: nothing but decay goes by them.
 * decay_bytes  free memory that is due to go back.  writer: whoever begins a period, or gives some back; a hint.
 * peak_pages   the most of used_pages since decay_ns, peak_before of the period before.  writer: lock holder, and
 *              whoever begins a period; hints, and so not journalled.  crash: too high a value keeps memory for a
 *              period longer, too low a one gives back what is needed again.
 * n_uses       of slots: how often one was begun to be filled; its low half is the last gen.
 *              writer: lock holder, plainly: no undo sets it back.  crash: a number was given to
 *              nobody.
 * turn         who makes room: seat << 16 | row + 1; 0: nobody.  writer: whoever takes and gives it, by
 *              compare-and-swap.  crash: names the dead, from whom anybody takes it (turn.c).
 * journalled, guarded by the lock, of no interest to readers: everything from `slab_partial` on.
 */
struct bn_state_rec {
    alignas(64) _Atomic uint64_t index_state;
    _Atomic uint32_t destroyed;
    _Atomic uint32_t full_mode;
    _Atomic uint64_t capacity_bytes;
    _Atomic uint64_t keep_free; /* bytes + 1; 0: the default */
    uint64_t pad1[4];

    alignas(64) _Atomic uint64_t committed;
    _Atomic uint64_t n_evicted;
    _Atomic uint64_t evicted_bytes;
    uint64_t pad2[5];

    alignas(64) _Atomic uint64_t lock_word;
    _Atomic uint64_t counts;
    _Atomic uint64_t txn_number;
    _Atomic uint64_t n_recoveries;
    _Atomic uint64_t n_uses;
    _Atomic uint64_t n_looks_due;
    _Atomic uint64_t n_looks_done;
    _Atomic uint64_t turn;

    alignas(64) _Atomic uint64_t backed[BN_N_REGIONS];
    _Atomic uint64_t decay_ns;
    _Atomic uint64_t decay_bytes;
    _Atomic uint32_t peak_pages;
    _Atomic uint32_t peak_before;

    alignas(64) struct bn_tally_rec live[2]; /* all names of live namespaces */
    _Atomic uint64_t n_let_go;
    _Atomic uint64_t n_let_go_done;

    alignas(64) uint32_t slab_partial[BN_N_CLASSES + 2]; /* slab + 1 of a list with free slots */
    uint32_t slab_free;     /* slab number + 1 of a list of slabs without a class */
    uint32_t n_slabs;       /* slabs ever taken from the region */
    uint64_t limbo_bytes;   /* data of slots in limbo and in removed namespaces */
    uint64_t private_bytes; /* data of slots not published yet */
    uint32_t n_limbo;
    uint32_t n_private;
    uint32_t n_tombs;
    uint32_t n_overflow;    /* overflow lines ever taken from the region */
    uint32_t overflow_free; /* line number + 1 of a list */
    uint32_t n_spaces;      /* space records ever taken from the region */
    uint32_t space_free;    /* space id of a list, 0: empty (0 is the root space) */
    uint32_t space_dead;    /* removed spaces with names still to be reclaimed: space id, 0: none */
    uint64_t n_entries;     /* words in the index */
    uint64_t names_end;     /* cells of the NAMES region ever taken */
    uint32_t segment_free[4]; /* by segment class: first cell of a list, 0: empty */
    uint32_t value_end;       /* pages of the VALUES region ever taken: the frontier */
    uint32_t used_pages; /* of them in extents; the first libraries of this format do not count */
    uint32_t block_orders[2];            /* bit k: block_free[w][k] is not empty */
    uint32_t block_free[2][BN_N_ORDERS]; /* page + 1 of a list; [1]: blocks with backed pages */
};
static_assert(offsetof(struct bn_state_rec, full_mode) == 12, "state is part of the format");
static_assert(offsetof(struct bn_state_rec, committed) == 64, "state is part of the format");
static_assert(offsetof(struct bn_state_rec, lock_word) == 128, "state is part of the format");
static_assert(offsetof(struct bn_state_rec, counts) == 136, "state is part of the format");
static_assert(offsetof(struct bn_state_rec, live) == 320, "state is part of the format");
static_assert(offsetof(struct bn_state_rec, slab_partial) == 384, "state is part of the format");
static_assert(sizeof(struct bn_state_rec) == 832, "state is part of the format");

#define BN_SUPER_OFF 0u
#define BN_STATE_OFF ((bn_off)BN_PAGE)

/* ---- journal --------------------------------------------------------------------------------- */

/* The old contents of an 8-byte word that the transaction under way changed.
 *
 * off_check  word offset | check << 40: a bit flip must not make recovery write somewhere wild.
 * Written before the word is changed; counted in state.counts before that, too. */
struct bn_undo_rec {
    uint64_t off_check;
    uint64_t old;
};
static_assert(sizeof(struct bn_undo_rec) == 16, "undo record is part of the format");

/* A slot that the transaction under way puts into the index.
 *
 * From the store of state.counts that counts this record, the slot `fresh` is the transaction's: an
 * abort sends it to limbo, since a reader may have seen it; recovery after the commit tidies up
 * after it. With BN_PUBLISH_SWAPS it is in limbo already, an abort leaves it there, and the record
 * is counted before the slot is filled: `detail` tells what state.limbo_bytes counts it with. */
struct bn_publish_rec {
    uint32_t fresh;  /* the slot that is put in */
    uint32_t older;  /* the slot that it replaces, 0: none */
    uint32_t holder; /* the private slot whose extent goes to `fresh` with the commit, 0: none */
    uint32_t flags;  /* enum bn_publish_flags */
    uint32_t detail; /* see the flags */
    uint32_t check;
};
static_assert(sizeof(struct bn_publish_rec) == 24, "publish record is part of the format");

enum bn_publish_flags {
    BN_PUBLISH_REMOVES = 1u << 0, /* removes the namespace of id `detail` */
    BN_PUBLISH_SWAPS = 1u << 1,   /* `fresh` was in limbo with `detail` bytes: `older` goes there */
};

/* ---- slots ----------------------------------------------------------------------------------- */

/* Slots come in slabs of 64 KiB = 1024 lines. A slot is a run of 1 to 32 lines; its number is that
 * of its first line, counted over the whole region, so that a reader gets from a number to the
 * bytes with one shift. Line 0 of each slab is its head, so 0 is never a slot.
 *
 *   | slab head, 64 | cold[n_slots], 40 each | pad to a line | slot 0 | slot 1 | ...
 */
#define BN_SLAB_LINES     1024u
#define BN_SLAB_BYTES     65536u
#define BN_SLOT_MAX_LINES 32u
#define BN_INLINE_MAX     (BN_SLOT_MAX_LINES * BN_LINE)

/* How a slab is divided: one of bn_slab_shapes, by class (slot.h), or all zero while it has no
 * class. */
struct bn_slab_shape {
    uint16_t lines;      /* per slot */
    uint16_t first_line; /* of slot 0 */
    uint16_t n_slots;
    uint16_t class_idx;
};
static_assert(sizeof(struct bn_slab_shape) == 8, "one word, one journal entry");

/* Head of a slab.  writer: lock holder, journalled.
 * free_word  free_head (ordinal + 1) | n_free << 16 | n_virgin << 32: one word, one journal entry.
 *            Virgin slots are those from the end that were never used; n_free counts them too. */
struct bn_slab_rec {
    uint64_t free_word;
    struct bn_slab_shape shape;
    uint32_t next; /* slab + 1, in slab_partial[] or slab_free */
    uint32_t prev;
    uint64_t pad[5];
};
static_assert(sizeof(struct bn_slab_rec) == 64, "slab record is part of the format");

enum bn_slot_state {
    BN_SLOT_FREE,    /* in its slab's list */
    BN_SLOT_PRIVATE, /* in the private set: holds an extent that its owner fills */
    BN_SLOT_LIVE,    /* in the index (a tombstone that had to stay: in the tombs set too) */
    BN_SLOT_LIMBO,   /* in the limbo set: out of the index, perhaps pinned, else the next put's */
};

#define BN_NOBODY 0xffffffu   /* as an owner: more than there are rows */
#define BN_LET_GO 0x80000000u /* in value_gone */

/* What only writers need to know of a slot.  writer: lock holder.
 * state_owner  state | owner row << 8.  A slot of the transaction under way is FREE until it is
 *              tidied; with BN_PUBLISH_SWAPS it is in LIMBO. The owner of a PRIVATE one who needs it no
 *              more, and does not get the lock in time, says so in value_gone.
 * stamp        the slot is of use to a snapshot below this number.  stored before it goes to limbo.
 *              PRIVATE: pages of its extent.
 * set_idx      position in the set that `state` names; FREE: next free ordinal + 1. LIVE: nothing;
 *              but with BN_PUBLISH_SWAPS the place that it had in limbo, until the journal is
 *              empty: there recovery puts the slot that it replaced.
 * cell         its cell in the NAMES region, while LIVE.
 * hash_low     low half of the name's hash (the index word has the high half).
 * value_gone   LIMBO: the extent was freed already, the record is kept for its link.
 *              PRIVATE: the gen of this use with BN_LET_GO: its owner has let go of it, without the lock, and
 *              whoever has the lock frees it. (Not in state_owner, whose word may be noted for set_idx: an
 *              undo would bring the owner back, who may have left.)  order: release, so that the owner's
 *              stores to the extent come before whatever the next one stores there (PAIR abandon).  crash:
 *              it is freed all the same. */
struct bn_cold_rec {
    uint64_t stamp;
    uint64_t created_ns;
    uint32_t state_owner;
    uint32_t set_idx;
    uint32_t cell;
    uint32_t hash_low;
    uint32_t expiry_s; /* room for an expiry time; 0: never */
    uint32_t value_gone;
};
static_assert(sizeof(struct bn_cold_rec) == 40, "cold record is part of the format");

enum bn_slot_flags {
    BN_SLOT_TOMB = 1u << 0,         /* the name is absent */
    BN_SLOT_OLDER_ABSENT = 1u << 1, /* the slot behind `older` is a tombstone */
    BN_SLOT_EXTENT = 1u << 2,       /* data lies in the VALUES region from `page` on */
    BN_SLOT_BODY_OUT = 1u << 3,     /* name, metadata and description follow the data there */
    BN_SLOT_AWAY = 1u << 4,         /* the value is elsewhere: see bn_slot_version() */
};

/* One object: a version of a name. 40 bytes, then what is inline.
 *
 *   0 number   8 pending   9 flags  10 kind  11 retired  12 space  16 older  20 page
 *  24 name_len  26 meta_len  28 description_len  30 size_high  32 size_low  36 gen  40 ...
 *
 * Inline data below 256 bytes lies at 40, with name, metadata, description behind it; larger inline
 * data lies behind them, on a line of its own. So a short name with a number takes one cache line.
 *
 * With AWAY the data are what stands for a value that was moved elsewhere, and behind that, 8 bytes, the
 * version of that value, which is below the number: so a snapshot from before the move finds the one, and
 * who asks for the version is told the same before and after.
 *
 * All fields but gen  writer: lock holder, while the slot is the transaction's, before its number
 *      stands in the index (PAIR swing). They do not change until it is filled again: from FREE, or
 *      from limbo where nobody can need it (BN_PUBLISH_SWAPS). reader: whoever pins the
 *      slot, or is registered. Whoever copies without a pin sees bytes of any use, and throws them
 *      away unless index word and gen stood still (read.c). Of the bytes behind them the same
 *      holds, but for the note (note.c). crash: the slot goes to limbo, or has stayed there, and
 *      from there to FREE or to the next put.
 * pending  1 until the commit is tidied.  writer: lock holder.  reader: compares numbers where it
 *          is
 *      set.  crash: recovery tidies.
 * retired  of a slot with an extent: 1 from before its state says LIMBO.  writer: lock holder.
 *      order: seq, then the fence before the look at the pins (PAIR pin-retire).  reader: who
 *      has let go of its pin, to know whether there is anything to look after.  crash: it may stay
 *      1 in a slot that is live again, which costs its droppers a look.
 * gen  of this use of the slot: low half of state.n_uses.  writer: lock holder, when a filling
 *      begins. order: stored first, with release, then a release fence, then all other fields (PAIR
 *      refill). reader: whoever copies: acquire before it copies (not with a hint, which
 *      knows of a finished filling), and again after an acquire fence.
 *      Reclaiming, ready slots and hints ask by it whether it is still the same use.  crash: no
 *      number is ever used again. */
struct bn_slot_rec {
    uint64_t number; /* of the commit that made it: the version */
    _Atomic uint8_t pending;
    uint8_t flags;
    uint8_t kind;
    _Atomic uint8_t retired;
    uint32_t space; /* id */
    uint32_t older; /* slot that it replaced, 0: none. Valid before the commit, and for snapshots */
    uint32_t page;  /* first value page, where EXTENT */
    uint16_t name_len;
    uint16_t meta_len;
    uint16_t description_len;
    uint16_t size_high; /* data size: 48 bits */
    uint32_t size_low;
    uint32_t gen;
};
static_assert(sizeof(struct bn_slot_rec) == 40, "slot record is part of the format");
static_assert(offsetof(struct bn_slot_rec, older) == 16, "slot record is part of the format");
static_assert(offsetof(struct bn_slot_rec, size_low) == 32, "slot record is part of the format");

/* ---- index ----------------------------------------------------------------------------------- */

#define BN_BUCKET_WORDS 7u

/* A bucket of the index, or an overflow line behind one: a cache line.
 *
 * words  slot | high half of the hash << 32; 0: empty.  writer: lock holder; changed through the
 *        journal, but for the copies of a split.  order: release (PAIR swing); readers acquire and
 *        look again after they have pinned (PAIR pin-retire).
 * next   overflow line + 1; 0: end.  A line that leaves a chain is used again only as an overflow
 *        line. */
struct bn_bucket_rec {
    _Atomic uint64_t words[BN_BUCKET_WORDS];
    _Atomic uint64_t next;
};
static_assert(sizeof(struct bn_bucket_rec) == 64, "bucket record is part of the format");

/* ---- namespaces ------------------------------------------------------------------------------ */

/* A namespace is an object of kind SPACE under its name in space 0, the root; what is in that
 * object: */
struct bn_space_id_rec {
    uint32_t id;
    uint32_t gen;
};

/* One namespace.  writer: lock holder, journalled, but for gen.
 * removed   0, or the number of the commit that removes it: gone once that is committed. Readers
 *           load it after they found a name, and after they missed one.
 * gen       rises before `removed` is set back to 0 for a new use; never restored.
 * first_segment, hole  cells of the NAMES region; 0: none. The used part of the last segment:
 *                      last_used.
 * entry     slot of its entry in the root space, while it stands. Readers, who want its name, take
 *           it for a hint: they look the name up that is there, and see whether it leads here.
 * quota     bytes that its values may come to where they grow; 0: any number. One store, and nothing
 *           goes with it: not journalled.  reader: who commits a change, under the lock; others want
 *           to know it, and see by gen whose it is.  crash: the old one or the new one.
 * moved     number of the last commit that moved a value away, 0: none has. A tally whose number is
 *           not above it changed for nobody: `changed` is the number of the change before it.
 *           order: `changed` first; readers load `moved` first (PAIR moved).
 *
 * Every get loads `removed` and gen, every put stores a tally: so they stand on two lines. The
 * padding stands in front so that what a put loads of record 1 does not lie where it has just
 * stored in the state page, modulo 4096: the processor would take the one for the other. The quota
 * stands where state.n_recoveries does. */
struct bn_space_rec {
    _Atomic uint64_t moved;
    _Atomic uint64_t changed;
    uint64_t pad1;
    _Atomic uint64_t quota;
    uint64_t pad3;
    _Atomic uint64_t removed;
    _Atomic uint32_t gen;
    uint32_t pad2; /* gen is in no word that is journalled */
    _Atomic uint32_t first_segment;
    uint32_t last_segment;
    struct bn_tally_rec tally[2];
    uint32_t last_used;
    uint32_t hole;
    uint32_t next; /* in space_free or space_dead */
    _Atomic uint32_t entry;
};
static_assert(offsetof(struct bn_space_rec, moved) == 0, "space record is part of the format");
static_assert(offsetof(struct bn_space_rec, tally) == 64, "space record is part of the format");
static_assert(sizeof(struct bn_space_rec) == 128, "space record is part of the format");

/* A run of cells that list the names of one space. Sizes: 64 B, 256 B, 1 KiB, 4 KiB.
 * cells  a slot number; 0: empty; BN_CELL_HOLE | next hole: free again.  A cell is swung together
 *        with the index word of its name, and stays where it is as long as the name exists. The
 *        memory is used again only for segments, zeroed before it is linked. */
struct bn_segment_rec {
    _Atomic uint32_t next; /* first cell of the next segment; 0: end */
    uint32_t n_cells;
    uint32_t space;
    uint32_t class_idx;
    /* _Atomic uint32_t cells[n_cells]; */
};
static_assert(sizeof(struct bn_segment_rec) == 16, "segment record is part of the format");
#define BN_SEGMENT_HEAD_CELLS 4u
#define BN_CELL_HOLE          0x80000000u

/* ---- value pages ----------------------------------------------------------------------------- */

enum bn_block_state {
    BN_BLOCK_NONE,
    BN_BLOCK_FREE,
    BN_BLOCK_USED
};

/* Of a page that begins a free block (of 2^order pages, aligned to its size) or a used extent. An
 * extent is its owner's alone: a slot that names the page without being recorded here does not free
 * it, nor one that says another length. writer: lock holder, journalled.  All other pages: NONE. */
struct bn_block_rec {
    uint32_t next;  /* FREE: page + 1, the list.  USED and counted: how many pages */
    uint32_t prev;  /* FREE */
    uint32_t owner; /* USED: the slot */
    uint8_t state;
    uint8_t order; /* FREE.  USED: BN_BLOCK_COUNTED, or 0: `next` says nothing */
    uint8_t warm;  /* FREE: in which list */
    uint8_t pad;
};
static_assert(sizeof(struct bn_block_rec) == 16, "block record is part of the format");
#define BN_BLOCK_COUNTED 1u

/* BACKED: a bit that is set means that the page is backed. Set after it is, cleared before it is
 * given back, so it needs no journal: a bit that is missing costs a needless system call, no
 * more. */

/* ---- the file `clients` ---------------------------------------------------------------------- */

#define BN_CLIENTS_MAX 16384u
#define BN_SNAPS       8u
#define BN_WAKE_WORDS  1024u
static_assert(BN_CLIENTS_MAX < BN_NOBODY, "no row is nobody's");
#define BN_CHUNKS_MAX (1u << 20)

/* First page of `clients`.  writers: any client, atomically.
 * n_rows, n_chunks  how many exist: rise only, published before the first pin in a new one (PAIR
 *                   ledger).
 * moves             raised after pins were copied to another row (fork) and before the first copy
 *                   may be dropped: a scan during which it moved frees nothing.
 * n_snaps           registrations that may exist; 0 spares writers the look at the rows (PAIR
 *                   snap). */
struct bn_clients_rec {
    char magic[8];
    uint8_t store_id[16];
    uint64_t pad0[5];
    alignas(64) _Atomic uint32_t n_rows;
    _Atomic uint32_t n_chunks;
    _Atomic uint64_t moves;
    _Atomic uint64_t n_snaps;
};
static_assert(offsetof(struct bn_clients_rec, n_rows) == 64, "clients head is part of the format");

/* A line of what the clients of a row have counted (count.c): its first is in the row, for one thread; the others, for
 * others, in a page of the ledger.
 * of   by enum brain_count, those beyond for later.  writer: one thread of the row's client, plainly; several that
 *      share a line atomically.  They rise only, also from one client of the row to the next.  reader: anyone: each as
 *      of some moment.  crash: what the call under way did is not counted, perhaps. */
#define BN_COUNTS_MAX 8u
struct bn_count_rec {
    _Atomic uint64_t of[BN_COUNTS_MAX];
};
static_assert(sizeof(struct bn_count_rec) == BN_LINE, "count record is part of the format");

enum bn_row_state {
    BN_ROW_FREE,
    BN_ROW_USED,
    BN_ROW_KEPT /* free: for the process that has its life byte locked, or else for all */
};

/* One client. Whether it lives is not written here: the kernel drops its lock on its life byte.
 * state     writer: whoever has the life byte locked; while nobody has, whoever holds the claim
 *           byte.  crash: USED with the life byte unlocked: to be reaped, or to be taken over by a
 *           newcomer, who reaps what was held; KEPT and unlocked: as good as FREE.
 * n_seats   how often the row was given out.  writer: as of `state`, before the newcomer may hold
 *           anything: a reaper sees whether the dead is still the one that it began with.
 * snaps     numbers that this client reads as of, 0: none.  writer: the client (PAIR snap); the
 *           reaper of a dead one.
 * counts, counts_page  what its clients have counted, and the page of the ledger where they go on, + 1; 0: none.
 *           writer: the client; older libraries leave both alone.  They stay when the row is free. Which row a page is
 *           of its owner says; the number here is a hint.
 * the rest  for messages and brain_clients() alone. */
struct bn_row_rec {
    _Atomic uint32_t state;
    _Atomic int32_t pid;
    _Atomic uint64_t pid_namespace;
    _Atomic uint64_t start_ns;
    _Atomic uint64_t command[8]; /* text; by words: who describes the row may meet its signing */
    _Atomic uint64_t n_seats;
    _Atomic uint64_t counts_page;
    uint64_t pad0[3];
    alignas(64) _Atomic uint64_t snaps[BN_SNAPS];
    struct bn_count_rec counts;
};
static_assert(sizeof(struct bn_row_rec) == 256, "row record is part of the format");
static_assert(offsetof(struct bn_row_rec, counts_page) == 96, "row record is part of the format");
static_assert(offsetof(struct bn_row_rec, snaps) == 128, "row record is part of the format");
static_assert(offsetof(struct bn_row_rec, counts) == 192, "row record is part of the format");

/* Sleepers on names and namespaces, by hash. asleep: set by whoever is about to sleep, cleared by
 * the writer that wakes; a sleeper that died costs one needless wake-up. */
struct bn_wake_rec {
    _Atomic uint32_t sequence;
    _Atomic uint32_t asleep;
};

/* A page of the pin ledger: cells of one client.
 * owner  life + 1; 0: nobody's.  A life is a row, or from BN_CLIENTS_MAX on that of a forked child
 *        without one.  writer: claimed by compare-and-swap; released by its owner, or by the reaper
 *        of a dead one after the cells were zeroed.
 * top    cells from 0 to top may hold pins.  writer: the owner; rises only, before the first pin in
 *        a cell.
 * cells  a slot number, 0: none.  writer: the owner.  order: sequentially consistent (PAIR
 *        pin-retire).
 * part   of a page of hits: which one of its client's table.
 *
 * With BN_CHUNK_HITS in `owner` it is a page of what that client has used (hits.c): `top` stays 0, so that no
 * look at the pins, of an older library neither, takes it for more than a page without any; the cells, two by
 * two, are words: which slot << 44 | the last commit then, 44 bits of it. writer: the owner, plainly.
 *
 * With BN_CHUNK_COUNTS in `owner` it is a page of what the clients of a row have counted, with `top` 0 for the same
 * reason: struct bn_count_rec from the second line on. It is the row's for ever: nobody gives it back. */
struct bn_chunk_rec {
    _Atomic uint32_t owner;
    _Atomic uint32_t top;
    _Atomic uint32_t part;
    uint32_t pad[13];
    _Atomic uint32_t cells[1008];
};
static_assert(sizeof(struct bn_chunk_rec) == BN_PAGE, "chunk record is part of the format");
#define BN_CHUNK_CELLS     1008u
#define BN_CHUNK_HITS      0x80000000u
#define BN_CHUNK_COUNTS    0x40000000u
#define BN_CHUNKS_RESERVED 16u /* for pins: as many have memory from the beginning (build.c) */

#define BN_ROWS_OFF        ((bn_off)BN_PAGE)
#define BN_WAKE_OFF        (BN_ROWS_OFF + (bn_off)BN_CLIENTS_MAX * sizeof(struct bn_row_rec))
#define BN_CHUNKS_OFF      (BN_WAKE_OFF + (bn_off)BN_WAKE_WORDS * sizeof(struct bn_wake_rec))
#define BN_CLIENTS_BYTES   (BN_CHUNKS_OFF + (bn_off)BN_CHUNKS_MAX * BN_PAGE)

/* Byte locks of `clients`, far beyond its contents: two for each life. There are as many without a
 * row as there can be pages for their pins. */
#define BN_LIVES_MAX       (BN_CLIENTS_MAX + BN_CHUNKS_MAX)
#define BN_LIFE_OFF(life)  ((int64_t)1 << 60 | (int64_t)(life) * 2)
#define BN_CLAIM_OFF(life) (BN_LIFE_OFF(life) + 1)

/* Byte lock of `data`: held while it is made longer. */
#define BN_GROW_OFF ((int64_t)1 << 61)

/* Fold of all record sizes, stored in the superblock. */
uint32_t bn_layout_signature(void);

struct bn_geometry {
    struct bn_region_rec regions[BN_N_REGIONS];
    uint64_t capacity_max_bytes;
};

/* Where the regions of a new store of `capacity_bytes` lie. */
void bn_layout_plan(uint64_t capacity_bytes, struct bn_geometry *out);

/* Check a superblock read from a file of `file_bytes`: 0, CORRUPT or FORMAT, with a detail text. */
int bn_layout_validate(const struct bn_super_rec *super, uint64_t file_bytes, const char *path);

/* Checksum of a superblock. */
uint64_t bn_layout_checksum(const struct bn_super_rec *super);

#endif
