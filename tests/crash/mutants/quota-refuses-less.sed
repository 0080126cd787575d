# What makes a namespace smaller is refused where it is above its quota.
# file: src/quota.c
# run: test_quota 500 7
# says: put("a", quota - 1)
s/if (more <= 0 || /if (/
