# An append begins at the page that the one before ended in.
# file: src/object.c
# run: test_brain 5000 3
# says: check_is_filled(view->data
s/^        err = bn_stage_write(object->store, object->page, object->filled_bytes, data, size_bytes);/        err = bn_stage_write(object->store, object->page, object->filled_bytes \& ~(uint64_t)4095, data, size_bytes);/
