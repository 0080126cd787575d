/* test_corrupt_names.c - lists of names and namespaces that are wrong. */
#include "handle.h"
#include "names.h"
#include "pin.h"
#include "slot.h"
#include "space.h"

#include "corrupt.h"

/* ---- what is there */

static struct bn_slot_rec *entry_of(brain_space *space)
{
    return bn_slot_at(store, bn_load_relaxed(&space_rec(space)->entry));
}
static struct bn_segment_rec *segment_at(uint32_t segment)
{
    return (struct bn_segment_rec *)(void *)(bn_region_at(store, BN_REGION_NAMES) +
                                             (size_t)segment * 4);
}
static struct bn_space_id_rec *id_rec(void)
{
    const uint8_t *data, *body;
    CHECK_OK(bn_slot_locate(store, bn_load_relaxed(&space_rec(one)->entry), &data, &body));
    return (struct bn_space_id_rec *)(void *)(store->data + (data - store->view));
}

/* ---- calls */

static int count(void)
{
    uint64_t n;
    return brain_space_count(one, &n);
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
static int set_quota(void)
{
    return brain_space_set_quota(one, 1000);
}
static int remove_one(void)
{
    return brain_space_remove(one);
}
/* Of all namespaces, or of this one: what is damaged is left out, and no view is left behind. */
static int coldest_in(brain_space *space)
{
    brain_view views[BRAIN_COLDEST_MAX];
    size_t n = 0;
    int err = brain_coldest(store, space, 0, views, BRAIN_COLDEST_MAX, &n);
    for (size_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    CHECK_U64(bn_pin_count_own(store), 0);
    return err;
}
static int coldest_of_all(void)
{
    return coldest_in(NULL);
}
static int coldest_of_one(void)
{
    return coldest_in(one);
}
static int walk_spaces(void)
{
    brain_iter *iter = NULL;
    int err = brain_iter_spaces(store, NULL, &iter);
    CHECK((err == 0) == (iter != NULL));
    brain_iter_free(iter);
    return err;
}
static int exists_anew(void)
{
    brain_space *again = check_space(store, "one");
    int err = brain_space_exists(again);
    brain_space_close(again);
    return err;
}
/* Puts, until one of them has to look for values that may go. */
static int put_until_full(void)
{
    static const uint8_t bytes[1 << 16];
    uint64_t n = state->capacity_bytes / sizeof bytes + 1;
    int err = brain_set_full(store, BRAIN_FULL_LRU);
    for (uint64_t i = 0; i < n && err == 0; i++) {
        err = brain_put_bytes(one, &i, sizeof i, bytes, sizeof bytes);
    }
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

/* ---- namespaces */

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
static void entry_is_a_value(void)
{
    bn_store_release(&space_rec(one)->entry, slot_of(one, "n9"));
}
static void entry_of_space_is_none(void)
{
    bn_store_release(&space_rec(one)->entry, NO_SLOT);
}
static void entry_of_space_is_too_long(void)
{
    entry_of(one)->size_low = 100000;
}
static void space_is_marked_as_removed(void)
{
    bn_store_release(&space_rec(one)->removed, 1u);
}
static void first_segment_is_none(void)
{
    bn_store_release(&space_rec(one)->first_segment, NO_CELL);
}
static void first_segment_is_anothers(void)
{
    bn_store_release(&space_rec(one)->first_segment,
                     bn_load_relaxed(&space_rec(two)->first_segment));
}
static void space_was_changed_later(void)
{
    bn_store_release(&space_rec(one)->moved, bn_load_relaxed(&state->committed) + 5);
}
static void entry_is_a_tombstone(void)
{
    entry_of(one)->flags |= BN_SLOT_TOMB;
}
static void entry_has_the_id_of_another(void)
{
    id_rec()->id = id_of(two);
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
static void spaces_end_early(void)
{
    store->region_bytes[BN_REGION_SPACES] = 0;
}
static void spaces_are_counted_beyond(void)
{
    state->n_spaces = UINT32_MAX;
}
static void no_space_is_left(void)
{
    CHECK_OK(trim());
    region_ends(BN_REGION_SPACES);
    state->space_free = 0;
    state->n_spaces =
        (uint32_t)(store->region_bytes[BN_REGION_SPACES] / sizeof(struct bn_space_rec));
}

/* ---- the namespace of a value whose view was taken before */

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

/* ---- names of namespaces with the same hash */

static void keys_are_the_same(void)
{
    two->key = one->key; /* of this process alone */
}

/* Each has a value of its own, and none is taken for another's, in whatever order they are put. */
static int put_to_all(brain_space *const spaces[3], bool backwards)
{
    brain_batch *batch;
    brain_view view;
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t size = backwards ? 3 - i : i + 1;
        brain_part part = { .data = "abc", .size_bytes = size };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        CHECK_OK(brain_batch_put(batch, spaces[size - 1], "of all", 6, &value));
    }
    int err = brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    for (uint64_t i = 0; i < 3 && err == 0; i++) {
        CHECK_OK(brain_get(spaces[i], "of all", 6, &view));
        CHECK_U64(view.size_bytes, i + 1);
        brain_view_drop(&view);
    }
    return err;
}

static int batch_of_all(void)
{
    brain_space *still = check_space(store, "still"), *spaces[] = { one, two, still };
    CHECK_OK(brain_space_exists(still));
    still->key = one->key;
    int err = put_to_all(spaces, false);
    err = err != 0 ? err : put_to_all(spaces, true);
    brain_space_close(still);
    return err;
}

/* ---- a namespace whose removal could leave its names to others: it is removed, whatever is wrong with them */

static brain_space *many;

static void make_many(void)
{
    many = check_space(store, "many");
    for (uint32_t i = 0; i < 70; i++) {
        CHECK_OK(brain_put_bytes(many, &i, sizeof i, "1", 1));
    }
}
static void many_names_are_none(void)
{
    bn_store_release(&space_rec(many)->first_segment, NO_CELL);
}
static void many_names_are_not_listed(void)
{
    bn_store_release(&space_rec(many)->first_segment, 0u);
}
static void many_cells_name_no_slot(void)
{
    uint32_t first = bn_load_relaxed(&space_rec(many)->first_segment) + BN_SEGMENT_HEAD_CELLS;
    bn_store_release(bn_names_cell(store, first), 0u);
    bn_store_release(bn_names_cell(store, first + 1), NO_SLOT & ~BN_CELL_HOLE);
}
static int remove_many(void)
{
    int err = brain_space_remove(many);
    CHECK_CODE(brain_space_exists(many), BRAIN_E_NOT_FOUND);
    brain_space_close(many);
    return err;
}

/* ---- the table */

static const struct corrupt_case cases[] = {
    CASE(hole_is_none, put_new, C, "holes"),
    CASE(hole_holds_a_name, put_new, C, "holes"),
    CASE(hole_is_none, check, C, ""),
    CASE(hole_holds_a_name, check, C, "is listed as a hole"),
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
    CASE(entry_leads_nowhere, walk, C, "namespace"),
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
    CASE(nothing, space_of_another_entry, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_of_no_name, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_of_long_name, C, "longer than slots"),
    CASE(nothing, space_of_extent, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_of_no_kind, C, "record of a namespace"),
    CASE(nothing, space_of_root, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, space_by_walk, C, "list of names"),
    CASE(nothing, space_by_walk_that_ends, 0, NULL),
    CASE(no_space_is_left, make_space, BRAIN_E_FULL, ""),
    CASE(entry_is_a_tombstone, check, C, ""),
    CASE(entry_is_a_value, check, C, ""),
    CASE(entry_of_space_is_none, coldest_of_all, 0, NULL),
    CASE(entry_of_space_is_too_long, coldest_of_all, 0, NULL),
    CASE(entry_has_no_name, coldest_of_all, 0, NULL),
    CASE(space_is_marked_as_removed, coldest_of_all, 0, NULL),
    CASE(first_segment_is_none, coldest_of_one, 0, NULL),
    CASE(first_segment_is_anothers, coldest_of_one, 0, NULL),
    CASE(root_is_not_there, walk_spaces, C, "no namespace 0"),
    CASE(root_is_not_there, set_quota, C, ""),
    CASE(space_is_marked_as_removed, set_quota, C, "record of a namespace"),
    CASE(root_is_not_there, put_over_large, C, ""),
    CASE(root_is_not_there, coldest_of_one, C, ""),
    CASE(entry_is_no_namespace, remove_one, C, "record of a namespace"),
    CASE(entry_leads_nowhere, remove_one, C, "record of a namespace"),
    CASE(entry_has_another_gen, remove_one, C, "record of a namespace"),
    CASE(space_was_changed_later, check, C, "was moved by commit"),
    CASE(free_segment_is_too_small, check, C, ""),
    CASE(free_segments_are_none, check, C, ""),
    CASE(entry_has_the_id_of_another, check, C, ""),
    CASE(spaces_are_counted_beyond, check, C, ""),
    CASE(spaces_are_counted_beyond, put_until_full, C, "number of namespaces"),
    CASE(nothing, put_until_full, 0, NULL),
    CASE(entry_has_another_gen, check, C, ""),
    CASE(spaces_end_early, exists_anew, C, "record of a namespace"),
    CASE(nothing, space_of_entry_beyond, 0, NULL),
    CASE(segments_go_beyond_the_names, walk, C, "list of names"),
    CASE(last_segment_goes_beyond_the_names, put_new, C, "list of names"),
    CASE(first_segment_is_no_line, walk, C, "list of names"),
    CASE(keys_are_the_same, batch_of_all, 0, NULL),
    CASE_WITH(dead_space_is_none, remove_many, 0, NULL, make_many),
    CASE_WITH(many_names_are_none, remove_many, 0, NULL, make_many),
    CASE_WITH(many_names_are_not_listed, remove_many, 0, NULL, make_many),
    CASE_WITH(many_cells_name_no_slot, remove_many, 0, NULL, make_many),
};

int main(void)
{
    corrupt_begin();
    corrupt_run(cases, sizeof cases / sizeof *cases, NULL);
    return 0;
}
