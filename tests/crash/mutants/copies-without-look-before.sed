# A reader copies without having seen that the slot is in the index still, after its look at gen.
# file: src/copied.h
# run: test_stepped_reader refill-partly-and-end
/^BN_INLINE bool bn_copied_try/,/^}/ {
    s/if (bn_load_acquire(place) != word) {/if (bn_load_acquire(place) == 0) {/
}
