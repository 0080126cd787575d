# Of several changes of one name in a batch the first counts.
# file: src/batch.c
# run: test_brain 5000 2
# says: check_live(held_stores[0]) is
s/by_name : x->order < y->order ? -1 : 1/by_name : x->order < y->order ? 1 : -1/
