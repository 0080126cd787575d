# Of what was let go of without the lock as many go as are freed in one holding.
# file: src/recover.c
# run: test_lock
/int bn_recover_drop_abandoned/,/^}/s/while (end != 0/if (end != 0/
