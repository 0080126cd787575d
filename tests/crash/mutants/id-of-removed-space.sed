# An id leads to a value whose namespace was removed, as long as a snapshot keeps it.
# file: src/id.c
# run: test_brain 5000 2
# says: (no error: ), not -1 (not found)
/^static int look_up(/,/^}/ {
    s/^        !bn_space_stands(store, space, gen)) {/        gen == 0) {/
}
