# A publish record is counted before it is written.
# file: src/journal.h
# run: test_every_instruction put-new-small
/^BN_INLINE void bn_journal_publish(/,/^}/ {
    s/^    rec.check = .*/    bn_store_release(\&store->state->counts, (counts \& ~BN_JOURNAL_UNDO_MASK) + BN_JOURNAL_ONE_PUBLISH);\n&/
    /^    bn_store_release(&store->state->counts,$/,/;$/d
}
