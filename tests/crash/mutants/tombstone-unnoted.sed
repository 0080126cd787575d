# A tombstone that is replaced goes to limbo without a note of its place: undone, it says that it is in limbo.
# file: src/txn.c
# run: test_every_instruction put-over-tombstone
/^static int tidy_older(/,/^}/ {
    /^        bn_journal_note($/,/;/d
}
