# A reader that has copied does not look whether the slot was filled anew meanwhile.
# file: src/read.c
# run: test_stepped_reader put-until-back
/^BN_INLINE bool try_copy/,/^}/ {
    s/stood_still(rec, gen, place, word)/bn_load_acquire(place) == word/
}
