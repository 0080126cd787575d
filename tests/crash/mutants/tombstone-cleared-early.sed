# A tombstone is cleared although a snapshot still needs the link behind it.
# file: src/txn.c
# run: test_frozen_writer delete-small
# histories: 60
s/} else if (bn_snap_oldest(store) < rec->number) {/} else if (bn_snap_oldest(store) == 0) {/
