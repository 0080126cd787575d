# A handle that sits down on a row that the process had kept leaves it KEPT: nobody reaps it.
# file: src/client.c
# run: test_every_instruction kept-row
/^int bn_client_seat_again(/,/^}/ {
    /bn_store_release(&rec->state, (uint32_t)BN_ROW_USED);/d
}
