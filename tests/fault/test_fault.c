/* test_fault.c - the system refuses something, once or from then on, at every place where it can.
 *
 * Each operation runs again and again in a store of its own, while the Nth call for memory or room fails:
 * N = 1, 2, ... until no call is left to fail. It must then say so, have changed nothing, and leak nothing;
 * or have got by without. The calls are wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include <dirent.h>

/* ---- the calls that fail */

static int fail_at;  /* 0: none; counts down */
static int n_calls;  /* in all since it was set to 0 */
static bool fail_on; /* all that come after, too */
static bool has_failed;
static int n_calls_of_run;

static bool fails(int error)
{
    n_calls++;
    if (fail_at == 0 || (fail_at > 1 && --fail_at > 0)) {
        return false;
    }
    fail_at = fail_on ? 1 : 0;
    has_failed = true;
    errno = error;
    return true;
}

#define WRAP(type, name, declared, given, error, failed)                                           \
    type __real_##name declared;                                                                   \
    type __wrap_##name declared;                                                                   \
    type __wrap_##name declared                                                                    \
    {                                                                                              \
        return fails(error) ? failed : __real_##name given;                                        \
    }

WRAP(void *, malloc, (size_t size), (size), ENOMEM, NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), ENOMEM, NULL)
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), ENOMEM, NULL)
WRAP(char *, strdup, (const char *text), (text), ENOMEM, NULL)
#define WRAP_BOTH(type, name, declared, given, error, failed)                                      \
    WRAP(type, name, declared, given, error, failed)                                               \
    WRAP(type, name##64, declared, given, error, failed)
WRAP_BOTH(void *, mmap, (void *addr, size_t size, int prot, int flags, int fd, off_t off),
          (addr, size, prot, flags, fd, off), ENOMEM, MAP_FAILED)
WRAP_BOTH(int, fallocate, (int fd, int mode, off_t off, off_t size), (fd, mode, off, size), ENOSPC,
          -1)
WRAP_BOTH(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t off),
          (fd, bytes, size, off), ENOSPC, -1)
WRAP_BOTH(int, ftruncate, (int fd, off_t size), (fd, size), ENOSPC, -1)

/* ---- the store under test */

#define N_VALUES 12
#define N_SMALL  3000u
#define LARGE    300000u

static const char *path;
static brain_store *store;
static brain_space *space, *other;
static uint8_t data[2 * LARGE];
static char long_name[60000];
static uint32_t n_done; /* of many: how many were */
static brain_view views[3 * 1008];

static size_t size_of(uint32_t i)
{
    static const size_t sizes[] = { 0, 10, 300, 2000, 5000, 100000 };
    return sizes[i % 6];
}

static int put(brain_space *where, const void *name, size_t len, size_t size, uint64_t seed)
{
    check_fill(data, size, seed);
    return brain_put_bytes(where, name, len, data, size);
}

static void check_value(brain_space *where, const void *name, size_t len, size_t size,
                        uint64_t seed)
{
    brain_view view;
    CHECK_OK(brain_get(where, name, len, &view));
    CHECK(view.size_bytes == size && check_is_filled(view.data, size, seed));
    brain_view_drop(&view);
}

static void set_up(void)
{
    store = check_open(path, 16 * CHECK_MIB);
    space = check_space(store, "default");
    other = check_space(store, "other");
    for (uint32_t i = 0; i < N_VALUES; i++) {
        CHECK_OK(put(space, &i, sizeof i, size_of(i), i));
    }
    n_done = 0;
}

static int count_fds(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir != NULL);
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n;
}

/* ---- operations: `run` may fail; `undo` removes what it made where it did not */

static int run_put_small(void)
{
    int err = 0;
    for (n_done = 0; n_done < N_SMALL && err == 0; n_done += err == 0) {
        uint32_t name = 1000 + n_done;
        err = put(space, &name, sizeof name, 8, name);
    }
    return err;
}

static void undo_small(void) /* all up to the failure are there, and no more */
{
    for (uint32_t i = 0; i < n_done; i++) {
        uint32_t name = 1000 + i;
        check_value(space, &name, sizeof name, 8, name);
        CHECK_OK(brain_delete(space, &name, sizeof name, BRAIN_ANY_VERSION));
    }
}

static int run_put_large(void)
{
    return put(space, "large", 5, LARGE, 1);
}
static void undo_large(void)
{
    check_value(space, "large", 5, LARGE, 1);
    CHECK_OK(brain_delete(space, "large", 5, BRAIN_ANY_VERSION));
}

static int run_put_long(void)
{
    return put(space, long_name, sizeof long_name, 100, 1);
}
static void undo_long(void)
{
    check_value(space, long_name, sizeof long_name, 100, 1);
    CHECK_OK(brain_delete(space, long_name, sizeof long_name, BRAIN_ANY_VERSION));
}

static int add_to_batch(brain_batch *batch)
{
    int err = 0;
    for (uint32_t i = 0; i < N_SMALL + 3 && err == 0; i++) {
        uint32_t name = 1000 + i;
        brain_part part = { .data = data, .size_bytes = i < N_SMALL ? 8 : LARGE };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        check_fill(data, part.size_bytes, name);
        err = brain_batch_put(batch, space, &name, sizeof name, &value);
    }
    for (uint32_t i = 0; i < N_VALUES && err == 0; i++) {
        err = brain_batch_delete(batch, space, &i, sizeof i);
    }
    return err;
}

static int run_batch(void)
{
    brain_batch *batch = NULL;
    int err = brain_batch_new(store, &batch);
    err = err != 0 ? err : add_to_batch(batch);
    err = err != 0 ? err : brain_batch_commit(batch, NULL);
    brain_batch_free(batch);
    return err;
}

static void undo_batch(void)
{
    for (uint32_t i = 0; i < N_SMALL + 3; i++) {
        uint32_t name = 1000 + i;
        check_value(space, &name, sizeof name, i < N_SMALL ? 8 : LARGE, name);
    }
    CHECK_OK(brain_space_remove(space));
    for (uint32_t i = 0; i < N_VALUES; i++) {
        CHECK_OK(put(space, &i, sizeof i, size_of(i), i));
    }
}

static int run_object(void)
{
    brain_object *object = NULL;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create(store, LARGE, &object);
    if (err != 0) {
        return err;
    }
    check_fill(brain_object_data(object), LARGE, 1);
    err = brain_object_seal(object, space, "large", 5, &bare, BRAIN_ANY_VERSION, NULL);
    if (err != 0) { /* as it was before */
        CHECK(check_is_filled(brain_object_data(object), LARGE, 1));
    }
    brain_object_release(object);
    return err;
}

/* The object into a namespace that is missing, with changes there and here, and conditions. */
static int add_conditions(brain_batch *batch)
{
    uint32_t first = 0, last = N_VALUES - 1;
    brain_part part = { .data = data, .size_bytes = LARGE };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    check_fill(data, LARGE, 2);
    int err = brain_batch_put_if(batch, space, "beside", 6, &value, 0);
    part.size_bytes = 10;
    err = err != 0 ? err : brain_batch_put(batch, other, "a", 1, &value);
    err = err != 0 ? err : brain_batch_require(batch, other, "none", 4, 0);
    err = err != 0 ? err : brain_batch_require(batch, space, &last, sizeof last, BRAIN_ANY_VERSION);
    return err != 0 ? err : brain_batch_delete(batch, space, &first, sizeof first);
}

static int run_object_in_batch(void)
{
    brain_object *object = NULL;
    brain_batch *batch = NULL;
    uint64_t version = 0;
    brain_value bare = { .kind = BRAIN_KIND_BYTES };
    int err = brain_create(store, LARGE, &object);
    if (err != 0) {
        return err;
    }
    check_fill(brain_object_data(object), LARGE, 1);
    err = brain_batch_new(store, &batch);
    err = err != 0 ? err : add_conditions(batch);
    err =
        err != 0 ? err : brain_object_seal_in(object, batch, other, "large", 5, &bare, 0, &version);
    CHECK((err == 0) == (version != 0));
    CHECK(check_is_filled(brain_object_data(object), LARGE, 1));
    brain_batch_free(batch);
    brain_object_release(object);
    return err;
}

static void undo_object_in_batch(void)
{
    uint32_t first = 0;
    check_value(space, "beside", 6, LARGE, 2);
    check_value(other, "large", 5, LARGE, 1);
    CHECK_OK(brain_exists(other, "a", 1, NULL));
    CHECK_OK(brain_space_remove(other));
    CHECK_OK(brain_delete(space, "beside", 6, BRAIN_ANY_VERSION));
    CHECK_OK(put(space, &first, sizeof first, size_of(0), 0));
}

/* By ids, with the namespaces; more than one page of the ledger holds. */
static int run_by_id(void)
{
    uint8_t id[BRAIN_ID_BYTES];
    uint32_t last = N_VALUES - 1, n = 0;
    int err = brain_get(space, &last, sizeof last, &views[0]);
    if (err != 0) {
        return err;
    }
    brain_view_id(&views[0], id);
    for (n = 1; n < 1100 && err == 0; n++) {
        brain_space *its;
        err = brain_get_by_id(store, id, &views[n]);
        if (err == 0) {
            err = brain_view_space(&views[n], &its, NULL, NULL);
            if (err == 0) {
                brain_space_close(its);
            }
        } else {
            break;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int run_space(void)
{
    int err = brain_space_create(other);
    return err != 0 ? err : put(other, "a", 1, 10, 1);
}

static void undo_space(void)
{
    check_value(other, "a", 1, 10, 1);
    CHECK_OK(brain_space_remove(other));
}

static int run_views(void)
{
    uint32_t name = 1;
    int err = 0;
    for (n_done = 0; n_done < sizeof views / sizeof *views && err == 0; n_done += err == 0) {
        err = brain_get(space, &name, sizeof name, &views[n_done]);
    }
    for (uint32_t i = 0; i < n_done; i++) {
        brain_view_drop(&views[i]);
    }
    return err;
}

static int run_many(void)
{
    enum {
        N = 30
    };
    brain_key keys[N];
    brain_view got[N];
    uint32_t names[N];
    for (uint32_t i = 0; i < N; i++) {
        names[i] = i;
        keys[i] = (brain_key){ space, &names[i], sizeof names[i] };
    }
    int err = brain_get_many(store, keys, N, got, NULL);
    for (uint32_t i = 0; i < N && err == 0; i++) {
        CHECK((got[i].store != NULL) == (i < N_VALUES));
        brain_view_drop(&got[i]);
    }
    return err;
}

static int run_walk(void)
{
    brain_iter *iter = NULL;
    const void *name;
    size_t len;
    uint32_t n = 0;
    int err = brain_iter_names(space, NULL, &iter);
    if (err != 0) {
        return err;
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        n++;
    }
    brain_iter_free(iter);
    CHECK(err != BRAIN_E_NOT_FOUND || n == N_VALUES);
    return err == BRAIN_E_NOT_FOUND ? 0 : err;
}

static int run_replace_and_delete(void) /* a change back and forth: either is what was there */
{
    uint32_t name = 5;
    int err = brain_put_bytes(space, "temporary", 9, "x", 1);
    err = err != 0 ? err : put(space, &name, sizeof name, size_of(name), name);
    n_done = err == 0 || brain_exists(space, "temporary", 9, NULL) == 0;
    return err;
}

static void undo_temporary(void)
{
    if (n_done != 0) {
        CHECK_OK(brain_delete(space, "temporary", 9, BRAIN_ANY_VERSION));
    }
}

static int run_trim(void)
{
    return brain_trim(store, NULL);
}

static int run_open(void)
{
    brain_store *second = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(path, &options, &second);
    CHECK((err == 0) == (second != NULL));
    brain_close(second);
    return err;
}

/* `directory`: NULL, or where to make it. */
static int make(const char *its_path, const char *directory)
{
    brain_store *made = NULL;
    brain_options options = BRAIN_OPTIONS_INIT;
    options.capacity_bytes = CHECK_MIB;
    options.directory = directory;
    int err = brain_open(its_path, &options, &made);
    struct stat st;
    int fail_later = fail_at;
    fail_at = 0;
    if (err !=
        0) { /* nothing of it is left, or it is whole: the last steps come after the making */
        CHECK(made == NULL);
        if (lstat(its_path, &st) == 0) {
            made = check_open_with(its_path, 0, BRAIN_OPEN_EXISTING);
        }
    }
    if (made != NULL) {
        CHECK_SOUND(made);
        check_destroy(made);
    }
    CHECK(lstat(its_path, &st) < 0);
    fail_at = fail_later;
    return err;
}

static int run_make(void)
{
    char its_path[200];
    snprintf(its_path, sizeof its_path, "%s-made", path);
    return make(its_path, NULL);
}

static int run_make_elsewhere(void)
{
    char its_path[200];
    snprintf(its_path, sizeof its_path, "/tmp/%s-made", strrchr(path, '/') + 1);
    return make(its_path, "/dev/shm");
}

/* ---- the rounds */

static const struct operation {
    const char *name;
    int (*run)(void);
    void (*undo)(void);
    bool is_partial; /* what was done before the failure stays, and `undo` is for that, too */
} operations[] = {
    { "put small", run_put_small, undo_small, true },
    { "put large", run_put_large, undo_large, false },
    { "put long name", run_put_long, undo_long, false },
    { "batch", run_batch, undo_batch, false },
    { "object", run_object, undo_large, false },
    { "object in a batch", run_object_in_batch, undo_object_in_batch, false },
    { "by id", run_by_id, NULL, false },
    { "namespace", run_space, undo_space, false },
    { "views", run_views, NULL, false },
    { "get many", run_many, NULL, false },
    { "walk", run_walk, NULL, false },
    { "replace", run_replace_and_delete, undo_temporary, true },
    { "trim", run_trim, NULL, false },
    { "open", run_open, NULL, false },
    { "make", run_make, NULL, false },
    { "make elsewhere", run_make_elsewhere, NULL, false },
};

static void check_unchanged(void)
{
    uint64_t live = 0, n = 0;
    for (uint32_t i = 0; i < N_VALUES; i++) {
        check_value(space, &i, sizeof i, size_of(i), i);
        live += size_of(i);
    }
    CHECK_OK(brain_space_count(space, &n));
    CHECK_U64(n, N_VALUES);
    CHECK_U64(check_live(store), live);
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_pins, 0);
    CHECK_U64(stat.n_snapshots, 0);
    CHECK_U64(stat.n_clients, 1);
    CHECK_SOUND(store);
}

static void check_nothing_leaked(void)
{
    CHECK_OK(brain_space_remove(space));
    CHECK_OK(brain_trim(store, NULL));
    brain_stat stat = check_stat(store);
    CHECK_U64(stat.limbo_bytes, 0);
    CHECK_U64(stat.n_limbo, 0);
    CHECK_U64(stat.value_backed_bytes, 0);
    CHECK_SOUND(store);
}

/* Fail call `at`. Returns whether there was one. */
static bool round_of(const struct operation *op, int at, bool on)
{
    snprintf(check_note, sizeof check_note, "%s, call %d%s fails", op->name, at,
             on ? " and all after it" : "");
    int fds = count_fds();
    set_up();
    has_failed = false;
    fail_on = on;
    fail_at = at;
    n_calls = 0;
    int err = op->run();
    n_calls_of_run = n_calls;
    fail_at = 0;
    bool had = has_failed;
    if (err != 0) {
        CHECK(had);
        CHECK(err == BRAIN_E_FULL || err == BRAIN_E_NOMEM || err == BRAIN_E_BUSY ||
              err == BRAIN_E_IO);
        CHECK(strlen(brain_error_detail()) > 10);
    }
    if (op->undo != NULL && (err == 0 || op->is_partial)) {
        op->undo();
    }
    if (brain_space_exists(other) == 0) { /* of "namespace", made by the first half */
        CHECK_OK(brain_space_remove(other));
    }
    check_unchanged();
    check_nothing_leaked();
    brain_space_close(space);
    brain_space_close(other);
    check_destroy(store);
    CHECK_U64(count_fds(), fds);
    return had;
}

int main(void)
{
    check_begin();
    path = check_path();
    check_fill(long_name, sizeof long_name, 9);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        CHECK(!round_of(&operations[i], 1000000, false));
        int n = n_calls_of_run;
        for (int on = 0; on < 2; on++) {
            for (int at = 1; round_of(&operations[i], at, on != 0); at++) {
                if (at == 60 && n > 300) { /* hundreds of copies in a batch are all the same */
                    at = n - 100;
                }
            }
        }
        printf("%s: %d calls\n", operations[i].name, n);
    }
    return 0;
}
