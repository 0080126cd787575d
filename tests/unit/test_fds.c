/* test_fds.c - a program closes descriptors that are not its own, and their numbers are used again. */
#include "check.h"

static brain_store *store;
static brain_space *space;
static uint8_t data[3 * 1024 * 1024];

static void close_all(void)
{
    for (int fd = 3; fd < 1024; fd++) {
        (void)close(fd);
    }
}

/* All that may need a descriptor. */
static void use_everything(uint64_t round)
{
    brain_view view;
    brain_object *object;
    brain_batch *batch;
    brain_snapshot *snapshot;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    brain_part part = { .data = data, .size_bytes = sizeof data };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    uint32_t name = (uint32_t)round;
    check_fill(data, sizeof data, round);
    CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, 100));
    CHECK_OK(brain_put_bytes(space, "large", 5, data, sizeof data));
    CHECK_OK(brain_get(space, "large", 5, &view));
    CHECK(check_is_filled(view.data, sizeof data, round));
    brain_view_drop(&view);
    CHECK_OK(brain_create(store, 2000000, &object));
    check_fill(brain_object_data(object), 2000000, round);
    CHECK_OK(brain_object_seal(object, space, "object", 6, &bare, BRAIN_ANY_VERSION, NULL));
    brain_object_release(object);
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, space, "batch", 5, &value));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    CHECK_OK(brain_delete(space, "batch", 5, BRAIN_ANY_VERSION));
    CHECK_OK(brain_snapshot_get(snapshot, space, "batch", 5, &view));
    brain_snapshot_close(snapshot);
    CHECK(check_is_filled(view.data, sizeof data, round));
    brain_view_drop(&view);
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).n_clients, 1);
    CHECK_SOUND(store);
    brain_store *second = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
    CHECK_U64(check_stat(store).n_clients, 2);
    brain_close(second);
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_OK(brain_put_bytes(space, "child", 5, data, sizeof data));
        _exit(0);
    }
    CHECK_CHILD(pid);
    CHECK_OK(brain_delete(space, "child", 5, BRAIN_ANY_VERSION));
    CHECK_OK(brain_trim(store, NULL));
}

static void begin(void)
{
    store = check_open(check_path(), 64 * CHECK_MIB);
    space = check_space(store, "default");
}

static void end(void)
{
    brain_space_close(space);
    check_destroy(store);
}

static void check_closed(void)
{
    begin();
    use_everything(0);
    for (uint64_t i = 1; i < 4; i++) {
        close_all();
        /* Still alive for others, although no descriptor is open: the mapping keeps the lock. */
        pid_t pid = check_fork();
        if (pid == 0) {
            brain_store *other = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
            CHECK(check_stat(other).n_clients >= 2);
            _exit(0);
        }
        CHECK_CHILD(pid);
        use_everything(i);
    }
    close_all();
    end();
}

/* Other files under the numbers that the library knew: they must stay as they are. */
static void check_reused(void)
{
    enum {
        N = 40
    };
    struct check_file {
        int fd;
        ino_t inode;
    } files[N];
    begin();
    use_everything(0);
    for (uint64_t round = 1; round < 3; round++) {
        close_all();
        for (int i = 0; i < N; i++) {
            struct stat st;
            files[i].fd = memfd_create("other", 0);
            CHECK_SYS(files[i].fd);
            CHECK_SYS(ftruncate(files[i].fd, 8192));
            CHECK_SYS(fstat(files[i].fd, &st));
            files[i].inode = st.st_ino;
        }
        use_everything(round);
        for (int i = 0; i < N; i++) {
            struct stat st;
            char bytes[8192];
            static const char zeros[8192];
            CHECK_SYS(fstat(files[i].fd, &st)); /* not closed either */
            CHECK(st.st_ino == files[i].inode && st.st_size == 8192);
            CHECK(pread(files[i].fd, bytes, sizeof bytes, 0) == sizeof bytes);
            CHECK(memcmp(bytes, zeros, sizeof zeros) == 0);
        }
        CHECK(round == 0 || files[0].fd == 3);
    }
    end();
    for (int i = 0; i < N; i++) {
        struct stat st;
        CHECK_SYS(fstat(files[i].fd, &st));
        CHECK(st.st_ino == files[i].inode);
    }
}

/* Descriptors and files have gone: what needs one says so, what does not goes on. */
static void check_file_gone(const char *file)
{
    char name[200];
    brain_view view;
    brain_stat stat = { .struct_size = sizeof stat };
    brain_object *object = NULL, *early;
    brain_client me;
    uint32_t n_pins = 0;
    static const brain_value bare = { .kind = BRAIN_KIND_BYTES };
    begin();
    check_fill(data, sizeof data, 1);
    CHECK_OK(brain_put_bytes(space, "small", 5, data, 20));
    CHECK_OK(brain_put_bytes(space, "large", 5, data, sizeof data));
    CHECK_OK(brain_create(store, 100000, &early));
    brain_store *second = check_open_with(brain_path(store), 0, BRAIN_OPEN_EXISTING);
    CHECK_OK(brain_self(second, &me));
    snprintf(name, sizeof name, "%s/%s", brain_directory(store), file);
    CHECK_SYS(unlink(name));
    close_all();
    CHECK_CODE(brain_stat_get(store, &stat), BRAIN_E_IO);
    CHECK_DETAIL(file);
    CHECK(brain_client_lives(store, me.row, me.seat));
    CHECK_OK(brain_get(space, "large", 5, &view));
    CHECK(check_is_filled(view.data, sizeof data, 1));
    brain_view_drop(&view);
    CHECK_OK(brain_put_bytes(space, "small", 5, data, 30));
    CHECK_CODE(brain_trim(store, NULL), BRAIN_E_IO);
    if (strcmp(file, "data") == 0) {
        size_t n = 0;
        CHECK_CODE(brain_put_bytes(space, "large", 5, data, sizeof data), BRAIN_E_IO);
        CHECK_CODE(brain_create(store, sizeof data, &object), BRAIN_E_IO);
        CHECK_CODE(brain_object_seal(early, space, "early", 5, &bare, BRAIN_ANY_VERSION, NULL),
                   BRAIN_E_IO);
        CHECK_OK(brain_get(space, "large", 5, &view));
        void *mine = NULL;
        CHECK_CODE(brain_view_private(&view, &mine), BRAIN_E_IO);
        brain_view_drop(&view);
        CHECK_OK(brain_check(store, NULL, 0, &n));
        CHECK(n > 0); /* it says that it cannot look at the file */
    } else {
        int err = 0;
        while (err == 0 && n_pins < 5000) { /* a page of the ledger that would be one more */
            err = brain_get(space, "small", 5, &view);
            n_pins += err == 0;
        }
        CHECK_CODE(err, BRAIN_E_IO);
        pid_t pid = check_fork();
        if (pid == 0) {
            CHECK_CODE(brain_get(space, "small", 5, &view), BRAIN_E_FORKED);
            _exit(0);
        }
        CHECK_CHILD(pid);
    }
    brain_object_release(early);
    brain_space_close(space);
    brain_close(second);
    int err = brain_destroy(store);
    CHECK_CODE(err, 0); /* of which one file was gone already */
    brain_close(store);
}

/* The directory is not there any more, or another one is, and no descriptor leads to it. */
static void check_directory_gone(int in_its_place)
{
    char aside[300], name[400];
    begin();
    const char *path = brain_directory(store);
    snprintf(aside, sizeof aside, "%s-aside", path);
    close_all();
    CHECK_SYS(rename(path, aside));
    if (in_its_place == 1) {
        CHECK_SYS(mkdir(path, 0700));
    } else if (in_its_place == 2) {
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        CHECK_SYS(fd);
        CHECK_SYS(close(fd));
    }
    CHECK_OK(brain_destroy(store)); /* for all who have it; what stands there is not it */
    CHECK_CODE(brain_exists(space, "a", 1, NULL), BRAIN_E_DESTROYED);
    CHECK(in_its_place == 0 || (in_its_place == 1 ? rmdir(path) : unlink(path)) == 0);
    static const char *const files[] = { "data", "clients" };
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s", aside, files[i]);
        CHECK_SYS(unlink(name));
    }
    CHECK_SYS(rmdir(aside));
    brain_space_close(space);
    brain_close(store);
}

/* A process without standard streams writes to them all the same: nothing of it reaches a store. */
static void check_no_streams(void)
{
    const char *path = check_path();
    pid_t pid = check_fork();
    if (pid == 0) {
        close(0);
        close(1);
        close(2);
        brain_options options = BRAIN_OPTIONS_INIT;
        options.capacity_bytes = 64 * CHECK_MIB;
        int err = brain_open(path, &options, &store);
        for (int round = 0; err == 0 && round < 2; round++) {
            for (int fd = 0; fd < 3; fd++) {
                ssize_t n = write(fd, "words", 5);
                err = n < 0 ? err : -1;
            }
            space = check_space(store, "default");
            use_everything((uint64_t)round);
            close_all(); /* the second time around it opens them again */
        }
        brain_close(store);
        _exit(err == 0 ? 0 : 1);
    }
    CHECK_CHILD(pid);
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    CHECK_SOUND(store);
    check_destroy(store);
}

int main(void)
{
    check_needs_fork_advice();
    check_begin();
    check_closed();
    check_file_gone("clients");
    check_file_gone("data");
    for (int in_its_place = 0; in_its_place < 3; in_its_place++) {
        check_directory_gone(in_its_place);
    }
    check_reused();
    check_no_streams();
    return 0;
}
