# The short way of a put does not ask for the quota.
# file: src/replace.c
# run: test_quota 500 7
# says: put("b", 3): 0 (no error
s/bn_space_may_grow(put->space, put->size - was)/true/
