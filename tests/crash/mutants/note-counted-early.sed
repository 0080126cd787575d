# A note is counted before it is written: a death in between makes recovery read an old one.
# file: src/journal.h
# run: test_every_instruction put-new-small
/^static inline void bn_journal_note/,/^}/ {
    /counts + 1/d
    s/^    uint64_t old = .*/&\n    bn_store_release(\&store->state->counts, counts + 1);/
}
