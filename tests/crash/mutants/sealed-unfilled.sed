# An object is sealed before it is full.
# file: src/object.c
# run: test_every_instruction create-streamed-seal
# says: a seal of what is not full
s/object->is_streamed && object->filled_bytes != object->size_bytes/object->is_streamed \&\& object->filled_bytes > object->size_bytes/
