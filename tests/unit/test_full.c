/* test_full.c - a full store and a full file system are errors, and nothing is lost by them. */
#include "check.h"

#include <sched.h>
#include <sys/mount.h>

static uint8_t data[4 * 1024 * 1024 + 1];

/* ---- capacity */

static void check_capacity(uint64_t capacity)
{
    brain_store *store = check_open(check_path(), capacity);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_space_create(space));
    for (int i = 0; i < 5; i++) {
        CHECK_CODE(brain_put_bytes(space, "a", 1, data, capacity + 1), BRAIN_E_FULL);
        CHECK_U64(check_live(store), 0);
        CHECK_OK(brain_put_bytes(space, "a", 1, data, capacity)); /* exactly */
        CHECK_U64(check_live(store), capacity);
        for (int k = 0; k < 3; k++) {
            CHECK_CODE(brain_put_bytes(space, "b", 1, "x", 1), BRAIN_E_FULL);
            CHECK_CODE(brain_put_bytes(space, "b", 1, data, capacity), BRAIN_E_FULL);
            CHECK_U64(check_live(store), capacity);
        }
        CHECK_OK(brain_put_bytes(space, "b", 1, "", 0));
        CHECK_SOUND(store);
        CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
        CHECK_U64(check_live(store), 0);
    }
    /* Small ones, to the last byte. */
    uint64_t n = 0, each = capacity / 16;
    while (n < 16) {
        CHECK_OK(brain_put_bytes(space, &n, sizeof n, data, each));
        n++;
    }
    CHECK_CODE(brain_put_bytes(space, "b", 1, data, capacity - 16 * each + 1), BRAIN_E_FULL);
    CHECK_OK(brain_put_bytes(space, "b", 1, data, capacity - 16 * each));
    CHECK_U64(check_live(store), capacity);
    /* What is replaced goes first, where nobody holds it: the same size always fits that way. */
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_put_bytes(space, "a", 1, data, capacity));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void check_batches_and_objects(void)
{
    enum {
        CAPACITY = 100000
    };
    brain_store *store = check_open(check_path(), CAPACITY);
    brain_space *space = check_space(store, "default");
    brain_batch *batch;
    brain_object *object = NULL, *other = NULL;
    brain_part part = { .data = data, .size_bytes = 30000 };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    CHECK_OK(brain_put_bytes(space, "a", 1, "old", 3));
    CHECK_OK(brain_batch_new(store, &batch));
    for (char name = 'b'; name <= 'd'; name++) {
        CHECK_OK(brain_batch_put(batch, space, &name, 1, &value));
    }
    CHECK_CODE(brain_batch_put(batch, space, "e", 1, &value), BRAIN_E_FULL);
    part.size_bytes = 200;
    for (uint32_t i = 0; i < 100; i++) { /* small ones are counted at the commit */
        CHECK_OK(brain_batch_put(batch, space, &i, sizeof i, &value));
    }
    CHECK_OK(brain_batch_put(batch, space, "a", 1, &value));
    CHECK_CODE(brain_batch_commit(batch, NULL), BRAIN_E_FULL);
    CHECK_U64(check_live(store), 3);
    CHECK_U64(check_stat(store).private_bytes, 0);
    CHECK_U64(check_stat(store).n_objects, 1);
    CHECK_SOUND(store);
    brain_batch_free(batch);
    CHECK_CODE(brain_create(store, CAPACITY - 2, &object), BRAIN_E_FULL);
    CHECK_OK(brain_create(store, CAPACITY - 3, &object));
    CHECK_CODE(brain_create(store, 5000, &other), BRAIN_E_FULL);
    CHECK_CODE(brain_put_bytes(space, "b", 1, "x", 1), BRAIN_E_FULL);
    CHECK_DETAIL("being written 99997");
    CHECK_OK(brain_object_seal(object, space, "o", 1, &bare, BRAIN_ANY_VERSION, NULL));
    CHECK_U64(check_live(store), CAPACITY);
    brain_object_release(object);
    CHECK_OK(brain_resize(store, CAPACITY + 1));
    CHECK_OK(brain_put_bytes(space, "b", 1, "x", 1));
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

/* The text of FULL: what was asked, live, in limbo, and who keeps it there. */
static void check_text(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, 100000);
    brain_space *space = check_space(store, "default");
    struct check_gate ready = check_gate_new();
    char text[64];
    CHECK_OK(brain_put_bytes(space, "a", 1, data, 60000));
    CHECK_OK(brain_put_bytes(space, "b", 1, data, 10000));
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_view view;
        CHECK_OK(brain_get(space, "a", 1, &view));
        check_gate_open(&ready);
        for (;;) {
            pause();
        }
    }
    check_gate_pass(&ready);
    CHECK_OK(brain_delete(space, "a", 1, BRAIN_ANY_VERSION));
    CHECK_CODE(brain_put_bytes(space, "c", 1, data, 30001), BRAIN_E_FULL);
    CHECK_DETAIL("30001 bytes were asked for");
    CHECK_DETAIL("30000 of 100000 are free");
    CHECK_DETAIL("live 10000");
    CHECK_DETAIL("in limbo 60000");
    snprintf(text, sizeof text, "process %d ", (int)pid);
    CHECK_DETAIL(text);
    CHECK_DETAIL(path);
    CHECK_OK(brain_put_bytes(space, "c", 1, data, 30000));
    check_kill(pid);
    /* The dead holds nothing: whoever needs the room finds out. */
    CHECK_OK(brain_put_bytes(space, "d", 1, data, 60000));
    CHECK_U64(check_live(store), 100000);
    CHECK_SOUND(store);
    check_gate_free(&ready);
    brain_space_close(space);
    check_destroy(store);
}

/* ---- a small file system */

static void check_all_there(brain_space *space, uint32_t n, size_t size)
{
    for (uint32_t i = 0; i < n; i++) {
        brain_view view;
        CHECK_OK(brain_get(space, &i, sizeof i, &view));
        CHECK(view.size_bytes == size && check_is_filled(view.data, size, i));
        brain_view_drop(&view);
    }
}

/* Put values of `size` bytes until the file system has no more: then everything is still there. */
static void fill(const char *dir, size_t size)
{
    char path[200];
    snprintf(path, sizeof path, "%s/store-%zu", dir, size);
    brain_store *store = check_open(path, 1 << 30);
    brain_space *space = check_space(store, "default");
    uint32_t n = 0;
    int err;
    for (;; n++) {
        check_fill(data, size, n);
        err = brain_put_bytes(space, &n, sizeof n, data, size);
        if (err != 0) {
            break;
        }
    }
    CHECK_CODE(err, BRAIN_E_FULL);
    CHECK_DETAIL(path);
    printf("%u values of %zu bytes, then: %s\n", n, size, brain_error_detail());
    for (int i = 0; i < 3; i++) {
        CHECK_CODE(brain_put_bytes(space, &n, sizeof n, data, size), BRAIN_E_FULL);
        CHECK_U64(check_live(store), n * (uint64_t)size);
    }
    /* To look, to walk, to attach read-only and to delete still work. */
    check_all_there(space, n, size);
    CHECK_SOUND(store);
    brain_iter *iter;
    const void *name;
    size_t len;
    uint32_t n_names = 0;
    CHECK_OK(brain_iter_names(space, NULL, &iter));
    while (brain_iter_next(iter, &name, &len) == 0) {
        n_names++;
    }
    brain_iter_free(iter);
    CHECK_U64(n_names, n);
    uint32_t last = n - 1, first = 0;
    CHECK_OK(brain_delete(space, &last, sizeof last, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(space, &first, sizeof first, BRAIN_ANY_VERSION));
    CHECK_OK(brain_put_bytes(space, &first, sizeof first, data, size)); /* in its place */
    CHECK_SOUND(store);
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    CHECK_U64(check_stat(store).value_backed_bytes, 0);
    brain_space_close(space);
    check_destroy(store);
}

/* Somebody else takes all that the file system has left. What can be done without more memory goes on: the
 * index would grow, and does not. */
/* Others can still open the store, look at what is there, fork, and delete. */
static void check_newcomers(const char *path)
{
    enum {
        N = 6
    };
    brain_store *others[N];
    for (uint32_t i = 0; i < N; i++) {
        uint32_t zero = 0;
        brain_view view;
        others[i] = check_open(path, 0);
        brain_space *space = check_space(others[i], "default");
        CHECK_OK(brain_get(space, &zero, sizeof zero, &view));
        CHECK(memcmp(view.data, &zero, sizeof zero) == 0);
        pid_t pid = i == 0 ? check_fork() : -1;
        if (pid == 0) {
            CHECK_OK(brain_exists(space, &zero, sizeof zero, NULL));
            _exit(0);
        }
        if (pid > 0) {
            CHECK_CHILD(pid);
        }
        brain_view_drop(&view);
        brain_space_close(space);
    }
    for (uint32_t i = 0; i < N; i++) {
        brain_close(others[i]);
    }
}

static void check_no_room_left(const char *dir)
{
    char path[200], file[200];
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(file, sizeof file, "%s/file", dir);
    brain_store *store = check_open(path, 1 << 20);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_space_create(space));
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    for (uint64_t step = 1 << 20; step >= 4096; step /= 2) {
        struct stat st;
        do {
            CHECK_SYS(fstat(fd, &st));
        } while (posix_fallocate(fd, st.st_size, (off_t)step) == 0);
    }
    uint32_t n = 0;
    int err;
    while ((err = brain_put_bytes(space, &n, sizeof n, &n, sizeof n)) == 0) {
        n++;
    }
    CHECK_CODE(err, BRAIN_E_FULL);
    printf("%u values where no memory is left, then: %s\n", n, brain_error_detail());
    CHECK(n > 0);
    check_newcomers(path);
    for (uint32_t i = 0; i < n; i++) {
        CHECK_OK(brain_exists(space, &i, sizeof i, NULL));
        CHECK_OK(brain_delete(space, &i, sizeof i, BRAIN_ANY_VERSION));
    }
    CHECK_SOUND(store);
    CHECK_SYS(close(fd));
    CHECK_SYS(unlink(file));
    for (uint32_t i = 0; i < 4 * n; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, &i, sizeof i));
    }
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

static void check_no_room_to_make(const char *dir)
{
    char path[200];
    brain_store *store = NULL;
    snprintf(path, sizeof path, "%s/store", dir);
    CHECK_CODE(brain_open(path, NULL, &store), BRAIN_E_FULL);
    CHECK(store == NULL);
    struct stat st;
    CHECK(lstat(path, &st) != 0 && errno == ENOENT);
}

static void check_small_file_system(void)
{
    char dir[] = "/dev/shm/brain-test-mount-XXXXXX";
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
        printf("a small file system: not tested, it takes root to mount one\n");
        return;
    }
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_SYS(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL));
        CHECK(mkdtemp(dir) != NULL);
        CHECK_SYS(mount("none", dir, "tmpfs", 0, "size=12m"));
        fill(dir, 10);
        fill(dir, 100);
        fill(dir, 2000);
        fill(dir, 5000);
        fill(dir, 1000000);
        check_no_room_left(dir);
        CHECK_SYS(umount(dir));
        CHECK_SYS(mount("none", dir, "tmpfs", 0, "size=200k"));
        check_no_room_to_make(dir);
        CHECK_SYS(umount(dir));
        CHECK_SYS(rmdir(dir));
        fflush(NULL);
        _exit(0);
    }
    CHECK_CHILD(pid);
}

/* ---- values of many sizes */

/* As many bytes as below 2 to a power that is chosen first: each size of block is asked for as often. */
static uint64_t any_size(void)
{
    return check_below(UINT64_C(1) << (12 + check_below(10))) + 1;
}

/* Free memory that fits no value is given back, before values have much more than their capacity. */
static void check_churn(void)
{
    enum {
        N_PUTS = 30000,
        N_NAMES = 1000
    };
    const uint64_t capacity = 32 * CHECK_MIB;
    brain_store *store = check_open(check_path(), capacity);
    brain_space *space = check_space(store, "default");
    uint64_t most = 0;
    for (uint32_t i = 0; i < N_PUTS; i++) {
        uint32_t name = (uint32_t)check_below(N_NAMES);
        CHECK_OK(brain_put_bytes(space, &name, sizeof name, data, any_size()));
        while (check_live(store) > capacity / 10 * 7) {
            name = (uint32_t)check_below(N_NAMES);
            int err = brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION);
            CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
        }
        if (i % 100 == 0) {
            brain_stat stat = { .struct_size = sizeof stat };
            CHECK_OK(brain_stat_get(store, &stat));
            most = stat.value_backed_bytes > most ? stat.value_backed_bytes : most;
        }
    }
    printf("churn: at most %.2f times the capacity\n", (double)most / (double)capacity);
    CHECK(most <= capacity / 10 * 16);
    CHECK_SOUND(store);
    brain_space_close(space);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    check_fill(data, sizeof data, 1);
    check_capacity(4096);
    check_capacity(100000);
    check_capacity(4 * CHECK_MIB);
    check_batches_and_objects();
    check_text();
    check_churn();
    check_small_file_system();
    return 0;
}
