# The short way of a put does not look at the version that it is to replace.
# file: src/replace.c
# run: test_brain 5000 2
# says: (no error: ), not -3 (another version than expected)
s/put->extra->if_version == BRAIN_ANY_VERSION ||/put->extra->if_version != 0 ||/
