# A slot is not marked pending: a batch is seen in part.
# file: src/txn.c
# run: test_frozen_writer batch
# histories: 180
s/BN_SLOT_AS(pending, 1)/BN_SLOT_AS(pending, 0)/
