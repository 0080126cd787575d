# What was copied by its name counts, though the namespace went meanwhile.
# file: src/handle.h
# run: test_replace
/^BN_INLINE bool bn_handle_copy(/,/^}/ {
    s/ && bn_handle_stands(space, ref);/ \&\& ref.id != 0;/
}
