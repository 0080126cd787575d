# What was being written and is sealed leaves its set, whose count changes without a note.
# file: src/slot.c
# run: test_every_instruction create-seal
/^int bn_set_remove(/,/^}/ {
    s/^    bn_journal_u32(store, set_count(store, set), n - 1);/    bn_store_release(bn_atomic32(set_count(store, set)), n - 1);/
}
