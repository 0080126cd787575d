# A wait is told before the lock is let go of.
# file: src/recover.c
# run: test_events
# says: lock_word
s/bn_event_note(store, BRAIN_EVENT_WAITED, waited_ns, "%s", "");/bn_event_tell(store, \&(brain_event){ .kind = BRAIN_EVENT_WAITED, .bytes = waited_ns });/
