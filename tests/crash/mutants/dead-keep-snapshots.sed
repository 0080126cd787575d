# The snapshots of a dead client stay in its row, for whoever sits down there next.
# file: src/recover.c
# run: test_every_instruction snapshot
/^static int bury_some(/,/^}/ {
    /^        bn_snap_bury(store, burial->row);/d
}
