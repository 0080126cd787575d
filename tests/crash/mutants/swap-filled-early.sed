# A slot of limbo is filled before it is the transaction's: limbo is counted with another size.
# file: src/replace.c
# run: test_every_instruction replace-ready-in-size
/^BN_INLINE bool replace/,/^}/ {
    /^    fill(store, put, &found, number);/d
    s/^    publish_and_note(.*/    fill(store, put, \&found, number);\n&/
}
