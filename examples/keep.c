/* keep.c - values that outlive their store: a dump, and a home.
 *
 * usage: keep FOLDER    an empty one, on a disk
 *
 * Build, where libbrain_disk is installed:
 *     cc keep.c $(pkg-config --cflags --libs libbrain_disk) -o keep
 */
#include <brain_disk.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what, const char *detail)
{
    fprintf(stderr, "keep: %s: %s\n", what, detail);
    return 1;
}

/* A store with nothing in it. */
static int make(const char *path, brain_store **store)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = 1000000;
    options.flags = BRAIN_OPEN_EXCLUSIVE;
    return brain_open(path, &options, store);
}

/* As a reboot does. */
static int lose(brain_store *store)
{
    int err = brain_destroy(store);
    brain_close(store);
    return err;
}

static int show(brain_store *store, const char *after)
{
    brain_space *space;
    brain_view view;
    if (brain_space_open(store, "default", 7, &space) != 0 ||
        brain_get(space, "greeting", 8, &view) != 0) {
        return fail("nothing came back", brain_error_detail());
    }
    printf("after %s: %.*s\n", after, (int)view.size_bytes, (const char *)view.data);
    brain_view_drop(&view);
    brain_space_close(space);
    return 0;
}

int main(int argc, char **argv)
{
    char path[1000], dump[1000], home[1000];
    brain_store *store;
    brain_space *space;
    if (argc != 2 || strlen(argv[1]) > 900) {
        return fail("usage", "keep FOLDER");
    }
    snprintf(path, sizeof path, "%s/store", argv[1]);
    snprintf(dump, sizeof dump, "%s/all.brain", argv[1]);
    snprintf(home, sizeof home, "%s/home", argv[1]);

    if (make(path, &store) != 0 || brain_space_open(store, "default", 7, &space) != 0 ||
        brain_put_bytes(space, "greeting", 8, "hello from the disk", 19) != 0) {
        return fail("no store", brain_error_detail());
    }
    brain_space_close(space);
    if (brain_dump(store, dump, NULL, NULL) != 0 || brain_sync(store, home, NULL, NULL) != 0) {
        return fail("nothing was kept", brain_disk_error_detail());
    }
    if (lose(store) != 0 || make(path, &store) != 0) {
        return fail("no other store", brain_error_detail());
    }
    if (brain_load(store, dump, NULL, NULL) != 0) {
        return fail("the dump", brain_disk_error_detail());
    }
    if (show(store, "a dump") != 0 || lose(store) != 0 || make(path, &store) != 0) {
        return fail("no other store", brain_error_detail());
    }
    if (brain_restore(store, home, NULL, NULL) != 0) {
        return fail("the home", brain_disk_error_detail());
    }
    return show(store, "a sync") != 0 || lose(store) != 0;
}
