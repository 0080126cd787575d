# Nobody but the short way of a put asks for the quota.
# file: src/write.c
# run: test_every_instruction put-within-quota
# says: a short put
/^static int check_quotas/,/^}/ s/int err = 0;/int err = 0; n = 0;/
