# What a dead client had taken and not published is not given back.
# file: src/recover.c
# run: test_every_instruction create-abort
s/^    err = drop_unpublished(store, burial->row, &burial->private_end);/    err = store == NULL ? drop_unpublished(store, burial->row, \&burial->private_end) : 0;\n    burial->private_end = 0;/
