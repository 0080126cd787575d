# A resize takes the old capacity away before it gives the new one.
# file: src/resize.c
# run: test_every_instruction resize
s/^        bn_store_seq(&store->state->capacity_bytes, capacity_bytes);/        bn_store_seq(\&store->state->capacity_bytes, (uint64_t)0);\n&/
