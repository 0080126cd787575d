# The index word is a plain store, which the compiler may tear or move.
# file: src/replace.c
s/bn_store_release(word_at(store, put->where), word);/*(uint64_t *)(void *)word_at(store, put->where) = word;/
