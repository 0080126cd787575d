# An extent is as long as its slot says, whatever its record counts.
# file: src/alloc.c
# run: test_flips --image 2 --at 0 276859682 0
s/BN_BLOCK_COUNTED ? rec->next == n_pages$/BN_BLOCK_COUNTED ? n_pages != 0/
