# What a large batch will need is reckoned from plain loads, without the lock, while others count.
# file: src/write.c
s/uint64_t n_slabs = bn_load_relaxed(bn_atomic32(&state->n_slabs));/uint64_t n_slabs = state->n_slabs;/
