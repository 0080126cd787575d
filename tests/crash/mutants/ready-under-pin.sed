# A slot becomes ready although somebody pins it.
# file: src/reclaim.c
# run: test_every_instruction replace-ready-held
# says: a view has changed
s/!is_pinned(pins, n_pins, /!is_pinned(pins, 0 * n_pins, /
