# A slot of limbo is filled before it is the transaction's: limbo is counted with another size.
# file: src/replace.c
# run: test_every_instruction replace-ready-in-size
s/^enum likeness {/static uint32_t planted_n;\n&/
s/^    bn_journal_count(store, 1, n);/    planted_n = n;/
s/^    fill(store, put, fresh, likeness, number);/&\n    bn_journal_count(store, 1, planted_n);/
