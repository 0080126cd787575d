/* test_corrupt_values.c - pages of values, objects, and the sets of old and of private slots, that are wrong. */
#include "alloc.h"
#include "slot.h"

#include "corrupt.h"

static brain_object *object; /* some cases make it */

/* ---- calls */

static int delete_large(void)
{
    return brain_delete(one, "big1", 4, BRAIN_ANY_VERSION);
}
static int create_large(void)
{
    return brain_create(store, 20000, &object);
}
static int create_endless(void)
{
    return brain_create(store, (uint64_t)1 << 46, &object);
}
static int create_too_large(void)
{
    return brain_create(store, 16 * CHECK_MIB, &object);
}
static int seal(void)
{
    static const brain_value value = { .kind = BRAIN_KIND_BYTES };
    return brain_object_seal(object, one, "nobody", 6, &value, BRAIN_ANY_VERSION, NULL);
}
static void release_it(void)
{
    brain_object_release(object);
    object = NULL;
}
/* What is not its any more is not given back. */
static int release_object(void)
{
    uint32_t n = state->n_private;
    release_it();
    return state->n_private == n ? 0 : BRAIN_E_CORRUPT;
}
static int reap(void)
{
    return brain_reap(store, NULL);
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
static void lists_of_the_largest_lead_nowhere(void)
{
    for (int warm = 0; warm < 2; warm++) {
        state->block_orders[warm] = 1u << 31;
        state->block_free[warm][31] = 1;
    }
}
static void each_free(void (*change)(struct bn_block_rec *rec))
{
    for (uint32_t page = 0; page < bn_alloc_end(store); page++) {
        if (block_at(page)->state == BN_BLOCK_FREE) {
            change(block_at(page));
        }
    }
}
static void each_used(void (*change)(struct bn_block_rec *rec))
{
    for (uint32_t page = 0; page < bn_alloc_end(store); page++) {
        if (block_at(page)->state == BN_BLOCK_USED) {
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
static void set_order(struct bn_block_rec *rec)
{
    rec->order = 60;
}
static void set_huge_order(struct bn_block_rec *rec)
{
    rec->order = 25;
}
static void set_state(struct bn_block_rec *rec)
{
    rec->state = 9;
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
static void free_blocks_are_endless(void)
{
    each_free(set_order);
}
static void free_blocks_are_huge(void)
{
    each_free(set_huge_order);
}
static void free_blocks_are_nothing(void)
{
    each_free(set_state);
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
static void no_page_number_is_left(void)
{
    no_address_is_left();
    store->region_bytes[BN_REGION_VALUES] = (uint64_t)BN_PAGE << 32;
}
static void capacity_is_endless(void)
{
    bn_store_release(&state->capacity_bytes, UINT64_MAX / 2);
}
static void orders_are_none(void)
{
    state->block_orders[0] = state->block_orders[1] = UINT32_MAX;
    all_lists(0);
}

/* ---- objects */

static void extent_of_object_is_beyond(void)
{
    CHECK_OK(create_large());
    state->value_end = 0;
}
static void owner_of_object_is_another(void)
{
    CHECK_OK(create_large());
    uint32_t *private = (uint32_t *)(void *)bn_region_at(store, BN_REGION_PRIVATE);
    bn_slot_set_state(bn_slot_cold(store, private[state->n_private - 1]), BN_SLOT_PRIVATE, 99);
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

static void set_fewer(struct bn_block_rec *rec)
{
    rec->next--;
}
static void set_other_order(struct bn_block_rec *rec)
{
    rec->order = 3;
}
static void extents_count_too_few(void)
{
    each_used(set_fewer);
}
static void extents_are_in_a_list(void)
{
    each_used(set_prev);
}
static void extents_are_warm(void)
{
    each_used(set_warm);
}
static void extents_have_an_order(void)
{
    each_used(set_other_order);
}

/* ---- a record in the middle of an extent says that a free block begins there: nobody's page is given out */

static uint8_t filled[4 * BN_PAGE];

static void put_filled(const char *name, uint64_t n_pages)
{
    check_fill(filled, n_pages * BN_PAGE, (uint8_t)*name);
    CHECK_OK(brain_put_bytes(one, name, strlen(name), filled, n_pages * BN_PAGE));
}
static void check_filled(const char *name)
{
    brain_view view;
    CHECK_OK(brain_get(one, name, strlen(name), &view));
    CHECK(check_is_filled(view.data, view.size_bytes, (uint8_t)*name));
    brain_view_drop(&view);
}
static void free_middle_of(const char *name)
{
    struct bn_block_rec *rec = block_at(rec_of(one, name)->page + 2);
    CHECK(rec->state == BN_BLOCK_NONE);
    rec->state = BN_BLOCK_FREE;
    CHECK_CODE(check(), BRAIN_E_CORRUPT);
}
static int put_where_it_was(void)
{
    put_filled("a", 4);
    free_middle_of("a");
    CHECK_OK(brain_delete(one, "a", 1, BRAIN_ANY_VERSION));
    CHECK_OK(trim());
    put_filled("f", 3);
    put_filled("t", 2);
    check_filled("f");
    check_filled("t");
    return 0;
}
static int put_beside_it(void)
{
    put_filled("a", 3);
    char name[16] = "b";
    for (int i = 0; i == 0 || rec_of(one, name)->page != rec_of(one, "a")->page + 3; i++) {
        snprintf(name, sizeof name, "b%d", i); /* until it is the buddy, if that were free */
        put_filled(name, 1);
    }
    free_middle_of("a");
    CHECK_OK(brain_delete(one, name, strlen(name), BRAIN_ANY_VERSION));
    CHECK_OK(trim());
    put_filled("c", 2);
    check_filled("a");
    check_filled("c");
    return 0;
}

/* ---- the table */

static const struct corrupt_case cases[] = {
    CASE(limbo_names_none, trim, 0, NULL),
    CASE(limbo_ends_with_none, trim, C, "there is no slot"),
    CASE(limbo_ends_with_none, check, C, ""),
    CASE(limbo_counts_too_many, put_over_large, C, ""),
    CASE(private_names_none, reap, C, "set of unpublished slots"),
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
    CASE(lists_lead_nowhere, delete_large, 0, NULL),
    CASE(free_blocks_are_endless, check, C, ""),
    CASE(free_blocks_are_nothing, check, C, ""),
    CASE(free_blocks_are_endless, create_large, C, "free blocks"),
    CASE(owner_of_object_is_another, release_object, 0, NULL),
    CASE(pages_of_object_are_none, release_object, 0, NULL),
    CASE(pages_of_object_are_too_many, release_object, 0, NULL),
    CASE(free_blocks_are_huge, check, C, ""),
    CASE(limbo_names_none, create_too_large, BRAIN_E_FULL, ""),
    CASE(lists_of_the_largest_lead_nowhere, create_large, C, "free blocks"),
    CASE(extents_count_too_few, check, C, ""),
    CASE(extents_count_too_few, delete_large, 0, NULL),
    CASE(extents_are_in_a_list, check, C, "counts"),
    CASE(extents_are_warm, check, C, "counts"),
    CASE(extents_have_an_order, check, C, "counts 0 pages"),
    CASE(extents_count_too_few, trim, C, "not recorded as one"),
    CASE(nothing, put_where_it_was, 0, NULL),
    CASE(nothing, put_beside_it, 0, NULL),
    CASE(no_page_number_is_left, create_large, BRAIN_E_FULL, "address space"),
};

int main(void)
{
    corrupt_begin();
    corrupt_run(cases, sizeof cases / sizeof *cases, release_it);
    return 0;
}
