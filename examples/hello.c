/* hello.c - makes a store, puts a value into it, gets it back, and removes the store.
 *
 *     cc hello.c $(pkg-config --cflags --libs libbrain) -o hello && ./hello /tmp/hello
 *
 * It refuses a store that exists: that is somebody's, and would be removed.
 */
#include <brain.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    brain_store *store = NULL;
    brain_space *space = NULL;
    brain_view view;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXCLUSIVE;
    int rc = brain_open(argc > 1 ? argv[1] : "/tmp/hello", &options, &store);
    if (rc == 0) rc = brain_space_open(store, "default", 7, &space);
    if (rc == 0) rc = brain_put_bytes(space, "greeting", 8, "hello from shared memory", 24);
    if (rc == 0) rc = brain_get(space, "greeting", 8, &view);
    if (rc == 0) {
        printf("%.*s\n", (int)view.size_bytes, (const char *)view.data);
        brain_view_drop(&view);
        rc = brain_destroy(store);
    }
    if (rc != 0) fprintf(stderr, "hello: %s: %s\n", brain_strerror(rc), brain_error_detail());
    brain_space_close(space);
    brain_close(store);
    return rc != 0;
}
