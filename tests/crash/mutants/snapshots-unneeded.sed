# What a snapshot needs is taken for needless.
# file: src/snap.c
# run: test_brain 5000 2
# says: tests/unit/model.c
/^bool bn_snap_needs(/,/^}/ {
    s/ <= snaps->numbers\[i\] &&/ > snaps->numbers[i] \&\&/
}
