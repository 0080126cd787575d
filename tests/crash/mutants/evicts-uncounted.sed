# What has gone to make room is not counted.
# file: src/evict.c
# run: test_evicting 6000 3
# says: stat.n_evicted
/bn_add_seq(&state->n_evicted/d
