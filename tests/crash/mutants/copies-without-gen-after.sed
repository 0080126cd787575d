# A reader that has copied does not look whether the slot was filled anew meanwhile.
# file: src/copied.h
# run: test_stepped_reader put-until-back
/^BN_INLINE bool bn_copied_try/,/^}/ {
    s/bn_copied_stood_still(rec, gen, place, word)/bn_load_acquire(place) == word/
}
