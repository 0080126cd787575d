# The library's own values go to make room.
# file: src/cold.c
# run: test_evicting 6000 3
# says: stat.live_bytes is
s/name\[0\] == BN_COLD_OWN_MARK;/name[0] == 0;/
