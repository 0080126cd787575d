# The bytes of a namespace that is removed stay in use.
# file: src/txn.c
# run: store_model.py --programs 300
# says: assert self.brains[0].used() ==
/^static void count(/,/^}/ {
    s/-(int64_t)bn_load_relaxed(&had->bytes)/(int64_t)0 * (int64_t)bn_load_relaxed(\&had->bytes)/
}
