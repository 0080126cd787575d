# A note is counted before it is written: a death in between makes recovery read an old one.
# file: src/journal.h
# run: test_every_instruction put-new-small
/^static inline void bn_journal_note(/,/^}/ {
    /counts + 1/d
    s/^    bn_journal_write_note/    bn_store_release(\&store->state->counts, counts + 1);\n&/
}
