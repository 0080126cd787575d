# The row of a child is in use from the child's first step on only: who dies in fork() leaves its pins.
# file: src/fork.c
# run: test_every_instruction fork
# says: bytes left in limbo
s/^    store->has_child_seat = true;/&\n    bn_store_release(\&bn_client_row(store, seat.row)->state, (uint32_t)BN_ROW_FREE);/
s/^        bn_client_sign(store, store->row);/&\n        bn_store_release(\&bn_client_row(store, store->row)->state, (uint32_t)BN_ROW_USED);/
