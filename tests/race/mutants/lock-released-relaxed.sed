# The writer lock is given back before what was changed under it is there.
# file: src/lock.h
s/^    uint64_t word = bn_load_relaxed(&store->state->lock_word);$/&\n    if (word != 0) {\n        bn_store_relaxed(\&store->state->lock_word, word \& ~BN_LOCK_OWNER);\n        return;\n    }/
