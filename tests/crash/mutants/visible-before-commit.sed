# A slot is not marked pending: a batch is seen in part.
# file: src/txn.c
# run: test_frozen_writer batch
# histories: 180
s/bn_store_relaxed(&rec->pending, (uint8_t)1);/bn_store_relaxed(\&rec->pending, (uint8_t)0);/
