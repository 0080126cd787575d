# What stands for a value that was moved away is told with the number of the move for its version.
# file: src/slot.h
# run: test_away
# says: version is
/^BN_INLINE int bn_slot_version(/,/^}/ {
    s/bn_unlikely(rec->flags & BN_SLOT_AWAY)/rec == NULL/
}
