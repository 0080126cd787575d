# A trim gives pages back first, and takes back afterwards what promises that they are there.
# file: src/trim.c
# run: test_every_instruction trim
/^static int trim_block(/,/^}/ {
    /^        bn_alloc_set_backed(store, from, n_gone, false);/d
    s/^        os = bn_os_punch(.*/&\n        bn_alloc_set_backed(store, from, n_gone, false);/
}
