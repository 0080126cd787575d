# A walk over names ends with the second segment of their list.
# file: src/snapshot.c
# run: store_model.py --programs 300
# says: assert sorted(brain.names(space)) == sorted(want)
/^static int next_segment(/,/^}/ {
    s/^    iter->n_segments++;/&\n    iter->segment = iter->n_segments < 2 ? iter->segment : 0;/
}
