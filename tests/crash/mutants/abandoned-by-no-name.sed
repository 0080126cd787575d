# Who does not get the lock to give an extent back keeps its name on it: it stays until the process ends.
# file: src/recover.c
# run: test_lock
s/bn_slot_abandon(store, slot, cold);//
