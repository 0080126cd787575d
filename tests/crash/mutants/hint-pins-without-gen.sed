# A reader that pins what a hint leads to does not look whether the slot was filled anew for another name.
# file: src/read.c
# run: test_stepped_reader twin
/^int bn_read_pin_hinted/,/^}/ {
    s/bn_load_relaxed(gen) == hint->gen/true/
}
