# The index word that makes a name lead to its slot publishes nothing: a reader sees a slot half filled.
# file: src/replace.c
s/bn_store_release(found->word, found->new_word);/bn_store_relaxed(found->word, found->new_word);/
