# A publish record is counted before it is written.
# file: src/journal.c
# run: test_every_instruction put-new-small
/^void bn_journal_publish/,/^}/ {
    /ONE_PUBLISH/d
    s/^    \*to = \*rec;/    bn_store_release(\&store->state->counts, (counts \& ~BN_JOURNAL_UNDO_MASK) + ONE_PUBLISH);\n&/
}
