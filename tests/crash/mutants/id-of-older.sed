# An id leads to what its name has by now, though that be another version.
# file: src/id.c
# run: test_every_instruction get-by-id
# says: by id
/^static int look_up(/,/^}/ {
    s/^    if (found->slot != id->slot || !is_use(bn_slot_view(store, found->slot), id) ||/    if (/
}
