# The row of a dead client is free before its snapshots have left it: whoever sits down there has them.
# file: src/recover.c
# run: test_every_instruction reap
/^static int bury_some(/,/^}/ {
    /^        bn_store_release(&rec->state, (uint32_t)BN_ROW_FREE);$/d
    s/^        bn_snap_bury(store, burial->row);/        bn_store_release(\&rec->state, (uint32_t)BN_ROW_FREE);\n&/
}
