/* test_corrupt_slots.c - slots and slabs that are wrong: what finds a value by its name or its id, what takes and gives
 * back a slot, and the shortest way of a put.
 */
#include "alloc.h"
#include "handle.h"
#include "index.h"
#include "pin.h"
#include "slot.h"

#include "corrupt.h"

static brain_hint hint; /* of n9, where slots are ready */

/* ---- calls */

static int get_large(void)
{
    return get(one, "big1");
}
static int get_outside(void)
{
    return get(two, "outside0");
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
static int put_tiny(void)
{
    return put(one, "t", 1);
}

static int exists_large(void)
{
    uint64_t version;
    return brain_exists(one, "big1", 4, &version);
}
/* Of those that it had got before, no view is left. */
static int coldest(void)
{
    brain_view views[BRAIN_COLDEST_MAX];
    size_t n = 77;
    int err = brain_coldest(store, one, 0, views, BRAIN_COLDEST_MAX, &n);
    CHECK_U64(n, 77);
    CHECK_U64(bn_pin_count_own(store), 0);
    return err;
}

/* It tells of "big1", and of as much as there is. */
static int coldest_of_all(void)
{
    brain_view views[BRAIN_COLDEST_MAX];
    size_t n, n_large = 0;
    int err = brain_coldest(store, NULL, 0, views, BRAIN_COLDEST_MAX, &n);
    for (size_t i = 0; err == 0 && i < n; i++) {
        n_large += views[i].name_len == 4 && memcmp(views[i].name, "big1", 4) == 0;
        brain_view_drop(&views[i]);
    }
    CHECK_U64(n_large, err == 0);
    return err;
}

/* ---- slots */

static void slot_is_longer_than_slots(void)
{
    rec_of(one, "n9")->size_low = 100000;
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
/* A slot of one line, the last there is, which says that it is longer. */
static void slot_goes_beyond_the_slots(void)
{
    _Atomic uint64_t *word = word_of(one, "n9");
    struct bn_slot_rec *rec = bn_slot_at(store, last_line());
    memcpy((void *)rec, (const void *)rec_of(one, "n9"), BN_LINE);
    rec->size_low = 1000;
    bn_store_release(word, (bn_load_relaxed(word) >> 32 << 32) | last_line());
}

/* ---- what stands for a value that is elsewhere: 9 bytes, and the version of that value */

static void move_large_away(void)
{
    brain_view view;
    CHECK_OK(brain_get(one, "big1", 4, &view));
    CHECK_OK(brain_move_away(&view, "elsewhere", 9));
    brain_view_drop(&view);
}
static void set_version_of_away(int byte)
{
    struct bn_slot_rec *rec = rec_of(one, "big1");
    CHECK((rec->flags & BN_SLOT_AWAY) != 0 && bn_slot_size(rec) == 9 + BN_SLOT_VERSION_BYTES);
    memset((uint8_t *)rec + BN_SLOT_HEAD + 9, byte, BN_SLOT_VERSION_BYTES);
}
static void away_is_of_no_version(void)
{
    set_version_of_away(0);
}
static void away_is_of_a_later_version(void)
{
    set_version_of_away(0xff);
}
static void away_has_no_room_for_a_version(void)
{
    struct bn_slot_rec *rec = rec_of(one, "big1");
    rec->size_low = BN_SLOT_VERSION_BYTES;
    memcpy((uint8_t *)rec + BN_SLOT_HEAD + BN_SLOT_VERSION_BYTES, "big1", 4);
}
static void away_is_longer_than_slots(void)
{
    rec_of(one, "big1")->size_low = 100000;
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
static void set_words_of_slabs(uint64_t bits)
{
    for (int i = 0; i < BN_N_CLASSES; i++) {
        if (state->slab_partial[i] != 0) {
            bn_slab_at(store, state->slab_partial[i] - 1)->free_word |= bits;
        }
    }
    bn_ready_clear(store);
}
static void slabs_count_too_many_free(void)
{
    set_words_of_slabs((uint64_t)0xffff << 16);
}
static void slabs_count_too_many_never_taken(void)
{
    set_words_of_slabs((uint64_t)0xffff << 32);
}
static void first_free_slots_are_none(void)
{
    set_words_of_slabs(0xffff);
}
static void next_free_slots_are_none(void)
{
    for (int i = 0; i < BN_N_CLASSES; i++) {
        uint32_t slab = state->slab_partial[i];
        if (slab != 0) {
            struct bn_slab_rec *rec = bn_slab_at(store, slab - 1);
            struct bn_cold_rec *cold = (struct bn_cold_rec *)(void *)(rec + 1);
            rec->free_word = (rec->free_word & ~(uint64_t)0xffff) | 1;
            bn_slot_set_state(&cold[0], BN_SLOT_FREE, 0);
            cold[0].set_idx = 60000;
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
/* A slab of which no slot is free; those that have some are none. */
static void full_slab_goes_before_none(void)
{
    CHECK_OK(delete_small());
    for (uint32_t slab = 0; slab < state->n_slabs; slab++) {
        bn_slab_at(store, slab)->free_word &= ~(uint64_t)0xffff0000;
    }
    partial_slabs_are_none();
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

/* ---- ids that were taken before */

static void set_block_of_outside_free(void)
{
    block_at(rec_of(two, "outside0")->page)->state = BN_BLOCK_FREE;
}
static void blocks_are_endless(void)
{
    bn_store_release(&state->backed[BN_REGION_BLOCKS], (uint64_t)1 << 60);
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
/* As if this process held as many views as it can. */
static void no_view_is_left(void)
{
    struct bn_chunk_rec *chunk = store->ledger.chunks[0];
    for (uint32_t i = 0; i < BN_CHUNK_CELLS; i++) {
        bn_store_seq(&chunk->cells[i], BN_PIN_NOTHING);
    }
    bn_store_seq(&chunk->top, BN_CHUNK_CELLS);
    for (uint32_t i = 1; i < BN_LEDGER_CHUNKS_MAX; i++) {
        store->ledger.chunks[i] = chunk;
    }
    bn_store_release(&store->ledger.n_chunks, BN_LEDGER_CHUNKS_MAX);
}
static int id_of_small_without_views(void)
{
    return by_id_of(one, "n9", no_view_is_left);
}
/* By a hint: it is not told that the name is missing, or another's. */
static int hinted_without_views(void)
{
    _Alignas(8) uint8_t room[100];
    brain_hint its = { 0 };
    brain_view view;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(brain_get_or_copy(one, "big1", 4, &its, room, sizeof room, &view));
        brain_view_drop(&view);
    }
    CHECK(its.space != 0);
    no_view_is_left();
    return brain_get_or_copy(one, "big1", 4, &its, room, sizeof room, &view);
}
static int id_of_large_beyond(void)
{
    return by_id_of(one, "big1", extent_lies_beyond);
}

/* ---- extents */

/* As an earlier version made them: it did not count. */
static void extents_are_not_counted(void)
{
    for (uint32_t page = 0; page < bn_alloc_end(store); page++) {
        if (block_at(page)->state == BN_BLOCK_USED) {
            block_at(page)->order = 0;
            block_at(page)->next = 0;
        }
    }
}
static void a_free_block_is_not_aligned(void)
{
    for (uint32_t page = 0; page < bn_alloc_end(store); page++) {
        struct bn_block_rec *block = block_at(page);
        uint32_t n_pages = 2u << block->order % BN_N_ORDERS;
        if (block->state == BN_BLOCK_FREE && page % n_pages != 0 &&
            page + n_pages <= bn_alloc_end(store)) {
            block->order++;
            return;
        }
    }
    check_fail(__FILE__, __LINE__, "no free block could be of the next size");
}
static void leave_free_blocks(void)
{
    CHECK_OK(put(one, "a", 4096 * 3));
    CHECK_OK(put(one, "b", 4096 * 3));
    CHECK_OK(put(one, "c", 4096 * 3));
    CHECK_OK(put(one, "d", 4096 * 24));
    CHECK_OK(brain_delete(one, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(one, "c", 1, BRAIN_ANY_VERSION));
    CHECK_OK(trim());
}

/* ---- checks that nothing but a check looks at */

static void cold_record_is_another_slabs(void)
{
    struct bn_slab_rec *slab = bn_slab_at(store, slot_of(one, "n9") / BN_SLAB_LINES);
    slab->shape.n_slots = 60000;
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

/* ---- what the shortest way of a put looks at */

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
static int try_put_that_stays(void)
{
    int err = try_put();
    CHECK_U64(cold_of(one, "n9")->expiry_s, 0);
    return err;
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
static void each_ready(void (*change)(const struct bn_spare *spare))
{
    uint32_t n = 0;
    for (int c = 0; c < BN_N_CLASSES; c++) {
        for (uint32_t i = 0; i < bn_load_relaxed(&store->spares[c].n_ready); i++, n++) {
            change(&store->spares[c].of[i]);
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
        bn_store_relaxed(&store->spares[c].n, bn_load_relaxed(&store->spares[c].n_ready));
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

/* ---- the table */

static const struct corrupt_case cases[] = {
    CASE(slot_is_of_no_class, delete_small, C, "names slot"),
    CASE(slot_is_of_no_class, check, C, ""),
    CASE(slot_is_longer_than_slots, get_small, C, "longer than slots"),
    CASE_WITH(slot_is_longer_than_slots, snapshot_small, C, "longer than slots", take_snapshot),
    CASE(slot_is_longer_than_slots, walk, C, "longer than slots"),
    CASE(slot_beside_extent_is_longer, get_large, C, "longer than slots"),
    CASE(extent_lies_beyond, get_large, C, ""),
    CASE(body_lies_beyond, get_outside, C, ""),
    CASE(name_is_in_an_extent_beyond, get_small, C, ""),
    CASE(name_is_in_an_extent_beyond, delete_small, C, ""),
    CASE(older_is_no_slot, get_small, C, "names slot"),
    CASE_WITH(versions_have_no_end, snapshot_small, C, "versions behind", take_snapshot),
    CASE_WITH(version_behind_is_no_slot, snapshot_small, C, "names slot", take_snapshot),
    CASE(cell_of_slot_is_none, put_over_large, 0, NULL),
    CASE(cell_of_slot_is_none, delete_small, C, "list of names"),
    CASE(partial_slabs_are_none, put_new, C, "slabs"),
    CASE(partial_slabs_are_of_another_class, put_new, C, "slabs"),
    CASE(slabs_count_no_free_slots, put_new, C, "counts its slots wrong"),
    CASE(slabs_count_too_many_free, put_new, C, "counts its slots wrong"),
    CASE(slabs_count_too_many_never_taken, put_new, C, "counts its slots wrong"),
    CASE(first_free_slots_are_none, put_new, C, "counts its slots wrong"),
    CASE(next_free_slots_are_none, put_new, C, "the free slots of slab"),
    CASE(free_slabs_are_none, put_new, C, "free slabs"),
    CASE(free_slab_has_a_class, put_new, C, "free slabs"),
    CASE(free_slab_is_linked_to_none, put_new, C, "slabs"),
    CASE(free_slab_is_linked_back_to_none, put_new, C, "slabs"),
    CASE(nothing, id_of_outside, 0, NULL),
    CASE(nothing, id_of_outside_without_extent, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_outside_without_blocks, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_outside_beyond, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_small_without_views, BRAIN_E_BUSY, "views"),
    CASE(nothing, hinted_without_views, BRAIN_E_BUSY, "views"),
    CASE(extent_lies_beyond, put_over_large, C, ""),
    CASE(blocks_are_endless, id_of_outside_beyond, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_outside_without_pages, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, id_of_large_beyond, C, ""),
    CASE(no_slab_is_left, put_new, BRAIN_E_FULL, ""),
    CASE(no_slab_is_left, put_tiny, BRAIN_E_FULL, ""),
    CASE(cold_record_is_another_slabs, check, C, ""),
    CASE(a_value_is_of_no_space, check, C, ""),
    CASE(a_value_is_of_a_later_commit, check, C, ""),
    CASE(a_slot_is_in_no_state, check, C, ""),
    CASE(a_slot_is_in_no_state, delete_small, 0, NULL),
    CASE(full_slab_goes_before_none, trim, C, "slabs"),
    CASE(partial_slabs_are_none, delete_small, C, "slabs"),
    CASE(nothing, put_small_of_middle, BRAIN_E_BUSY, ""),
    CASE(word_names_no_slot, try_put, BRAIN_E_BUSY, ""),
    CASE(slot_is_of_no_class, try_put, BRAIN_E_BUSY, ""),
    CASE(chains_lead_beyond, try_put, BRAIN_E_BUSY, ""),
    CASE(index_counts_too_many_buckets, try_put, BRAIN_E_BUSY, ""),
    CASE(cell_of_slot_is_none, try_put, BRAIN_E_BUSY, ""),
    CASE(cell_of_slot_is_none, put_over_small, C, "list of names"),
    CASE(root_is_not_there, try_put, BRAIN_E_BUSY, ""),
    CASE(slot_is_longer_than_slots, try_put, BRAIN_E_BUSY, ""),
    CASE_WITH(word_names_no_slot, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(slot_is_of_no_class, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(chains_lead_beyond, try_put, 0, NULL, make_ready),
    CASE_WITH(index_counts_too_many_buckets, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(cell_of_slot_is_none, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(root_is_not_there, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(slot_is_longer_than_slots, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(space_is_removed, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(space_is_another, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(name_is_longer, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(value_is_of_another_space, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(description_is_there, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(size_is_huge, try_put_hinted, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(size_is_large, try_put_hinted, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(metadata_are_long, try_put_hinted, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(ready_slots_are_beyond_limbo, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(ready_slots_are_in_no_place, try_put, BRAIN_E_BUSY, "", make_ready),
    CASE_WITH(ready_slots_expire, try_put_that_stays, 0, NULL, make_ready),
    CASE(slot_goes_beyond_the_slots, get_small, C, "longer than slots"),
    CASE(slot_goes_beyond_the_slots, delete_small, C, ""),
    CASE(partial_slabs_are_none, put_tiny, C, "slabs"),
    CASE(extent_lies_beyond, coldest, C, ""),
    CASE_WITH(away_is_of_no_version, get_large, C, "which version", move_large_away),
    CASE_WITH(away_is_of_no_version, exists_large, C, "which version", move_large_away),
    CASE_WITH(away_is_of_no_version, put_over_large, C, "which version", move_large_away),
    CASE_WITH(away_is_of_no_version, check, C, "", move_large_away),
    CASE_WITH(away_is_of_a_later_version, get_large, C, "which version", move_large_away),
    CASE_WITH(away_has_no_room_for_a_version, exists_large, C, "which version", move_large_away),
    CASE_WITH(away_is_longer_than_slots, exists_large, C, "longer than slots", move_large_away),
    CASE(nothing, coldest_of_all, 0, NULL),
    CASE(extents_are_not_counted, coldest_of_all, 0, NULL),
    CASE(extents_are_not_counted, check, 0, NULL),
    CASE(extents_are_not_counted, trim, 0, NULL),
    CASE_WITH(a_free_block_is_not_aligned, check, C, "not aligned", leave_free_blocks),
};

int main(void)
{
    corrupt_begin();
    corrupt_run(cases, sizeof cases / sizeof *cases, NULL);
    return 0;
}
