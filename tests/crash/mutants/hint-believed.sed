# A hint leads to what its slot has, though the name has another by now.
# file: src/copied.h
# run: test_brain 5000 2
# says: value->version is
/^BN_INLINE bool bn_copied_by_hint/,/^}/ {
    s/^    return bn_copied_stood_still(.*/    return place != NULL;/
}
