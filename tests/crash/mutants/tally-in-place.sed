# The totals of a namespace are changed in place, so that readers see them before the commit.
# file: src/space.h
# run: test_frozen_writer put-new-small
# says: beside single gets: namespace a is there with
s/&tally\[!newer\]\.\(count\|bytes\)/\&tally[newer].\1/
