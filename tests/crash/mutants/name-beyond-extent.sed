# An extent has no room for the name that lies in it: it is written over what comes behind.
# file: src/slot.h
# run: test_every_instruction put-long-name
s/out->extent_bytes = out_there ? out->body_off + body_len : size;/out->extent_bytes = size;/
