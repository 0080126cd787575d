# The index word is a plain store, which the compiler may tear or move.
# file: src/replace.c
s/bn_store_release(found->word, found->new_word);/*(uint64_t *)(void *)found->word = found->new_word;/
