# What is needed is what is in use just now: what a loop takes again goes back in between.
# file: src/trim.c
# run: test_trim
/^static uint64_t surplus(/,/^}/ s/(now > before ? now : before)/(now + before != 0 ? store->state->used_pages : 0)/
