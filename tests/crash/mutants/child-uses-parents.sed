# A child notes what it uses in pages of its parent.
# file: src/fork.c
# run: test_evict
# says: n_of_child
/bn_hits_forget(store);/d
