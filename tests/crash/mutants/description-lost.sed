# A put without a description drops the one that was there.
# file: src/txn.c
# run: test_brain 5000 2
# says: view->description_len is 0
s/return keeps ? BN_NEED_DESCRIPTION : 0;/return keeps \&\& store == NULL ? BN_NEED_DESCRIPTION : 0;/
