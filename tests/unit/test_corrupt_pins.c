/* test_corrupt_pins.c - pages of pins that are wrong, and views that are found by an address. */
#include "alloc.h"
#include "pin.h"
#include "slot.h"

#include "corrupt.h"

/* ---- pages of pins */

static int pins(void)
{
    size_t n;
    return brain_pins(store, NULL, 0, &n);
}
static void pins_go_beyond_the_page(void)
{
    bn_store_release(&store->ledger.chunks[0]->top, 5000u);
}
static void page_of_pins_is_nobodys(void)
{
    bn_store_release(&store->ledger.chunks[0]->owner, BN_LIVES_MAX + 7);
}
/* A second page of counts of its row, or one that has cells of pins besides. */
static void page_of_pins_has_counts(void)
{
    bn_store_release(&store->ledger.chunks[0]->owner, (store->row + 1) | BN_CHUNK_COUNTS);
}
static void pages_of_counts_are_two(void)
{
    for (uint32_t i = 0; i < bn_pin_n_chunks(store); i++) {
        struct bn_chunk_rec *chunk = (struct bn_chunk_rec *)(uintptr_t)bn_pin_chunk(store, i);
        bn_store_release(&chunk->top, 0u);
        bn_store_release(&chunk->owner, (store->row + 1) | BN_CHUNK_COUNTS);
    }
}
static void make_two_pages(void)
{
    static brain_view views[BN_CHUNK_CELLS + 1];
    for (uint32_t i = 0; i < sizeof views / sizeof *views; i++) {
        CHECK_OK(brain_get(one, "n9", 2, &views[i]));
    }
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

/* ---- views by an address */

static void cold_record_has_no_shape(void)
{
    bn_slab_at(store, slot_of(one, "n9") / BN_SLAB_LINES)->shape.n_slots = 60000;
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

/* ---- the table */

static const struct corrupt_case cases[] = {
    CASE(pins_go_beyond_the_page, pins, 0, NULL),
    CASE(pins_go_beyond_the_page, stat_get, 0, NULL),
    CASE(pins_go_beyond_the_page, find_holder, 0, NULL),
    CASE(pins_go_beyond_the_page, put_over_large, 0, NULL),
    CASE(pins_go_beyond_the_page, view_at, 0, NULL),
    CASE(page_of_pins_is_nobodys, pins, 0, NULL),
    CASE(page_of_pins_is_nobodys, stat_get, 0, NULL),
    CASE(page_of_pins_has_counts, check, C, "counts"),
    CASE_WITH(pages_of_counts_are_two, check, C, "a second page of counts", make_two_pages),
    CASE(nothing, view_at_large, BRAIN_E_NOT_FOUND, ""),
    CASE(slot_is_of_no_class, view_at, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_of_nothing, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_of_no_slot, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_among_many_pages, BRAIN_E_NOT_FOUND, ""),
    CASE(pins_go_beyond_the_page, view_of_nothing, BRAIN_E_NOT_FOUND, ""),
    CASE(page_of_pins_is_nobodys, view_of_nothing, BRAIN_E_NOT_FOUND, ""),
    CASE(nothing, view_at_longer_slot, C, "longer than slots"),
    CASE(nothing, view_at_without_shape, BRAIN_E_NOT_FOUND, ""),
};

/* Pages of the ledger become fewer while somebody goes through them. */
static void check_fewer_pages_of_pins(void)
{
    corrupt_open();
    uint32_t from = bn_load_relaxed(&store->clients->n_chunks) + 1;
    CHECK(bn_pin_bury_some(store, 77, &from));
    corrupt_close();
}

int main(void)
{
    corrupt_begin();
    corrupt_run(cases, sizeof cases / sizeof *cases, NULL);
    check_fewer_pages_of_pins();
    return 0;
}
