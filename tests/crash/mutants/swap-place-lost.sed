# Whoever died between commit and swap: the slot that was replaced takes no place in limbo.
# file: src/txn.c
# run: test_every_instruction replace-ready
s/^    bn_slot_swap_limbo(store, rec->fresh/    if (store == NULL) bn_slot_swap_limbo(store, rec->fresh/
