# What who is told of an event fails in takes the place of the text of the last error.
# file: src/event.c
# run: test_events
# says: lacks "has the mode"
/^    bn_error_bring_back(detail);/d
