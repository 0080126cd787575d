# Of a store that is destroyed `data` goes first: who died then left a directory that nobody can open or remove.
# file: src/path.c
# run: test_birth_and_death
/^static int remove_files(/,/^}/ {
    s/i == 0 ? "clients" : "data"/i == 0 ? "data" : "clients"/
}
