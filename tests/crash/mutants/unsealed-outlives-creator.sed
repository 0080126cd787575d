# An object that is not sealed counts as being written although its creator is dead.
# file: plasma/object.c
# run: test_every_instruction plasma-abort
# says: to get what is there
s/return brain_client_lives(objects->store, info->row, info->seat) != 0;/return objects != NULL \&\& info->row != UINT32_MAX;/
