# Who waits for the lock takes it over without asking whether its owner lives.
# file: src/lock.c
# run: random_kills --kills 2000
s/ || bn_client_alive(store, owner - 1)) {/) {/
