# In the middle of a split a reader looks in the new bucket alone, where the name may not be yet.
# file: src/index.h
# run: test_frozen_writer put-grows-index
s/^    bucket\[0\] = bn_index_bucket(hash, n);/    bucket[0] = bn_index_bucket(hash, n + (word \& 1));/
