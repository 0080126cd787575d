# The next namespace in a record has the quota of the one before.
# file: src/space.c
# run: test_quota 500 7
# says: quota_now is 100, quota is 0
s/bn_store_release(&rec->quota, quota);/if (quota != 0) &/
