# Who looks whether slots may be used again overlooks what the last page of pins holds.
# file: src/pin.c
# run: test_replace
# says: memcmp(views[i].data, data, strlen(data)) == 0
/^int bn_pin_collect(/,/^}/ {
    s/for (uint32_t k = 0; k < top; k++) {/for (uint32_t k = 0; i + 1 < n \&\& k < top; k++) {/
}
