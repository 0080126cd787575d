# What is chosen to go may be in use.
# file: src/cold.c
# run: test_evict
# says: views[0].size_bytes == 10002
s/^        if (!suspects->kept\[i\] && /        if (/
