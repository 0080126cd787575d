# A handle that is closed gives its row back although it has views.
# file: src/attach.c
# run: test_every_instruction close-with-view
# says: close-with-view, undisturbed, fails
/^bool bn_attach_end_if_unused(/,/^}/ {
    s/ && bn_pin_count_own(store) == 0;/;/
}
