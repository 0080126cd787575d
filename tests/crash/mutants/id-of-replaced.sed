# An id of a value that was replaced leads to the one that has its name now.
# file: src/id.c
# run: store_model.py --programs 300
# says: in receive_refs
/^static int look_up(/,/^}/ {
    s/found->slot != id->slot || !is_use(.*) ||$/found->slot == 0 ||/
}
