/* names.c - the list of a namespace's names.
 *
 * Owns:     the NAMES region: segments of 64 B, 256 B, 1 KiB, 4 KiB; names_end, segment_free.
 * Growth:   a space appends segments, each of the next size up to the largest.
 * Memory:   a segment is used again only as a segment of its size, and is zeroed before it is
 *           linked. But where the transaction that takes it from the end is undone, the next may cut
 *           that memory otherwise: a walker with a link to it asks whether that stands (snapshot.c).
 * Crash:    journalled, but for the zeroing of a segment that nothing leads to.
 */
#include "names.h"

#include "journal.h"

#define N_SEGMENT_CLASSES 4u
#define SEGMENTS_MAX      (1u << 24) /* in one space; more is a cycle */

static uint32_t class_cells(uint32_t c)
{
    return 16u << (2 * c); /* head included */
}

static struct bn_segment_rec *segment_at(const struct brain_store *store, uint32_t segment)
{
    return (struct bn_segment_rec *)(void *)bn_names_cell(store, segment);
}

const struct bn_segment_rec *bn_names_walk_segment(struct brain_store *store, uint32_t segment,
                                                   uint32_t *n_cells_out)
{
    uint64_t backed = bn_load_acquire(&store->state_view->backed[BN_REGION_NAMES]);
    backed = backed < store->region_bytes[BN_REGION_NAMES] ? backed
                                                           : store->region_bytes[BN_REGION_NAMES];
    uint64_t off = (uint64_t)segment * sizeof(uint32_t);
    if (segment == 0 || off % 64 != 0 || off + 64 > backed) {
        return NULL;
    }
    const struct bn_segment_rec *rec = (const void *)(bn_region_view(store, BN_REGION_NAMES) + off);
    /* Of the head this word alone, once: who writes another class there is not waited for. */
    uint32_t c = bn_load_relaxed((const _Atomic uint32_t *)(const void *)&rec->class_idx);
    if (c >= N_SEGMENT_CLASSES || off + (uint64_t)class_cells(c) * sizeof(uint32_t) > backed) {
        return NULL;
    }
    *n_cells_out = class_cells(c) - BN_SEGMENT_HEAD_CELLS;
    return rec;
}

const struct bn_segment_rec *bn_names_segment_view(struct brain_store *store, uint32_t segment)
{
    uint32_t n_cells = 0;
    const struct bn_segment_rec *rec = bn_names_walk_segment(store, segment, &n_cells);
    return rec != NULL && rec->n_cells == n_cells ? rec : NULL;
}

static bool segment_is_sound(const struct brain_store *store, uint32_t segment)
{
    return bn_names_exists(store, segment) && segment % 16 == 0 &&
           segment_at(store, segment)->class_idx < N_SEGMENT_CLASSES &&
           segment_at(store, segment)->n_cells ==
               class_cells(segment_at(store, segment)->class_idx) - BN_SEGMENT_HEAD_CELLS &&
           bn_names_exists(store, segment + class_cells(segment_at(store, segment)->class_idx) - 1);
}

/* A zeroed segment of class `c` for a space. */
static int take_segment(struct brain_store *store, uint32_t c, uint32_t space_id,
                        uint32_t *segment_out)
{
    struct bn_state_rec *state = store->state;
    uint32_t n = class_cells(c), segment = state->segment_free[c];
    if (segment != 0) {
        /* One that is smaller would be zeroed beyond its end. */
        if (!segment_is_sound(store, segment) || segment_at(store, segment)->class_idx != c) {
            return bn_error_corrupt("%s: the list of free segments of names", store->path);
        }
        bn_journal_u32(store, &state->segment_free[c], segment_at(store, segment)->next);
    } else {
        if (!bn_names_exists(store, (uint32_t)state->names_end - 1) ||
            state->names_end > BN_CELL_HOLE) {
            return bn_error_corrupt("%s: the end of the lists of names", store->path);
        }
        uint64_t start = bn_align_up(state->names_end, 16), end = start + n;
        if (end >= BN_CELL_HOLE) {
            return bn_error(BRAIN_E_FULL, "%s: the lists of names are as long as they get",
                            store->path);
        }
        int err = bn_store_need(store, BN_REGION_NAMES, end * sizeof(uint32_t));
        if (err != 0) {
            return err;
        }
        bn_journal_u64(store, &state->names_end, end);
        segment = (uint32_t)start;
    }
    struct bn_segment_rec *rec = segment_at(store, segment);
    bn_journal_u64(store, rec, (uint64_t)(n - BN_SEGMENT_HEAD_CELLS) << 32); /* next = 0, n_cells */
    bn_journal_u64(store, &rec->space, space_id | (uint64_t)c << 32);
    for (uint32_t i = BN_SEGMENT_HEAD_CELLS; i < n; i++) {
        bn_store_relaxed(bn_names_cell(store, segment + i),
                         0u); /* ordered by the release that links */
    }
    *segment_out = segment;
    return 0;
}

/* Append a segment to the list of a space. */
static int append(struct brain_store *store, struct bn_space_rec *space, uint32_t space_id)
{
    uint32_t last = space->last_segment, c = 0, segment = 0;
    if (last != 0 && !segment_is_sound(store, last)) {
        return bn_error_corrupt("%s: the list of names of a namespace", store->path);
    }
    if (last != 0) {
        c = segment_at(store, last)->class_idx + 1;
        c = c < N_SEGMENT_CLASSES ? c : N_SEGMENT_CLASSES - 1;
    }
    int err = take_segment(store, c, space_id, &segment);
    if (err != 0) {
        return err;
    }
    if (last != 0) {
        bn_journal_u32(store, &segment_at(store, last)->next, segment);
    } else {
        bn_journal_u32(store, &space->first_segment, segment);
    }
    bn_journal_u32(store, &space->last_segment, segment);
    bn_journal_u32(store, &space->last_used, 0);
    return 0;
}

int bn_names_take(struct brain_store *store, struct bn_space_rec *space, uint32_t space_id,
                  uint32_t *cell_out)
{
    uint32_t hole = space->hole;
    if (hole != 0) {
        if (!bn_names_exists(store, hole)) {
            return bn_error_corrupt("%s: the list of holes of a namespace", store->path);
        }
        uint32_t next = bn_load_relaxed(bn_names_cell(store, hole));
        if (!(next & BN_CELL_HOLE)) {
            return bn_error_corrupt("%s: the list of holes of a namespace", store->path);
        }
        bn_journal_u32(store, &space->hole, next & ~BN_CELL_HOLE);
        *cell_out = hole;
        return 0;
    }
    if (space->last_segment == 0 || !segment_is_sound(store, space->last_segment) ||
        space->last_used >= segment_at(store, space->last_segment)->n_cells) {
        int err = append(store, space, space_id);
        if (err != 0) {
            return err;
        }
    }
    *cell_out = space->last_segment + BN_SEGMENT_HEAD_CELLS + space->last_used;
    bn_journal_u32(store, &space->last_used, space->last_used + 1);
    return 0;
}

void bn_names_give(struct brain_store *store, struct bn_space_rec *space, uint32_t cell)
{
    bn_journal_u32(store, bn_names_cell(store, cell), BN_CELL_HOLE | space->hole);
    bn_journal_u32(store, &space->hole, cell);
}

int bn_names_give_segment(struct brain_store *store, struct bn_space_rec *space)
{
    struct bn_state_rec *state = store->state;
    uint32_t segment = space->first_segment;
    /* One a call, so that a step stays short; the caller comes again while first_segment is not
     * 0. */
    if (!segment_is_sound(store, segment)) {
        return bn_error_corrupt("%s: the list of names of a namespace", store->path);
    }
    struct bn_segment_rec *rec = segment_at(store, segment);
    bn_journal_u32(store, &space->first_segment, rec->next);
    bn_journal_u32(store, &rec->next, state->segment_free[rec->class_idx]);
    bn_journal_u32(store, &state->segment_free[rec->class_idx], segment);
    return 0;
}
