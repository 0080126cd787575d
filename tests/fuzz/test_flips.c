/* test_flips.c - one bit of a store's metadata is wrong: every call answers, and who is not concerned is served.
 *
 * usage: test_flips [--seconds S | --all [--part I/N]] [--seed N] [--bits] [--image K] [--at FILE OFFSET BIT]
 *
 * Flips one bit of a byte of the metadata, or each of its bits (--bits), in each of the stores of images.h: of every
 * byte (--all), or for S seconds of a random sample of those that say something. Which bit, and in which order,
 * follows from the seed; so parts 1/N to N/N of one seed, at whatever time and on whatever machine, are the whole.
 * Then the names of the namespace "still" are read, every call of brain.h is made (script.h), and the names are read
 * again. Wrong is: a signal; no end within LONGEST_S; what script.c finds; a name that does not answer right, though
 * neither its own records nor a word of the table below was touched. `--image K --at FILE OFFSET BIT` repeats one.
 */
#include "images.h"
#include "map.h"
#include "script.h"

#define LONGEST_S    (CHECK_ASAN ? 60u : 20u)
#define BATCH        64u /* flips that one child makes */
#define FAILURES_MAX 20

static const char *path;

/* ---- what belongs to whom */

struct range {
    enum images_file file;
    uint64_t off, size;
};

/* The store-wide words: a name may be lost to everybody where one of them is wrong. */
#define STATE(field)                                                                               \
    { IMAGES_DATA, BN_STATE_OFF + offsetof(struct bn_state_rec, field),                            \
      sizeof(((struct bn_state_rec *)0)->field) }
#define CLIENTS(field)                                                                             \
    { IMAGES_CLIENTS, offsetof(struct bn_clients_rec, field),                                      \
      sizeof(((struct bn_clients_rec *)0)->field) }
static const struct range store_wide[] = {
    { IMAGES_DATA, 0, sizeof(struct bn_super_rec) }, /* nothing opens */
    STATE(index_state),                              /* where each name is looked for */
    STATE(destroyed),
    STATE(committed), /* which of two versions is the value */
    STATE(backed),    /* how far there is anything */
    CLIENTS(magic),
    CLIENTS(store_id),
    CLIENTS(n_chunks),
};
#define N_STORE_WIDE (sizeof store_wide / sizeof store_wide[0])

#define RANGES_MAX   256
struct owner {
    struct range ranges[RANGES_MAX];
    uint32_t n;
};
static struct owner still[IMAGES_STILL];

static void own(struct owner *owner, uint64_t off, uint64_t size)
{
    CHECK(owner->n < RANGES_MAX);
    owner->ranges[owner->n++] = (struct range){ IMAGES_DATA, off, size };
}

static bool is_in(const struct range *range, enum images_file file, uint64_t off)
{
    return range->file == file && off - range->off < range->size;
}

static bool is_own(const struct owner *owner, enum images_file file, uint64_t off)
{
    bool found = false;
    for (uint32_t i = 0; i < owner->n && !found; i++) {
        found = is_in(&owner->ranges[i], file, off);
    }
    return found;
}

static bool is_store_wide(enum images_file file, uint64_t off)
{
    bool found = false;
    for (size_t i = 0; i < N_STORE_WIDE && !found; i++) {
        found = is_in(&store_wide[i], file, off);
    }
    return found;
}

static const void *record(enum images_kind kind, uint64_t off)
{
    return images_byte(kind, IMAGES_DATA, off);
}

/* The lines of the bucket whose chain has the slot: in the middle of a split there may be two. */
static void own_chain(enum images_kind kind, struct owner *owner, uint32_t slot)
{
    uint64_t n_buckets, n_overflow, overflow = images_region(kind, BN_REGION_OVERFLOW, &n_overflow);
    uint64_t buckets = images_region(kind, BN_REGION_BUCKETS, &n_buckets);
    for (uint64_t at = 0; at < n_buckets; at += sizeof(struct bn_bucket_rec)) {
        uint64_t chain[8], n = 0;
        bool has = false;
        for (uint64_t off = buckets + at; off != 0 && n < 8;) {
            const struct bn_bucket_rec *line = record(kind, off);
            chain[n++] = off;
            for (uint32_t i = 0; i < BN_BUCKET_WORDS; i++) {
                has = has || (line->words[i] != 0 && (uint32_t)line->words[i] == slot);
            }
            off = line->next == 0 ? 0 : overflow + (line->next - 1) * sizeof *line;
        }
        for (uint64_t i = 0; has && i < n; i++) {
            own(owner, chain[i], sizeof(struct bn_bucket_rec));
        }
    }
}

/* A slot, what its slab says of how it is divided, and what leads to it. */
static void own_slot(enum images_kind kind, struct owner *owner, uint32_t slot)
{
    uint64_t backed, slots = images_region(kind, BN_REGION_SLOTS, &backed);
    uint64_t slab = slots + (uint64_t)(slot / BN_SLAB_LINES) * BN_SLAB_BYTES;
    const struct bn_slab_rec *head = record(kind, slab);
    own(owner, slab + offsetof(struct bn_slab_rec, shape), sizeof head->shape);
    own(owner, slots + (uint64_t)slot * BN_LINE, (uint64_t)head->shape.lines * BN_LINE);
    uint32_t ordinal = (slot % BN_SLAB_LINES - head->shape.first_line) / head->shape.lines;
    own(owner, slab + sizeof *head + ordinal * sizeof(struct bn_cold_rec),
        sizeof(struct bn_cold_rec));
    own_chain(kind, owner, slot);
}

static void own_space(enum images_kind kind, struct owner *owner, uint32_t id)
{
    uint64_t backed, spaces = images_region(kind, BN_REGION_SPACES, &backed);
    const struct bn_space_rec *space = record(kind, spaces + id * sizeof *space);
    own(owner, spaces + id * sizeof *space, sizeof *space);
    if (id != 0) {
        own_slot(kind, owner, space->entry);
    }
}

static const char *name_of(uint32_t i)
{
    static char name[32];
    snprintf(name, sizeof name, "still%u", (unsigned)i);
    return name;
}

/* By a look at the store as it is. */
static void find_owners(enum images_kind kind)
{
    int fds[IMAGES_N_FILES];
    uint64_t backed, slots = images_region(kind, BN_REGION_SLOTS, &backed);
    images_write(kind, path, fds);
    brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING | BRAIN_OPEN_READ_ONLY);
    brain_space *space = check_space(store, "still");
    for (uint32_t i = 0; i < IMAGES_STILL; i++) {
        brain_view view;
        still[i].n = 0;
        CHECK_OK(brain_get(space, name_of(i), strlen(name_of(i)), &view));
        const struct bn_slot_rec *slot = record(kind, slots + (uint64_t)view.object * BN_LINE);
        own_slot(kind, &still[i], view.object);
        own_space(kind, &still[i], 0);
        own_space(kind, &still[i], slot->space);
        brain_view_drop(&view);
    }
    brain_space_close(space);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

/* ---- one flip */

struct flip {
    enum images_kind kind;
    enum images_file file;
    uint64_t off;
    uint32_t bit;
};

/* Whether name `i` answers right, or may do otherwise. `*why_out` says what it did. */
static bool serves(brain_space *space, const struct flip *flip, uint32_t i, char why[200])
{
    brain_view view;
    int err = brain_get(space, name_of(i), strlen(name_of(i)), &view);
    bool right = err == 0 && view.size_bytes == images_still_size(i) &&
                 view.kind == BRAIN_KIND_BYTES && check_is_filled(view.data, view.size_bytes, i);
    snprintf(why, 200, "%s: %s", name_of(i),
             right                      ? "right"
             : err == 0                 ? "another value"
             : err == BRAIN_E_NOT_FOUND ? "not found"
                                        : brain_error_detail());
    if (err == 0) {
        brain_view_drop(&view);
    }
    return right || is_own(&still[i], flip->file, flip->off);
}

static void read_names(const struct flip *flip, const char *when)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store;
    brain_space *space;
    char why[200] = "";
    options.lock_timeout_ns = 2 * 1000 * 1000;
    options.flags = BRAIN_OPEN_EXISTING;
    int err = brain_open(path, &options, &store);
    if (err != 0) {
        if (!is_store_wide(flip->file, flip->off)) {
            fprintf(stderr, "%s: does not open: %s\n", when, brain_error_detail());
            abort();
        }
        return;
    }
    CHECK_OK(brain_space_open(store, "still", 5, &space));
    for (uint32_t i = 0; i < IMAGES_STILL; i++) {
        if (!serves(space, flip, i, why) && !is_store_wide(flip->file, flip->off)) {
            fprintf(stderr, "%s: %s\n", when, why);
            abort();
        }
    }
    brain_space_close(space);
    brain_close(store);
}

/* ---- one mapping for many flips: to make and end it, and to touch its pages, is most of what an opening takes
 *
 * A handle of the process finds it and has it checked as if it were new (map.c: check_shared()). It is made while
 * the store is sound, so where a word is wrong by which the mapping is made there is none of it; nor, so that new
 * ones are seen as well, in one flip of FRESH_EVERY.
 */

#define FRESH_EVERY 16u

static struct bn_map *held;

static void hold_mapping(void)
{
    uint32_t access;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_SYS(dir);
    CHECK_OK(bn_map_open(dir, path, path, false, &held, &access));
    CHECK_SYS(close(dir));
}

/* As where the last handle takes the mapping along: then nobody has the rows that handles have left. */
static void forget_rows(void)
{
    struct bn_life life;
    while (held != NULL && bn_map_take_life(held, &life)) {
        CHECK_SYS(munmap(life.map, BN_PAGE));
    }
}

static void let_go_of_mapping(void)
{
    bn_map_drop(held);
    held = NULL;
}

static void begin_mapping(const struct flip *flip, uint32_t i)
{
    struct stat st;
    bool is_fresh = flip->file == IMAGES_CLIENTS || is_store_wide(flip->file, flip->off) ||
                    i % FRESH_EVERY == 0;
    if (is_fresh) {
        let_go_of_mapping();
    } else if (held == NULL) {
        hold_mapping();
    }
    CHECK(held == NULL || (fstat(held->data_file.fd, &st) == 0 &&
                           (uint64_t)st.st_size == bn_load_relaxed(&held->mapped_bytes)));
}

/* ---- a flip */

/* The i-th of this process. */
static void flip_and_use(const struct flip *flip, uint32_t i)
{
    int fds[IMAGES_N_FILES];
    uint8_t byte = *images_byte(flip->kind, flip->file, flip->off) ^ (uint8_t)(1u << flip->bit);
    images_write(flip->kind, path, fds);
    begin_mapping(flip, i);
    CHECK(pwrite(fds[flip->file], &byte, 1, (off_t)flip->off) == 1);
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        CHECK_SYS(close(fds[file]));
    }
    read_names(flip, "at once");
    forget_rows();
    script_run_all(path, flip->off * 8 + flip->bit);
    forget_rows();
    read_names(flip, "after changes");
    forget_rows();
}

/* ---- which */

static bool is_value(enum images_kind kind, enum images_file file, uint64_t off)
{
    struct bn_super_rec super;
    memcpy(&super, record(kind, 0), sizeof super);
    return file == IMAGES_DATA && off >= super.regions[BN_REGION_VALUES].off;
}

static bool is_empty(const uint8_t *line)
{
    static const uint8_t zeros[BN_LINE];
    return memcmp(line, zeros, BN_LINE) == 0;
}

struct what {
    bool all;      /* each byte; else those of lines that say something, and a few of the others */
    bool all_bits; /* of a byte; else one */
    uint64_t seed;
    uint32_t part, n_parts;
};

static uint32_t bit_of(const struct flip *at, uint64_t seed)
{
    return (uint32_t)(check_mix(check_mix(seed) ^ at->off ^ (uint64_t)at->file << 60) % 8);
}

static uint32_t list_flips(enum images_kind kind, const struct what *what, struct flip **flips_out)
{
    const struct images_one *image = images_get(kind);
    uint32_t n = 0, room = 0;
    struct flip *flips = NULL;
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        for (uint32_t r = 0; r < image->n_runs[file]; r++) {
            const struct images_run *run = &image->runs[file][r];
            for (uint64_t i = 0; i < run->size && !is_value(kind, (enum images_file)file, run->off);
                 i++) {
                if (!what->all && is_empty(run->bytes + i / BN_LINE * BN_LINE) && i % 509 != 0) {
                    continue;
                }
                if (n + 8 > room) {
                    room = room * 2 + 1024;
                    flips = realloc(flips, room * sizeof *flips);
                    CHECK(flips != NULL);
                }
                struct flip flip = { kind, (enum images_file)file, run->off + i, 0 };
                flip.bit = bit_of(&flip, what->seed);
                for (uint32_t bit = 0; bit < (what->all_bits ? 8 : 1); bit++) {
                    flips[n++] = flip;
                    flip.bit = (flip.bit + 1) % 8;
                }
            }
        }
    }
    *flips_out = flips;
    return n;
}

static void shuffle(struct flip *flips, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t other = (uint32_t)check_below(i);
        struct flip flip = flips[i - 1];
        flips[i - 1] = flips[other];
        flips[other] = flip;
    }
}

/* ---- running them */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_flip(const struct flip *flip, int status)
{
    printf("WRONG: %s: --image %d --at %d %llu %u\n",
           !WIFSIGNALED(status)          ? "it failed"
           : WTERMSIG(status) == SIGALRM ? "no end"
           : WTERMSIG(status) == SIGABRT ? "see above"
                                         : strsignal(WTERMSIG(status)),
           (int)flip->kind, (int)flip->file, (unsigned long long)flip->off, flip->bit);
    fflush(stdout);
}

/* Some of them in a child; `*done`: how many were begun. 0: all of them ended well. */
static int run_some(const struct flip *flips, uint32_t n, uint32_t *done)
{
    int status = 0;
    pid_t pid = check_fork();
    if (pid == 0) {
        for (uint32_t i = 0; i < n; i++) {
            *(volatile uint32_t *)done = i + 1;
            (void)alarm(LONGEST_S);
            flip_and_use(&flips[i], i);
        }
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static uint32_t run_all(const struct flip *flips, uint32_t n, double end, uint32_t *n_done)
{
    uint32_t *done = check_shared(sizeof *done), n_failures = 0;
    for (uint32_t i = 0; i < n && now_s() < end && n_failures < FAILURES_MAX; i += *done) {
        int status = run_some(flips + i, n - i < BATCH ? n - i : BATCH, done);
        if (status != 0) {
            n_failures++;
            print_flip(&flips[i + *done - 1], status);
        }
        *n_done += *done;
    }
    CHECK_SYS(munmap(done, sizeof *done));
    return n_failures;
}

static void run_image(enum images_kind kind, const struct what *what, double end,
                      uint32_t *n_failures)
{
    struct flip *flips;
    uint32_t n = list_flips(kind, what, &flips), n_mine = 0, n_done = 0;
    double start = now_s();
    check_state = check_mix(what->seed) ^ kind;
    shuffle(flips, n);
    for (uint32_t i = what->part - 1; i < n; i += what->n_parts) {
        flips[n_mine++] = flips[i];
    }
    find_owners(kind);
    *n_failures += run_all(flips, n_mine, end, &n_done);
    printf("image %d: %u of %u bits flipped, %.0f s; part %u of %u, seed %llu\n", (int)kind, n_done,
           n_mine, now_s() - start, what->part, what->n_parts, (unsigned long long)what->seed);
    fflush(stdout);
    free(flips);
}

static int usage(void)
{
    fprintf(stderr, "usage: test_flips [--seconds S | --all [--part I/N]] [--seed N] [--bits] "
                    "[--image K] [--at FILE OFFSET BIT]\n"
                    "--part needs --all and --seed; --at needs --image, and a byte of it\n");
    return 2;
}

int main(int argc, char **argv)
{
    double seconds = 12;
    struct what what = { .seed = check_new_seed() >> 32, .part = 1, .n_parts = 1 };
    uint32_t first = 0, end = IMAGES_N, n_failures = 0, n_done = 0;
    struct flip one = { 0 };
    bool only_one = false, has_seed = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
            seconds = atof(argv[++i]);
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            has_seed = true;
            what.seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--image") == 0 && i + 1 < argc) {
            first = (uint32_t)strtoul(argv[++i], NULL, 10);
            end = first + 1;
        } else if (strcmp(argv[i], "--part") == 0 && i + 1 < argc) {
            if (sscanf(argv[++i], "%u/%u", &what.part, &what.n_parts) != 2) {
                return usage();
            }
        } else if (strcmp(argv[i], "--at") == 0 && i + 3 < argc) {
            only_one = true;
            one = (struct flip){ .kind = 0,
                                 .file = (enum images_file)strtoul(argv[i + 1], NULL, 10),
                                 .off = strtoull(argv[i + 2], NULL, 10),
                                 .bit = (uint32_t)strtoul(argv[i + 3], NULL, 10) };
            i += 3;
        } else if (strcmp(argv[i], "--all") == 0) {
            what.all = true;
        } else if (strcmp(argv[i], "--bits") == 0) {
            what.all_bits = true;
        } else {
            return usage();
        }
    }
    if (end > IMAGES_N || what.part - 1 >= what.n_parts || (only_one && end - first > 1) ||
        (what.n_parts > 1 && !(what.all && has_seed)) || one.file >= IMAGES_N_FILES ||
        one.bit > 7) {
        return usage();
    }
    check_begin();
    path = check_path();
    images_build(path);
    if (only_one) {
        one.kind = (enum images_kind)first;
        if (images_byte(one.kind, one.file, one.off) == NULL) {
            return usage();
        }
        find_owners(one.kind);
        n_failures = run_all(&one, 1, 1e18, &n_done);
    } else {
        for (uint32_t kind = first; kind < end; kind++) {
            run_image((enum images_kind)kind, &what,
                      what.all ? 1e18 : now_s() + seconds / (end - first), &n_failures);
        }
    }
    return n_failures == 0 ? 0 : 1;
}
