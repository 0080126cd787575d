# A move counts as a change of its namespace: who waits for one is woken for nothing.
# file: src/txn.c
# run: test_away
# says: seen is
s/^        bn_space_note_move(store, space);/        (void)space;/
