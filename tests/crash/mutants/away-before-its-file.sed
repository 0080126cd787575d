# What stands for an object that is evicted to a file is put before the file is there.
# file: plasma/evict.c
# run: test_every_instruction plasma-evict-external
/^static int move_away/,/^}/ {
    s/int code = pl_external_write(external, objects, &few->view\[i\]);/int code = put_stand_in(objects, few, i);/
    s/if (code == 0) code = put_stand_in(objects, few, i);/if (code == 0) code = pl_external_write(external, objects, \&few->view[i]);/
}
