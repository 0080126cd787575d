# What stands for a value was put when that was moved.
# file: src/write.c
# run: test_away
# says: brain_view_created_ns
s/^\( *\)\.created_ns = brain_view_created_ns(view) };/\1.created_ns = 0 };/
