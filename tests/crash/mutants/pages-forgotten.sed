# Pages that a dead client backed without saying so are taken for holes.
# file: src/recover.c
# run: test_every_instruction put-new-large-fresh
s/bn_txn_drop_private(store, slot, row, true)/bn_txn_drop_private(store, slot, row, false)/
