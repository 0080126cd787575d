# A delete leaves its name in the count of the namespace.
# file: src/txn.c
# run: test_brain 5000 2
# says: are counted, the sum is
/^static void count(/,/^}/ {
    s/int64_t names = .*/int64_t names = change->is_delete ? 0 : (int64_t)!was;/
}
