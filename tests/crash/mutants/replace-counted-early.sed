# The short way of a put counts its publish record and notes before they are written.
# file: src/replace.c
# run: test_every_instruction replace-ready
s/^    bn_journal_write_publish(store, 0,/    bn_journal_count(store, 1, 3);\n&/
/^    bn_journal_count(store, 1, n);/d
