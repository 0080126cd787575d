# set_many() of Python puts one name after the other, each by a commit of its own.
# file: python/ext/many.c
# run: test_every_instruction python-set-many
/^static int put_batch(/,/^}/ {
    s/^ *tried);$/&\n        if (code == 0) code = brain_batch_commit(batch, NULL);/
}
