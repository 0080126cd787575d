# A put that is refused keeps the extent that it had filled.
# file: src/name.c
# run: test_every_instruction put-if-version
# says: private bytes left
s/^    if (bn_unlikely(write.change.holder != 0 ||/    if (bn_unlikely((err == 0 \&\& write.change.holder != 0) ||/
