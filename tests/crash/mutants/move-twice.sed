# A value that was moved away is moved once more by who saw it before that.
# file: src/txn.c
# run: test_away
# says: brain_move_away
s/change->moves != 0 && change->moves != change->older/change->moves != 0 \&\& change->older == 0/
