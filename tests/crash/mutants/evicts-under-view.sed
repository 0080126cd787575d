# What is chosen to go may be in use.
# file: src/cold.c
# run: test_evict
# says: memcmp(views[0].name
s/^        if (!suspects->kept\[i\] && /        if (/
