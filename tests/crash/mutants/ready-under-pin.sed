# A slot becomes ready although somebody pins it.
# file: src/reclaim.c
# run: test_every_instruction replace-ready-held
# says: a view has changed
s/ && !bn_pin_set_may_hold(&pins, spare.slot)) {/) {/
