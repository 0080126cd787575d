# Who does not get the lock to give an extent back keeps its name on it: it stays until the process ends.
# file: src/recover.c
# run: test_lock
s/cold != NULL && bn_slot_abandon(cold, store->row)/cold != NULL/
