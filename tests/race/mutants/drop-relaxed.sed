# A pin is gone before what was read under it has been read.
# file: src/pin.h
s/bn_store_release(bn_pin_cell(ledger, pin), 0u);/bn_store_relaxed(bn_pin_cell(ledger, pin), 0u);/
