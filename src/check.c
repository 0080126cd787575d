/* check.c - verifies every invariant.
 *
 * Under the lock, with recovery done, so nothing changes meanwhile (but pins and registrations).
 * Looks at:
 *   journal   empty; no split under way
 *   index     each word leads to a live slot of the right hash, in the right bucket; no slot twice
 *   slots     each is in exactly the place that its state says; the slabs count right
 *   sets      positions and states agree
 *   lists     each live name has its cell, and each cell a live name; tallies are the sums; of what
 *             may be used again, holes, segments and records of namespaces, as much is listed as there is
 *   extents   blocks cover all pages without gap or overlap; owners own them; lists are whole
 *   memory    what the bits say is backed is; cold blocks and unused pages keep none
 *   sums      live, limbo and private bytes
 *   counts    pages of counts are rows', one for each at most, and nobody's pins (which, as rows, come and go
 *             meanwhile)
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "base/hash.h"
#include "base/os.h"
#include "client.h"
#include "index.h"
#include "journal.h"
#include "names.h"
#include "pin.h"
#include "read.h"
#include "slot.h"
#include "space.h"
#include "txn.h"

struct checker {
    struct brain_store *store;
    brain_problem *problems;
    size_t room, n;
    uint32_t n_slabs, n_spaces, n_pages; /* what the state counts, as far as it is there */
    uint64_t n_buckets, n_overflow, names_end;
    uint8_t *in_index; /* by line of the slots region */
    uint64_t *names;   /* of each space: count, bytes as the slots have them */
    uint64_t live_count, live_bytes, limbo_bytes, private_bytes;
    uint64_t n_by_state[BN_SLOT_LIMBO + 1];
    uint64_t n_tombs, n_entries, n_cells;
    uint64_t n_segment_cells; /* with the heads of segments */
    uint64_t n_holes;         /* in the list of one namespace */
};

__attribute__((format(printf, 2, 3))) static void problem(struct checker *c, const char *format,
                                                          ...)
{
    if (c->n < c->room) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(c->problems[c->n].text, sizeof c->problems[c->n].text, format, args);
        va_end(args);
    }
    c->n++;
}

/* ---- index */

static uint64_t hash_of_slot(const struct checker *c, uint32_t slot)
{
    const struct bn_slot_rec *rec = bn_slot_at(c->store, slot);
    const uint8_t *data, *body;
    if (bn_slot_locate(c->store, slot, &data, &body) != 0) {
        return 0;
    }
    return bn_hash_name(c->store->hash_seed, rec->space, body, rec->name_len);
}

static void check_away(struct checker *c, uint32_t slot, const struct bn_slot_rec *rec)
{
    uint64_t version;
    if (((rec->flags & BN_SLOT_AWAY) != 0) != (rec->kind == BRAIN_KIND_AWAY)) {
        problem(c, "slot %u, of kind %d, has flags %d: a value that is away has both", slot,
                rec->kind, rec->flags);
    } else if (bn_slot_version(c->store, slot, &version) != 0) {
        problem(c, "slot %u does not say which version it stands for", slot);
    }
}

static void check_live_slot(struct checker *c, uint32_t slot)
{
    struct brain_store *store = c->store;
    const struct bn_slot_rec *rec = bn_slot_at(store, slot);
    const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
    const struct bn_space_rec *space = bn_space_at(store, rec->space);
    if (bn_load_relaxed(&rec->pending) != 0) {
        problem(c, "slot %u is pending although no change is under way", slot);
    }
    if (rec->number == 0 || rec->number > bn_load_relaxed(&store->state->committed)) {
        problem(c, "slot %u has version %llu, above the last commit", slot,
                (unsigned long long)rec->number);
    }
    if (!bn_names_exists(store, cold->cell) ||
        bn_load_relaxed(bn_names_cell(store, cold->cell)) != slot) {
        problem(c, "slot %u is not in the list of its namespace's names", slot);
    }
    if (space == NULL || rec->space >= c->n_spaces) {
        problem(c, "slot %u is of namespace %u, which does not exist", slot, rec->space);
        return;
    }
    if (rec->flags & BN_SLOT_TOMB) {
        c->n_tombs++;
        return;
    }
    check_away(c, slot, rec);
    c->names[2 * rec->space]++;
    c->names[2 * rec->space + 1] += bn_slot_size(rec);
    if (bn_load_relaxed(&space->removed) != 0) {
        c->limbo_bytes += bn_slot_size(rec); /* of a removed namespace, not reclaimed yet */
    } else if (rec->space != BN_ROOT_SPACE) {
        c->live_count++;
        c->live_bytes += bn_slot_size(rec);
    }
}

static void check_word(struct checker *c, uint64_t bucket, uint64_t word)
{
    uint32_t slot = bn_index_slot(word);
    const struct bn_cold_rec *cold = bn_slot_cold(c->store, slot);
    c->n_entries++;
    if (cold == NULL || slot / BN_SLAB_LINES >= c->n_slabs) {
        problem(c, "the index names slot %u, which is none", slot);
        return;
    }
    if (bn_slot_state(cold) != BN_SLOT_LIVE) {
        problem(c, "the index names slot %u, which is in state %d", slot, (int)bn_slot_state(cold));
        return;
    }
    if (c->in_index[slot] != 0) {
        problem(c, "the index names slot %u twice", slot);
        return;
    }
    c->in_index[slot] = 1;
    uint64_t hash = hash_of_slot(c, slot);
    if (!bn_index_matches(word, hash) || cold->hash_low != (uint32_t)hash ||
        bn_index_bucket(hash, c->n_buckets) != bucket) {
        problem(c, "slot %u stands in the wrong place of the index", slot);
    }
    check_live_slot(c, slot);
}

static void check_index(struct checker *c)
{
    struct brain_store *store = c->store;
    uint64_t n_lines = 0;
    for (uint64_t b = 0; b < c->n_buckets && n_lines <= c->n_overflow;
         b++) { /* more: chains have a cycle */
        const struct bn_bucket_rec *line = bn_index_bucket_at(store, b);
        for (uint32_t k = 0; line != NULL; k++) {
            for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
                uint64_t word = bn_load_relaxed(&line->words[i]);
                if (word != 0) {
                    check_word(c, b, word);
                }
            }
            uint64_t next = bn_load_relaxed(&line->next);
            if (next == 0) {
                break;
            }
            n_lines++;
            line = bn_index_overflow_at(store, next - 1);
            if (line == NULL || k >= BN_CHAIN_MAX || next > store->state->n_overflow) {
                problem(c, "the chain of bucket %llu leads nowhere", (unsigned long long)b);
                break;
            }
        }
    }
    uint64_t n_free = 0;
    for (uint64_t next = store->state->overflow_free; next != 0 && n_free <= c->n_overflow;
         n_free++) {
        const struct bn_bucket_rec *line = bn_index_overflow_at(store, next - 1);
        if (line == NULL) {
            problem(c, "the list of free overflow lines leads nowhere");
            break;
        }
        next = bn_load_relaxed(&line->next);
    }
    if (n_lines + n_free != store->state->n_overflow) {
        problem(c, "of %u overflow lines %llu are in use and %llu free", store->state->n_overflow,
                (unsigned long long)n_lines, (unsigned long long)n_free);
    }
    if (c->n_entries != store->state->n_entries) {
        problem(c, "the index has %llu words and counts %llu", (unsigned long long)c->n_entries,
                (unsigned long long)store->state->n_entries);
    }
}

/* ---- slots and sets */

static bool in_set(const struct checker *c, enum bn_set set, uint32_t slot,
                   const struct bn_cold_rec *cold)
{
    return cold->set_idx < bn_set_count(c->store, set) &&
           bn_set_get(c->store, set, cold->set_idx) == slot;
}

static void check_slot(struct checker *c, uint32_t slot, const struct bn_cold_rec *cold)
{
    enum bn_slot_state state = bn_slot_state(cold);
    if (state > BN_SLOT_LIMBO) {
        problem(c, "slot %u is in state %d, which does not exist", slot, (int)state);
        return;
    }
    c->n_by_state[state]++;
    bool tomb = state == BN_SLOT_LIVE && (bn_slot_at(c->store, slot)->flags & BN_SLOT_TOMB);
    if (state == BN_SLOT_LIVE && !c->in_index[slot]) {
        problem(c, "slot %u is live, but not in the index", slot);
    } else if (state == BN_SLOT_LIMBO && !in_set(c, BN_SET_LIMBO, slot, cold)) {
        problem(c, "slot %u is in limbo, but not in its set", slot);
    } else if (state == BN_SLOT_PRIVATE && !in_set(c, BN_SET_PRIVATE, slot, cold)) {
        problem(c, "slot %u is private, but not in its set", slot);
    } else if (tomb && !in_set(c, BN_SET_TOMBS, slot, cold)) {
        problem(c, "tombstone %u is in the index, but not in its set", slot);
    }
    if (state == BN_SLOT_LIMBO) {
        c->limbo_bytes += bn_txn_limbo_size(c->store, slot);
    } else if (state == BN_SLOT_PRIVATE) {
        c->private_bytes += bn_slot_size(bn_slot_at(c->store, slot));
    }
}

/* Length of a slab's free list and of its virgin part must be what it counts. */
static void check_slab(struct checker *c, uint32_t slab)
{
    struct brain_store *store = c->store;
    const struct bn_slab_rec *rec =
        (const void *)(bn_region_at(store, BN_REGION_SLOTS) + (uint64_t)slab * BN_SLAB_BYTES);
    uint32_t n_virgin = (uint32_t)(rec->free_word >> 32 & 0xffff), n_listed = 0;
    uint32_t n_free = n_virgin; /* whose bytes mean nothing */
    if (rec->shape.lines == 0) {
        return;
    }
    if (bn_slot_cold(store, slab * BN_SLAB_LINES + rec->shape.first_line) == NULL) {
        problem(c, "slab %u is of no class", slab);
        return;
    }
    for (uint32_t i = 0; i + n_virgin < rec->shape.n_slots; i++) {
        uint32_t slot = slab * BN_SLAB_LINES + rec->shape.first_line + i * rec->shape.lines;
        const struct bn_cold_rec *cold = bn_slot_cold(store, slot);
        if (cold == NULL) {
            problem(c, "slab %u is damaged", slab);
            return;
        }
        n_free += bn_slot_state(cold) == BN_SLOT_FREE;
        check_slot(c, slot, cold);
    }
    const struct bn_cold_rec *cold = (const void *)(rec + 1);
    for (uint32_t at = (uint32_t)(rec->free_word & 0xffff);
         at != 0 && at <= rec->shape.n_slots && n_listed <= rec->shape.n_slots; n_listed++) {
        at = cold[at - 1].set_idx;
    }
    if (n_free != (rec->free_word >> 16 & 0xffff) || n_listed + n_virgin != n_free) {
        problem(c, "slab %u has %u free slots, lists %u, %u are virgin, and counts %u", slab,
                n_free, n_listed, n_virgin, (unsigned)(rec->free_word >> 16 & 0xffff));
    }
}

static void check_slots(struct checker *c)
{
    struct brain_store *store = c->store;
    for (uint32_t slab = 0; slab < c->n_slabs; slab++) {
        check_slab(c, slab);
    }
    static const struct {
        enum bn_set set;
        const char *name;
    } sets[] = { { BN_SET_LIMBO, "limbo" },
                 { BN_SET_PRIVATE, "private" },
                 { BN_SET_TOMBS, "tombs" } };
    uint64_t wanted[] = { c->n_by_state[BN_SLOT_LIMBO], c->n_by_state[BN_SLOT_PRIVATE],
                          c->n_tombs };
    for (int i = 0; i < 3; i++) {
        if (bn_set_count(store, sets[i].set) != wanted[i]) {
            problem(c, "the set '%s' counts %u slots, but %llu are in that state", sets[i].name,
                    bn_set_count(store, sets[i].set), (unsigned long long)wanted[i]);
        }
    }
    if (c->n_by_state[BN_SLOT_LIVE] != c->n_entries) {
        problem(c, "%llu slots are live, %llu are in the index",
                (unsigned long long)c->n_by_state[BN_SLOT_LIVE], (unsigned long long)c->n_entries);
    }
}

/* ---- namespaces */

static void check_cells(struct checker *c, uint32_t id, const struct bn_space_rec *space)
{
    uint32_t segment = bn_load_relaxed(&space->first_segment);
    c->n_holes = 0;
    while (segment != 0) {
        const struct bn_segment_rec *rec = bn_names_segment_view(c->store, segment);
        if (rec == NULL || c->n_cells > c->names_end) {
            problem(c, "the list of names of namespace %u leads nowhere", id);
            return;
        }
        c->n_cells += rec->n_cells;
        c->n_segment_cells += rec->n_cells + BN_SEGMENT_HEAD_CELLS;
        for (uint32_t i = 0; i < rec->n_cells; i++) {
            uint32_t cell = segment + BN_SEGMENT_HEAD_CELLS + i;
            uint32_t slot = bn_load_relaxed(bn_names_cell(c->store, cell));
            if (slot == 0 || (slot & BN_CELL_HOLE)) {
                c->n_holes += slot != 0;
                continue;
            }
            const struct bn_cold_rec *cold = bn_slot_cold(c->store, slot);
            if (cold == NULL || slot / BN_SLAB_LINES >= c->n_slabs || cold->cell != cell ||
                !c->in_index[slot] || bn_slot_at(c->store, slot)->space != id) {
                problem(c, "cell %u of namespace %u names slot %u, which is not its", cell, id,
                        slot);
            }
        }
        segment = bn_load_relaxed(&rec->next);
    }
}

/* The holes in the list of a namespace that stands lead from one to the next. */
static void check_holes(struct checker *c, uint32_t id, const struct bn_space_rec *space)
{
    uint64_t n_listed = 0;
    uint32_t cell = space->hole;
    while (cell != 0 && n_listed <= c->n_holes && bn_names_exists(c->store, cell)) {
        uint32_t next = bn_load_relaxed(bn_names_cell(c->store, cell));
        if (!(next & BN_CELL_HOLE)) {
            problem(c, "cell %u of namespace %u is listed as a hole, and is none", cell, id);
            return;
        }
        n_listed++;
        cell = next & ~BN_CELL_HOLE;
    }
    if (cell != 0 || n_listed != c->n_holes) {
        problem(c, "the list of names of namespace %u has %llu holes, and %llu are listed", id,
                (unsigned long long)c->n_holes, (unsigned long long)n_listed);
    }
}

/* Segments of namespaces and free ones have as many cells as were ever taken. */
static void check_segments(struct checker *c)
{
    const struct bn_state_rec *state = c->store->state;
    const uint32_t n_classes = sizeof state->segment_free / sizeof state->segment_free[0];
    uint64_t n = BN_SEGMENT_HEAD_CELLS * 4; /* before the first */
    n += c->n_segment_cells;
    for (uint32_t i = 0; i < n_classes; i++) {
        uint32_t segment = state->segment_free[i];
        while (segment != 0 && n <= c->names_end) {
            const struct bn_segment_rec *rec = bn_names_segment_view(c->store, segment);
            if (rec == NULL || rec->class_idx != i) {
                problem(c, "the list of free segments of names leads nowhere");
                return;
            }
            n += rec->n_cells + BN_SEGMENT_HEAD_CELLS;
            segment = bn_load_relaxed(&rec->next);
        }
    }
    if (n != c->names_end) {
        problem(c, "segments of names have %llu cells, %llu were taken", (unsigned long long)n,
                (unsigned long long)c->names_end);
    }
}

/* A namespace that stands has an entry in the root space, which leads back to it. */
static void check_entry(struct checker *c, uint32_t id, const struct bn_space_rec *space)
{
    uint32_t slot = bn_load_relaxed(&space->entry), its_id = 0, its_gen = 0;
    if (slot / BN_SLAB_LINES >= c->n_slabs || !c->in_index[slot] ||
        bn_slot_at(c->store, slot)->space != BN_ROOT_SPACE ||
        (bn_slot_at(c->store, slot)->flags & BN_SLOT_TOMB) != 0 ||
        bn_read_space_id(c->store, slot, &its_id, &its_gen) != 0 || its_id != id ||
        its_gen != bn_load_relaxed(&space->gen)) {
        problem(c, "namespace %u says that its entry is slot %u, which is not", id, slot);
    }
}

/* Two lists have as many records of namespaces as were removed. */
static void check_removed(struct checker *c)
{
    const struct bn_state_rec *state = c->store->state;
    uint64_t n_removed = 0, n_listed = 0;
    for (uint32_t id = 0; id < c->n_spaces; id++) {
        n_removed += bn_load_relaxed(&bn_space_at(c->store, id)->removed) != 0;
    }
    for (int i = 0; i < 2; i++) {
        uint32_t id = i == 0 ? state->space_free : state->space_dead;
        while (id != 0 && id < c->n_spaces && n_listed <= n_removed) {
            const struct bn_space_rec *space = bn_space_at(c->store, id);
            if (bn_load_relaxed(&space->removed) == 0) {
                problem(c, "namespace %u is listed among those that were removed, and was not", id);
            }
            n_listed++;
            id = space->next;
        }
    }
    if (n_listed != n_removed) {
        problem(c, "%llu namespaces were removed, %llu are listed", (unsigned long long)n_removed,
                (unsigned long long)n_listed);
    }
}

static void check_spaces(struct checker *c)
{
    struct brain_store *store = c->store;
    for (uint32_t id = 0; id < c->n_spaces; id++) {
        const struct bn_space_rec *space = bn_space_at(store, id);
        if (space == NULL) {
            problem(c, "namespace %u lies beyond its region", id);
            return;
        }
        uint64_t moved = bn_load_relaxed(&space->moved);
        if (moved > bn_load_relaxed(&store->state->committed) ||
            bn_load_relaxed(&space->changed) > moved) {
            problem(c, "namespace %u says that a value of it was moved by commit %llu", id,
                    (unsigned long long)moved);
        }
        check_cells(c, id, space);
        if (bn_load_relaxed(&space->removed) == 0) {
            check_holes(c, id, space);
        }
        if (id != BN_ROOT_SPACE && bn_load_relaxed(&space->removed) == 0) {
            check_entry(c, id, space);
        }
        const struct bn_tally_rec *tally = bn_tally_now(space->tally);
        if (bn_load_relaxed(&space->removed) == 0 &&
            (bn_load_relaxed(&tally->count) != c->names[2 * id] ||
             bn_load_relaxed(&tally->bytes) != c->names[2 * id + 1])) {
            problem(c, "namespace %u counts %llu names of %llu bytes, but has %llu of %llu", id,
                    (unsigned long long)bn_load_relaxed(&tally->count),
                    (unsigned long long)bn_load_relaxed(&tally->bytes),
                    (unsigned long long)c->names[2 * id], (unsigned long long)c->names[2 * id + 1]);
        }
    }
    check_removed(c);
    check_segments(c);
}

/* ---- extents */

static uint64_t used_pages(const struct checker *c, uint32_t page, uint32_t owner)
{
    const struct bn_cold_rec *cold = bn_slot_cold(c->store, owner);
    if (cold == NULL || !(bn_slot_at(c->store, owner)->flags & BN_SLOT_EXTENT) ||
        bn_slot_at(c->store, owner)->page != page || bn_slot_state(cold) == BN_SLOT_FREE) {
        return 0;
    }
    return bn_slot_state(cold) == BN_SLOT_PRIVATE ? cold->stamp
                                                  : bn_slot_pages(bn_slot_at(c->store, owner));
}

/* Memory of pages that nobody uses and no warm block says it has. Not told of huge pages: one of them has memory as
 * long as any of its neighbours does. */
static void check_no_memory(struct checker *c, int fd, uint32_t page, uint64_t n_pages,
                            const char *what)
{
    uint64_t bytes = 0;
    if (!bn_os_has_huge_pages(fd) &&
        bn_os_backed_bytes(fd, bn_alloc_off(c->store, page), n_pages * BN_PAGE, &bytes) == 0 &&
        bytes != 0) {
        problem(c, "%s at page %u keeps %llu bytes of memory", what, page,
                (unsigned long long)bytes);
    }
}

/* Whether all pages of a range are there. What was backed and never touched is a hole to lseek():
 * to back it once more costs nothing then. (Somebody else's page at that moment gives a false
 * alarm.) */
static bool is_backed(int fd, bn_off off, uint64_t size)
{
    struct stat before, after;
    uint64_t bytes = 0;
    if (bn_os_backed_bytes(fd, off, size, &bytes) != 0 || bytes == size) {
        return true;
    }
    return fstat(fd, &before) == 0 && bn_os_back(fd, off, size) == 0 && fstat(fd, &after) == 0 &&
           before.st_blocks == after.st_blocks;
}

/* The bits of an extent in use or of a warm block must not promise pages that are not there. */
static void check_bits(struct checker *c, int fd, uint32_t page, uint64_t n_pages)
{
    for (uint64_t at = 0; at < n_pages;) {
        bool backed;
        uint64_t n = bn_alloc_run(c->store, page + (uint32_t)at, n_pages - at, &backed);
        if (backed && !is_backed(fd, bn_alloc_off(c->store, page + (uint32_t)at), n * BN_PAGE)) {
            problem(c, "%llu pages from %u on are said to be backed, and are not",
                    (unsigned long long)n, page + (uint32_t)at);
        }
        at += n;
    }
}

/* What the record of an extent says of its length. */
static void check_count(struct checker *c, uint32_t page, uint64_t n_pages)
{
    const struct bn_block_rec *rec = bn_alloc_record(c->store, page);
    bool counts = rec->order == BN_BLOCK_COUNTED;
    if (rec->order > BN_BLOCK_COUNTED || rec->warm != 0 ||
        (counts && (rec->next != n_pages || rec->prev != 0))) {
        problem(c, "the extent at page %u counts %u pages, and slot %u has %llu", page,
                counts ? rec->next : 0, rec->owner, (unsigned long long)n_pages);
    }
}

/* Nothing else begins in a block, free or in use. */
static void check_inner(struct checker *c, uint32_t page, uint64_t n_pages)
{
    for (uint64_t i = 1; i < n_pages; i++) {
        if (bn_alloc_record(c->store, page + (uint32_t)i)->state != BN_BLOCK_NONE) {
            problem(c, "page %u has a record of its own in the block at page %u",
                    page + (uint32_t)i, page);
        }
    }
}

/* How many pages the block at `page` has; 0: one cannot tell. */
static uint64_t check_block(struct checker *c, int fd, uint32_t page,
                            uint64_t n_listed[2][BN_N_ORDERS])
{
    const struct bn_block_rec *rec = bn_alloc_record(c->store, page);
    uint64_t n = 0;
    if (rec->state == BN_BLOCK_USED) {
        n = used_pages(c, page, rec->owner);
        if (n == 0 || n > c->n_pages - page) {
            problem(c, "the extent at page %u is of slot %u, which does not know it", page,
                    rec->owner);
            return 0;
        }
        check_count(c, page, n);
        check_bits(c, fd, page, n);
    } else if (rec->state == BN_BLOCK_FREE && rec->order < BN_N_ORDERS && rec->warm <= 1) {
        n = (uint64_t)1 << rec->order;
        if (n > c->n_pages - page) {
            problem(c, "the free block at page %u reaches beyond the pages that are in use", page);
            return 0;
        }
        n_listed[rec->warm][rec->order]++;
        if (page % n != 0) {
            problem(c, "the free block at page %u is not aligned to its %llu pages", page,
                    (unsigned long long)n);
        }
        if (rec->warm) {
            check_bits(c, fd, page, n);
        } else {
            check_no_memory(c, fd, page, n, "a free block");
        }
    } else {
        problem(c, "page %u belongs neither to an extent nor to a free block", page);
    }
    check_inner(c, page, n);
    return n;
}

static void check_lists(struct checker *c, uint64_t n_listed[2][BN_N_ORDERS])
{
    struct brain_store *store = c->store;
    for (int warm = 0; warm < 2; warm++) {
        for (int order = 0; order < BN_N_ORDERS; order++) {
            uint64_t n = 0;
            uint32_t link = store->state->block_free[warm][order];
            if ((link != 0) != (store->state->block_orders[warm] >> order & 1)) {
                problem(c, "the map of free blocks is wrong at order %d", order);
            }
            for (; link != 0 && link <= c->n_pages && n <= n_listed[warm][order]; n++) {
                link = bn_alloc_record(store, link - 1)->next;
            }
            if (n != n_listed[warm][order]) {
                problem(c, "%llu free blocks of order %d exist, %llu are listed",
                        (unsigned long long)n_listed[warm][order], order, (unsigned long long)n);
            }
        }
    }
}

static void check_extents(struct checker *c)
{
    struct brain_store *store = c->store;
    uint64_t n_listed[2][BN_N_ORDERS] = { { 0 } };
    uint64_t page = 0, end = c->n_pages;
    int fd;
    if (bn_map_data_fd(store->map, &fd) != 0) {
        problem(c, "the file cannot be looked at");
        return;
    }
    while (page < end) {
        uint64_t n = check_block(c, fd, (uint32_t)page, n_listed);
        if (n == 0) {
            return; /* reported: from here on nothing adds up */
        }
        page += n;
    }
    check_lists(c, n_listed);
    uint64_t beyond = store->region_bytes[BN_REGION_VALUES] / BN_PAGE - end;
    check_no_memory(c, fd, (uint32_t)end, beyond, "the unused end of the file");
}

/* ---- sums */

static void check_sum(struct checker *c, const char *what, uint64_t counted, uint64_t is)
{
    if (counted != is) {
        problem(c, "%s: %llu are counted, the sum is %llu", what, (unsigned long long)counted,
                (unsigned long long)is);
    }
}

static void check_sums(struct checker *c)
{
    const struct bn_state_rec *state = c->store->state;
    const struct bn_tally_rec *live = bn_tally_now(state->live);
    check_sum(c, "names", bn_load_relaxed(&live->count), c->live_count);
    check_sum(c, "live bytes", bn_load_relaxed(&live->bytes), c->live_bytes);
    check_sum(c, "limbo bytes", state->limbo_bytes, c->limbo_bytes);
    check_sum(c, "private bytes", state->private_bytes, c->private_bytes);
}

/* Pages are claimed without the lock: the owner first, then the row says which it is. */
static void check_counts_pages(struct checker *c)
{
    uint64_t seen[BN_CLIENTS_MAX / 64] = { 0 };
    for (uint32_t i = 0; i < bn_pin_n_chunks(c->store); i++) {
        const struct bn_chunk_rec *chunk = bn_pin_chunk(c->store, i);
        uint32_t owner = bn_load_acquire(&chunk->owner), row = (owner & ~BN_CHUNK_COUNTS) - 1;
        if ((owner & BN_CHUNK_COUNTS) == 0 || (owner & BN_CHUNK_HITS) != 0) {
            continue;
        }
        if (row >= bn_client_n_rows(c->store)) {
            problem(c, "page %u of the ledger has counts of row %u, and there is none", i, row);
            continue;
        }
        if ((seen[row / 64] >> row % 64 & 1) != 0) {
            problem(c, "row %u has a second page of counts, %u", row, i);
        }
        seen[row / 64] |= UINT64_C(1) << row % 64;
        if (bn_load_acquire(&chunk->top) != 0) {
            problem(c, "page %u of the ledger has counts, and cells of pins", i);
        }
    }
}

/* A count, as far as there is memory for what is counted. */
static uint64_t count_of(struct checker *c, const char *what, uint64_t counted,
                         enum bn_region region, uint64_t unit)
{
    uint64_t room = bn_load_relaxed(&c->store->state->backed[region]) / unit;
    if (counted > room) {
        problem(c, "%llu %s are counted, and there is room for %llu", (unsigned long long)counted,
                what, (unsigned long long)room);
    }
    return counted <= room ? counted : room;
}

static void check_counts(struct checker *c)
{
    const struct bn_state_rec *state = c->store->state;
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    c->n_slabs = (uint32_t)count_of(c, "slabs", state->n_slabs, BN_REGION_SLOTS, BN_SLAB_BYTES);
    c->n_spaces = (uint32_t)count_of(c, "namespaces", state->n_spaces, BN_REGION_SPACES,
                                     sizeof(struct bn_space_rec));
    c->n_pages = (uint32_t)count_of(c, "pages", state->value_end, BN_REGION_BLOCKS,
                                    sizeof(struct bn_block_rec));
    c->n_pages = (uint32_t)count_of(c, "pages", c->n_pages, BN_REGION_VALUES, BN_PAGE);
    c->n_overflow = count_of(c, "overflow lines", state->n_overflow, BN_REGION_OVERFLOW,
                             sizeof(struct bn_bucket_rec));
    c->n_buckets =
        count_of(c, "buckets", n == 0 ? 1 : n, BN_REGION_BUCKETS, sizeof(struct bn_bucket_rec));
    c->names_end = count_of(c, "cells", state->names_end, BN_REGION_NAMES, sizeof(uint32_t));
}

int bn_check_all(struct brain_store *store, brain_problem *problems, size_t n_problems,
                 size_t *n_out)
{
    struct checker c = { .store = store, .problems = problems, .room = n_problems };
    check_counts(&c);
    c.in_index = calloc((uint64_t)c.n_slabs + 1, BN_SLAB_LINES);
    c.names = calloc((size_t)c.n_spaces + 1, 2 * sizeof *c.names);
    if (c.in_index == NULL || c.names == NULL) {
        free(c.in_index);
        free(c.names);
        return bn_error(BRAIN_E_NOMEM, "no memory to check %s", store->path);
    }
    if (!bn_journal_is_empty(store) || (bn_load_relaxed(&store->state->index_state) & 1) != 0) {
        problem(&c, "a change or a split is under way although the lock is ours");
    }
    check_index(&c);
    check_slots(&c);
    check_spaces(&c);
    check_extents(&c);
    check_sums(&c);
    check_counts_pages(&c);
    free(c.in_index);
    free(c.names);
    *n_out = c.n;
    return 0;
}
