# A value that goes by the short way was put now, whatever its put said.
# file: src/replace.c
# run: test_brain 20000 2
# says: value->created_ns == 0 ||
s/ | value->created_ns | / | /
