# The totals of a namespace are changed in place, so that readers see them before the commit.
# file: src/space.h
# run: test_frozen_writer put-new-small
# says: beside single gets: namespace a is there with
s/bn_store_release(&older->\(count\|bytes\)/bn_store_release(\&tally[newer].\1/
