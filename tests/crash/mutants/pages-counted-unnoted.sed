# How many pages are in extents is counted without a note: an undone step leaves them counted.
# file: src/alloc.c
# run: test_every_instruction put-new-large-fresh
/^static uint32_t count_more(/,/^}/ s/bn_journal_u32(store, &store->state->used_pages, n)/store->state->used_pages = n/
