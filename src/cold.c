/* cold.c - values that were not used for longest.
 *
 * Owns:     nothing.
 * Sample:   a random byte of the memory that values have, and whose it is: so large ones are found among a million of
 *           small ones, and small ones where there are no others. Where that finds few (a store that is nearly empty,
 *           a small namespace) all are gone through, of which a random sample is kept.
 * Steps:    candidates are collected under the lock, in short holdings; registrations, pins and hits are looked at
 *           without it (as reclaim.c does). What was found may be another by then: its use says so (id.h).
 * Views:    a view that stood before the look at the pins is seen by it. One that is taken later keeps what it shows,
 *           as it does when somebody deletes that.
 */
#include "cold.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "handle.h"
#include "hits.h"
#include "lock.h"
#include "names.h"
#include "pin.h"
#include "recover.h"
#include "slot.h"
#include "snap.h"
#include "space.h"

#define DRAWS              512u
#define DRAWS_PER_HOLDING  64u
#define ENOUGH             64u   /* found by them: there are more */
#define LOOKS_PER_HOLDING  2048u /* at records, one behind the other */
#define SPACES_PER_HOLDING 256u
#define PIN_TRIES          100

struct search {
    struct brain_store *store;
    struct bn_space_ref space;
    bool has_space;
    uint64_t min_bytes, random, n_seen;
    uint32_t max_body; /* name, metadata and description */
    bool counts;       /* what registrations need, and keeps nothing: */
    uint64_t needed_bytes;
    struct bn_snaps snaps;
    uint32_t known_space; /* the last that was asked about */
    bool known_is_own;
    struct bn_suspects suspects;
    struct bn_cold_value of[BN_COLD_SAMPLE];
};

/* splitmix64, by Sebastiano Vigna. Not to be guessed it need not be; the same in the same state it should. */
static uint64_t next_random(struct search *search)
{
    uint64_t x = search->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* ---- candidates: under the lock */

/* Whether a namespace is the library's own, or none. */
static bool is_own(struct brain_store *store, uint32_t id)
{
    const struct bn_space_rec *rec = id != BN_ROOT_SPACE ? bn_space_at(store, id) : NULL;
    uint32_t entry = rec != NULL ? bn_load_relaxed(&rec->entry) : 0; /* relaxed: under the lock */
    const uint8_t *data, *name;
    if (entry == 0 || bn_load_relaxed(&rec->removed) != 0 || !bn_slot_exists(store, entry) ||
        bn_slot_locate(store, entry, &data, &name) != 0) {
        return true;
    }
    return bn_slot_at(store, entry)->name_len == 0 || name[0] == BN_COLD_OWN_MARK;
}

static bool is_wanted_space(struct search *search, uint32_t id)
{
    if (search->has_space) {
        return id == search->space.id;
    }
    if (id != search->known_space) {
        search->known_space = id;
        search->known_is_own = is_own(search->store, id);
    }
    return !search->known_is_own;
}

/* Whether `slot`, any number, is a value that is looked for. */
static bool is_wanted(struct search *search, uint32_t slot)
{
    const struct bn_cold_rec *cold = slot != 0 ? bn_slot_cold(search->store, slot) : NULL;
    if (cold == NULL || bn_slot_state(cold) != BN_SLOT_LIVE) {
        return false;
    }
    const struct bn_slot_rec *rec = bn_slot_at(search->store, slot);
    return !(rec->flags & (BN_SLOT_TOMB | BN_SLOT_AWAY)) &&
           bn_slot_size(rec) >= search->min_bytes && bn_slot_body_len(rec) <= search->max_body &&
           is_wanted_space(search, rec->space);
}

static bool is_there(const struct search *search, uint32_t slot)
{
    for (uint32_t i = 0; i < search->suspects.n; i++) {
        if (search->suspects.slot[i] == slot) {
            return true;
        }
    }
    return false;
}

/* Whether an open snapshot has a value, or a walk. */
static bool is_needed(const struct search *search, uint64_t number)
{
    return bn_snap_needs(&search->snaps, number, UINT64_MAX);
}

/* Put a value at place `i`, at the end or in the place of another. */
static void set(struct search *search, uint32_t i, uint32_t slot)
{
    const struct bn_slot_rec *rec = bn_slot_at(search->store, slot);
    struct bn_suspects *suspects = &search->suspects;
    suspects->n = i < suspects->n ? suspects->n : i + 1;
    suspects->slot[i] = slot;
    suspects->gen[i] = rec->gen;
    suspects->kept[i] = false;
    search->of[i] = (struct bn_cold_value){ .use = { slot, rec->gen, rec->number },
                                            .size = bn_slot_size(rec),
                                            .last = rec->number };
}

/* One of all, of which each has the same chance to stay (Vitter's algorithm R). */
static void offer(struct search *search, uint32_t slot)
{
    if (!is_wanted(search, slot)) {
        return;
    }
    if (search->counts) {
        const struct bn_slot_rec *rec = bn_slot_at(search->store, slot);
        search->needed_bytes += is_needed(search, rec->number) ? bn_slot_size(rec) : 0;
        return;
    }
    uint64_t i = search->n_seen < BN_COLD_SAMPLE ? search->n_seen
                                                 : next_random(search) % (search->n_seen + 1);
    search->n_seen++;
    if (i < BN_COLD_SAMPLE) {
        set(search, (uint32_t)i, slot);
    }
}

/* ---- a random byte */

static uint32_t draw(struct search *search)
{
    struct brain_store *store = search->store;
    uint64_t of_values = (uint64_t)bn_alloc_end(store) * BN_PAGE;
    uint64_t of_slots = (uint64_t)store->state->n_slabs * BN_SLAB_BYTES;
    of_slots = search->min_bytes <= BN_INLINE_MAX ? of_slots : 0;
    if (of_values + of_slots == 0) {
        return 0;
    }
    uint64_t at = next_random(search) % (of_values + of_slots);
    return at < of_values ? bn_alloc_slot_of(store, (uint32_t)(at / BN_PAGE))
                          : bn_slot_of_line(store, (at - of_values) / BN_LINE);
}

static int draw_all(struct search *search)
{
    int err = 0;
    for (uint32_t n = 0; n < DRAWS && err == 0 && search->suspects.n < BN_COLD_SAMPLE;
         n += DRAWS_PER_HOLDING) {
        err = bn_recover_enter(search->store, true);
        if (err != 0) {
            break;
        }
        for (uint32_t i = 0; i < DRAWS_PER_HOLDING && search->suspects.n < BN_COLD_SAMPLE; i++) {
            uint32_t slot = draw(search);
            if (is_wanted(search, slot) && !is_there(search, slot)) {
                set(search, search->suspects.n, slot);
            }
        }
        bn_lock_release(search->store);
    }
    return err;
}

/* ---- all there is */

/* Where somebody who goes through all is; what changes behind that or before it does not matter. Each step: under the
 * lock, from `*at` on. Whether that was the end. */
typedef bool (*walk_step)(struct search *search, uint64_t *at);

static bool walk_pages(struct search *search, uint64_t *at)
{
    uint32_t end = bn_alloc_end(search->store);
    for (uint32_t i = 0; i < LOOKS_PER_HOLDING && *at < end; i++) {
        const struct bn_block_rec *rec = bn_alloc_record(search->store, (uint32_t)*at);
        uint64_t n_pages = 1;
        if (rec->state == BN_BLOCK_USED) {
            offer(search, rec->owner);
            n_pages = rec->order == BN_BLOCK_COUNTED && rec->next > 0 ? rec->next : 1;
        } else if (rec->state == BN_BLOCK_FREE && rec->order < BN_N_ORDERS) {
            n_pages = (uint64_t)1 << rec->order;
        }
        *at += n_pages;
    }
    return *at >= end;
}

/* A slab; what has an extent was met before. */
static bool walk_slabs(struct search *search, uint64_t *at)
{
    struct brain_store *store = search->store;
    uint32_t slab = (uint32_t)*at, last = 0;
    if (slab >= store->state->n_slabs) {
        return true;
    }
    for (uint32_t line = 0; line < BN_SLAB_LINES; line++) {
        uint32_t slot = bn_slot_of_line(store, (uint64_t)slab * BN_SLAB_LINES + line);
        if (slot != 0 && slot != last && !(bn_slot_at(store, slot)->flags & BN_SLOT_EXTENT)) {
            offer(search, slot);
        }
        last = slot;
    }
    *at += 1;
    return false;
}

/* A segment of a namespace's names. `*at`: its first cell; 0: the first of all. */
static bool walk_names(struct search *search, uint64_t *at)
{
    struct brain_store *store = search->store;
    const struct bn_space_rec *space = bn_space_at(store, search->space.id);
    if (space == NULL || !bn_space_stands(store, space, search->space.gen)) {
        return true;
    }
    uint32_t first = *at != 0 ? (uint32_t)*at : bn_load_relaxed(&space->first_segment);
    const struct bn_segment_rec *segment = first != 0 ? bn_names_segment_view(store, first) : NULL;
    if (segment == NULL || segment->space != search->space.id) {
        return true;
    }
    for (uint32_t i = 0; i < segment->n_cells; i++) {
        uint32_t slot = bn_load_relaxed(bn_names_cell(store, first + BN_SEGMENT_HEAD_CELLS + i));
        if (!(slot & BN_CELL_HOLE)) {
            offer(search, slot);
        }
    }
    *at = bn_load_relaxed(&segment->next);
    return *at == 0;
}

/* More steps than all that is listed can take: a list that was damaged may have no end. */
static uint64_t steps_max(const struct brain_store *store)
{
    const _Atomic uint64_t *backed = store->own_state->backed;
    return 1000 + bn_load_relaxed(&backed[BN_REGION_NAMES]) / BN_LINE +
           bn_load_relaxed(&backed[BN_REGION_SLOTS]) / BN_SLAB_BYTES +
           bn_load_relaxed(&backed[BN_REGION_BLOCKS]) / sizeof(struct bn_block_rec);
}

static int walk(struct search *search, walk_step step)
{
    uint64_t at = 0;
    bool is_end = false;
    int err = 0;
    for (uint64_t left = steps_max(search->store); !is_end && err == 0 && left > 0; left--) {
        err = bn_recover_enter(search->store, true);
        if (err == 0) {
            is_end = step(search, &at);
            bn_lock_release(search->store);
        }
    }
    return err;
}

static int walk_all(struct search *search)
{
    bn_suspects_clear(&search->suspects);
    if (search->has_space) {
        return walk(search, walk_names);
    }
    int err = walk(search, walk_pages);
    return err != 0 || search->min_bytes > BN_INLINE_MAX ? err : walk(search, walk_slabs);
}

/* ---- what may go */

static int mark_pinned(struct search *search)
{
    uint64_t n_cells;
    for (int i = 0; i < PIN_TRIES; i++) {
        if (bn_pin_mark(search->store, &search->suspects, &n_cells) == 0) {
            return 0;
        }
    }
    return bn_error(BRAIN_E_BUSY,
                    "%s: processes that use it fork so often that nobody can tell which values are "
                    "in use: try again",
                    search->store->path);
}

static int compare(const void *a, const void *b)
{
    const struct bn_cold_value *x = a, *y = b;
    if (x->last != y->last) {
        return x->last < y->last ? -1 : 1;
    }
    return x->use.number < y->use.number ? -1 : x->use.number > y->use.number;
}

/* Of what was collected, what may go, the coldest first. */
static int judge(struct search *search, struct bn_cold_sample *sample)
{
    struct bn_suspects *suspects = &search->suspects;
    uint64_t last[BN_COLD_SAMPLE];
    bn_fence_seq();
    bn_snap_look(search->store, &search->snaps);
    int err = mark_pinned(search);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; i < suspects->n; i++) {
        last[i] = search->of[i].last;
    }
    bn_hits_find(search->store, suspects->slot, suspects->n, last);
    sample->n = 0;
    for (uint32_t i = 0; i < suspects->n; i++) {
        if (!suspects->kept[i] && !is_needed(search, search->of[i].use.number)) {
            search->of[i].last = last[i];
            sample->of[sample->n++] = search->of[i];
        }
    }
    qsort(sample->of, sample->n, sizeof sample->of[0], compare);
    return 0;
}

static int no_memory_to_look(void)
{
    return bn_error(BRAIN_E_NOMEM, "no memory to look for values that are not used");
}

/* Prepare for a search in `space`, or (NULL) everywhere. NOT_FOUND: there is no such namespace. */
static int begin(struct search *search, struct brain_store *store, struct brain_space *space,
                 uint64_t min_bytes)
{
    search->store = store;
    search->has_space = space != NULL;
    search->min_bytes = min_bytes;
    search->random =
        store->hash_seed ^ bn_load_acquire(&store->state->committed) << 20 ^ store->row;
    search->n_seen = 0;
    search->max_body = UINT32_MAX;
    search->counts = false;
    search->needed_bytes = 0;
    search->known_space = BN_ROOT_SPACE;
    search->known_is_own = true;
    bn_suspects_clear(&search->suspects);
    return space != NULL ? bn_handle_resolve_slow(space, &search->space) : 0;
}

static int find(struct brain_store *store, struct brain_space *space, uint64_t min_bytes,
                uint32_t max_body, struct bn_cold_sample *sample_out)
{
    struct search *search = malloc(sizeof *search);
    if (search == NULL) {
        return no_memory_to_look();
    }
    int err = begin(search, store, space, min_bytes);
    search->max_body = max_body;
    err = err != 0 ? err : draw_all(search);
    sample_out->n = 0;
    sample_out->is_all = false;
    if (err == 0 && search->suspects.n < ENOUGH) {
        err = walk_all(search);
        sample_out->is_all = search->n_seen <= BN_COLD_SAMPLE;
    }
    err = err != 0 ? err : judge(search, sample_out);
    free(search);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

int bn_cold_find(struct brain_store *store, struct brain_space *space, uint64_t min_bytes,
                 struct bn_cold_sample *sample_out)
{
    return find(store, space, min_bytes, UINT32_MAX, sample_out);
}

/* ---- what cannot go */

static int compare_objects(const void *a, const void *b)
{
    uint32_t x = ((const brain_pin *)a)->object, y = ((const brain_pin *)b)->object;
    return x < y ? -1 : x > y;
}

/* The pins of all, a slot that several have once. `*pins_out` is the caller's to free. */
static int list_pins(struct brain_store *store, brain_pin **pins_out, size_t *n_out)
{
    brain_pin *pins = NULL;
    size_t room = 0, n = 0, n_kept = 0;
    do {
        free(pins);
        room = n + n / 2 + 64;
        pins = malloc(room * sizeof *pins);
        int err = pins == NULL
                      ? bn_error(BRAIN_E_NOMEM, "no memory to list the pins of %s", store->path)
                      : bn_pin_list_living(store, pins, room, &n);
        if (err != 0) {
            free(pins);
            return err;
        }
    } while (n > room);
    qsort(pins, n, sizeof *pins, compare_objects);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || pins[i].object != pins[n_kept - 1].object) {
            pins[n_kept++] = pins[i];
        }
    }
    *pins_out = pins;
    *n_out = n_kept;
    return 0;
}

static int count_pinned(struct search *search, uint64_t *bytes_out)
{
    brain_pin *pins;
    size_t n, i = 0;
    uint64_t sum = 0;
    int err = list_pins(search->store, &pins, &n);
    if (err != 0) {
        return err;
    }
    while (i < n && err == 0) {
        err = bn_recover_enter(search->store, true);
        if (err == 0) {
            size_t end = n - i > LOOKS_PER_HOLDING ? i + LOOKS_PER_HOLDING : n;
            for (; i < end; i++) {
                uint32_t slot = pins[i].object;
                const struct bn_slot_rec *rec = bn_slot_at(search->store, slot);
                sum += is_wanted(search, slot) && !is_needed(search, rec->number)
                           ? bn_slot_size(rec)
                           : 0;
            }
            bn_lock_release(search->store);
        }
    }
    free(pins);
    *bytes_out = sum;
    return err;
}

/* What the library's own namespaces have. */
static int count_own(struct brain_store *store, uint64_t *bytes_out)
{
    uint64_t sum = 0;
    uint32_t id = BN_ROOT_SPACE + 1, n_spaces = id + 1; /* what the root has counts for nothing */
    while (id < n_spaces) {
        int err = bn_recover_enter(store, true);
        if (err != 0) {
            return err;
        }
        n_spaces = store->state->n_spaces;
        for (uint32_t i = 0; i < SPACES_PER_HOLDING && id < n_spaces; i++, id++) {
            const struct bn_space_rec *rec = bn_space_at(store, id);
            if (rec == NULL) {
                bn_lock_release(store);
                return bn_error_corrupt("%s: the number of namespaces", store->path);
            }
            uint64_t bytes = bn_load_relaxed(&rec->removed) == 0
                                 ? bn_load_relaxed(&bn_tally_now(rec->tally)->bytes)
                                 : 0;
            sum += bytes != 0 && is_own(store, id) ? bytes : 0;
        }
        bn_lock_release(store);
    }
    *bytes_out = sum;
    return 0;
}

static uint64_t live_bytes(struct search *search)
{
    struct brain_store *store = search->store;
    const struct bn_space_rec *rec =
        search->has_space ? bn_space_view(store, search->space.id) : NULL;
    uint64_t count, bytes = 0;
    if (!search->has_space || rec != NULL) {
        bn_tally_read(store, rec != NULL ? rec->tally : store->state_view->live, &count, &bytes,
                      NULL);
    }
    return bytes;
}

/* What registrations need is known only to who goes through all: where there are none, that is spared. */
static int count_needed(struct search *search, uint64_t *bytes_out)
{
    int err = 0;
    bn_fence_seq();
    bn_snap_look(search->store, &search->snaps);
    if (search->snaps.oldest != UINT64_MAX) {
        search->counts = true;
        err = walk_all(search);
    }
    *bytes_out = search->needed_bytes;
    return err;
}

int bn_cold_count(struct brain_store *store, struct brain_space *space, struct bn_cold_bytes *out)
{
    struct search *search = malloc(sizeof *search);
    if (search == NULL) {
        return no_memory_to_look();
    }
    *out = (struct bn_cold_bytes){ .live = 0 };
    int err = begin(search, store, space, 0);
    if (err == 0) {
        out->live = live_bytes(search);
        err = count_needed(search, &out->needed);
        err = err != 0 ? err : count_pinned(search, &out->pinned);
        err = err != 0 || space != NULL ? err : count_own(store, &out->own);
    }
    free(search);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

/* ---- views */

static void drop_views(brain_view *views, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
}

#define BODY_MAX                                                                                   \
    1500u /* beside it there is room in a slot for what stands for a value that is elsewhere */

static int view_coldest(struct brain_store *store, const struct bn_cold_sample *sample,
                        brain_view *views, size_t room, size_t *n_out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < sample->n && n < room; i++) {
        int err = bn_id_view(store, sample->of[i].use, &views[n]);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) { /* that one has changed meanwhile */
            drop_views(views, n);
            return err;
        }
        n += err == 0;
    }
    *n_out = n;
    return 0;
}

int brain_coldest(brain_store *store, brain_space *space, uint64_t min_bytes, brain_view *views_out,
                  size_t n_views, size_t *n_out)
{
    struct {
        struct bn_cold_sample sample;
        brain_view views[BN_COLD_SAMPLE];
    } *work;
    size_t n = 0;
    int err = bn_store_check_writable(store);
    work = err == 0 ? malloc(sizeof *work) : NULL;
    if (work == NULL) {
        return err != 0 ? err : no_memory_to_look();
    }
    err = find(store, space, min_bytes, BODY_MAX, &work->sample);
    err = err != 0 ? err : view_coldest(store, &work->sample, work->views, n_views, &n);
    if (err == 0) {
        if (n > 0) {
            memcpy(views_out, work->views, n * sizeof *views_out);
        }
        *n_out = n;
    }
    free(work);
    return err;
}
