# A get whose pin was none tells nobody to look after what it may have kept.
# file: src/read.c
# run: test_passing_pin
s/^    leave_look(store, [a-z]*);$//
