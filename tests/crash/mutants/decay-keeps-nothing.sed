# Free memory goes back however much of it is to stay.
# file: src/trim.c
# run: test_trim
/^static uint64_t surplus(/,/^}/ s/has - needed > keep ? has - needed - keep/keep != 0 ? has - needed/
