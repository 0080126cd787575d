# A bite is so many pages from the end of its block, with memory or without: the second one takes nothing.
# file: src/trim.c
# run: test_trim
/^static struct bite choose(/,/^}/ s/(struct bite){ start, n_max, false }/(struct bite){ n_pages - n_max, n_max, false }/
