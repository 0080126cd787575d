# The lock is taken over from the dead, and what was under way is left as it is.
# file: src/recover.c
# run: test_every_instruction put-new-small
# histories: 60
s/^    int err = bn_txn_recover(store);/    int err = store == NULL ? bn_txn_recover(store) : 0;/
