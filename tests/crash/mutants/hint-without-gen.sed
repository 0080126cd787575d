# A hint leads to whatever use its slot has under the same word.
# file: src/copied.h
# run: test_stepped_reader twin
# histories: 60
/^BN_INLINE bool bn_copied_by_hint/,/^}/ {
    s/bn_copied_stood_still(rec, hint->gen,/bn_copied_stood_still(rec, rec->gen,/
}
