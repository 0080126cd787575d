# How much of a region is in use is read by plain loads, without the lock, while others count.
# file: src/store.c
# by: record
s/return bn_load_acquire(bn_atomic32(count));/return *count;/
