# Who lets go of an extent without the lock has nobody look for it: it stays until somebody reaps.
# file: src/recover.c
# run: test_lock
/bn_slot_abandon(store, slot, cold);/,/}/s/ask_for_look(store);//
