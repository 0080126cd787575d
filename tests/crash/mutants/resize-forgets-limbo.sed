# A store is made smaller than what is live and in limbo together.
# file: src/resize.c
# run: test_resize
/^static uint64_t sum(/,/^}/ s/ + use.limbo//
