# A reader that has copied does not look whether the slot is in the index still.
# file: src/read.c
# run: test_stepped_reader other-sizes
s/if (bn_load_acquire(place) != word || bn_load_relaxed(gen_of(rec)) != gen)/if (bn_load_relaxed(gen_of(rec)) != gen)/
