# A new page of pins is not counted: nobody who frees looks at it.
# file: src/pin.c
# run: test_every_instruction get-grows-ledger
# says: the bytes of a value that somebody has
/^int bn_pin_claim_chunk(/,/^}/ {
    s/^        bn_raise32(&store->clients->n_chunks, i + 1);/        if (!is_ours) bn_raise32(\&store->clients->n_chunks, i + 1);/
}
