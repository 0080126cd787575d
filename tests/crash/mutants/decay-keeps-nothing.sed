# Free memory goes back however much of it is to stay.
# file: src/trim.c
# run: test_trim
/^static uint64_t surplus(/,/^}/ s/bn_trim_keep_free(store)/0/
