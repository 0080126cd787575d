# Who takes a second view does not say that pins have moved: a scan may miss both.
# file: src/view.c
# run: test_moving_view replace-large-twice
/(void)bn_add_seq(&store->clients->moves, 1u);/d
