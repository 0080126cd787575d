# A bite is so many pages from the first of its block on, with memory or without: the second one takes nothing.
# file: src/trim.c
# run: test_trim
/^static struct bite choose(/,/^}/ {
    s/        bite.start = start;/        bite.start = 0;/
    s/        bite.n_pages = end - start;/        bite.n_pages = n_max;/
}
