# A reader that pins what a hint leads to looks whether it stands there before it pins, and not behind that.
# file: src/read.c
# run: test_stepped_reader twin
/^int bn_read_pin_hinted/,/^}/ {
    s/^    BN_STEP(pin, found->slot, 0);/    bool stands = bn_load_seq(place) == hint->word \&\& bn_load_relaxed(bn_copied_gen_of(bn_slot_view(store, found->slot))) == hint->gen;\n&/
    s/bn_likely(bn_load_seq(place) == hint->word &&.*/stands \&\&/
    s/bn_load_relaxed(gen) == hint->gen)) {/gen != NULL) {/
}
