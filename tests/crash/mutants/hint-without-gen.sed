# A hint leads to whatever use its slot has under the same word.
# file: src/read.c
# run: test_stepped_reader twin
/^bool bn_read_hinted/,/^}/ {
    s/ == hint->gen &&/ != 0 \&\&/
    s/hint->gen, place/bn_load_acquire(gen_of(bn_slot_view(store, bn_index_slot(hint->word)))), place/
}
