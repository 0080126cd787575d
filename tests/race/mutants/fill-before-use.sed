# A slot that was taken for a large value is filled by plain stores beside readers that copy it.
# file: src/txn.c
s/^    bn_store_relaxed(&word\[0\], txn_number(store));/    rec->number = txn_number(store);/
