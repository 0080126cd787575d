# The short way of a put takes what stands for a value for a value: the version that it compares is the move's.
# file: src/slot.h
# run: test_away
s/BN_SLOT_TOMB | BN_SLOT_EXTENT | BN_SLOT_AWAY)$/BN_SLOT_TOMB | BN_SLOT_EXTENT)/
