# An object whose data went elsewhere at the seal keeps the extent that it was written in.
# file: src/object.c
# run: test_every_instruction create-streamed-long-name
# says: private bytes left
s/^    if (write->was_handed_over && write->is_borrowed) {/    if (write->was_handed_over) {/
