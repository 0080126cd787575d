# A namespace is marked as removed without a note: who died before the commit has removed it, and not its name.
# file: src/txn.c
# run: test_every_instruction space-remove-under-snapshot
s/bn_journal_u64(store, &gone->removed, txn_number(store));/bn_store_release(\&gone->removed, txn_number(store));/
