# A get by a hint is no use of the value.
# file: src/name.c
# run: test_evict
# says: how 2
/bn_hits_note_if_wanted(space->store, bn_index_slot(hint->word));/d
