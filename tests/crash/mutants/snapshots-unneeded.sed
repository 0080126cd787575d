# What a snapshot needs is taken for needless.
# file: src/snap.c
# run: test_brain 5000 2
# says: check_is_filled(
/^bool bn_snap_needs(/,/^}/ {
    s/ <= snaps->numbers\[i\] &&/ > snaps->numbers[i] \&\&/
}
