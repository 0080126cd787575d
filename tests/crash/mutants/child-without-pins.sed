# What a child inherits is not pinned by it.
# file: src/pin.c
# run: random_kills --kills 20000 --families 3
s/^        copy_cell(&from->cells\[k\], &copy->cells\[k\]);$/        (void)from;/
