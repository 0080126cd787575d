# Subscribers are told of a sealed object by a commit of its own.
# file: plasma/create.c
# run: test_every_instruction plasma-create
/^static int seal_and_tell(/,/^}/ {
    s/brain_object_seal_in(creation->object, telling.batch, objects->space,/brain_object_seal(creation->object, objects->space,/
    s/^    pl_queue_told(&telling);/    if (code == 0) code = brain_batch_commit(telling.batch, NULL);\n&/
}
