# An extent is as long as its slot says, though another begins in it.
# file: src/alloc.c
# run: test_flips --image 2 --at 0 276859682 0
s/^    for (uint64_t i = 1; i < n_pages && is_one; i++) {/    for (uint64_t i = 1; false \&\& i < n_pages; i++) {/
