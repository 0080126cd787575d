# A word of the index is noted in the journal after it was changed: undo puts the new one back.
# file: src/txn.c
# run: test_every_instruction put-new-small
/^int bn_txn_swing/,/^}/ {
    /^    bn_journal_note(store, place);/d
    s|^    bn_store_release(place, word); .*|&\n    bn_journal_note(store, place);|
}
