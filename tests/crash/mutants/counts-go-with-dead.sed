# The page of counts goes with the pins of the dead.
# file: src/pin.c
# run: test_counts
# says: BRAIN_COUNT_HITS
s/if ((owner & ~BN_CHUNK_HITS) == life + 1) {/if ((owner \& ~(BN_CHUNK_HITS | BN_CHUNK_COUNTS)) == life + 1) {/
