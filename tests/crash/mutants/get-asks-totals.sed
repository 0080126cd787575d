# A get looks at a total of the store that it has no need of: damage there is damage of every name.
# file: src/slot.c
# run: test_flips --image 0 --at 0 4543 7
s/^    if (bn_likely(!(rec->flags & BN_SLOT_EXTENT))) {/    if (store->state_view->limbo_bytes >> 40 != 0) {\n        return bn_error_corrupt("%s", store->path);\n    }\n&/
