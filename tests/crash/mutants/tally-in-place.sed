# The totals of a namespace are changed in place, so that readers see them before the commit.
# file: src/space.c
# run: test_frozen_writer put-new-small
s/^    struct bn_tally_rec \*to = ours == .*/    struct bn_tally_rec *to = now == \&tally[0] ? \&tally[0] : \&tally[1];/
