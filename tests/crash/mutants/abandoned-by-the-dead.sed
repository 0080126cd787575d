# Nobody looks for what was let go of by a process that died right after that: it stays until another lets go.
# file: src/recover.c
# run: test_every_instruction create-let-go
/bn_snap_bury(store, burial->row);/,/bn_store_release/s/ask_for_look(store);//
