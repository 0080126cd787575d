# A reader that copies takes the size from before its look at the word: of the use before, perhaps.
# file: src/copied.h
# run: test_stepped_reader refill-alike
/^BN_INLINE bool bn_copied_try/,/^}/ {
    s|^    uint32_t gen = bn_load_acquire(bn_copied_gen_of(rec));.*|    uint64_t size_gen = bn_load_acquire(\&from[BN_SLOT_WORD_SIZE_GEN]);\n    uint32_t gen = (uint32_t)BN_SLOT_FIELD(gen, size_gen);|
    /^    uint64_t size_gen = bn_load_relaxed/d
}
