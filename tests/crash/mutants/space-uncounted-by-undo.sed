# Who takes a new record for a namespace counts it without a note: after an undo it is counted still.
# file: src/space.c
# run: test_every_instruction space-create
/^int bn_space_take(/,/^}/ {
    s/bn_journal_u32(store, &state->n_spaces, id + 1)/bn_store_release(bn_atomic32(\&state->n_spaces), id + 1)/
}
