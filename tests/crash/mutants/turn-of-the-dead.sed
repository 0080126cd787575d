# Who died while he made room has the turn for ever.
# file: src/turn.c
# run: test_every_instruction evict-after-death
# says: making room in it
s/ && bn_client_lives(store, row_of(word), now);/;/
