# A large value is refused before it is known that it does not replace one as large.
# file: src/quota.c
# run: test_quota 500 7
# says: put("a", quota - 1)
s/change->size <= bytes || //
