# A change wakes nobody.
# file: src/watch.c
# run: random_kills --kills 2000 --waiters 3 --late 5
s/^    uint32_t marks = bn_load_seq(&space->asleep);$/    uint32_t marks = 0;/
s/^    wake_rec(space);$//
