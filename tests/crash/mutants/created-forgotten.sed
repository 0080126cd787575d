# A value that goes by the short way was put now, whatever its put said.
# file: src/replace.c
# run: test_replace
# says: try_put_created(space, 1): 0
s/ | value->created_ns | / | /
