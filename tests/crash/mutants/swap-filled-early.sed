# A slot of limbo is filled before it is the transaction's: limbo is counted with another size.
# file: src/replace.c
# run: test_every_instruction replace-ready-in-size
/^    bn_journal_publish(store, rec);/d
s/^    fill(store, put, &found, number);/&\n    bn_journal_publish(store, rec);/
