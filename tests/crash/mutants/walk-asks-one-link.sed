# A walk asks whether the link that it came by still stands, and not whether those before do.
# file: src/snapshot.c
# run: test_undone_link behind-new-names
s/^        if (iter->n_since != 0 && !leads_here(iter)) {/        if (iter->n_since == 1 \&\& !leads_here(iter)) {/
