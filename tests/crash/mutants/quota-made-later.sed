# A namespace is made for its quota, and has it a step later.
# file: src/namespace.c
# run: test_every_instruction space-quota
s/bytes != 0 ? bn_write_make_space(space, bytes) : 0;/bn_write_make_space(space, 0) == 0 ? bn_quota_set(space, bytes) : 0;/
