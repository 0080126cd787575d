# Subscribers are told of the end of an object by a commit of its own.
# file: plasma/remove.c
# run: test_every_instruction plasma-delete-held
/^int pl_remove_version(/,/^}/ {
    s/brain_batch_delete_if(telling.batch, objects->space, id, BRAIN_ID_BYTES, version)/brain_delete(objects->space, id, BRAIN_ID_BYTES, version)/
}
