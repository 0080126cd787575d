# A second view stands on the pin of the first, and falls with it.
# file: src/view.c
# run: test_every_instruction view-dup
# says: the bytes of a value that somebody has
/^int brain_view_dup(/,/^}/ {
    s/^    int err = bn_pin_take(store, view->object, &pin);/    int err = 0;\n    pin = view->pin;/
}
