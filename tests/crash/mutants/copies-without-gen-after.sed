# A reader that has copied does not look whether the slot was filled anew meanwhile.
# file: src/read.c
# run: test_stepped_reader put-until-back
s/if (bn_load_acquire(place) != word || bn_load_relaxed(gen_of(rec)) != gen)/if (bn_load_acquire(place) != word)/
