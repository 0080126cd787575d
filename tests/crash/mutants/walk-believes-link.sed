# A walk believes what it finds behind a link, though that was undone.
# file: src/snapshot.c
# run: test_undone_link third-segment-smaller
s/^        if (iter->n_since != 0 && !leads_here(iter)) {/        if (iter->n_since != 0 \&\& iter->segment == 1 \&\& !leads_here(iter)) {/
