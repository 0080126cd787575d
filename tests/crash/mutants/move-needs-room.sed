# A value is moved away from a full store only if there is room for what stands for it.
# file: src/write.c
# run: test_away
# says: bytes were asked for
s/change->holder == 0 && change->moves == 0 ? change->size : 0/change->holder == 0 ? change->size : 0/
