# A bite gives back the memory of the whole block, and says so of its own pages alone.
# file: src/trim.c
# run: test_every_instruction decay
# says: are said to be backed, and are not
/^static int trim_block(/,/^}/ s/bn_os_punch(fd, bn_alloc_off(store, from), n_gone \* BN_PAGE)/bn_os_punch(fd, bn_alloc_off(store, page), n_pages * BN_PAGE)/
