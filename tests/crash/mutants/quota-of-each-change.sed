# Of a batch each change is held against the quota by itself.
# file: src/write.c
# run: test_quota 500 7
# says: brain_batch_commit(batch, ((void *)0)): 0 (no error
s/if (i + 1 == n || !bn_write_same_space(.*/if (n > 0) {/
