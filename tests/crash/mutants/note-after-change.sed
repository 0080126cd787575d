# A word of the index is noted in the journal after it was changed: undo puts the new one back.
# file: src/txn.c
# run: test_every_instruction put-new-small
s|^    bn_journal_u64(store, change->word, \(.*\));|    bn_store_release(change->word, \1);\n    bn_journal_note(store, (void *)change->word);|
