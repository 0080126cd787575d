# Who lets go of an extent without the lock has nobody look for it: it stays until somebody reaps.
# file: src/recover.c
# run: test_lock
/bn_slot_abandon(cold, store->row)/,/}/s/bn_store_ask_for_look(store);//
