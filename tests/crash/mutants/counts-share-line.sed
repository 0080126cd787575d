# Threads count in one line as if each had it alone.
# file: src/count.c
# run: test_counts
# says: lines[i] != lines[k]
s/bn_cas_seq(&lines_taken, &taken, taken | UINT64_C(1) << i)/bn_cas_seq(\&lines_taken, \&taken, taken)/
