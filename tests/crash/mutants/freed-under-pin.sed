# What is in limbo is freed without a look at the pins.
# file: src/reclaim.c
# run: test_frozen_writer replace-large-twice
# histories: 60
s/if (suspects->kept\[i\] ||/if ((suspects->kept[i] \&\& store == NULL) ||/
