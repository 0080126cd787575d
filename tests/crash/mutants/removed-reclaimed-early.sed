# The names of a removed namespace leave the index although a snapshot looks behind the removal.
# file: src/reclaim.c
# run: test_frozen_writer space-remove-under-snapshot
s/if (oldest >= bn_load_relaxed(&space->removed)) {/if (oldest >= 1) {/
