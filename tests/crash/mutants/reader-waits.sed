# A reader of a pending slot waits for the commit instead of following the link to the older one.
# file: src/read.c
# run: test_frozen_writer replace-small
/^static int judge_pending/,/^}/ {
    s/^    uint32_t older = rec->older;/&\n    if (older != 0) {\n        return RETRY;\n    }/
}
