/* test_corrupt_journal.c - what a death seems to have left is wrong: the lock and the journal. */
#include "../../src/check.h"

#include "journal.h"
#include "lock.h"
#include "slot.h"

#include "corrupt.h"

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

/* ---- the table */

static const struct corrupt_case cases[] = {
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
    CASE(journal_counts_one_note, check_as_it_is, C, "under way"),
    CASE(split_is_under_way, check_as_it_is, C, "under way"),
};

int main(void)
{
    corrupt_begin();
    corrupt_run(cases, sizeof cases / sizeof *cases, NULL);
    return 0;
}
