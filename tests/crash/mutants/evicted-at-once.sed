# Who evicts marks objects as gone before it has looked whether somebody has them.
# file: plasma/evict.c
# run: test_every_instruction plasma-put-evicts
s/brain_view_swap_note(view, note, few->mark)/brain_view_swap_note(view, note, PL_NOTE_EVICTED)/
s/brain_view_swap_note(view, few->mark,/brain_view_swap_note(view, PL_NOTE_EVICTED,/
