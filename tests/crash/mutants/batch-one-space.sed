# A batch changes the first of its namespaces alone, where the others are there already.
# file: src/write.c
# run: test_brain 5000 2
# says: check_live(held_stores[0]) is
/^static int find_all(/,/^}/ {
    s/^        writes\[i\]\.retires_extent =$/        change->is_skipped |= writes[i].maker == NULL \&\& writes[i].space != writes[0].space;\n&/
}
