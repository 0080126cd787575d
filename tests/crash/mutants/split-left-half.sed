# A split of the index that somebody died in is not completed.
# file: src/index.c
# run: test_every_instruction put-grows-index
s/return (word & 1) == 0 ? 0 : finish_split(store, n_buckets(store));/return (word \& 1) == 0 || store != NULL ? 0 : finish_split(store, n_buckets(store));/
