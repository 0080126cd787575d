# What is in limbo is freed without a look at the pins.
# file: src/reclaim.c
s/if (suspects->kept\[i\] ||/if ((suspects->kept[i] \&\& store == NULL) ||/
