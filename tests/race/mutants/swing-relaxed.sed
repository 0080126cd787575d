# The index word that makes a name lead to its slot publishes nothing: a reader sees a slot half filled.
# file: src/replace.c
s/bn_store_release(word_at(store, put->where), word);/bn_store_relaxed(word_at(store, put->where), word);/
