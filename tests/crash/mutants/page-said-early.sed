# A page is said to have memory before it is given some.
# file: src/stage.c
# run: test_every_instruction create-streamed-seal
/^int bn_stage_write(/,/^}/ {
    s/^            int os = err == 0 ? write_fresh(/            bn_alloc_set_backed(store, page + (uint32_t)first, n, true);\n&/
}
