# The library's own values go to make room.
# file: src/cold.c
# run: test_evicting 6000 3
# says: stat.live_bytes is
s/^#define OWN_MARK 0xff/#define OWN_MARK 0x100/
