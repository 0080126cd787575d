# Whoever died right after the commit is undone, although readers have seen the new state.
# file: src/txn.c
# run: test_every_instruction replace-small
# histories: 180
s/if (committed && !counts.tidying) {/if (committed \&\& !counts.tidying \&\& store == NULL) {/
