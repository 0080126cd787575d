# A reader that has copied does not look whether the slot is in the index still.
# file: src/copied.h
# run: test_stepped_reader other-sizes
# histories: 60
/^BN_INLINE bool bn_copied_stood_still/,/^}/ {
    s/return bn_load_acquire(place) == word/return (bn_load_acquire(place) | word) != 0/
}
