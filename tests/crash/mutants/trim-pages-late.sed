# How many pages a trim has taken is said after the step that takes them: who died in between left a block without.
# file: src/txn.c
# run: test_every_instruction trim
/^int bn_txn_take_warm(/,/^}/ {
    /^        set_pages(store, \*slot_out, n_pages);/d
    s/^    return end_step(store, err);/    err = end_step(store, err);\n    if (err == 0) {\n        set_pages(store, *slot_out, n_pages);\n    }\n    return err;/
}
