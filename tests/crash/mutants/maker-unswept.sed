# What a dead maker left is not removed by the next one.
# file: src/path.c
# run: test_birth_and_death
/^    sweep(parent_fd);/d
