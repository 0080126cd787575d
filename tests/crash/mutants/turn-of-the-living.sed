# Who finds it full makes room though somebody else is at it.
# file: src/turn.c
# run: test_make_room
# says: not -6 (timed out)
s/^        if (!is_taken(store, word)) {/        if (word == had) {/
