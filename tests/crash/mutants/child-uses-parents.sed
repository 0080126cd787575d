# A child notes what it uses in pages of its parent.
# file: src/fork.c
# run: test_evict
# says: count_pages
/bn_hits_forget(store);/d
