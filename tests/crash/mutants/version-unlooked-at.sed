# A put that is to replace a certain version replaces any.
# file: src/txn.c
# run: store_model.py --programs 300
# says: assert version is None
/^int bn_txn_find(/,/^}/ {
    s/change->if_version != version) {/change->if_version == 0 \&\& version != 0) {/
}
