# A forked child counts where its parent does.
# file: src/fork.c
# run: test_counts
# says: memcmp(&its, &mine
/^        bn_count_forget(store);/d
