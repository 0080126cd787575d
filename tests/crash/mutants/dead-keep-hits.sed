# The pages of what the dead have used stay.
# file: src/pin.c
# run: test_evict
# says: count_pages
s/if ((owner & ~BN_CHUNK_HITS) == life + 1) {/if (owner == life + 1) {/
