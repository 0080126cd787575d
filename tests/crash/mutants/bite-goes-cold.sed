# A block of which a bite was given back counts as one without memory: the rest of it never goes.
# file: src/trim.c
# run: test_trim
s/slot, !bite.is_last/slot, false/
