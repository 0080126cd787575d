# A hint leads to whatever use its slot has under the same word.
# file: src/read.c
# run: test_stepped_reader twin
# histories: 60
/^bool bn_read_hinted/,/^}/ {
    s/stood_still(rec, hint->gen,/stood_still(rec, rec->gen,/
}
