/* images.c - how the images are made.
 *
 * A writer dies at a chosen step by a fault: a page of the region that the step writes next is made read-only
 * in its own mapping. So no clock decides where, and nothing is left but what a kill leaves there.
 */
#include "images.h"

#include "store.h"

#define CAPACITY  (4 * CHECK_MIB)
#define HASH_SEED UINT64_C(0x5eed)

static struct images_one images[IMAGES_N];

static void file_path(char to[200], const char *path, enum images_file file)
{
    snprintf(to, 200, "%s/%s", path, file == IMAGES_DATA ? "data" : "clients");
}

static int open_file(const char *path, enum images_file file)
{
    char name[200];
    file_path(name, path, file);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    CHECK_SYS(fd);
    return fd;
}

/* ---- what is in them */

static void put(brain_space *space, const char *kind, uint64_t i, size_t size, size_t meta_len,
                const char *description)
{
    static uint8_t bytes[64 * CHECK_KIB], meta[4096];
    char name[32];
    brain_part part = { .data = bytes, .size_bytes = size, .align = 8 };
    brain_value value = { .kind = BRAIN_KIND_BYTES,
                          .n_parts = 1,
                          .parts = &part,
                          .meta = meta,
                          .meta_len = meta_len,
                          .description = description,
                          .description_len = description != NULL ? strlen(description) : 0 };
    check_fill(bytes, size, i);
    snprintf(name, sizeof name, "%s%llu", kind, (unsigned long long)i);
    CHECK_OK(brain_put(space, name, strlen(name), &value, BRAIN_ANY_VERSION, NULL));
}

static void delete(brain_space *space, const char *kind, uint64_t i)
{
    char name[32];
    snprintf(name, sizeof name, "%s%llu", kind, (unsigned long long)i);
    CHECK_OK(brain_delete(space, name, strlen(name), BRAIN_ANY_VERSION));
}

/* No slot is ready for the next small put while a snapshot is there. */
static bool has_snapshot(enum images_kind kind)
{
    return kind != IMAGES_SWAP && kind != IMAGES_SWAP_TIDYING;
}

/* Something of everything. */
static void fill_store(brain_store *store, enum images_kind kind)
{
    static brain_view views[2];
    brain_space *one = check_space(store, "one"), *two = check_space(store, "two");
    brain_space *gone = check_space(store, "gone"), *kept = check_space(store, "kept");
    brain_space *still = check_space(store, "still");
    brain_snapshot *snapshot;
    brain_object *object;
    for (uint32_t i = 0; i < IMAGES_STILL; i++) {
        put(still, "still", i, images_still_size(i), 0, i % 10 == 9 ? "described" : NULL);
    }
    for (uint64_t i = 0; i < 40; i++) {
        put(one, "n", i, i, 0, i % 10 == 9 ? "described" : NULL);
    }
    for (uint64_t i = 0; i < 8; i++) {
        put(one, "big", i, 3000 * (i + 1), 0, i % 3 == 0 ? "described" : NULL);
        put(two, "t", i, 60 * i, 16 * i, "of two");
        put(gone, "g", i, 50, 0, NULL);
        put(kept, "k", i, 50, 0, NULL);
    }
    put(two, "outside", 0, 9000, 3000, "so is this");
    for (uint64_t i = 10; i < 16; i++) { /* free blocks: given back, and not */
        put(one, "big", i, 3000 * i, 0, NULL);
    }
    delete (one, "big", 10);
    delete (one, "big", 12);
    CHECK_OK(brain_trim(store, NULL));
    delete (one, "big", 14);
    CHECK_OK(brain_get(one, "n0", 2, &views[0]));
    CHECK_OK(brain_get(one, "big15", 5, &views[1]));
    delete (one, "big", 15);
    CHECK_OK(brain_space_remove(gone));
    if (has_snapshot(kind)) {
        CHECK_OK(brain_snapshot_open(store, &snapshot));
    }
    for (uint64_t i = 0; i < 4; i++) {
        delete (one, "n", i);
    }
    put(one, "big", 11, 5000, 0, NULL);
    CHECK_OK(brain_space_remove(kept)); /* a snapshot keeps it */
    CHECK_OK(brain_create(store, 9000, &object));
    for (uint64_t i = 0; i < 150; i++) { /* some slots are ready, and some retired */
        put(two, "often", 0, 20, 0, NULL);
    }
}

/* ---- dying */

static void forbid(brain_store *store, enum bn_region region, uint64_t off)
{
    CHECK_SYS(mprotect(bn_region_at(store, region) + off, 16 * BN_PAGE, PROT_READ));
}

static void die_in_batch(brain_store *store, enum bn_region forbidden)
{
    brain_space *one = check_space(store, "one"), *two = check_space(store, "two");
    brain_batch *batch;
    static const uint8_t bytes[3000];
    CHECK_OK(brain_batch_new(store, &batch));
    for (uint64_t i = 0; i < 4; i++) {
        brain_part part = { .data = bytes, .size_bytes = i == 2 ? sizeof bytes : 30 };
        brain_value value = { .kind = BRAIN_KIND_BYTES, .n_parts = 1, .parts = &part };
        char name[32];
        snprintf(name, sizeof name, i % 2 == 0 ? "big%llu" : "fresh%llu", (unsigned long long)i);
        CHECK_OK(brain_batch_put(batch, one, name, strlen(name), &value));
    }
    CHECK_OK(brain_batch_delete(batch, two, "t5", 2));
    forbid(store, forbidden, 0);
    (void)!brain_batch_commit(batch, NULL);
}

static void die_in_swap(brain_store *store, enum bn_region forbidden)
{
    brain_space *two = check_space(store, "two");
    put(two, "often", 0, 30, 0, NULL); /* the handle has to know its namespace */
    forbid(store, forbidden, 0);
    put(two, "often", 0, 30, 0, NULL);
}

static void die_in_split(brain_store *store)
{
    brain_space *one = check_space(store, "one");
    forbid(store, BN_REGION_BUCKETS, BN_PAGE); /* bucket 64 and those behind it */
    for (uint64_t i = 0; i < 600; i++) {
        put(one, "more", i, 8, 0, NULL);
    }
}

static void die(brain_store *store, enum images_kind kind)
{
    CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR); /* sanitizers have a handler */
    switch (kind) {
    case IMAGES_BATCH:
        die_in_batch(store, BN_REGION_SPACES);
        break;
    case IMAGES_BATCH_TIDYING:
        die_in_batch(store, BN_REGION_LIMBO);
        break;
    case IMAGES_SWAP:
        die_in_swap(store, BN_REGION_BUCKETS);
        break;
    case IMAGES_SWAP_TIDYING:
        die_in_swap(store, BN_REGION_LIMBO);
        break;
    case IMAGES_SPLIT:
        die_in_split(store);
        break;
    default:
        CHECK_SYS(kill(getpid(), SIGKILL));
    }
    check_fail(__FILE__, __LINE__, "image %d: its writer lives", (int)kind);
}

/* ---- taking them */

/* Names lie in the same places every time, and so does all else. */
static void fix_random_numbers(const char *path)
{
    struct bn_super_rec super;
    int data = open_file(path, IMAGES_DATA), clients = open_file(path, IMAGES_CLIENTS);
    CHECK(pread(data, &super, sizeof super, 0) == (ssize_t)sizeof super);
    super.hash_seed = HASH_SEED;
    super.created_ns = 1;
    memset(super.store_id, 5, sizeof super.store_id);
    super.checksum = bn_layout_checksum(&super);
    CHECK(pwrite(data, &super, sizeof super, 0) == (ssize_t)sizeof super);
    CHECK(pwrite(clients, super.store_id, 16, offsetof(struct bn_clients_rec, store_id)) == 16);
    CHECK_SYS(close(data));
    CHECK_SYS(close(clients));
}

static void read_file(const char *path, enum images_file file, struct images_one *image)
{
    struct stat st;
    int fd = open_file(path, file);
    CHECK_SYS(fstat(fd, &st));
    image->size[file] = (uint64_t)st.st_size;
    off_t at = 0;
    while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
        off_t end = lseek(fd, at, SEEK_HOLE);
        CHECK(end > at && image->n_runs[file] < IMAGES_RUNS_MAX);
        struct images_run *run = &image->runs[file][image->n_runs[file]++];
        *run = (struct images_run){ .off = (uint64_t)at, .size = (uint64_t)(end - at) };
        run->bytes = malloc(run->size);
        CHECK(run->bytes != NULL && pread(fd, run->bytes, run->size, at) == end - at);
        at = end;
    }
    CHECK_SYS(close(fd));
}

/* Whether its writer died where it was to. */
static void check_state_of(enum images_kind kind)
{
    struct bn_state_rec state;
    memcpy(&state, images_byte(kind, IMAGES_DATA, BN_STATE_OFF), sizeof state);
    uint64_t counts = state.counts;
    bool tidying = kind == IMAGES_BATCH_TIDYING || kind == IMAGES_SWAP_TIDYING;
    bool publishes = tidying || kind == IMAGES_BATCH || kind == IMAGES_SWAP;
    CHECK(state.n_limbo > 0 && state.n_private >= 1);
    CHECK(!has_snapshot(kind) || (state.n_tombs > 0 && state.space_dead != 0));
    CHECK(state.block_orders[0] != 0 && state.block_orders[1] != 0);
    CHECK(((state.lock_word & 0x7fff) != 0) == (kind != IMAGES_REST));
    CHECK((state.index_state & 1) == (kind == IMAGES_SPLIT));
    CHECK(((counts >> 22 & 0xfffff) > 0) == publishes);
    CHECK(!publishes || (state.committed >= state.txn_number) == tidying);
    CHECK(kind != IMAGES_BATCH || (counts & 0x3fffff) > 1);
    CHECK(kind != IMAGES_SWAP || (counts & 0x3fffff) > 1);
}

static void build(const char *path, enum images_kind kind)
{
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_close(check_open(path, CAPACITY));
        _exit(0);
    }
    CHECK_CHILD(pid);
    fix_random_numbers(path);
    pid = check_fork();
    if (pid == 0) {
        brain_store *store = check_open(path, CAPACITY);
        fill_store(store, kind);
        die(store, kind);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    CHECK_U64(WTERMSIG(status), kind == IMAGES_REST ? SIGKILL : SIGSEGV);
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        read_file(path, (enum images_file)file, &images[kind]);
    }
    check_state_of(kind);
    check_remove_dir(path);
}

void images_build(const char *path)
{
    check_main = getpid(); /* a check that fails here ends by exit(), and the caller's atexit() */
    for (int kind = 0; kind < IMAGES_N; kind++) {
        build(path, (enum images_kind)kind);
    }
}

/* ---- using them */

const struct images_one *images_get(enum images_kind kind)
{
    return &images[kind];
}

uint8_t *images_byte(enum images_kind kind, enum images_file file, uint64_t off)
{
    const struct images_one *image = &images[kind];
    for (uint32_t i = 0; i < image->n_runs[file]; i++) {
        const struct images_run *run = &image->runs[file][i];
        if (off >= run->off && off < run->off + run->size) {
            return run->bytes + (off - run->off);
        }
    }
    return NULL;
}

uint64_t images_region(enum images_kind kind, enum bn_region region, uint64_t *backed_out)
{
    struct bn_super_rec super;
    uint64_t n = 0;
    memcpy(&super, images_byte(kind, IMAGES_DATA, 0), sizeof super);
    uint64_t off = super.regions[region].off;
    while (images_byte(kind, IMAGES_DATA, off + n) != NULL &&
           n < super.regions[region].size_bytes) {
        n += BN_PAGE;
    }
    *backed_out = n;
    return off;
}

/* ---- writing them: into what is there of one, since new pages are most of the time that a file takes */

/* Also pages that were only set aside go, which SEEK_DATA does not tell from a hole. */
static void punch(int fd, uint64_t off, uint64_t end)
{
    if (off < end) {
        CHECK_SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                            (off_t)(end - off)));
    }
}

/* What differs; all of it where the file has not all of its pages: a hole reads as zeros do, and is none. */
static void write_run(const struct images_run *run, int fd)
{
    static uint8_t there[64 * CHECK_KIB];
    bool is_whole = lseek(fd, (off_t)run->off, SEEK_HOLE) >= (off_t)(run->off + run->size);
    for (uint64_t at = 0, n; at < run->size; at += n) {
        off_t off = (off_t)(run->off + at);
        n = run->size - at < sizeof there ? run->size - at : sizeof there;
        CHECK(!is_whole || pread(fd, there, n, off) == (ssize_t)n);
        for (uint64_t page = 0; page < n; page += BN_PAGE) {
            const uint8_t *bytes = run->bytes + at + page;
            if (!is_whole || memcmp(there + page, bytes, BN_PAGE) != 0) {
                CHECK(pwrite(fd, bytes, BN_PAGE, off + (off_t)page) == BN_PAGE);
            }
        }
    }
}

static void write_file(const struct images_one *image, enum images_file file, int fd)
{
    uint64_t done = 0;
    CHECK_SYS(ftruncate(fd, (off_t)image->size[file]));
    for (uint32_t i = 0; i < image->n_runs[file]; i++) {
        const struct images_run *run = &image->runs[file][i];
        punch(fd, done, run->off);
        write_run(run, fd);
        done = run->off + run->size;
    }
    punch(fd, done, image->size[file]);
}

void images_write(enum images_kind kind, const char *path, int fds_out[IMAGES_N_FILES])
{
    char name[200];
    (void)mkdir(path, 0700);
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        file_path(name, path, (enum images_file)file);
        fds_out[file] = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        CHECK_SYS(fds_out[file]);
        write_file(&images[kind], (enum images_file)file, fds_out[file]);
    }
}
