# Room is made for a change whose condition does not hold.
# file: src/protect.c
# run: test_make_room
# says: n_evicted
/^static int judge_version(/,/^}/ {
    s/^    return if_version == 0 && .*/    return 0;/
}
