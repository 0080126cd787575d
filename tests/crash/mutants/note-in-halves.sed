# A note is set in two halves: who died in between left a number that nobody set.
# file: src/note.c
# run: test_every_instruction note
s/^        bn_store_relaxed(at, note);/        bn_store_release(bn_atomic32((uint32_t *)(void *)at), (uint32_t)note);\n        bn_store_release(bn_atomic32((uint32_t *)(void *)at + 1), (uint32_t)(note >> 32));/
