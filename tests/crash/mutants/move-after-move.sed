# A second move takes the first for the last change of the namespace.
# file: src/space.c
# run: test_away
# says: brain_wait_space
s/if (last > bn_load_relaxed(&rec->moved)) {/if (last != 0) {/
