# A change that goes the long way gives the number of the one before it.
# file: src/txn.c
# run: store_model.py --programs 300
# says: assert version > before
s/^    \*number_out = number;/    *number_out = number - 1;/
