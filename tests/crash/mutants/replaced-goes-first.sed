# What a put replaces goes for it though others could.
# file: src/evict.c
# run: test_evict
s/if (!bn_protect_spares(round->store, .*)) {/if (true) {/
