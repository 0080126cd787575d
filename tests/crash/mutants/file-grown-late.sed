# There are more pages for values before the file is longer.
# file: src/store.c
# run: test_every_instruction grow-file
/^int bn_store_extend(/,/^}/ {
    s/^    int err = lengthen(/    bn_raise64(\&store->state->backed[BN_REGION_VALUES], want);\n&/
}
