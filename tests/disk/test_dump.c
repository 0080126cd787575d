/* test_dump.c - a dump of a store, and what of it comes back where. */
#include "dumps.h"

static const char *folder;
static char *file;

static brain_load_options telling(struct dumps_told *told, uint32_t flags)
{
    *told = (struct dumps_told){ .n = { 0 } };
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    options.flags = flags;
    options.tell = dumps_tell;
    options.context = told;
    return options;
}

static void check_has_all(brain_store *store)
{
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        CHECK(dumps_has(store, i));
    }
    brain_space *empty = check_space(store, "empty");
    CHECK_OK(brain_space_exists(empty));
    brain_space_close(empty);
}

/* ---- all of it */

static void all_comes_back(void)
{
    brain_store *store = dumps_store();
    for (int level = 0; level < 4; level += 3) {
        brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
        options.zstd_level = level;
        brain_dump_result result;
        struct stat st;
        DUMP_OK(brain_dump(store, file, &options, &result));
        CHECK_U64(result.n_names, DUMPS_N_VALUES);
        CHECK_U64(result.n_spaces, 4);
        CHECK_U64(result.data_bytes, check_live(store));
        CHECK_U64(result.number, check_stat(store).committed);
        CHECK_SYS(stat(file, &st));
        CHECK_U64(result.file_bytes, st.st_size);
        CHECK_U64(st.st_mode & 07777, 0600);

        struct dumps_told told;
        brain_load_options how = telling(&told, 0);
        brain_load_result loaded;
        brain_store *other = dumps_new();
        DUMP_OK(brain_load(other, file, &how, &loaded));
        check_has_all(other);
        CHECK_U64(told.n[BRAIN_LOADED], DUMPS_N_VALUES);
        CHECK_U64(loaded.n_loaded, DUMPS_N_VALUES);
        CHECK_U64(loaded.loaded_bytes, result.data_bytes);
        CHECK_U64(loaded.number, result.number);
        CHECK(loaded.n_lost == 0 && loaded.n_untold == 0 && !loaded.is_damaged);
        CHECK_U64(dumps_count_names(other), DUMPS_N_VALUES);
        CHECK_SOUND(other);
        check_destroy(other);
        CHECK_U64(dumps_count_files(folder), 1);
    }
    check_destroy(store);
}

static void empty_store_comes_back(void)
{
    brain_store *store = dumps_new(), *other = dumps_new();
    brain_dump_result result;
    DUMP_OK(brain_dump(store, file, NULL, &result));
    CHECK(result.n_names == 0 && result.n_spaces == 0);
    DUMP_OK(brain_load(other, file, NULL, NULL));
    CHECK_U64(dumps_count_names(other), 0);
    check_destroy(store);
    check_destroy(other);
}

/* More names than an item holds, in a namespace whose name is as long as can be. */
static void many_names_come_back(void)
{
    enum {
        N = 20000
    };
    char long_name[BRAIN_SPACE_MAX + 1];
    memset(long_name, 'x', BRAIN_SPACE_MAX);
    long_name[BRAIN_SPACE_MAX] = '\0';
    brain_store *store = dumps_new(), *other = dumps_new();
    brain_space *space = check_space(store, long_name), *back = check_space(other, long_name);
    for (int i = 0; i < N; i++) {
        CHECK_OK(brain_put_bytes(space, &i, sizeof i, &i, sizeof i));
    }
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    DUMP_OK(brain_load(other, file, NULL, NULL));
    CHECK_U64(dumps_count_names(other), N);
    for (int i = 0; i < N; i++) {
        int value = -1;
        CHECK_OK(brain_get_copy(back, &i, sizeof i, &value, sizeof value, NULL, NULL, NULL));
        CHECK_U64(value, i);
    }
    brain_space_close(space);
    brain_space_close(back);
    check_destroy(store);
    check_destroy(other);
}

/* ---- a part of it */

static void named_ones_are_dumped(void)
{
    brain_store *store = dumps_store(), *other = dumps_new();
    struct dumps_value a, b;
    dumps_make(4, &a); /* of s1 */
    dumps_make(7, &b); /* of s1 */
    brain_space *s1 = check_space(store, "s1"), *s2 = check_space(store, "s2"),
                *none = check_space(store, "none");
    brain_key keys[] = { { s1, a.name, a.name_len },
                         { s1, b.name, b.name_len },
                         { s1, "nobody", 6 } };
    brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
    options.keys = keys;
    options.n_keys = 2;
    options.spaces = &s2;
    options.n_spaces = 1;
    brain_dump_result result;
    DUMP_OK(brain_dump(store, file, &options, &result));
    CHECK_U64(result.n_names, 2 + DUMPS_N_VALUES / 3);
    DUMP_OK(brain_load(other, file, NULL, NULL));
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        CHECK(dumps_has(other, i) == (i % 3 == 2 || i == 4 || i == 7));
    }

    /* What is not there is an error, and the file stays what it was. */
    size_t before, after;
    uint8_t *was = dumps_read(file, &before);
    options.n_keys = 3;
    DUMP_CODE(brain_dump(store, file, &options, NULL), BRAIN_E_NOT_FOUND);
    DUMP_DETAIL("nobody");
    options.n_keys = 0;
    options.spaces = &none;
    DUMP_CODE(brain_dump(store, file, &options, NULL), BRAIN_E_NOT_FOUND);
    DUMP_DETAIL("none");
    uint8_t *is = dumps_read(file, &after);
    CHECK(before == after && memcmp(was, is, before) == 0);
    CHECK_U64(dumps_count_files(folder), 1);
    free(was);
    free(is);
    brain_space_close(s1);
    brain_space_close(s2);
    brain_space_close(none);
    dumps_free(&a);
    dumps_free(&b);
    check_destroy(store);
    check_destroy(other);
}

static int wants_some(void *context, const brain_load_name *name)
{
    (void)context;
    return name->name != NULL && ((const uint8_t *)name->name)[0] % 2 == 0;
}

static void wanted_ones_are_loaded(void)
{
    brain_store *store = dumps_store(), *other = dumps_new();
    brain_load_options options = BRAIN_LOAD_OPTIONS_INIT;
    options.wants = wants_some;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    DUMP_OK(brain_load(other, file, &options, NULL));
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        CHECK(dumps_has(other, i) == (i % 2 == 0));
    }
    brain_space *empty = check_space(other, "empty");
    CHECK_CODE(brain_space_exists(empty), BRAIN_E_NOT_FOUND);
    brain_space_close(empty);
    check_destroy(store);
    check_destroy(other);
}

static void library_namespaces_are_left_out(void)
{
    brain_store *store = dumps_store(), *other = dumps_new();
    brain_space *own = check_space(store, "\xffplasma");
    brain_dump_result result;
    CHECK_OK(brain_put_bytes(own, "a", 1, "b", 1));
    DUMP_OK(brain_dump(store, file, NULL, &result));
    CHECK_U64(result.n_names, DUMPS_N_VALUES);
    DUMP_OK(brain_load(other, file, NULL, NULL));
    CHECK_U64(dumps_count_names(other), DUMPS_N_VALUES);
    brain_space_close(own);
    check_destroy(store);
    check_destroy(other);
}

/* ---- what is there already */

static void names_are_replaced_or_kept(void)
{
    brain_store *store = dumps_store(), *other = dumps_new();
    struct dumps_value it;
    struct dumps_told told;
    dumps_make(8, &it); /* large, no description */
    brain_space *space = check_space(other, it.space);
    brain_part part = { .data = "old", .size_bytes = 3 };
    brain_value old = { .kind = BRAIN_KIND_BYTES,
                        .n_parts = 1,
                        .parts = &part,
                        .description = "old",
                        .description_len = 3 };
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    CHECK_OK(brain_put(space, it.name, it.name_len, &old, BRAIN_ANY_VERSION, NULL));

    brain_load_options options = telling(&told, BRAIN_LOAD_KEEP);
    brain_load_result result;
    DUMP_OK(brain_load(other, file, &options, &result));
    CHECK(told.n[BRAIN_LOAD_KEPT] == 1 && told.n[BRAIN_LOADED] == DUMPS_N_VALUES - 1);
    CHECK(result.n_kept == 1 && result.n_loaded == DUMPS_N_VALUES - 1);
    brain_view view;
    CHECK_OK(brain_get(space, it.name, it.name_len, &view));
    CHECK(view.size_bytes == 3 && view.description_len == 3);
    brain_view_drop(&view);

    options = telling(&told, 0);
    DUMP_OK(brain_load(other, file, &options, NULL));
    CHECK_U64(told.n[BRAIN_LOADED], DUMPS_N_VALUES);
    check_has_all(other); /* its description is gone as well */
    options = telling(&told, BRAIN_LOAD_KEEP);
    DUMP_OK(brain_load(other, file, &options, NULL));
    CHECK_U64(told.n[BRAIN_LOAD_KEPT], DUMPS_N_VALUES);
    brain_space_close(space);
    dumps_free(&it);
    check_destroy(store);
    check_destroy(other);
}

/* A store that was dumped, went on, and is gone: versions of the one in its place are above all of its. */
static void versions_go_on(void)
{
    brain_store *store = dumps_store(), *other = dumps_new();
    struct dumps_told told;
    brain_load_options options = telling(&told, 0);
    brain_space *space = check_space(store, "s0");
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    for (int i = 0; i < 10000; i++) {
        CHECK_OK(brain_put_bytes(space, "a", 1, "b", 1));
    }
    uint64_t last = check_stat(store).committed;
    brain_space_close(space);
    check_destroy(store);
    DUMP_OK(brain_load(other, file, &options, NULL));
    for (int i = 0; i < DUMPS_N_VALUES; i++) {
        struct dumps_value it;
        uint64_t version = 0;
        dumps_make(i, &it);
        brain_space *its = check_space(other, it.space);
        CHECK_OK(brain_exists(its, it.name, it.name_len, &version));
        CHECK(version > last);
        brain_space_close(its);
        dumps_free(&it);
    }
    check_destroy(other);
}

static void what_does_not_fit_is_refused(void)
{
    brain_store *store = dumps_store(), *small = check_open(check_path(), CHECK_MIB);
    uint64_t before = check_stat(small).committed;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    DUMP_CODE(brain_load(small, file, NULL, NULL), BRAIN_E_FULL);
    DUMP_DETAIL("Nothing has been changed");
    CHECK_U64(check_stat(small).committed, before);
    CHECK_U64(dumps_count_names(small), 0);
    check_destroy(store);
    check_destroy(small);
}

/* ---- large values, which a load need not read twice */

#define N_LARGE     3
#define LARGE_BYTES (5 * CHECK_MIB)

static void put_large(brain_store *store, int n, uint64_t seed)
{
    uint8_t *bytes = malloc(LARGE_BYTES);
    brain_space *space = check_space(store, "large");
    CHECK(bytes != NULL);
    check_fill(bytes, LARGE_BYTES, seed);
    CHECK_OK(brain_put_bytes(space, &n, sizeof n, bytes, LARGE_BYTES));
    brain_space_close(space);
    free(bytes);
}

static bool has_large(brain_store *store, int n, uint64_t seed)
{
    brain_view view;
    brain_space *space = check_space(store, "large");
    int err = brain_get(space, &n, sizeof n, &view);
    CHECK(err == 0 || err == BRAIN_E_NOT_FOUND);
    bool has =
        err == 0 && view.size_bytes == LARGE_BYTES && check_is_filled(view.data, LARGE_BYTES, seed);
    CHECK(has || err != 0);
    if (err == 0) {
        brain_view_drop(&view);
    }
    brain_space_close(space);
    return has;
}

static void check_large_comes_back(brain_store *other, uint32_t flags)
{
    struct dumps_told told;
    brain_load_options options = telling(&told, flags);
    DUMP_OK(brain_load(other, file, &options, NULL));
    for (int i = 0; i < N_LARGE; i++) {
        CHECK(has_large(other, i, 100));
    }
    CHECK_U64(dumps_count_names(other), N_LARGE + 2);
    brain_stat stat = check_stat(other);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_SOUND(other);
}

static void large_ones_come_back(void)
{
    brain_store *store = check_open(check_path(), 64 * CHECK_MIB);
    for (int i = 0; i < N_LARGE; i++) {
        put_large(store, i, 100);
    }
    dumps_put(store, 1);
    dumps_put(store, 6);
    for (int level = 0; level < 2; level++) {
        brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
        options.zstd_level = level;
        DUMP_OK(brain_dump(store, file, &options, NULL));
        brain_store *roomy = check_open(check_path(), 64 * CHECK_MIB);
        check_large_comes_back(roomy, 0);
        for (int i = 0; i < N_LARGE; i++) { /* others are there */
            put_large(roomy, i, 200);
        }
        check_large_comes_back(roomy, 0);
        put_large(roomy, 1, 300);
        brain_load_options keep = BRAIN_LOAD_OPTIONS_INIT;
        keep.flags = BRAIN_LOAD_KEEP;
        DUMP_OK(brain_load(roomy, file, &keep, NULL));
        CHECK(has_large(roomy, 1, 300) && has_large(roomy, 0, 100));
        check_destroy(roomy);
        /* There is room for one beside those that are there: the others come one after the other. */
        brain_store *tight = check_open(check_path(), (N_LARGE + 1) * LARGE_BYTES + CHECK_MIB);
        for (int i = 0; i < N_LARGE; i++) {
            put_large(tight, i, 200);
        }
        check_large_comes_back(tight, 0);
        check_destroy(tight);
    }
    check_destroy(store);
}

/* The last byte is damaged: what was read before it, and filled into the store, is given back. */
static void refused_ones_are_given_back(void)
{
    brain_store *store = check_open(check_path(), 64 * CHECK_MIB),
                *other = check_open(check_path(), 64 * CHECK_MIB);
    size_t size;
    for (int i = 0; i < N_LARGE; i++) {
        put_large(store, i, 100);
    }
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    uint8_t *bytes = dumps_read(file, &size);
    bytes[size - 1] ^= 1;
    dumps_write(file, bytes, size);
    free(bytes);
    uint64_t before = check_stat(other).committed;
    DUMP_CODE(brain_load(other, file, NULL, NULL), BRAIN_E_CORRUPT);
    brain_stat stat = check_stat(other);
    CHECK_U64(stat.committed, before);
    CHECK_U64(stat.private_bytes, 0);
    CHECK_U64(stat.n_objects, 0);
    CHECK_SOUND(other);
    check_destroy(store);
    check_destroy(other);
}

/* ---- one moment */

static void put_pair(brain_store *store, uint64_t n)
{
    brain_batch *batch;
    brain_space *a = check_space(store, "a"), *b = check_space(store, "b");
    brain_part part = { .data = &n, .size_bytes = sizeof n };
    brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
    CHECK_OK(brain_batch_new(store, &batch));
    CHECK_OK(brain_batch_put(batch, a, "x", 1, &value));
    CHECK_OK(brain_batch_put(batch, b, "x", 1, &value));
    CHECK_OK(brain_batch_commit(batch, NULL));
    brain_batch_free(batch);
    brain_space_close(a);
    brain_space_close(b);
}

/* A writer changes two names at once, again and again; in no dump do they differ. */
static void dumps_show_one_moment(void)
{
    brain_store *store = dumps_store();
    put_pair(store, 0);
    pid_t pid = check_fork();
    if (pid == 0) {
        for (uint64_t n = 1;; n++) {
            put_pair(store, n);
        }
    }
    for (int i = 0; i < 30; i++) {
        brain_store *other = dumps_new();
        DUMP_OK(brain_dump(store, file, NULL, NULL));
        DUMP_OK(brain_load(other, file, NULL, NULL));
        uint64_t found[2];
        for (int j = 0; j < 2; j++) {
            brain_space *space = check_space(other, j == 0 ? "a" : "b");
            CHECK_OK(brain_get_copy(space, "x", 1, &found[j], 8, NULL, NULL, NULL));
            brain_space_close(space);
        }
        CHECK_U64(found[0], found[1]);
        check_destroy(other);
        check_n_paths--; /* many stores, one after the other */
    }
    check_kill(pid);
    check_destroy(store);
}

/* ---- progress */

struct progress {
    uint64_t n, n_bytes, stop_at;
    brain_progress last;
    int n_checking;
};

static int watch(void *context, const brain_progress *progress)
{
    struct progress *seen = context;
    CHECK(progress->done_names <= progress->all_names || progress->all_names == 0);
    CHECK(progress->done_bytes <= progress->all_bytes || progress->all_bytes == 0);
    seen->n++;
    seen->n_checking += progress->is_checking;
    seen->last = *progress;
    return seen->stop_at != 0 && seen->n >= seen->stop_at;
}

static void progress_is_told_and_stops(void)
{
    brain_store *store = dumps_store();
    struct progress seen = { .n = 0 };
    brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
    options.progress = watch;
    options.context = &seen;
    DUMP_OK(brain_dump(store, file, &options, NULL));
    CHECK(seen.n >= 1 && seen.last.done_names == DUMPS_N_VALUES &&
          seen.last.done_bytes == check_live(store));
    CHECK(seen.last.all_bytes == seen.last.done_bytes && seen.n_checking == 0);
    size_t before, after;
    uint8_t *was = dumps_read(file, &before);
    for (uint64_t n = seen.n; n > 0; n--) { /* at each moment that it is told of */
        seen = (struct progress){ .stop_at = n };
        DUMP_CODE(brain_dump(store, file, &options, NULL), BRAIN_E_INTR);
    }
    uint8_t *is = dumps_read(file, &after);
    CHECK(before == after && memcmp(was, is, before) == 0);
    CHECK_U64(dumps_count_files(folder), 1);
    free(was);
    free(is);

    brain_store *other = dumps_new();
    brain_load_options how = BRAIN_LOAD_OPTIONS_INIT;
    seen = (struct progress){ .n = 0 };
    how.progress = watch;
    how.context = &seen;
    DUMP_OK(brain_load(other, file, &how, NULL));
    CHECK(seen.n_checking > 0 && seen.last.done_names == DUMPS_N_VALUES && !seen.last.is_checking);
    int n_checking = seen.n_checking;
    check_destroy(other);
    for (int n = 1; n <= n_checking; n++) {
        other = dumps_new();
        seen = (struct progress){ .stop_at = (uint64_t)n };
        DUMP_CODE(brain_load(other, file, &how, NULL), BRAIN_E_INTR);
        CHECK_U64(dumps_count_names(other), 0);
        check_destroy(other);
    }
    check_destroy(store);
}

/* ---- where it goes */

static void links_are_followed(void)
{
    brain_store *store = dumps_store();
    char *real = dumps_join(folder, "real"), *link = dumps_join(folder, "link"),
         *lost = dumps_join(folder, "lost");
    struct stat st;
    dumps_write(real, "x", 1);
    CHECK_SYS(symlink(real, link));
    CHECK_SYS(symlink("nowhere/at/all", lost));
    DUMP_OK(brain_dump(store, link, NULL, NULL));
    CHECK(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(lstat(real, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 1);
    DUMP_CODE(brain_dump(store, lost, NULL, NULL), BRAIN_E_NOT_FOUND);
    DUMP_CODE(brain_dump(store, folder, NULL, NULL), BRAIN_E_INVAL);
    DUMP_CODE(brain_dump(store, "/dev/null", NULL, NULL), BRAIN_E_INVAL);
    DUMP_DETAIL("/dev/null");
    DUMP_CODE(brain_dump(store, "", NULL, NULL), BRAIN_E_INVAL);
    char *deep = dumps_join(folder, "no/such/folder");
    DUMP_CODE(brain_dump(store, deep, NULL, NULL), BRAIN_E_NOT_FOUND);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    free(real);
    free(link);
    free(lost);
    free(deep);
    check_destroy(store);
}

/* Dumps to a pipe, and what came out of it is loaded from the middle of a file. */
static void descriptors_will_do(void)
{
    brain_store *store = dumps_store(), *other = dumps_new();
    int fds[2];
    CHECK_SYS(pipe(fds));
    pid_t pid = check_fork();
    if (pid == 0) {
        CHECK_SYS(close(fds[0]));
        DUMP_OK(brain_dump_to(store, fds[1], NULL, NULL));
        _exit(0);
    }
    CHECK_SYS(close(fds[1]));
    DUMP_CODE(brain_load_from(other, fds[0], NULL, NULL), BRAIN_E_INVAL);
    DUMP_DETAIL("save it to a file");
    int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_SYS(fd);
    CHECK(write(fd, "before", 6) == 6);
    static uint8_t bytes[65536];
    for (ssize_t n; (n = read(fds[0], bytes, sizeof bytes)) > 0;) {
        CHECK(write(fd, bytes, (size_t)n) == n);
    }
    CHECK_CHILD(pid);
    CHECK(lseek(fd, 6, SEEK_SET) == 6);
    DUMP_OK(brain_load_from(other, fd, NULL, NULL));
    check_has_all(other);
    CHECK_SYS(close(fd));
    CHECK_SYS(close(fds[0]));
    check_destroy(store);
    check_destroy(other);
}

static void limits_are_errors(void)
{
    brain_store *store = dumps_store();
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    if (check_apart("a limit on the size of files")) {
        struct rlimit limit = { 100000, 100000 };
        CHECK_SYS(setrlimit(RLIMIT_FSIZE, &limit));
        DUMP_CODE(brain_dump(store, file, NULL, NULL), BRAIN_E_IO);
        DUMP_DETAIL("ulimit -f");
        _exit(0);
    }
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK_SYS(full);
    DUMP_CODE(brain_dump_to(store, full, NULL, NULL), BRAIN_E_FULL);
    DUMP_DETAIL("No space left");
    CHECK_SYS(close(full));
    CHECK_U64(dumps_count_files(folder), 1);
    check_destroy(store);
}

/* ---- pickles */

static void pickles_need_trust(void)
{
    brain_store *store = dumps_store();
    struct dumps_told told;
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    static const struct {
        mode_t mode;
        uint32_t flags;
        bool may;
    } cases[] = {
        { 0600, 0, true },
        { 0644, 0, true },
        { 0660, 0, false },
        { 0602, 0, false },
        { 0666, BRAIN_LOAD_PICKLES, true },
        { 0600, BRAIN_LOAD_NO_PICKLES, false },
        { 0600, BRAIN_LOAD_NO_PICKLES | BRAIN_LOAD_PICKLES, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        brain_store *other = dumps_new();
        brain_load_options options = telling(&told, cases[i].flags);
        brain_load_result result;
        CHECK_SYS(chmod(file, cases[i].mode));
        DUMP_CODE(brain_load(other, file, &options, &result), cases[i].may ? 0 : BRAIN_E_PERM);
        for (int n = 0; n < DUMPS_N_VALUES; n++) {
            CHECK(dumps_has(other, n) == (cases[i].may || n % 8 != 5)); /* kinds[5] */
        }
        CHECK_U64(told.n[BRAIN_LOAD_REFUSED], cases[i].may ? 0 : 3);
        CHECK_U64(result.n_refused, cases[i].may ? 0 : 3);
        check_destroy(other);
    }
    CHECK_SYS(chmod(file, 0600));
    check_destroy(store);

    /* Of a store that others may write, whoever owns the file. */
    brain_store *shared = NULL, *other = dumps_new();
    brain_options open_to_all = BRAIN_OPTIONS_INIT;
    open_to_all.capacity_bytes = 16 * CHECK_MIB;
    open_to_all.mode = 0660;
    CHECK_OK(brain_open(check_path(), &open_to_all, &shared));
    dumps_put(shared, 5);
    DUMP_OK(brain_dump(shared, file, NULL, NULL));
    DUMP_CODE(brain_load(other, file, NULL, NULL), BRAIN_E_PERM);
    DUMP_DETAIL("pickles");
    CHECK(!dumps_has(other, 5));
    brain_load_options options = telling(&told, BRAIN_LOAD_PICKLES);
    DUMP_OK(brain_load(other, file, &options, NULL));
    CHECK(dumps_has(other, 5));
    check_destroy(shared);
    check_destroy(other);
}

/* ---- calls */

/* In front, whatever comes behind it. */
static void a_dump_says_what_it_is_of(void)
{
    brain_store *store = dumps_store();
    brain_dump_head head = { .struct_size = sizeof head };
    for (int level = 0; level < 4; level += 3) {
        brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
        options.zstd_level = level;
        brain_dump_result result;
        brain_load_result loaded;
        DUMP_OK(brain_dump(store, file, &options, &result));
        DUMP_OK(brain_load(store, file, NULL, &loaded));
        DUMP_OK(brain_dump_look(file, &head));
        CHECK_U64(head.number, result.number);
        CHECK_U64(head.time_ns, loaded.time_ns);
        CHECK_U64(head.others_wrote, 0);
    }
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    size_t size;
    uint8_t *bytes = dumps_read(file, &size);
    dumps_write(file, bytes, 100);
    DUMP_OK(brain_dump_look(file, &head));
    bytes[20] ^= 1;
    dumps_write(file, bytes, size);
    DUMP_CODE(brain_dump_look(file, &head), BRAIN_E_FORMAT);
    dumps_write(file, "", 0);
    DUMP_CODE(brain_dump_look(file, &head), BRAIN_E_FORMAT);
    CHECK_SYS(unlink(file));
    DUMP_CODE(brain_dump_look(file, &head), BRAIN_E_NOT_FOUND);
    DUMP_OK(brain_dump(store, file, NULL, NULL));
    head.struct_size--;
    DUMP_CODE(brain_dump_look(file, &head), BRAIN_E_INVAL);
    free(bytes);
    check_destroy(store);
}

static void wrong_calls_are_refused(void)
{
    brain_store *store = dumps_store();
    brain_dump_options options = BRAIN_DUMP_OPTIONS_INIT;
    brain_load_options how = BRAIN_LOAD_OPTIONS_INIT;
    char *missing = dumps_join(folder, "missing");
    options.struct_size--;
    DUMP_CODE(brain_dump(store, file, &options, NULL), BRAIN_E_INVAL);
    options.struct_size++;
    options.zstd_level = 20;
    DUMP_CODE(brain_dump(store, file, &options, NULL), BRAIN_E_INVAL);
    DUMP_DETAIL("20");
    how.flags = 1u << 30;
    DUMP_CODE(brain_load(store, file, &how, NULL), BRAIN_E_INVAL);
    DUMP_CODE(brain_load(store, missing, NULL, NULL), BRAIN_E_NOT_FOUND);
    DUMP_DETAIL("missing");
    brain_store *reader = check_open_with(brain_path(store), 0, BRAIN_OPEN_READ_ONLY);
    DUMP_OK(brain_dump(reader, file, NULL, NULL)); /* it only reads */
    DUMP_CODE(brain_load(reader, file, NULL, NULL), BRAIN_E_PERM);
    DUMP_DETAIL("read-only");
    brain_close(reader);
    dumps_write(missing, "what is this?", 13);
    DUMP_CODE(brain_load(store, missing, NULL, NULL), BRAIN_E_FORMAT);
    dumps_write(missing, "", 0);
    DUMP_CODE(brain_load(store, missing, NULL, NULL), BRAIN_E_FORMAT);
    free(missing);
    check_destroy(store);
}

int main(void)
{
    check_begin();
    folder = dumps_folder();
    file = dumps_join(folder, "dump");
    static void (*const tests[])(void) = { all_comes_back,
                                           empty_store_comes_back,
                                           many_names_come_back,
                                           named_ones_are_dumped,
                                           wanted_ones_are_loaded,
                                           library_namespaces_are_left_out,
                                           names_are_replaced_or_kept,
                                           versions_go_on,
                                           what_does_not_fit_is_refused,
                                           large_ones_come_back,
                                           refused_ones_are_given_back,
                                           dumps_show_one_moment,
                                           progress_is_told_and_stops,
                                           descriptors_will_do,
                                           limits_are_errors,
                                           pickles_need_trust,
                                           a_dump_says_what_it_is_of,
                                           wrong_calls_are_refused,
                                           links_are_followed };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        tests[i]();
    }
    free(file);
    return 0;
}
