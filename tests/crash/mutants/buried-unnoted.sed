# A removed namespace enters the list of the dead without a note: buried twice, it follows itself there.
# file: src/space.c
# run: test_every_instruction space-remove-under-snapshot
/^void bn_space_bury(/,/^}/ {
    s/bn_journal_u32(store, &store->state->space_dead, id);/bn_store_release(bn_atomic32(\&store->state->space_dead), id);/
}
