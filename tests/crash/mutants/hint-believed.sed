# A hint leads to what its slot has, though the name has another by now.
# file: src/read.c
# run: test_brain 5000 2
# says: value->version is
/^bool bn_read_hinted/,/^}/ {
    s/^    return stood_still(.*/    return store->view + hint->place != NULL;/
    /^                       (const _Atomic/,/^                       hint->word);/d
}
