# A delete leaves its name in the count of the namespace.
# file: src/txn.c
# run: test_brain 5000 2
# says: names of 24 bytes, but has
/^static void count(/,/^}/ {
    s/int64_t names = .*/int64_t names = change->is_delete ? 0 : (int64_t)(change->older_version == 0);/
}
