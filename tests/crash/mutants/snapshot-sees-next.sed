# A snapshot has the change after it as well.
# file: src/read.c
# run: test_brain 5000 2
# says: view->version is
/^int bn_read_version(/,/^}/ {
    s/its <= number)/its <= number + 1)/
}
