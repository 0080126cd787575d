# A publish record is counted before it is written.
# file: src/journal.h
# run: test_every_instruction put-new-small
/^static inline void bn_journal_publish(/,/^}/ {
    s/^    bn_journal_write_publish(.*/    bn_store_release(\&store->state->counts, (counts \& ~BN_JOURNAL_UNDO_MASK) + BN_JOURNAL_ONE_PUBLISH);\n&/
    s/bn_journal_counts(store).n_publish,/bn_journal_counts(store).n_publish - 1,/
    /^    bn_store_release(&store->state->counts,$/,/;$/d
}
