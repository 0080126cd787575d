# What is undone is believed, whatever the hash of its record says.
# file: src/journal.c
# run: test_hostile
/^static bool read_note/,/^}/ {
    s/^    return (rec_out->off_check & ~BN_JOURNAL_OFF_MASK) ==/    return (rec_out->off_check \& ~BN_JOURNAL_OFF_MASK) >= 0 * (bn_off)/
}
