# A get compares four bits of the hash, and the length of a name, but not the name.
# file: src/read.c
# run: test_brain 300000 2
# says: seed 0x2, step
/^BN_INLINE int is_named(/,/^}/ {
    s/return bn_slot_same(.*/return 1;/
}
/^BN_INLINE int search_chain(/,/^}/ {
    s/bn_index_matches(word, key->hash)/(word ^ key->hash) >> 60 == 0 \&\& (uint32_t)word != 0/
}
