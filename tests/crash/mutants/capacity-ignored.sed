# A put has room however much there is already.
# file: src/txn.c
# run: test_brain 5000 7
# says: <= stat.capacity_bytes
/^bool bn_txn_has_room(/,/^}/ {
    s/return more <= capacity && .*/return live + more + capacity != 0;/
}
