/* Damaged files: whatever the bytes of a store are, a call answers, and with a code of brain.h.
 *
 * usage: test_damage [--seconds S] [--seed N] [--first N] [--trials N]
 *
 * Builds one store that has something of everything. Each trial writes both files anew, damages 1 to 20 words of
 * them, and lets a child use all that brain.h has. Wrong is: a signal, no end within LONGEST_S, a code that
 * brain.h does not have, an error without a text, a walk without an end, and files or a process that grow
 * without bound. The words of a trial follow from the seed and its number: `--seed N --first I --trials 1`
 * repeats trial I alone. What fails says so, with its words; the rest goes on.
 */
#include "../unit/check.h"

#include <sys/resource.h>

#include "layout.h"

#define LONGEST_S        (CHECK_ASAN ? 60u : 15u)
#define WORDS_MAX        20
#define NAMES_MAX        100000
#define GROWTH_MAX       (256 * CHECK_MIB)
#define RESIDENT_MAX_KIB ((long)1 << 20)
#define FAILURES_MAX     10
#define HASH_SEED        UINT64_C(0x5eed)

static const char *path;

/* ---- the store that is damaged */

struct run {
    uint64_t off, size;
    uint8_t *bytes;
};

struct image {
    const char *name;
    uint64_t size, backed;
    struct run runs[64];
    uint32_t n_runs;
};

static struct image images[2] = { { .name = "data" }, { .name = "clients" } };
static uint64_t values_off; /* in `data`: from here on lie the bytes of values */

static void file_path(char *to, size_t room, const char *name)
{
    snprintf(to, room, "%s/%s", path, name);
}

static void put(brain_space *space, const char *name, size_t size, size_t meta_len,
                const char *description)
{
    static uint8_t bytes[3 * CHECK_MIB];
    brain_part part = { .data = bytes, .size_bytes = size, .align = 8 };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = bytes,
                          .meta_len = meta_len,
                          .description = description,
                          .description_len = description != NULL ? strlen(description) : 0 };
    (void)!brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL);
}

static const char *name_of(char *to, const char *kind, uint64_t i)
{
    snprintf(to, 32, "%s%llu", kind, (unsigned long long)i);
    return to;
}

/* Something of everything; this process is to be killed, and leaves its row, views and an object. */
static void fill_store(void)
{
    brain_store *store = check_open_with(path, 64 * CHECK_MIB, 0);
    brain_space *one = check_space(store, "one"), *two = check_space(store, "two");
    brain_space *gone = check_space(store, "gone"), *kept = check_space(store, "kept");
    brain_snapshot *snapshot;
    brain_object *object;
    static brain_view views[8];
    static char long_name[3000];
    char name[32];
    memset(long_name, 'l', sizeof long_name - 1);
    for (uint64_t i = 0; i < 400; i++) {
        put(one, name_of(name, "n", i), i % 60, 0, i % 50 == 0 ? "described" : NULL);
    }
    for (uint64_t i = 0; i < 20; i++) {
        put(two, name_of(name, "t", i), 100 * i, i * 10, NULL);
        put(one, name_of(name, "big", i), 3000 + 20000 * i, 0, i % 3 == 0 ? "described" : NULL);
        put(gone, name_of(name, "g", i), 50, 0, NULL);
        put(kept, name_of(name, "k", i), 5000, 0, NULL);
    }
    put(one, long_name, 100000, 3000, "body outside");
    put(one, "huge", 2 * CHECK_MIB, 0, NULL);
    for (uint64_t i = 0; i < 10; i += 2) { /* free blocks: given back, and not */
        name_of(name, "big", i + 10);
        CHECK_OK(brain_delete(one, name, strlen(name), BRAIN_ANY_VERSION));
        if (i == 4) {
            CHECK_OK(brain_trim(store, NULL));
        }
    }
    CHECK_OK(brain_get(one, "big3", 4, &views[0]));
    CHECK_OK(brain_get(one, "n7", 2, &views[1]));
    CHECK_OK(brain_get(two, "t9", 2, &views[2]));
    for (uint64_t i = 0; i < 30; i++) {
        put(one, name_of(name, "n", i), 20, 0, NULL);
    }
    CHECK_OK(brain_delete(one, "big3", 4, BRAIN_ANY_VERSION));
    CHECK_OK(brain_delete(two, "t9", 2, BRAIN_ANY_VERSION));
    CHECK_OK(brain_space_remove(gone));
    CHECK_OK(brain_snapshot_open(store, &snapshot));
    for (uint64_t i = 100; i < 110; i++) {
        name_of(name, "n", i);
        CHECK_OK(brain_delete(one, name, strlen(name), BRAIN_ANY_VERSION));
        put(one, name_of(name, "big", i % 10 + 4), 9000, 0, NULL);
    }
    CHECK_OK(brain_space_remove(kept)); /* the snapshot keeps it */
    CHECK_OK(brain_create(store, 50000, &object));
    CHECK_SYS(kill(getpid(), SIGKILL));
}

static void seal_super(int fd, struct bn_super_rec *super)
{
    super->checksum = bn_layout_checksum(super);
    CHECK(pwrite(fd, super, sizeof *super, 0) == (ssize_t)sizeof *super);
}

static void read_super(int fd, struct bn_super_rec *super)
{
    CHECK(pread(fd, super, sizeof *super, 0) == (ssize_t)sizeof *super);
}

/* The names lie in the same places every time, and so does all else. */
static void fix_hash_seed(void)
{
    char file[200];
    struct bn_super_rec super;
    file_path(file, sizeof file, "data");
    int fd = open(file, O_RDWR);
    CHECK_SYS(fd);
    read_super(fd, &super);
    super.hash_seed = HASH_SEED;
    seal_super(fd, &super);
    values_off = super.regions[BN_REGION_VALUES].off;
    CHECK_SYS(close(fd));
}

static void read_image(struct image *image)
{
    char file[200];
    struct stat st;
    file_path(file, sizeof file, image->name);
    int fd = open(file, O_RDONLY);
    CHECK_SYS(fd);
    CHECK_SYS(fstat(fd, &st));
    image->size = (uint64_t)st.st_size;
    image->backed = (uint64_t)st.st_blocks * 512;
    off_t at = 0;
    while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
        off_t end = lseek(fd, at, SEEK_HOLE);
        CHECK(end > at && image->n_runs < 64);
        struct run *run = &image->runs[image->n_runs++];
        *run = (struct run){ .off = (uint64_t)at, .size = (uint64_t)(end - at) };
        run->bytes = malloc(run->size);
        CHECK(run->bytes != NULL && pread(fd, run->bytes, run->size, at) == end - at);
        at = end;
    }
    CHECK_SYS(close(fd));
}

/* Whether the store has what fill_store() is to leave there. */
static void check_has_all(void)
{
    struct bn_state_rec state;
    CHECK(images[0].runs[0].off == 0 && images[0].runs[0].size >= BN_STATE_OFF + sizeof state);
    memcpy(&state, images[0].runs[0].bytes + BN_STATE_OFF, sizeof state);
    CHECK(state.n_overflow > 0 && state.n_limbo > 0 && state.n_private == 1 && state.n_tombs > 0);
    CHECK(state.space_dead != 0);
    CHECK(state.block_orders[0] != 0 && state.block_orders[1] != 0);
}

static void build_store(void)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_close(check_open(path, 64 * CHECK_MIB));
        _exit(0);
    }
    CHECK_CHILD(pid);
    fix_hash_seed();
    pid = check_fork();
    if (pid == 0) {
        fill_store();
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    read_image(&images[0]);
    read_image(&images[1]);
    check_has_all();
}

static int write_image(const struct image *image)
{
    char file[200];
    file_path(file, sizeof file, image->name);
    (void)mkdir(path, 0700);
    (void)unlink(file);
    int fd = open(file, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK_SYS(fd);
    CHECK_SYS(ftruncate(fd, (off_t)image->size));
    for (uint32_t i = 0; i < image->n_runs; i++) {
        const struct run *run = &image->runs[i];
        CHECK(pwrite(fd, run->bytes, run->size, (off_t)run->off) == (ssize_t)run->size);
    }
    return fd;
}

/* ---- damage */

struct damage {
    int file;
    uint64_t off, old, now;
};

static const uint8_t *byte_at(const struct image *image, uint64_t off)
{
    for (uint32_t i = 0; i < image->n_runs; i++) {
        const struct run *run = &image->runs[i];
        if (off >= run->off && off < run->off + run->size) {
            return run->bytes + (off - run->off);
        }
    }
    return NULL;
}

/* Some word, more often than not one that says something. */
static uint64_t choose_word(const struct image *image, const struct run *run, uint64_t *word_out)
{
    uint64_t off = 0;
    for (int i = 0; i < 4; i++) {
        off = run->off + check_below(run->size / 8) * 8;
        if (image == &images[0] && run->off == 0) {
            off = check_below(30) == 0
                      ? check_below(sizeof(struct bn_super_rec) / 8) * 8
                      : BN_STATE_OFF + check_below(sizeof(struct bn_state_rec) / 8) * 8;
        }
        memcpy(word_out, byte_at(image, off), 8);
        if (*word_out != 0) {
            break;
        }
    }
    return off;
}

/* What stands in another place of the same run: in a record of its kind more often than not. */
static uint64_t copy_other(const struct image *image, const struct run *run, uint64_t off)
{
    static const uint64_t sizes[] = { 8, 16, 24, 40, 64, 128, 4096, 65536 };
    uint64_t other, at = off + sizes[check_below(8)] * (check_below(16) - 8); /* it may wrap */
    if (check_below(3) == 0 || at < run->off || at >= run->off + run->size) {
        (void)choose_word(image, run, &other);
    } else {
        memcpy(&other, byte_at(image, at), 8);
    }
    return other;
}

static uint64_t spoil(const struct image *image, const struct run *run, uint64_t off, uint64_t old)
{
    uint64_t other = copy_other(image, run, off);
    unsigned shift = check_below(2) ? 32 : 0;
    uint64_t mask = (uint64_t)0xffffffff << shift;
    switch (check_below(12)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return check_random();
    case 3:
        return check_below((uint64_t)1 << 32);
    case 4:
        return check_below(64);
    case 5:
        return old ^ (uint64_t)1 << check_below(64);
    case 6:
        return old + 1 - 2 * check_below(2);
    case 7:
        return (old & ~mask) | (check_below((uint64_t)1 << check_below(33)) << shift);
    case 8:
        return old & mask;
    case 9:
        return (old & ~mask) | (other & mask);
    case 10:
        return (old & ~mask) | (other >> (32 - shift) << shift & mask);
    default:
        return other;
    }
}

static uint32_t choose_damage(struct damage *damage)
{
    static const uint32_t counts[] = { 1, 1, 1, 2, 3, 5, 20 };
    uint32_t n = counts[check_below(7)];
    for (uint32_t i = 0; i < n; i++) {
        damage[i].file = check_below(12) == 0;
        const struct image *image = &images[damage[i].file];
        const struct run *run = &image->runs[check_below(5) == 0 ? 0 : check_below(image->n_runs)];
        while (damage[i].file == 0 && run->off >= values_off &&
               check_below(16) != 0) { /* of little interest */
            run = &image->runs[check_below(image->n_runs)];
        }
        damage[i].off = choose_word(image, run, &damage[i].old);
        damage[i].now = spoil(image, run, damage[i].off, damage[i].old);
    }
    return n;
}

/* ---- what the child does */

static const char *doing = "";

static void fail_child(const char *what, int code)
{
    fprintf(stderr, "%s: %s (%d)\n", doing, what, code);
    _exit(3);
}

static bool is_public(int code)
{
    return (code <= 0 && code >= BRAIN_E_QUOTA) ||
           (code <= BRAIN_E_INVAL && code >= BRAIN_E_FORKED);
}

static int answered(const char *call, int code)
{
    doing = call;
    if (!is_public(code)) {
        fail_child("is no code of brain.h", code);
    }
    if (code <= BRAIN_E_INVAL && brain_error_detail()[0] == '\0') {
        fail_child("an error without a text", code);
    }
    return code;
}
#define DO(call) (doing = #call, answered(#call, call))

static volatile uint64_t sum;

static void touch(const void *bytes, uint64_t n)
{
    const uint8_t *at = bytes;
    for (uint64_t i = 0; i < n; i += i + 4096 < n ? 4096 : 1) {
        sum += at[i];
    }
}

static void look(brain_view *view)
{
    if (view->store != NULL) {
        sum += brain_view_created_ns(view);
    }
    touch(view->data, view->size_bytes);
    touch(view->name, view->name_len);
    touch(view->meta, view->meta_len);
    touch(view->description, view->description_len);
    brain_view_drop(view);
}

static void walk(brain_iter *iter)
{
    const void *name;
    size_t len;
    for (uint32_t n = 0; DO(brain_iter_next(iter, &name, &len)) == 0; n++) {
        brain_view view;
        if (n == NAMES_MAX) {
            fail_child("a walk without an end", 0);
        }
        touch(name, len);
        if (n % 4 == 0 && DO(brain_iter_get(iter, &view)) == 0) {
            look(&view);
        }
    }
    brain_iter_free(iter);
}

static void do_reads(brain_store *store, brain_space *space)
{
    uint64_t buf[64], version, number;
    brain_view view, views[20];
    brain_key keys[20];
    char names[20][32], name[32];
    for (uint64_t i = 0; i < 400; i += 1 + check_below(3)) {
        name_of(name, i % 20 == 0 ? "big" : i % 7 == 0 ? "t" : "n", i % 20 == 0 ? i / 20 : i);
        if (DO(brain_get(space, name, strlen(name), &view)) == 0) {
            look(&view);
        }
        brain_hint hint = { 0 };
        if (DO(brain_get_or_copy(space, name, strlen(name), &hint, buf, sizeof buf, &view)) == 0) {
            look(&view);
        }
        if (DO(brain_get_or_copy(space, name, strlen(name), &hint, buf, sizeof buf, &view)) == 0) {
            look(&view);
        }
        (void)DO(brain_get_copy(space, name, strlen(name), buf, sizeof buf, NULL, NULL, &version));
        (void)DO(brain_exists(space, name, strlen(name), &version));
    }
    for (uint32_t i = 0; i < 20; i++) {
        name_of(names[i], "n", i * 9);
        keys[i] = (brain_key){ space, names[i], strlen(names[i]) };
    }
    if (DO(brain_get_many(store, keys, 20, views, &number)) == 0) {
        for (uint32_t i = 0; i < 20; i++) {
            if (views[i].store != NULL) {
                look(&views[i]);
            }
        }
    }
}

static void do_walks(brain_store *store, brain_space *space)
{
    brain_snapshot *snapshot = NULL;
    brain_iter *iter;
    brain_view view;
    if (check_below(2) == 0 && DO(brain_snapshot_open(store, &snapshot)) != 0) {
        return;
    }
    if (snapshot != NULL && DO(brain_snapshot_get(snapshot, space, "n5", 2, &view)) == 0) {
        look(&view);
    }
    if (DO(brain_iter_names(space, snapshot, &iter)) == 0) {
        walk(iter);
    }
    if (DO(brain_iter_spaces(store, snapshot, &iter)) == 0) {
        walk(iter);
    }
    brain_snapshot_close(snapshot);
}

static void do_small_puts(brain_space *space)
{
    char name[32];
    uint64_t number = 5, version;
    brain_part part = { .data = &number, .size_bytes = sizeof number };
    brain_value value = { .kind = BRAIN_KIND_RAW, .n_parts = 1, .parts = &part };
    for (uint64_t i = 0; i < 200; i++) {
        name_of(name, check_below(3) == 0 ? "n" : "new", check_below(120));
        (void)DO(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, &version));
    }
    brain_hint hint = { 0 };
    for (uint64_t i = 0; i < 100; i++) {
        if (DO(brain_try_put(space, "n3", 2, &hint, &value, BRAIN_ANY_VERSION, &version)) != 0) {
            (void)DO(brain_put(space, "n3", 2, &value, BRAIN_ANY_VERSION, &version));
        }
    }
    (void)DO(brain_put(space, "n4", 2, &value, 0, &version));
    (void)DO(brain_put(space, "n50", 3, &value, 7, NULL));
    for (uint64_t i = 0; i < 60; i++) {
        (void)DO(brain_put(space, "n9", 2, &value, BRAIN_ANY_VERSION, &version));
    }
}

static void do_large_puts(brain_space *space)
{
    static uint8_t bytes[1000000];
    static const char description[] = "new";
    char name[32];
    for (uint64_t i = 0; i < 12; i++) {
        size_t size = check_below(3) == 0 ? check_below(sizeof bytes) : check_below(20000);
        brain_part part = { .data = bytes, .size_bytes = size };
        brain_value value = { .kind = BRAIN_KIND_BYTES,
                              .n_parts = 1,
                              .parts = &part,
                              .meta = bytes,
                              .meta_len = check_below(3) == 0 ? 4000 : 0,
                              .description = check_below(3) == 0 ? description : NULL,
                              .description_len = 3 };
        name_of(name, "big", check_below(20));
        (void)DO(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL));
    }
}

static void do_deletes(brain_space *space)
{
    char name[32];
    for (uint64_t i = 0; i < 60; i++) {
        name_of(name, i % 6 == 0 ? "big" : "n", i % 6 == 0 ? i / 3 : check_below(400));
        (void)DO(brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION));
    }
}

static void do_batch(brain_store *store, brain_space *space, brain_space *other)
{
    static const uint8_t bytes[6000];
    brain_batch *batch;
    uint64_t number, n = check_below(3) == 0 ? 3 : 300;
    char name[32];
    if (DO(brain_batch_new(store, &batch)) != 0) {
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        brain_part part = { .data = bytes, .size_bytes = i % 40 == 0 ? 6000 : i % 50 };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        brain_space *in = i % 5 == 0 ? other : space;
        name_of(name, i % 3 == 0 ? "n" : "batch", i);
        if (i % 11 == 0) {
            (void)DO(brain_batch_delete(batch, in, name, strlen(name)));
        } else {
            (void)DO(brain_batch_put(batch, in, name, strlen(name), &value));
        }
    }
    if (check_below(8) != 0) {
        (void)DO(brain_batch_commit(batch, &number));
    }
    brain_batch_free(batch);
}

static void do_objects(brain_store *store, brain_space *space)
{
    static const uint64_t sizes[] = { 10, 3000, 200000 };
    brain_value value = { .kind = BRAIN_KIND_BYTES };
    for (uint32_t i = 0; i < 3; i++) {
        brain_object *object;
        if (DO(brain_create(store, sizes[i], &object)) == 0) {
            memset(brain_object_data(object), 7, sizes[i]);
            if (check_below(3) != 0) {
                (void)DO(
                    brain_object_seal(object, space, "object", 6, &value, BRAIN_ANY_VERSION, NULL));
            }
            brain_object_release(object);
        }
    }
}

static void do_streams(brain_store *store, brain_space *space)
{
    static const uint8_t bytes[70000];
    brain_value value = { .kind = BRAIN_KIND_BYTES, .created_ns = 5 };
    brain_object *object;
    if (DO(brain_create_streamed(store, 2 * sizeof bytes, &object)) == 0) {
        int err = DO(brain_object_append(object, bytes, sizeof bytes));
        err = err != 0 ? err : DO(brain_object_append(object, bytes, sizeof bytes));
        if (err == 0) {
            (void)DO(
                brain_object_seal(object, space, "streamed", 8, &value, BRAIN_ANY_VERSION, NULL));
        }
        brain_object_release(object);
    }
}

static void do_spaces(brain_store *store, brain_space *space, brain_space *other)
{
    uint64_t n;
    brain_space *fresh;
    (void)DO(brain_space_count(space, &n));
    (void)DO(brain_space_exists(other));
    (void)DO(brain_space_count(other, &n));
    if (DO(brain_space_open(store, "fresh", 5, &fresh)) == 0) {
        (void)DO(brain_space_create(fresh));
        put(fresh, "x", 10, 0, NULL);
        (void)DO(brain_space_remove(fresh));
        brain_space_close(fresh);
    }
    if (check_below(2) == 0) {
        (void)DO(brain_space_remove(other));
    }
}

static void do_waits(brain_space *space)
{
    uint64_t number = 0;
    (void)DO(brain_wait(space, "n1", 2, 0, 1000000, &number));
    (void)DO(brain_wait(space, "n1", 2, UINT64_MAX - 1, 1000000, &number));
    (void)DO(brain_wait_space(space, number, 1000000, &number));
}

/* What is damaged is said, and the walk goes on behind it. */
static void do_looks(brain_store *store)
{
    static brain_object_info infos[16] = { { .struct_size = sizeof infos[0] } };
    brain_client client;
    uint32_t cursor = 0, n_calls = 0;
    uint64_t epoch;
    size_t n = 0;
    int err;
    do {
        err = DO(brain_objects(store, BRAIN_OBJECT_ANY, &cursor, infos, 16, &n));
        for (size_t i = 0; (err == 0 || err == BRAIN_E_CORRUPT) && i < n; i++) {
            CHECK(infos[i].name_there < sizeof infos[i].name &&
                  infos[i].name_there <= infos[i].name_len);
            sum += infos[i].size_bytes + strlen(infos[i].name) + strlen(infos[i].space);
        }
        if (++n_calls > NAMES_MAX) {
            fail_child("a walk over the objects has no end", 0);
        }
    } while (err == 0 || err == BRAIN_E_CORRUPT);
    (void)DO(brain_object_look(store, (uint32_t)check_below(UINT64_C(1) << 32), infos));
    (void)DO(brain_object_look(store, (uint32_t)check_below(4096), infos));
    (void)DO(brain_writer(store, &client, &epoch));
}

static void do_numbers(brain_store *store)
{
    static brain_client clients[8];
    brain_problem problems[4];
    brain_stat stat = { .struct_size = sizeof stat };
    uint64_t capacity = 0, live;
    size_t n;
    (void)DO(brain_stat_get(store, &stat));
    (void)DO(brain_usage(store, &capacity, &live));
    (void)DO(brain_clients(store, clients, 8, &n));
    do_looks(store);
    (void)DO(brain_check(store, problems, 4, &n));
    sum += (uint64_t)brain_is_busy(store) + brain_access(store);
    if (check_below(4) == 0) {
        (void)DO(brain_resize(store, capacity + CHECK_MIB));
        (void)DO(brain_advance(store, stat.committed + check_below(3)));
    }
    (void)DO(brain_trim(store, &live));
}

/* A child inherits the store, reads, and dies with a view. */
static void do_fork(brain_store *store, brain_space *space)
{
    brain_view view;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(LONGEST_S);
        doing = "in a child of it";
        do_numbers(store);
        (void)DO(brain_get(space, "big5", 4, &view));
        _exit(0);
    }
    int status;
    if (pid > 0 &&
        (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        fail_child("a child of it ended otherwise", status);
    }
}

static void do_one(uint64_t what, brain_store *store, brain_space *space, brain_space *other)
{
    switch (what) {
    case 0:
        do_reads(store, space);
        break;
    case 1:
        do_walks(store, space);
        break;
    case 2:
        do_small_puts(space);
        break;
    case 3:
        do_large_puts(space);
        break;
    case 4:
        do_deletes(space);
        break;
    case 5:
        do_batch(store, space, other);
        break;
    case 6:
        do_objects(store, space);
        do_streams(store, space);
        break;
    case 7:
        do_spaces(store, space, other);
        break;
    case 8:
        do_waits(space);
        break;
    case 9:
        do_fork(store, space);
        break;
    default:
        do_numbers(store);
        break;
    }
}

static void use_store(void)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    brain_space *one, *two;
    alarm(LONGEST_S);
    options.lock_timeout_ns = 200 * 1000 * 1000;
    options.flags = BRAIN_OPEN_EXISTING | (check_below(8) == 0 ? BRAIN_OPEN_READ_ONLY : 0);
    if (DO(brain_open(path, &options, &store)) != 0) {
        return;
    }
    if (DO(brain_space_open(store, "one", 3, &one)) != 0 ||
        DO(brain_space_open(store, "two", 3, &two)) != 0) {
        return;
    }
    for (uint32_t i = 0; i < 12; i++) {
        bool swapped = check_below(4) == 0;
        do_one(check_below(11), store, swapped ? two : one, swapped ? one : two);
    }
    brain_space_close(one);
    brain_space_close(two);
    if (check_below(8) == 0) {
        (void)DO(brain_destroy(store));
    }
    brain_close(store);
}

/* ---- trials */

static void print_trial(uint64_t seed, uint64_t trial, const struct damage *damage, uint32_t n)
{
    printf("  --seed %llu --first %llu --trials 1:", (unsigned long long)seed,
           (unsigned long long)trial);
    for (uint32_t i = 0; i < n; i++) {
        printf(" %s+%llu: %llx -> %llx;", images[damage[i].file].name,
               (unsigned long long)damage[i].off, (unsigned long long)damage[i].old,
               (unsigned long long)damage[i].now);
    }
    printf("\n");
}

/* What was wrong, or NULL. */
static const char *judge(int status, const struct rusage *usage, uint64_t backed)
{
    static char text[80];
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "%s",
                 WTERMSIG(status) == SIGALRM ? "no end" : strsignal(WTERMSIG(status)));
        return text;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        snprintf(text, sizeof text, "status %x", (unsigned)status);
        return text;
    }
    if (backed > images[0].backed + images[1].backed + GROWTH_MAX) {
        snprintf(text, sizeof text, "the files grew to %llu MiB",
                 (unsigned long long)(backed / CHECK_MIB));
        return text;
    }
    if (!CHECK_ASAN && usage->ru_maxrss > RESIDENT_MAX_KIB) {
        snprintf(text, sizeof text, "the process grew to %ld KiB", usage->ru_maxrss);
        return text;
    }
    return NULL;
}

static bool try_once(uint64_t seed, uint64_t trial)
{
    struct damage damage[WORDS_MAX];
    struct rusage usage;
    uint64_t backed = 0;
    int fds[2], status;
    check_state = check_mix(seed ^ check_mix(trial));
    uint32_t n = choose_damage(damage);
    for (int i = 0; i < 2; i++) {
        fds[i] = write_image(&images[i]);
    }
    for (uint32_t i = 0; i < n; i++) {
        CHECK(pwrite(fds[damage[i].file], &damage[i].now, 8, (off_t)damage[i].off) == 8);
        if (damage[i].file == 0 && damage[i].off < sizeof(struct bn_super_rec) &&
            check_below(4) != 0) {
            struct bn_super_rec super;
            read_super(fds[0], &super);
            seal_super(fds[0], &super); /* or it would be the checksum alone that is tested */
        }
    }
    pid_t pid = check_fork();
    if (pid == 0) {
        use_store();
        _exit(0);
    }
    CHECK(wait4(pid, &status, 0, &usage) == pid);
    for (int i = 0; i < 2; i++) {
        struct stat st;
        CHECK_SYS(fstat(fds[i], &st));
        backed += (uint64_t)st.st_blocks * 512;
        CHECK_SYS(close(fds[i]));
    }
    const char *wrong = judge(status, &usage, backed);
    if (wrong != NULL) {
        printf("WRONG: %s\n", wrong);
        print_trial(seed, trial, damage, n);
        fflush(stdout);
    }
    return wrong == NULL;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    double seconds = 5, end;
    uint64_t seed = check_new_seed() >> 32, first = 0, n_trials = UINT64_MAX, n = 0;
    uint32_t n_failures = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = atof(argv[i + 1]);
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--first") == 0) {
            first = strtoull(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--trials") == 0) {
            n_trials = strtoull(argv[i + 1], NULL, 10);
        }
    }
    check_begin();
    path = check_path();
    build_store();
    for (end = now_s() + seconds; n < n_trials && now_s() < end && n_failures < FAILURES_MAX; n++) {
        n_failures += !try_once(seed, first + n);
    }
    printf("%llu damaged stores, seed %llu: %u failures\n", (unsigned long long)n,
           (unsigned long long)seed, n_failures);
    return n_failures == 0 ? 0 : 1;
}
