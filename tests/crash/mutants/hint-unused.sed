# A get by a hint is no use of the value.
# file: src/name.c
# run: test_evict
# says: how 2
/^BN_NOINLINE static int copy_hinted/,/^}/ {
    s/give_copied(space, hint->word, &copied, name, name_len, view_out);/show_copied(\&copied, name, name_len, view_out);/
}
