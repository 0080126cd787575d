# An id leads to whatever value has its slot by now.
# file: src/id.c
# run: test_brain 5000 2
# says: (no error: ), not -1 (not found)
s/^    if (BN_SLOT_FIELD(gen, .*) != id->gen ||$/    if (id->slot == 0 ||/
/^static bool is_use(/,/^}/ {
    s/return .*/return rec != NULL \&\& id != NULL;/
}
