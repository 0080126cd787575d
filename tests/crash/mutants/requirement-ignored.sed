# A condition without a change holds whatever the version is.
# file: src/write.c
# run: test_brain 5000 2
# says: is_a_code(0)
/^static int judge_condition(/,/^}/ {
    s/bool holds = /bool holds = is_number || /
    s/^    bool holds/    bool is_number = write->change.if_version != 0;\n&/
}
