# Changes take apart nothing of what removals have left.
# file: src/reclaim.c
# run: test_reclaim
# says: n_entries(scene.store) is
s/^    int err = reclaim_removed(store, waits, is_due ? steps_max(store) : n_steps, &freed_extent);/    int err = waits \&\& n_steps == 0 ? 1 : 0;/
