/* test_corrupt.c - one record that is wrong in one certain way, and the call that meets it.
 *
 * Each line of the table is a store of its own, an image of tests/fuzz/images.h. What is wrong is written while
 * the store is open here, as somebody else's stray write would; then one call is made, which must say what is
 * wrong. tests/fuzz writes at random; here are the checks that chance finds too seldom.
 */
#include "../../src/check.h"
#include "../fuzz/images.h"

#include "alloc.h"
#include "base/hash.h"
#include "handle.h"
#include "index.h"
#include "journal.h"
#include "lock.h"
#include "names.h"
#include "pin.h"
#include "slot.h"
#include "space.h"

#define NO_SLOT  0xfffffff0u
#define NO_CELL  0x7ffffff0u
#define NO_SPACE 0x00ffffffu

static const char *path;
static brain_store *store;
static brain_space *one, *two;
static struct bn_state_rec *state;
static brain_object *object;     /* some cases make it before */
static brain_snapshot *snapshot; /* the same */
static brain_hint hint;          /* of n9, where slots are ready */

/* ---- what is there */

static uint32_t slot_of(brain_space *space, const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    uint32_t slot = view.object;
    brain_view_drop(&view);
    return slot;
}

static struct bn_slot_rec *rec_of(brain_space *space, const char *name)
{
    return bn_slot_at(store, slot_of(space, name));
}

static struct bn_cold_rec *cold_of(brain_space *space, const char *name)
{
    return bn_slot_cold(store, slot_of(space, name));
}

static _Atomic uint64_t *word_of(brain_space *space, const char *name)
{
    uint32_t slot = slot_of(space, name);
    _Atomic uint64_t *word = bn_index_find_slot(store, bn_slot_cold(store, slot)->hash_low, slot);
    CHECK(word != NULL);
    return word;
}

static uint32_t id_of(brain_space *space)
{
    return bn_handle_ref(bn_load_relaxed(&space->resolved)).id;
}

static struct bn_space_rec *space_rec(brain_space *space)
{
    return bn_space_at(store, id_of(space));
}

static struct bn_slot_rec *entry_of(brain_space *space)
{
    return bn_slot_at(store, bn_load_relaxed(&space_rec(space)->entry));
}

static struct bn_segment_rec *segment_at(uint32_t segment)
{
    return (struct bn_segment_rec *)(void *)(bn_region_at(store, BN_REGION_NAMES) +
                                             (size_t)segment * 4);
}

static struct bn_block_rec *block_at(uint32_t page)
{
    return (struct bn_block_rec *)(uintptr_t)bn_alloc_record(store, page);
}

/* ---- calls */

static int get(brain_space *space, const char *name)
{
    brain_view view;
    int err = brain_get(space, name, strlen(name), &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    return err;
}

static int put(brain_space *space, const char *name, size_t size)
{
    static uint8_t bytes[100000];
    return brain_put_bytes(space, name, strlen(name), bytes, size);
}

static int get_small(void)
{
    return get(one, "n9");
}
static int get_missing(void)
{
    return get(one, "nobody");
}
static int get_large(void)
{
    return get(one, "big1");
}
static int get_outside(void)
{
    return get(two, "outside0");
}
static int get_copied(void)
{
    uint64_t buf[64];
    brain_view view;
    return brain_get_or_copy(one, "n9", 2, NULL, buf, sizeof buf, &view);
}
static int put_new(void)
{
    return put(one, "nobody", 20);
}
static int put_new_large(void)
{
    return put(one, "nobody", 20000);
}
static int put_over_small(void)
{
    return put(one, "n9", 20);
}
static int put_over_large(void)
{
    return put(one, "big1", 20000);
}
static int delete_small(void)
{
    return brain_delete(one, "n9", 2, BRAIN_ANY_VERSION);
}
static int delete_large(void)
{
    return brain_delete(one, "big1", 4, BRAIN_ANY_VERSION);
}
static int create_large(void)
{
    return brain_create(store, 20000, &object);
}
static int seal(void)
{
    static const brain_value value = { .kind = BRAIN_KIND_BYTES };
    return brain_object_seal(object, one, "nobody", 6, &value, BRAIN_ANY_VERSION, NULL);
}
static int trim(void)
{
    return brain_trim(store, NULL);
}
static int reap(void)
{
    return brain_reap(store, NULL);
}
static int stat_get(void)
{
    brain_stat stat = { .struct_size = sizeof stat };
    return brain_stat_get(store, &stat);
}
static int count(void)
{
    uint64_t n;
    return brain_space_count(one, &n);
}
static int of_snapshot(const char *name)
{
    brain_view view;
    int err = brain_snapshot_get(snapshot, one, name, strlen(name), &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    return err;
}
static int snapshot_small(void)
{
    return of_snapshot("n9");
}
static int snapshot_missing(void)
{
    return of_snapshot("nobody");
}
static int walk_over(brain_iter *iter)
{
    const void *name;
    size_t len;
    int err;
    uint64_t n = 0;
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        CHECK(++n < 1000000);
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}
static int walk(void)
{
    brain_iter *iter;
    int err = brain_iter_names(one, NULL, &iter);
    return err != 0 ? err : walk_over(iter);
}
static int by_id_of(brain_space *space, const char *name, void (*damage)(void))
{
    uint8_t id[BRAIN_ID_BYTES];
    brain_view view;
    CHECK_OK(brain_get(space, name, strlen(name), &view));
    brain_view_id(&view, id);
    brain_view_drop(&view);
    damage();
    int err = brain_get_by_id(store, id, &view);
    if (err == 0) {
        brain_view_drop(&view);
    }
    return err;
}
static int pins(void)
{
    size_t n;
    return brain_pins(store, NULL, 0, &n);
}
static int try_put(void)
{
    static const brain_value value = { .kind = BRAIN_KIND_BYTES };
    uint64_t committed = bn_load_relaxed(&state->committed);
    hint = (brain_hint){ 0 };
    int err = brain_try_put(one, "n9", 2, &hint, &value, BRAIN_ANY_VERSION, NULL);
    CHECK_U64(bn_load_relaxed(&state->committed), committed + (err == 0));
    return err;
}
/* With the hint that was taken before the damage. */
static int try_put_hinted(void)
{
    static const brain_value value = { .kind = BRAIN_KIND_BYTES };
    uint64_t committed = bn_load_relaxed(&state->committed);
    CHECK(hint.space != 0);
    int err = brain_try_put(one, "n9", 2, &hint, &value, BRAIN_ANY_VERSION, NULL);
    CHECK_U64(bn_load_relaxed(&state->committed), committed + (err == 0));
    return err;
}
/* So that one of the next goes to a slot that is ready, and looks at what is damaged. */
static void make_ready(void)
{
    CHECK_OK(delete_small()); /* with its description, which would stay */
    CHECK_OK(put(one, "n9", 0));
    for (int n = 0; try_put() != 0; n++) {
        CHECK_OK(put(one, "n9", 0));
        CHECK(n < 1000);
    }
    CHECK_OK(try_put_hinted());
}
/* The namespace of a value, after the damage that its view is taken before. */
static int space_of(void (*damage)(void))
{
    brain_view view;
    brain_space *its;
    CHECK_OK(brain_get(one, "n9", 2, &view));
    damage();
    int err = brain_view_space(&view, &its, NULL, NULL);
    if (err == 0) {
        brain_space_close(its);
    }
    brain_view_drop(&view);
    return err;
}
static int make_space(void)
{
    brain_space *fresh = check_space(store, "fresh");
    int err = brain_space_create(fresh);
    brain_space_close(fresh);
    return err;
}
static int exists_anew(void)
{
    brain_space *again = check_space(store, "one");
    int err = brain_space_exists(again);
    brain_space_close(again);
    return err;
}
static int view_space(void)
{
    brain_view view;
    brain_space *its;
    CHECK_OK(brain_get(one, "n9", 2, &view));
    bn_store_release(&state->backed[BN_REGION_SPACES], (uint64_t)0);
    int err = brain_view_space(&view, &its, NULL, NULL);
    brain_view_drop(&view);
    return err;
}
/* Something is wrong, and says so. */
static int check(void)
{
    brain_problem problems[1];
    size_t n = 0;
    int err = brain_check(store, problems, 1, &n);
    if (err == 0 && n > 0) {
        return bn_error(BRAIN_E_CORRUPT, "%s", problems[0].text);
    }
    return err;
}

/* ---- the index */

static void each_chain(uint64_t next)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    for (uint64_t i = 0; i < (n == 0 ? 1 : n); i++) {
        bn_store_release(&bn_index_bucket_at(store, i)->next, next);
    }
}
static void chains_lead_nowhere(void)
{
    each_chain((uint64_t)1 << 50);
}
static void chains_lead_beyond(void)
{
    each_chain((uint64_t)1 << 38);
}
static void chains_have_no_end(void)
{
    CHECK_OK(bn_store_back(store, BN_REGION_OVERFLOW, BN_PAGE));
    bn_store_release(&bn_index_overflow_at(store, 0)->next, (uint64_t)1);
    state->n_overflow = state->n_overflow > 0 ? state->n_overflow : 1;
    each_chain(1);
}
/* The same, where no word is free, so that a change goes to their end. */
static void chains_without_room_have_no_end(void)
{
    chains_have_no_end();
    for (int i = 0; i < 7; i++) {
        bn_store_release(&bn_index_overflow_at(store, 0)->words[i], (uint64_t)NO_SLOT);
    }
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    for (uint64_t b = 0; b < (n == 0 ? 1 : n); b++) {
        for (int i = 0; i < 7; i++) {
            if (bn_load_relaxed(&bn_index_bucket_at(store, b)->words[i]) == 0) {
                bn_store_release(&bn_index_bucket_at(store, b)->words[i], (uint64_t)NO_SLOT);
            }
        }
    }
}
static void a_split_is_due(void) /* in chains without an end */
{
    chains_have_no_end();
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    state->n_overflow = BN_PAGE / 64;
    state->n_entries = (n == 0 ? 1 : n) * 4;
}
static void a_split_meets_no_slot(void)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    for (int i = 0; i < 7; i++) { /* of the bucket that is split next */
        uint64_t b = n - ((uint64_t)1 << bn_log2_floor(n));
        bn_store_release(&bn_index_bucket_at(store, b)->words[i], (uint64_t)NO_SLOT);
    }
    state->n_entries = n * 4;
}
static void index_counts_too_many_words(void)
{
    state->n_entries = UINT64_MAX / 4;
}
static void index_counts_too_many_lines(void)
{
    state->n_overflow = UINT32_MAX;
    state->n_entries = (uint64_t)1 << 20;
}
static void index_counts_too_many_buckets(void)
{
    bn_store_release(&state->index_state, (uint64_t)1 << 33);
    state->n_entries = (uint64_t)1 << 34;
}
static void word_names_no_slot(void)
{
    _Atomic uint64_t *word = word_of(one, "n9");
    bn_store_release(word, (bn_load_relaxed(word) >> 32 << 32) | NO_SLOT);
}
static void slot_is_of_no_class(void)
{
    bn_slab_at(store, slot_of(one, "n9") / BN_SLAB_LINES)->shape.class_idx = 200;
}
static void free_line_leads_nowhere(void)
{
    state->overflow_free = NO_CELL;
    for (uint64_t b = 0; b < 1 || b < bn_load_relaxed(&state->index_state) >> 1; b++) {
        for (int i = 0; i < 7; i++) {
            if (bn_load_relaxed(&bn_index_bucket_at(store, b)->words[i]) == 0) {
                bn_store_release(&bn_index_bucket_at(store, b)->words[i], (uint64_t)NO_SLOT);
            }
        }
    }
}

/* ---- slots */

static void slot_is_longer_than_slots(void)
{
    rec_of(one, "n9")->size_low = 100000;
}
static void slot_beside_extent_is_longer(void)
{
    struct bn_slot_rec *rec = rec_of(one, "big1");
    rec->meta_len = 60000;
}
static void extent_lies_beyond(void)
{
    rec_of(one, "big1")->page = NO_SLOT;
}
static void body_lies_beyond(void)
{
    rec_of(two, "outside0")->page = NO_SLOT;
}
static void name_is_in_an_extent_beyond(void)
{
    struct bn_slot_rec *rec = rec_of(one, "n9");
    rec->flags |= BN_SLOT_EXTENT | BN_SLOT_BODY_OUT;
    rec->page = NO_SLOT;
}
static void older_is_no_slot(void)
{
    struct bn_slot_rec *rec = rec_of(one, "n9");
    rec->number = bn_load_relaxed(&state->committed) + 5;
    rec->older = NO_SLOT;
    bn_store_release(&rec->pending, (uint8_t)1);
}
static void versions_have_no_end(void)
{
    CHECK_OK(put_over_small());
    uint32_t slot = slot_of(one, "n9");
    CHECK(bn_slot_at(store, slot)->number > brain_snapshot_number(snapshot));
    bn_slot_at(store, slot)->older = slot;
}
static void version_behind_is_no_slot(void)
{
    CHECK_OK(put_over_small());
    rec_of(one, "n9")->older = NO_SLOT;
}
static void cell_of_slot_is_none(void)
{
    cold_of(one, "n9")->cell = NO_CELL;
}

/* ---- slabs */

static void partial_slabs_are_none(void)
{
    for (int i = 0; i < BN_N_CLASSES; i++) {
        state->slab_partial[i] = NO_CELL;
    }
    bn_ready_clear(store);
}
static void partial_slabs_are_of_another_class(void)
{
    for (int i = 0; i < BN_N_CLASSES; i++) {
        if (state->slab_partial[i] != 0) {
            bn_slab_at(store, state->slab_partial[i] - 1)->shape.lines = 31;
        }
    }
    bn_ready_clear(store);
}
static void slabs_count_no_free_slots(void)
{
    for (int i = 0; i < BN_N_CLASSES; i++) {
        if (state->slab_partial[i] != 0) {
            bn_slab_at(store, state->slab_partial[i] - 1)->free_word &= ~(uint64_t)0xffff0000;
        }
    }
    bn_ready_clear(store);
}
static void free_slabs_are_none(void)
{
    memset(state->slab_partial, 0, sizeof state->slab_partial);
    state->slab_free = NO_CELL;
    bn_ready_clear(store);
}
static void free_slab_has_a_class(void)
{
    uint32_t slab = slot_of(one, "n9") / BN_SLAB_LINES;
    memset(state->slab_partial, 0, sizeof state->slab_partial);
    state->slab_free = slab + 1;
    bn_ready_clear(store);
}
static void free_slab_is_linked_to_none(void)
{
    uint32_t slab = state->n_slabs - 1;
    memset(state->slab_partial, 0, sizeof state->slab_partial);
    memset(&bn_slab_at(store, slab)->shape, 0, sizeof(struct bn_slab_shape));
    bn_slab_at(store, slab)->next = NO_CELL;
    state->slab_free = slab + 1;
    bn_ready_clear(store);
}
static void free_slab_is_linked_back_to_none(void)
{
    free_slab_is_linked_to_none();
    bn_slab_at(store, state->n_slabs - 1)->next = 0;
    bn_slab_at(store, state->n_slabs - 1)->prev = NO_CELL;
}

/* ---- lists of names */

static void no_hole_is_left(void)
{
    struct bn_space_rec *space = space_rec(one);
    space->hole = 0;
    space->last_used = UINT32_MAX / 2;
}
static void hole_is_none(void)
{
    space_rec(one)->hole = NO_CELL;
}
static void hole_holds_a_name(void)
{
    space_rec(one)->hole = cold_of(one, "n9")->cell;
}
static void last_segment_is_none(void)
{
    no_hole_is_left();
    space_rec(one)->last_segment = NO_CELL;
}
static void last_segment_is_of_no_class(void)
{
    no_hole_is_left();
    segment_at(space_rec(one)->last_segment)->class_idx = 99;
}
static void last_segment_counts_wrong(void)
{
    no_hole_is_left();
    segment_at(space_rec(one)->last_segment)->n_cells = 7;
}
static void last_segment_is_no_line(void)
{
    no_hole_is_left();
    space_rec(one)->last_segment += 1;
}
static void names_end_nowhere(void)
{
    CHECK_OK(trim()); /* else what is reclaimed for want of room would do */
    no_hole_is_left();
    memset(state->segment_free, 0, sizeof state->segment_free);
    state->names_end = 0;
}
static void names_end_beyond_all(void)
{
    names_end_nowhere();
    bn_store_release(&state->backed[BN_REGION_NAMES], (uint64_t)1 << 40);
    state->names_end = (uint64_t)BN_CELL_HOLE + 20;
}
static void names_are_as_long_as_they_get(void)
{
    names_end_beyond_all();
    state->names_end = BN_CELL_HOLE - 2;
}
static void free_segments_are_none(void)
{
    no_hole_is_left();
    for (int i = 0; i < 4; i++) {
        state->segment_free[i] = NO_CELL;
    }
}
/* Of the wrong size: who took it would write over its neighbours. */
static void free_segment_is_too_small(void)
{
    uint32_t segment = space_rec(two)->first_segment;
    no_hole_is_left();
    CHECK(segment_at(segment)->class_idx == 0);
    for (int i = 1; i < 4; i++) {
        state->segment_free[i] = segment;
    }
}
static void cell_names_no_slot(void)
{
    bn_store_release(bn_names_cell(store, cold_of(one, "n9")->cell), NO_CELL);
}
static void segments_end_nowhere(void)
{
    bn_store_release(&segment_at(space_rec(one)->first_segment)->next, NO_CELL);
}
static void segments_have_no_end(void)
{
    uint32_t first = bn_load_relaxed(&space_rec(one)->first_segment);
    bn_store_release(&segment_at(first)->next, first);
}

/* ---- namespaces */

static void root_is_not_there(void)
{
    bn_store_release(&state->backed[BN_REGION_SPACES], 0ul);
}
static void entry_is_no_namespace(void)
{
    entry_of(one)->kind = BRAIN_KIND_BYTES;
}
static void entry_is_too_short(void)
{
    struct bn_slot_rec *rec = entry_of(one);
    rec->size_low = 4;
    memcpy((uint8_t *)rec + BN_SLOT_HEAD + 4, "one", 3);
}
static struct bn_space_id_rec *id_rec(void)
{
    const uint8_t *data, *body;
    CHECK_OK(bn_slot_locate(store, bn_load_relaxed(&space_rec(one)->entry), &data, &body));
    return (struct bn_space_id_rec *)(void *)(store->data + (data - store->view));
}
static void entry_leads_to_the_root(void)
{
    id_rec()->id = 0;
}
static void entry_has_no_gen(void)
{
    id_rec()->gen = 0;
}
static void entry_leads_nowhere(void)
{
    id_rec()->id = NO_SPACE;
}
static void entry_has_another_gen(void)
{
    id_rec()->gen += 1;
    bn_store_relaxed(&one->resolved, (uint64_t)0);
}
static void count_is_too_large(void)
{
    for (int i = 0; i < 2; i++) {
        bn_store_release(&space_rec(one)->tally[i].count, (uint64_t)1 << 60);
    }
}
static void free_space_is_none(void)
{
    state->space_free = NO_SPACE;
}
static void free_space_is_in_use(void)
{
    state->space_free = id_of(one);
}
static void dead_space_is_none(void)
{
    state->space_dead = NO_SPACE;
}
static void dead_space_lives(void)
{
    state->space_dead = id_of(one);
}
static void dead_names_are_none(void)
{
    CHECK(state->space_dead != 0);
    bn_store_release(&bn_space_at(store, state->space_dead)->first_segment, NO_CELL);
}
static void dead_names_are_somebodys(void)
{
    CHECK(state->space_dead != 0);
    bn_store_release(&bn_space_at(store, state->space_dead)->first_segment,
                     bn_load_relaxed(&space_rec(one)->first_segment));
}

/* ---- sets */

static void limbo_names_none(void)
{
    uint32_t *limbo = (uint32_t *)(void *)bn_region_at(store, BN_REGION_LIMBO);
    CHECK(state->n_limbo > 0);
    limbo[0] = NO_SLOT;
}
static void limbo_ends_with_none(void)
{
    uint32_t *limbo = (uint32_t *)(void *)bn_region_at(store, BN_REGION_LIMBO);
    limbo[state->n_limbo++] = NO_SLOT;
}
static void limbo_counts_too_many(void)
{
    state->n_limbo = UINT32_MAX / 8;
}
static void private_names_none(void)
{
    uint32_t *private = (uint32_t *)(void *)bn_region_at(store, BN_REGION_PRIVATE);
    private[state->n_private++] = NO_SLOT;
}

/* ---- pages of values */

static void each_list(uint32_t link)
{
    for (int warm = 0; warm < 2; warm++) {
        for (int k = 0; k < BN_N_ORDERS; k++) {
            if (state->block_free[warm][k] != 0) {
                state->block_free[warm][k] = link;
            }
        }
    }
}
static void all_lists(uint32_t link)
{
    for (int warm = 0; warm < 2; warm++) {
        for (int k = 0; k < BN_N_ORDERS; k++) {
            state->block_free[warm][k] = link;
        }
    }
}
static void lists_are_empty(void)
{
    each_list(0);
}
static void lists_lead_nowhere(void)
{
    each_list(NO_SLOT);
}
static void all_lists_lead_nowhere(void)
{
    all_lists(NO_SLOT);
}
static void each_free(void (*change)(struct bn_block_rec *rec))
{
    for (uint32_t page = 0; page < bn_alloc_end(store); page++) {
        if (block_at(page)->state == BN_BLOCK_FREE) {
            change(block_at(page));
        }
    }
}
static void set_prev(struct bn_block_rec *rec)
{
    rec->prev = 1;
}
static void set_far_prev(struct bn_block_rec *rec)
{
    rec->prev = NO_SLOT;
}
static void set_far_next(struct bn_block_rec *rec)
{
    rec->next = NO_SLOT;
}
static void set_warm(struct bn_block_rec *rec)
{
    rec->warm = 7;
}
static void swap_warm(struct bn_block_rec *rec)
{
    rec->warm = !rec->warm;
}
static void set_used(struct bn_block_rec *rec)
{
    rec->state = BN_BLOCK_USED;
}
static void free_blocks_have_a_prev(void)
{
    each_free(set_prev);
}
static void free_blocks_have_a_far_prev(void)
{
    each_free(set_far_prev);
}
static void free_blocks_have_a_far_next(void)
{
    each_free(set_far_next);
}
static void free_blocks_have_no_list(void)
{
    each_free(set_warm);
}
static void free_blocks_are_in_the_other_list(void)
{
    each_free(swap_warm);
}
static void free_blocks_are_used(void)
{
    each_free(set_used);
}
static void free_blocks_reach_beyond(void)
{
    state->value_end = 1; /* of which nothing is free */
}
static void forget_free_blocks(void)
{
    memset(state->block_orders, 0, sizeof state->block_orders);
    memset(state->block_free, 0, sizeof state->block_free);
}
static void no_address_is_left(void)
{
    CHECK_OK(trim());
    forget_free_blocks();
    state->value_end = UINT32_MAX - 1;
}
static void capacity_is_endless(void)
{
    bn_store_release(&state->capacity_bytes, UINT64_MAX / 2);
}
static int create_endless(void)
{
    return brain_create(store, (uint64_t)1 << 46, &object);
}
static void extent_of_object_is_beyond(void)
{
    CHECK_OK(create_large());
    state->value_end = 0;
}
static void orders_are_none(void)
{
    state->block_orders[0] = state->block_orders[1] = UINT32_MAX;
    all_lists(0);
}

/* ---- the lock and the journal */

static void lock_is_held_by_nobody(void)
{
    bn_store_release(&state->lock_word, BN_LOCK_OWNER);
}
/* Note `word` at `off`, which the checksum says is right. */
static void note(bn_off off)
{
    struct bn_undo_rec *rec = bn_journal_undo_at(store, 0);
    uint64_t number = bn_load_relaxed(&state->committed) + 1;
    bn_store_release(&state->txn_number, number);
    rec->old = 5;
    rec->off_check = off | bn_journal_undo_check(off, 5, number);
    bn_store_release(&state->counts, (uint64_t)1);
}
static void note_is_of_the_first_page(void)
{
    note(8);
}
static void note_is_of_the_lock(void)
{
    note(BN_STATE_OFF + offsetof(struct bn_state_rec, lock_word));
}
static void note_is_of_half_a_word(void)
{
    note(BN_STATE_OFF + offsetof(struct bn_state_rec, n_limbo) + 4 - 2);
}
static void note_is_of_half_a_word_of_slots(void)
{
    note(store->region_off[BN_REGION_SLOTS] + 4);
}
static void note_is_beyond_the_slots(void)
{
    note(store->region_off[BN_REGION_SLOTS] + bn_load_relaxed(&state->backed[BN_REGION_SLOTS]));
}
static void note_is_of_a_value(void)
{
    note(store->region_off[BN_REGION_VALUES]);
}
static void journal_counts_too_many_notes(void)
{
    bn_store_release(&state->counts, UINT64_C(0x3fffff));
}
static void journal_counts_too_many_records(void)
{
    bn_store_release(&state->txn_number, bn_load_relaxed(&state->committed) + 1);
    /* all before them are tidied */
    bn_store_release(&state->counts, UINT64_C(0xfffff) << 22 | UINT64_C(0xffff0) << 42);
}
/* One publish record of transaction `number`, of slots that are none. */
static void record(struct bn_publish_rec rec, uint64_t number, uint64_t tidying)
{
    bn_store_release(&state->txn_number, number);
    bn_journal_write_publish(store, 0, number, rec);
    bn_store_release(&state->counts, BN_JOURNAL_ONE_PUBLISH | tidying << 63);
}
static void record_before_the_commit_is_of_no_slot(void)
{
    record((struct bn_publish_rec){ .fresh = NO_SLOT }, bn_load_relaxed(&state->committed) + 1, 0);
}
static void record_is_of_no_slot(void)
{
    record((struct bn_publish_rec){ .fresh = NO_SLOT }, bn_load_relaxed(&state->committed), 1);
}
static void record_replaces_no_slot(void)
{
    record((struct bn_publish_rec){ .fresh = slot_of(one, "n9"), .older = NO_SLOT },
           bn_load_relaxed(&state->committed), 1);
}
static void record_is_held_by_no_slot(void)
{
    record((struct bn_publish_rec){ .fresh = slot_of(one, "n9"), .holder = NO_SLOT },
           bn_load_relaxed(&state->committed), 1);
}
static void record_is_held_by_a_slot_in_no_set(void)
{
    record((struct bn_publish_rec){ .fresh = slot_of(one, "n9"), .holder = slot_of(one, "n8") },
           bn_load_relaxed(&state->committed), 1);
}
static void swap_is_of_no_slot(void)
{
    record((struct bn_publish_rec){ .fresh = NO_SLOT,
                                    .older = slot_of(one, "n9"),
                                    .flags = BN_PUBLISH_SWAPS },
           bn_load_relaxed(&state->committed), 1);
}
static void swap_replaces_no_slot(void)
{
    record((struct bn_publish_rec){ .fresh = slot_of(one, "n9"),
                                    .older = NO_SLOT,
                                    .flags = BN_PUBLISH_SWAPS },
           bn_load_relaxed(&state->committed), 1);
}
static void swap_has_no_place_in_limbo(void)
{
    cold_of(one, "n9")->set_idx = UINT32_MAX;
    record((struct bn_publish_rec){ .fresh = slot_of(one, "n9"),
                                    .older = slot_of(one, "n8"),
                                    .flags = BN_PUBLISH_SWAPS },
           bn_load_relaxed(&state->committed), 1);
}
static void swap_is_in_anothers_place(void)
{
    CHECK(state->n_limbo > 0);
    swap_has_no_place_in_limbo();
    cold_of(one, "n9")->set_idx = 0;
}
static void swap_is_in_an_empty_place(void)
{
    swap_is_in_anothers_place();
    *(uint32_t *)(void *)bn_region_at(store, BN_REGION_LIMBO) = 0;
}

/* ---- ids and views that were taken before */

static void nothing(void)
{
}
static void set_block_of_outside_free(void)
{
    block_at(rec_of(two, "outside0")->page)->state = BN_BLOCK_FREE;
}
static void blocks_are_not_there(void)
{
    bn_store_release(&state->backed[BN_REGION_BLOCKS], (uint64_t)0);
}
static void values_end_early(void)
{
    state->value_end = 0;
    bn_store_relaxed(&store->values_seen, (uint64_t)0);
    bn_store_release(&state->backed[BN_REGION_VALUES], (uint64_t)0);
}
static int id_of_outside(void)
{
    return by_id_of(two, "outside0", nothing);
}
static int id_of_outside_without_extent(void)
{
    return by_id_of(two, "outside0", set_block_of_outside_free);
}
static int id_of_outside_without_blocks(void)
{
    return by_id_of(two, "outside0", blocks_are_not_there);
}
static int id_of_outside_beyond(void)
{
    return by_id_of(two, "outside0", body_lies_beyond);
}
static int id_of_outside_without_pages(void)
{
    return by_id_of(two, "outside0", values_end_early);
}
static int id_of_large_beyond(void)
{
    return by_id_of(one, "big1", extent_lies_beyond);
}
static int space_of_another_entry(void)
{
    return space_of(entry_has_another_gen);
}
static void entry_has_no_name(void)
{
    entry_of(one)->name_len = 0;
}
static void entry_has_a_long_name(void)
{
    entry_of(one)->name_len = 5000;
}
static void entry_is_an_extent(void)
{
    entry_of(one)->flags |= BN_SLOT_EXTENT;
}
static int space_of_no_name(void)
{
    return space_of(entry_has_no_name);
}
static int space_of_long_name(void)
{
    return space_of(entry_has_a_long_name);
}
static int space_of_extent(void)
{
    return space_of(entry_is_an_extent);
}
static int space_of_no_kind(void)
{
    return space_of(entry_is_no_namespace);
}
static void value_is_of_the_root(void)
{
    rec_of(one, "n9")->space = 0;
}
static int space_of_root(void)
{
    return space_of(value_is_of_the_root);
}
/* The hint leads nowhere, and the walk over all namespaces meets damage. */
static void entries_lead_nowhere(void)
{
    bn_store_release(&space_rec(one)->entry, NO_SLOT);
    bn_store_release(&segment_at(bn_space_at(store, 0)->first_segment)->next, NO_CELL);
}
static void root_list_is_none(void)
{
    bn_store_release(&space_rec(one)->entry, NO_SLOT);
    bn_store_release(&bn_space_at(store, 0)->first_segment, NO_CELL);
}
static int space_by_walk(void)
{
    return space_of(root_list_is_none);
}
static int space_by_walk_that_ends(void)
{
    return space_of(entries_lead_nowhere);
}

/* ---- pages of pins */

static void pins_go_beyond_the_page(void)
{
    bn_store_release(&store->ledger.chunks[0]->top, 5000u);
}
static void page_of_pins_is_nobodys(void)
{
    bn_store_release(&store->ledger.chunks[0]->owner, BN_LIVES_MAX + 7);
}
static int find_holder(void)
{
    uint32_t slot = slot_of(one, "n9");
    brain_view view;
    CHECK_OK(brain_get(one, "n9", 2, &view));
    uint32_t holder = bn_pin_find_holder(store, slot);
    brain_view_drop(&view);
    CHECK_U64(bn_pin_find_holder(store, slot), 0);
    return holder == store->row + 1 ? 0 : BRAIN_E_CORRUPT;
}
static int view_at(void)
{
    brain_view view, again;
    CHECK_OK(brain_get(one, "n9", 2, &view));
    int err = brain_view_at(store, view.data, &again);
    if (err == 0) {
        brain_view_drop(&again);
    }
    brain_view_drop(&view);
    return err;
}

static int view_at_large(void)
{
    brain_view view, again;
    CHECK_OK(brain_get(one, "big1", 4, &view));
    block_at(bn_slot_at(store, view.object)->page)->owner = NO_SLOT;
    CHECK_CODE(brain_view_at(store, view.data, &again), BRAIN_E_NOT_FOUND);
    for (uint32_t page = 0; page < bn_alloc_end(store); page++) {
        block_at(page)->state = BN_BLOCK_NONE;
    }
    int err = brain_view_at(store, view.data, &again);
    brain_view_drop(&view);
    return err;
}
static void set_huge_order(struct bn_block_rec *rec)
{
    rec->order = 25;
}
static void free_blocks_are_huge(void)
{
    each_free(set_huge_order);
}
/* A slab of which no slot is free; those that have some are none. */
static void full_slab_goes_before_none(void)
{
    CHECK_OK(delete_small());
    for (uint32_t slab = 0; slab < state->n_slabs; slab++) {
        bn_slab_at(store, slab)->free_word &= ~(uint64_t)0xffff0000;
    }
    partial_slabs_are_none();
}
static int put_small_of_middle(void)
{
    static const brain_value value = { .kind = BRAIN_KIND_BYTES };
    static char name[1500];
    hint = (brain_hint){ 0 };
    CHECK_OK(put(one, "middle", 300));
    CHECK_CODE(brain_try_put(one, "middle", 6, &hint, &value, BRAIN_ANY_VERSION, NULL),
               BRAIN_E_BUSY);
    memset(name, 'n', sizeof name);
    CHECK_OK(brain_put_bytes(one, name, sizeof name, "", 0));
    return brain_try_put(one, name, sizeof name, &hint, &value, BRAIN_ANY_VERSION, NULL);
}
static int create_too_large(void)
{
    return brain_create(store, 16 * CHECK_MIB, &object);
}
static void spaces_end_early(void)
{
    store->region_bytes[BN_REGION_SPACES] = 0;
}

/* ---- regions that are full, as far as this process knows */

static void region_ends(enum bn_region region)
{
    store->region_bytes[region] = bn_load_relaxed(&state->backed[region]);
}
static void no_bucket_is_left(void)
{
    region_ends(BN_REGION_BUCKETS);
    uint64_t n = store->region_bytes[BN_REGION_BUCKETS] / sizeof(struct bn_bucket_rec);
    bn_store_release(&state->index_state, n << 1); /* the names are not found, but that is all */
    state->n_entries = n * 5;
}
static void no_space_is_left(void)
{
    CHECK_OK(trim());
    region_ends(BN_REGION_SPACES);
    state->space_free = 0;
    state->n_spaces =
        (uint32_t)(store->region_bytes[BN_REGION_SPACES] / sizeof(struct bn_space_rec));
}
static void no_slab_is_left(void)
{
    CHECK_OK(trim());
    memset(state->slab_partial, 0, sizeof state->slab_partial);
    state->slab_free = 0;
    region_ends(BN_REGION_SLOTS);
    state->n_slabs = (uint32_t)(store->region_bytes[BN_REGION_SLOTS] / BN_SLAB_BYTES);
    bn_ready_clear(store);
}

/* ---- names with the same hash: their words were exchanged */

#define N_NAMES 5
static void exchange_words(const char *const names[N_NAMES])
{
    size_t len = strlen(names[0]);
    for (int i = 0; i < N_NAMES; i++) {
        CHECK_OK(put(one, names[i], 10));
    }
    _Atomic uint64_t *first = word_of(one, names[0]);
    uint64_t high = bn_load_relaxed(first) >> 32 << 32;
    for (int i = 1; i < N_NAMES; i++) {
        uint32_t slot = slot_of(one, names[i]);
        bn_store_release(first, high | slot);
        CHECK_CODE(get(one, names[0]), BRAIN_E_NOT_FOUND);
        CHECK_CODE(brain_delete(one, names[0], len, BRAIN_ANY_VERSION), BRAIN_E_NOT_FOUND);
        CHECK_CODE(brain_wait(one, names[0], len, 0, 0, &high), BRAIN_E_TIMEOUT);
        static const brain_value value = { .kind = BRAIN_KIND_BYTES };
        brain_hint none = { 0 };
        CHECK_CODE(brain_try_put(one, names[0], len, &none, &value, BRAIN_ANY_VERSION, NULL),
                   BRAIN_E_BUSY);
        high = bn_load_relaxed(first) >> 32 << 32;
    }
}
static void words_were_exchanged(void)
{
    static const char *const names[N_NAMES] = {
        "a name of many bytes", "b name of many bytes", "a name of many bytez",
        "a name of Many bytes", "a name Of many bytes",
    };
    exchange_words(names);
}
static void short_words_were_exchanged(void)
{
    static const char *const names[N_NAMES] = { "abc", "xbc", "axc", "abx", "xyz" };
    exchange_words(names);
}

/* ---- checks that nothing but a check looks at */

static void line_is_free_and_in_use(void)
{
    CHECK_OK(bn_store_back(store, BN_REGION_OVERFLOW, BN_PAGE));
    state->n_overflow = 3;
    state->overflow_free = 1;
    bn_store_release(&bn_index_overflow_at(store, 0)->next, (uint64_t)1);
}
static void line_is_not_counted(void)
{
    CHECK_OK(bn_store_back(store, BN_REGION_OVERFLOW, BN_PAGE));
    state->n_overflow = 1;
    bn_store_release(&bn_index_bucket_at(store, 0)->next, (uint64_t)3);
}
static void free_line_is_beyond(void)
{
    state->n_overflow = 1;
    state->overflow_free = NO_CELL;
}
static void cold_record_is_another_slabs(void)
{
    struct bn_slab_rec *slab = bn_slab_at(store, slot_of(one, "n9") / BN_SLAB_LINES);
    slab->shape.n_slots = 60000;
}
static void entry_is_a_tombstone(void)
{
    entry_of(one)->flags |= BN_SLOT_TOMB;
}
static void entry_has_the_id_of_another(void)
{
    id_rec()->id = id_of(two);
}
static void spaces_are_counted_beyond(void)
{
    state->n_spaces = UINT32_MAX;
}
static void set_order(struct bn_block_rec *rec)
{
    rec->order = 60;
}
static void set_state(struct bn_block_rec *rec)
{
    rec->state = 9;
}
static void free_blocks_are_endless(void)
{
    each_free(set_order);
}
static void free_blocks_are_nothing(void)
{
    each_free(set_state);
}
static void a_value_is_of_no_space(void)
{
    rec_of(one, "n9")->space = NO_SPACE;
}
static void a_value_is_of_a_later_commit(void)
{
    rec_of(one, "n9")->number = bn_load_relaxed(&state->committed) + 100;
}
static void a_slot_is_in_no_state(void)
{
    cold_of(one, "n9")->state_owner = 77;
}
static void a_word_stands_twice(void)
{
    uint64_t word = bn_load_relaxed(word_of(one, "n9"));
    for (int i = 0; i < 7; i++) {
        _Atomic uint64_t *at = &bn_index_bucket_at(store, 0)->words[i];
        if (bn_load_relaxed(at) == 0) {
            bn_store_release(at, word);
            return;
        }
    }
    bn_store_release(&bn_index_bucket_at(store, 1)->words[6], word);
}
static void owner_of_object_is_another(void)
{
    CHECK_OK(create_large());
    uint32_t *private = (uint32_t *)(void *)bn_region_at(store, BN_REGION_PRIVATE);
    bn_slot_set_state(bn_slot_cold(store, private[state->n_private - 1]), BN_SLOT_PRIVATE, 99);
}
/* What is not its any more is not given back. */
static int release_object(void)
{
    uint32_t n = state->n_private;
    brain_object_release(object);
    object = NULL;
    return state->n_private == n ? 0 : BRAIN_E_CORRUPT;
}
static void pages_of_object_are_none(void)
{
    CHECK_OK(create_large());
    uint32_t *private = (uint32_t *)(void *)bn_region_at(store, BN_REGION_PRIVATE);
    bn_slot_cold(store, private[state->n_private - 1])->stamp = 0;
}
static void pages_of_object_are_too_many(void)
{
    CHECK_OK(create_large());
    uint32_t *private = (uint32_t *)(void *)bn_region_at(store, BN_REGION_PRIVATE);
    bn_slot_cold(store, private[state->n_private - 1])->stamp = UINT32_MAX;
}

/* ---- what the shortest way of a put looks at */

static void each_ready(void (*change)(const struct bn_spare *spare))
{
    uint32_t n = 0;
    for (int c = 0; c < BN_N_CLASSES; c++) {
        for (uint32_t i = 0; i < bn_load_relaxed(&store->ready[c].n); i++, n++) {
            change(&store->ready[c].of[i]);
        }
    }
    CHECK(n > 0);
}
static void set_far_place(const struct bn_spare *spare)
{
    spare->cold->set_idx = UINT32_MAX / 16;
}
static void empty_its_place(const struct bn_spare *spare)
{
    ((uint32_t *)(void *)bn_region_at(store, BN_REGION_LIMBO))[spare->cold->set_idx] = 0;
}
static void set_expiry(const struct bn_spare *spare)
{
    spare->cold->expiry_s = 5;
}
static void retire_none(void)
{
    for (int c = 0; c < BN_N_CLASSES; c++) {
        bn_store_relaxed(&store->retired[c].n, 0u);
    }
}
static void ready_slots_are_beyond_limbo(void)
{
    retire_none();
    state->n_limbo = UINT32_MAX / 8;
    each_ready(set_far_place);
}
static void ready_slots_are_in_no_place(void)
{
    retire_none();
    each_ready(empty_its_place);
}
static void ready_slots_expire(void)
{
    each_ready(set_expiry);
}
static int try_put_that_stays(void)
{
    int err = try_put();
    CHECK_U64(cold_of(one, "n9")->expiry_s, 0);
    return err;
}
static void space_is_removed(void)
{
    bn_store_release(&space_rec(one)->removed, 1u);
}
static void space_is_another(void)
{
    bn_store_release(&space_rec(one)->gen, bn_load_relaxed(&space_rec(one)->gen) + 1);
}
static void size_is_huge(void)
{
    rec_of(one, "n9")->size_high = 1;
}
static void size_is_large(void)
{
    rec_of(one, "n9")->size_low = 100000;
}
static void metadata_are_long(void)
{
    rec_of(one, "n9")->meta_len = 60000;
}
static void description_is_there(void)
{
    rec_of(one, "n9")->description_len = 1;
}
static void name_is_longer(void)
{
    rec_of(one, "n9")->name_len = 3;
}
static void value_is_of_another_space(void)
{
    rec_of(one, "n9")->space = id_of(two);
}
static void cold_record_has_no_shape(void)
{
    bn_slab_at(store, slot_of(one, "n9") / BN_SLAB_LINES)->shape.n_slots = 60000;
}

/* ---- where a region ends */

static uint32_t last_line(void)
{
    return (uint32_t)(bn_load_relaxed(&state->backed[BN_REGION_SLOTS]) / BN_LINE - 1);
}
/* A slot of one line, the last there is, which says that it is longer. */
static void slot_goes_beyond_the_slots(void)
{
    _Atomic uint64_t *word = word_of(one, "n9");
    struct bn_slot_rec *rec = bn_slot_at(store, last_line());
    memcpy((void *)rec, (const void *)rec_of(one, "n9"), BN_LINE);
    rec->size_low = 1000;
    bn_store_release(word, (bn_load_relaxed(word) >> 32 << 32) | last_line());
}
static void entry_goes_beyond_the_slots(void)
{
    struct bn_slot_rec *rec = bn_slot_at(store, last_line());
    memcpy((void *)rec, (const void *)entry_of(one), BN_LINE);
    rec->size_low = 0;
    rec->name_len = BRAIN_SPACE_MAX;
    bn_store_release(&space_rec(one)->entry, last_line());
}
static int space_of_entry_beyond(void) /* the walk finds it */
{
    return space_of(entry_goes_beyond_the_slots);
}
/* A segment of the largest size where there is room for the smallest. */
static uint32_t segment_at_the_end(void)
{
    uint32_t at = (uint32_t)(bn_load_relaxed(&state->backed[BN_REGION_NAMES]) / 4) - 16;
    segment_at(at)->class_idx = 3;
    segment_at(at)->n_cells = 1024 - BN_SEGMENT_HEAD_CELLS;
    return at;
}
static void segments_go_beyond_the_names(void)
{
    bn_store_release(&space_rec(one)->first_segment, segment_at_the_end());
}
static void last_segment_goes_beyond_the_names(void)
{
    no_hole_is_left();
    space_rec(one)->last_segment = segment_at_the_end();
}
static void first_segment_is_no_line(void)
{
    bn_store_release(&space_rec(one)->first_segment,
                     bn_load_relaxed(&space_rec(one)->first_segment) + 1);
}
static int put_tiny(void)
{
    return put(one, "t", 1);
}

/* ---- views by an address */

static int view_of_nothing(void)
{
    brain_view view;
    const void *data;
    CHECK_OK(brain_get(one, "n9", 2, &view));
    data = view.data;
    brain_view_drop(&view);
    return brain_view_at(store, data, &view);
}
static int view_of_no_slot(void)
{
    brain_view view;
    return brain_view_at(store,
                         store->view + store->region_off[BN_REGION_SLOTS] +
                             bn_load_relaxed(&state->backed[BN_REGION_SLOTS]),
                         &view);
}
/* Pages of another life, of nobody, and two of ours one after the other. */
static int view_among_many_pages(void)
{
    static brain_view views[2 * BN_CHUNK_CELLS];
    brain_store *another = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        CHECK_OK(brain_get(one, "n8", 2, &views[i]));
    }
    CHECK_CODE(view_of_nothing(), BRAIN_E_NOT_FOUND);
    brain_close(another);
    int err = view_of_nothing();
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}
static int view_at_after(const char *name, void (*damage)(void))
{
    brain_view view, again = { .tag = 77 };
    CHECK_OK(brain_get(one, name, strlen(name), &view));
    damage();
    int err = brain_view_at(store, view.data, &again);
    CHECK_U64(again.tag, 77);
    CHECK_U64(bn_pin_count_own(store), 1);
    brain_view_drop(&view);
    return err;
}
static int view_at_longer_slot(void)
{
    return view_at_after("big1", slot_beside_extent_is_longer);
}
static int view_at_without_shape(void)
{
    return view_at_after("n9", cold_record_has_no_shape);
}

/* ---- pages of values, once more */

static void lists_of_the_largest_lead_nowhere(void)
{
    for (int warm = 0; warm < 2; warm++) {
        state->block_orders[warm] = 1u << 31;
        state->block_free[warm][31] = 1;
    }
}

/* ---- names of namespaces with the same hash */

static void keys_are_the_same(void)
{
    two->key = one->key; /* of this process alone */
}
/* Each has a value of its own, and none is taken for another's. */
static int batch_of_all(void)
{
    brain_space *still = check_space(store, "still"), *spaces[] = { one, two, still };
    brain_batch *batch;
    brain_view view;
    CHECK_OK(brain_space_exists(still));
    still->key = one->key;
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint64_t i = 0; i < 3; i++) {
        brain_part part = { .data = "abc", .size_bytes = i + 1 };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        CHECK_OK(brain_batch_put(batch, spaces[i], "of all", 6, &value));
    }
    int err = brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    for (uint64_t i = 0; i < 3 && err == 0; i++) {
        CHECK_OK(brain_get(spaces[i], "of all", 6, &view));
        CHECK_U64(view.size_bytes, i + 1);
        brain_view_drop(&view);
    }
    brain_space_close(still);
    return err;
}

/* ---- what recovery would have put in order */

static int check_as_it_is(void)
{
    brain_problem problems[1];
    size_t n = 0;
    CHECK_OK(bn_check_all(store, problems, 1, &n));
    bn_store_release(&state->counts, (uint64_t)0);
    return n == 1 ? bn_error(BRAIN_E_CORRUPT, "%s", problems[0].text) : 0;
}
static void journal_counts_one_note(void)
{
    bn_store_release(&state->counts, (uint64_t)1);
}
static void split_is_under_way(void)
{
    bn_store_release(&state->index_state, bn_load_relaxed(&state->index_state) | 1);
}
static void no_page_number_is_left(void)
{
    no_address_is_left();
    store->region_bytes[BN_REGION_VALUES] = (uint64_t)BN_PAGE << 32;
}

/* ---- the table */

/* What is there before the damage. */
enum before {
    NOTHING,
    SNAPSHOT,
    READY,
};

#define C BRAIN_E_CORRUPT

static const struct damaged {
    const char *name;
    void (*damage)(void);
    int (*call)(void);
    int code;
    const char *word;
    enum before before;
} cases[] = {
#define CASE(damage, call, code, word)         { #damage ", " #call, damage, call, code, word, NOTHING }
#define CASE_WITH(damage, call, code, word, w) { #damage ", " #call, damage, call, code, word, w }
    CASE(chains_lead_nowhere, get_missing, C, "chains"),
    CASE(chains_lead_nowhere, put_new, C, "chains"),
    CASE(chains_lead_nowhere, check, C, ""),
    CASE(chains_lead_beyond, get_missing, C, "chains"),
    CASE(chains_lead_beyond, put_new, C, "chains"),
    CASE_WITH(chains_lead_beyond, snapshot_missing, C, "chains", SNAPSHOT),
    CASE(chains_have_no_end, get_missing, C, "no end"),
    CASE(chains_have_no_end, put_new, C, "chains"),
    CASE(chains_have_no_end, check, C, ""),
    CASE_WITH(chains_have_no_end, snapshot_missing, C, "no end", SNAPSHOT),
    CASE(chains_without_room_have_no_end, get_missing, C, "no end"),
    CASE(a_split_is_due, put_new, C, "chains"),
    CASE(a_split_meets_no_slot, put_new, C, "names slot"),
    CASE(index_counts_too_many_words, put_new, C, "counts its words wrong"),
    CASE(index_counts_too_many_lines, put_new, C, "counts its words wrong"),
    CASE(index_counts_too_many_buckets, put_new, C, ""),
    CASE(word_names_no_slot, get_small, C, "names slot"),
    CASE(word_names_no_slot, get_copied, C, "names slot"),
    CASE(word_names_no_slot, put_over_small, C, "names slot"),
    CASE(word_names_no_slot, delete_small, C, "names slot"),
    CASE(word_names_no_slot, check, C, ""),
    CASE_WITH(word_names_no_slot, snapshot_small, C, "names slot", SNAPSHOT),
    CASE(slot_is_of_no_class, delete_small, C, "names slot"),
    CASE(slot_is_of_no_class, check, C, ""),
    CASE(free_line_leads_nowhere, put_new, C, "overflow lines"),
    CASE(slot_is_longer_than_slots, get_small, C, "longer than slots"),
    CASE_WITH(slot_is_longer_than_slots, snapshot_small, C, "longer than slots", SNAPSHOT),
    CASE(slot_is_longer_than_slots, walk, C, "longer than slots"),
    CASE(slot_beside_extent_is_longer, get_large, C, "longer than slots"),
    CASE(extent_lies_beyond, get_large, C, ""),
    CASE(body_lies_beyond, get_outside, C, ""),
    CASE(name_is_in_an_extent_beyond, get_small, C, ""),
    CASE(name_is_in_an_extent_beyond, delete_small, C, ""),
    CASE(older_is_no_slot, get_small, C, "names slot"),
    CASE_WITH(versions_have_no_end, snapshot_small, C, "versions behind", SNAPSHOT),
    CASE_WITH(version_behind_is_no_slot, snapshot_small, C, "names slot", SNAPSHOT),
    CASE(cell_of_slot_is_none, put_over_large, 0, NULL),
    CASE(cell_of_slot_is_none, delete_small, C, "list of names"),
    CASE(partial_slabs_are_none, put_new, C, "slabs"),
    CASE(partial_slabs_are_of_another_class, put_new, C, "slabs"),
    CASE(slabs_count_no_free_slots, put_new, C, "counts its slots wrong"),
    CASE(free_slabs_are_none, put_new, C, "free slabs"),
    CASE(free_slab_has_a_class, put_new, C, "free slabs"),
    CASE(free_slab_is_linked_to_none, put_new, C, "slabs"),
    CASE(free_slab_is_linked_back_to_none, put_new, C, "slabs"),
    CASE(hole_is_none, put_new, C, "holes"),
    CASE(hole_holds_a_name, put_new, C, "holes"),
    CASE(last_segment_is_none, put_new, C, "list of names"),
    CASE(last_segment_is_of_no_class, put_new, C, "list of names"),
    CASE(last_segment_counts_wrong, put_new, C, "list of names"),
    CASE(last_segment_is_no_line, put_new, C, "list of names"),
    CASE(names_end_nowhere, put_new, C, "end of the lists of names"),
    CASE(names_end_beyond_all, put_new, C, "end of the lists of names"),
    CASE(names_are_as_long_as_they_get, put_new, BRAIN_E_FULL, "as long as they get"),
    CASE(free_segments_are_none, put_new, C, "free segments"),
    CASE(free_segment_is_too_small, put_new, C, "free segments"),
    CASE(cell_names_no_slot, walk, C, "list of names"),
    CASE(segments_end_nowhere, walk, C, "list of names"),
    CASE(segments_end_nowhere, check, C, ""),
    CASE(segments_have_no_end, walk, C, "no end"),
    CASE(segments_have_no_end, check, C, ""),
    CASE(root_is_not_there, stat_get, C, "root namespace"),
    CASE(root_is_not_there, count, C, "record of a namespace"),
    CASE(root_is_not_there, walk, C, ""),
    CASE(root_is_not_there, put_new, C, ""),
    CASE(root_is_not_there, exists_anew, C, "record of a namespace"),
    CASE(root_is_not_there, check, C, ""),
    CASE(no_hole_is_left, view_space, C, "record of a namespace"),
    CASE(entry_is_no_namespace, exists_anew, C, "record of a namespace"),
    CASE(entry_is_no_namespace, check, C, ""),
    CASE(entry_is_too_short, exists_anew, C, "record of a namespace"),
    CASE(entry_leads_to_the_root, exists_anew, C, "record of a namespace"),
    CASE(entry_has_no_gen, exists_anew, C, "record of a namespace"),
    CASE(entry_has_no_gen, check, C, ""),
    CASE(entry_leads_nowhere, exists_anew, C, "record of a namespace"),
    CASE(entry_leads_nowhere, check, C, ""),
    CASE_WITH(entry_leads_nowhere, walk, C, "namespace", NOTHING),
    CASE(entry_has_another_gen, get_small, C, "record of a namespace"),
    CASE(entry_has_another_gen, count, C, "record of a namespace"),
    CASE(entry_has_another_gen, put_new, C, ""),
    CASE(count_is_too_large, count, C, "counts"),
    CASE(free_space_is_none, make_space, C, "free namespaces"),
    CASE(free_space_is_in_use, make_space, C, "free namespaces"),
    CASE(dead_space_is_none, trim, C, "removed namespaces"),
    CASE(dead_space_lives, trim, C, "removed namespaces"),
    CASE(dead_names_are_none, trim, C, "names of a removed namespace"),
    CASE(dead_names_are_somebodys, trim, C, "to be taken out of the index"),
    CASE(limbo_names_none, trim, 0, NULL),
    CASE(limbo_ends_with_none, trim, C, "there is no slot"),
    CASE(limbo_ends_with_none, check, C, ""),
    CASE(limbo_counts_too_many, put_over_large, C, ""),
    CASE(private_names_none, reap, 0, NULL),
    CASE(private_names_none, check, C, ""),
    CASE(lists_are_empty, create_large, C, "free blocks"),
    CASE(lists_lead_nowhere, create_large, C, "free blocks"),
    CASE(all_lists_lead_nowhere, put_over_large, C, "free blocks"),
    CASE(free_blocks_have_a_prev, create_large, C, "free blocks"),
    CASE(free_blocks_have_a_far_prev, create_large, C, "free blocks"),
    CASE(free_blocks_have_a_far_next, create_large, C, "free blocks"),
    CASE(free_blocks_have_no_list, create_large, C, "free blocks"),
    CASE(free_blocks_have_no_list, check, C, ""),
    CASE(free_blocks_are_in_the_other_list, create_large, C, "free blocks"),
    CASE(free_blocks_are_used, create_large, C, "free blocks"),
    CASE(free_blocks_are_used, check, C, ""),
    CASE(free_blocks_reach_beyond, create_large, C, "free blocks"),
    CASE(no_address_is_left, create_large, BRAIN_E_FULL, "address space"),
    CASE(capacity_is_endless, create_endless, BRAIN_E_FULL, "no value may be that large"),
    CASE(extent_of_object_is_beyond, seal, C, "extent at page"),
    CASE(orders_are_none, create_large, C, "free blocks"),
    CASE(orders_are_none, trim, C, "free blocks"),
    CASE(lock_is_held_by_nobody, put_new, C, "there cannot be"),
    CASE(note_is_of_the_first_page, put_new, C, "journal"),
    CASE(note_is_of_the_lock, put_new, C, "journal"),
    CASE(note_is_of_half_a_word, put_new, C, "journal"),
    CASE(note_is_of_half_a_word_of_slots, put_new, C, "journal"),
    CASE(note_is_beyond_the_slots, put_new, C, "journal"),
    CASE(note_is_of_a_value, put_new, C, "journal"),
    CASE(journal_counts_too_many_notes, put_new, C, "journal"),
    CASE(journal_counts_too_many_records, put_new, C, "journal"),
    CASE(record_before_the_commit_is_of_no_slot, put_new, C, "journal"),
    CASE(record_is_of_no_slot, put_new, C, "journal"),
    CASE(record_replaces_no_slot, put_new, C, "journal"),
    CASE(record_is_held_by_no_slot, put_new, C, "journal"),
    CASE(record_is_held_by_a_slot_in_no_set, put_new, C, "set"),
    CASE(swap_is_of_no_slot, put_new, C, "journal"),
    CASE(swap_replaces_no_slot, put_new, C, "journal"),
    CASE(swap_has_no_place_in_limbo, put_new, C, "limbo"),
    CASE(swap_is_in_anothers_place, put_new, C, "limbo"),
    CASE(swap_is_in_an_empty_place, put_new, C, "limbo"),
    CASE(lists_lead_nowhere, delete_large, 0, NULL),
    CASE(chains_lead_nowhere, put_new_large, C, "chains"),
    CASE(nothing, id_of_outside, 0, NULL),
    CASE(nothing, id_of_outside_without_extent, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_outside_without_blocks, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_outside_beyond, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_outside_without_pages, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_large_beyond, C, ""),
    CASE(nothing, space_of_another_entry, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_of_no_name, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_of_long_name, C, "longer than slots"),
    CASE(nothing, space_of_extent, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_of_no_kind, C, "record of a namespace"),
    CASE(nothing, space_of_root, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_by_walk, C, "list of names"),
    CASE(nothing, space_by_walk_that_ends, 0, NULL),
    CASE(pins_go_beyond_the_page, pins, 0, NULL),
    CASE(pins_go_beyond_the_page, stat_get, 0, NULL),
    CASE(pins_go_beyond_the_page, find_holder, 0, NULL),
    CASE(pins_go_beyond_the_page, put_over_large, 0, NULL),
    CASE(pins_go_beyond_the_page, view_at, 0, NULL),
    CASE(page_of_pins_is_nobodys, pins, 0, NULL),
    CASE(page_of_pins_is_nobodys, stat_get, 0, NULL),
    CASE(no_bucket_is_left, put_new, 0, NULL),
    CASE(no_space_is_left, make_space, BRAIN_E_FULL, ""),
    CASE(no_slab_is_left, put_new, BRAIN_E_FULL, ""),
    CASE(words_were_exchanged, get_small, 0, NULL),
    CASE(line_is_free_and_in_use, check, C, ""),
    CASE(line_is_not_counted, check, C, ""),
    CASE(free_line_is_beyond, check, C, ""),
    CASE(cold_record_is_another_slabs, check, C, ""),
    CASE(entry_is_a_tombstone, check, C, ""),
    CASE(entry_has_the_id_of_another, check, C, ""),
    CASE(spaces_are_counted_beyond, check, C, ""),
    CASE(free_blocks_are_endless, check, C, ""),
    CASE(free_blocks_are_nothing, check, C, ""),
    CASE(free_blocks_are_endless, create_large, C, "free blocks"),
    CASE(a_value_is_of_no_space, check, C, ""),
    CASE(a_value_is_of_a_later_commit, check, C, ""),
    CASE(a_slot_is_in_no_state, check, C, ""),
    CASE(a_slot_is_in_no_state, delete_small, 0, NULL),
    CASE(a_word_stands_twice, check, C, ""),
    CASE(owner_of_object_is_another, release_object, 0, NULL),
    CASE(pages_of_object_are_none, release_object, 0, NULL),
    CASE(pages_of_object_are_too_many, release_object, 0, NULL),
    CASE(nothing, view_at_large, BRAIN_E_NOT_FOUND, ""),
    CASE(slot_is_of_no_class, view_at, BRAIN_E_NOT_FOUND, ""),
    CASE(free_blocks_are_huge, check, C, ""),
    CASE(entry_has_another_gen, check, C, ""),
    CASE(full_slab_goes_before_none, trim, C, "slabs"),
    CASE(partial_slabs_are_none, delete_small, C, "slabs"),
    CASE(nothing, put_small_of_middle, BRAIN_E_BUSY, ""),
    CASE(limbo_names_none, create_too_large, BRAIN_E_FULL, ""),
    CASE(spaces_end_early, exists_anew, C, "record of a namespace"),
    CASE(word_names_no_slot, try_put, BRAIN_E_BUSY, ""),
    CASE(slot_is_of_no_class, try_put, BRAIN_E_BUSY, ""),
    CASE(chains_lead_beyond, try_put, BRAIN_E_BUSY, ""),
    CASE(index_counts_too_many_buckets, try_put, BRAIN_E_BUSY, ""),
    CASE(index_counts_too_many_buckets, get_small, C, "chains"),
    CASE(cell_of_slot_is_none, try_put, BRAIN_E_BUSY, ""),
    CASE(cell_of_slot_is_none, put_over_small, C, "list of names"),
    CASE(root_is_not_there, try_put, BRAIN_E_BUSY, ""),
    CASE(slot_is_longer_than_slots, try_put, BRAIN_E_BUSY, ""),
    CASE(short_words_were_exchanged, get_small, 0, NULL),
    CASE_WITH(word_names_no_slot, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(slot_is_of_no_class, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(chains_lead_beyond, try_put, 0, NULL, READY),
    CASE_WITH(index_counts_too_many_buckets, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(cell_of_slot_is_none, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(root_is_not_there, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(slot_is_longer_than_slots, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(space_is_removed, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(space_is_another, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(name_is_longer, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(value_is_of_another_space, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(description_is_there, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(size_is_huge, try_put_hinted, BRAIN_E_BUSY, "", READY),
    CASE_WITH(size_is_large, try_put_hinted, BRAIN_E_BUSY, "", READY),
    CASE_WITH(metadata_are_long, try_put_hinted, BRAIN_E_BUSY, "", READY),
    CASE_WITH(ready_slots_are_beyond_limbo, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(ready_slots_are_in_no_place, try_put, BRAIN_E_BUSY, "", READY),
    CASE_WITH(ready_slots_expire, try_put_that_stays, 0, NULL, READY),
    CASE(slot_goes_beyond_the_slots, get_small, C, "longer than slots"),
    CASE(slot_goes_beyond_the_slots, delete_small, C, ""),
    CASE(nothing, space_of_entry_beyond, 0, NULL),
    CASE(segments_go_beyond_the_names, walk, C, "list of names"),
    CASE(last_segment_goes_beyond_the_names, put_new, C, "list of names"),
    CASE(first_segment_is_no_line, walk, C, "list of names"),
    CASE(partial_slabs_are_none, put_tiny, C, "slabs"),
    CASE(nothing, view_of_nothing, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_of_no_slot, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_among_many_pages, BRAIN_E_NOT_FOUND, ""),
    CASE(pins_go_beyond_the_page, view_of_nothing, BRAIN_E_NOT_FOUND, ""),
    CASE(page_of_pins_is_nobodys, view_of_nothing, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_at_longer_slot, C, "longer than slots"),
    CASE(nothing, view_at_without_shape, BRAIN_E_NOT_FOUND, ""),
    CASE(lists_of_the_largest_lead_nowhere, create_large, C, "free blocks"),
    CASE(keys_are_the_same, batch_of_all, 0, NULL),
    CASE(journal_counts_one_note, check_as_it_is, C, "under way"),
    CASE(split_is_under_way, check_as_it_is, C, "under way"),
    CASE(no_page_number_is_left, create_large, BRAIN_E_FULL, "address space"),
};

static void run(const struct damaged *one_case)
{
    int fds[IMAGES_N_FILES];
    images_write(IMAGES_REST, path, fds);
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    state = store->state;
    one = check_space(store, "one");
    two = check_space(store, "two");
    object = NULL;
    snapshot = NULL;
    CHECK_OK(get_small());
    CHECK_OK(get_outside());
    if (one_case->before == SNAPSHOT) {
        CHECK_OK(brain_snapshot_open(store, &snapshot));
    }
    if (one_case->before == READY) {
        make_ready();
    }
    one_case->damage();
    int err = one_case->call();
    CHECK_CODE(err, one_case->code);
    if (err != 0) {
        CHECK_DETAIL(one_case->word);
    }
    brain_object_release(object);
    brain_snapshot_close(snapshot);
    brain_space_close(one);
    brain_space_close(two);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

/* ---- a split that a death left, right after its first step */

static void begin_split(void)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1;
    CHECK_OK(bn_store_back(store, BN_REGION_BUCKETS, (n + 1) * sizeof(struct bn_bucket_rec)));
    bn_store_release(&state->index_state, n << 1 | 1);
}

/* The bucket that is being made, and what fits into neither it nor a line behind it. */
static void fresh_bucket_is_full(void)
{
    struct bn_bucket_rec *fresh =
        bn_index_bucket_at(store, bn_load_relaxed(&state->index_state) >> 1);
    for (int i = 0; i < 7; i++) {
        bn_store_release(&fresh->words[i], (uint64_t)NO_SLOT);
    }
    state->overflow_free = NO_CELL;
}

/* Died between the copy of a word and the clearing of it: all that the split moves is in both. */
static void words_are_in_both(void)
{
    uint64_t n = bn_load_relaxed(&state->index_state) >> 1, high = (uint64_t)1 << bn_log2_floor(n);
    struct bn_bucket_rec *fresh = bn_index_bucket_at(store, n),
                         *old = bn_index_bucket_at(store, n - high);
    int n_moved = 0;
    for (int i = 0; i < 7; i++) {
        uint64_t word = bn_load_relaxed(&old->words[i]);
        const struct bn_cold_rec *cold =
            word != 0 ? bn_slot_cold(store, bn_index_slot(word)) : NULL;
        if (cold != NULL && (cold->hash_low & (2 * high - 1)) == n) {
            bn_store_release(&fresh->words[n_moved++], word);
        }
    }
    CHECK(n_moved > 0);
}

static void run_split(void (*damage)(void), int code, const char *word)
{
    int fds[IMAGES_N_FILES];
    images_write(IMAGES_REST, path, fds);
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    state = store->state;
    one = check_space(store, "one");
    begin_split();
    damage();
    CHECK_CODE(put(one, "nobody", 20), code);
    if (code != 0) {
        CHECK_DETAIL(word);
    } else {
        CHECK_SOUND(store);
    }
    brain_space_close(one);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

static void check_splits(void)
{
    run_split(nothing, 0, NULL);
    run_split(words_are_in_both, 0, NULL);
    run_split(fresh_bucket_is_full, C, "overflow lines");
}

/* Pages of the ledger become fewer while somebody goes through them. */
static void check_fewer_pages_of_pins(void)
{
    int fds[IMAGES_N_FILES];
    images_write(IMAGES_REST, path, fds);
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    uint32_t from = bn_load_relaxed(&store->clients->n_chunks) + 1;
    CHECK(bn_pin_bury_some(store, 77, &from));
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

/* In a process of its own, whose end says what it was if it crashes, or hangs. */
static void run_apart(const struct damaged *one_case)
{
    snprintf(check_note, sizeof check_note, "%s", one_case->name);
    pid_t pid = check_fork();
    if (pid == 0) {
        alarm(60);
        run(one_case);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

int main(void)
{
    check_begin();
    path = check_path();
    images_build(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_apart(&cases[i]);
    }
    check_note[0] = '\0';
    check_splits();
    check_fewer_pages_of_pins();
    return 0;
}
