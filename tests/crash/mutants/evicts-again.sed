# What has gone to make room, and is in use, does not count as coming: more goes.
# file: src/stage.c
# run: test_evict
# says: maker.n_calls is
s/^    if (missing <= coming) {/    coming = 0;\n&/
