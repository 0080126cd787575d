# What was written in place is sealed: what is being written is counted less without a note.
# file: src/txn.c
# run: test_every_instruction create-in-place-seal
/^static int tidy_holder(/,/^}/ {
    s/bn_journal_u64(store, &store->state->private_bytes,/bn_store_relaxed(bn_atomic64(\&store->state->private_bytes),/
}
