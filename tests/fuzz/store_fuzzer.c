/* store_fuzzer.c - a fuzzer of hostile stores: for libFuzzer, or with replay.c.
 *
 * An input says: which image (images.h), how it is damaged, and what is then done with it (script.h).
 *
 *   0 image (low half)  1 = 0x10: the first page keeps a right checksum
 *   1 number of patches, then the patches, then the script
 *
 * A patch writes into the files as whoever may write them could; `place` says where:
 *
 *   place (1)  a region, or another part of a file
 *     parts:   at (2), in words of 4 bytes   how (1)   value (1, 2, 4 or 8)
 *     slot:    which (1), then as parts
 *     length:  how much of a file is cut off, or added
 *     note, record, death: a note of the journal, a publish record, each with a right checksum; and a lock
 *              that a dead client holds, with the lengths of the journal
 *
 * Wrong is what a sanitizer or script.c finds, no end, and descriptors or mappings that are left.
 */
#include "images.h"
#include "journal.h"
#include "script.h"

#include <dirent.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define PATCHES_MAX 24
#define SLOTS_FROM  0xc0 /* a place that is a slot of the index; the next byte says which */

enum place {
    PLACE_SUPER = BN_REGION_VALUES, /* up to here: regions of `data` */
    PLACE_STATE,
    PLACE_CLIENTS, /* its head */
    PLACE_ROWS,
    PLACE_WAKE,
    PLACE_CHUNKS,
    PLACE_LENGTH,
    PLACE_NOTE,
    PLACE_RECORD,
    PLACE_DEATH,
    PLACE_N
};

static const char *path;
static enum images_kind image;
static int fds[IMAGES_N_FILES];

/* ---- places */

struct part {
    enum images_file file;
    uint64_t off, size;
};

static struct part part_of(enum place place)
{
    struct part part = { IMAGES_DATA, 0, sizeof(struct bn_super_rec) };
    switch (place) {
    case PLACE_SUPER:
        return part;
    case PLACE_STATE:
        return (struct part){ IMAGES_DATA, BN_STATE_OFF, sizeof(struct bn_state_rec) };
    case PLACE_CLIENTS:
        return (struct part){ IMAGES_CLIENTS, 0, sizeof(struct bn_clients_rec) };
    case PLACE_ROWS:
        return (struct part){ IMAGES_CLIENTS, BN_ROWS_OFF, 4 * sizeof(struct bn_row_rec) };
    case PLACE_WAKE:
        return (struct part){ IMAGES_CLIENTS, BN_WAKE_OFF, BN_PAGE };
    case PLACE_CHUNKS:
        return (struct part){ IMAGES_CLIENTS, BN_CHUNKS_OFF, 3 * BN_PAGE };
    default:
        part.off = images_region(image, (enum bn_region)place, &part.size);
        return part;
    }
}

static void read_at(enum images_file file, uint64_t off, void *to, size_t n)
{
    CHECK(pread(fds[file], to, n, (off_t)off) == (ssize_t)n);
}

static void write_at(enum images_file file, uint64_t off, const void *from, size_t n)
{
    CHECK(pwrite(fds[file], from, n, (off_t)off) == (ssize_t)n);
}

/* ---- patches */

static void patch_part(struct script *script, struct part part)
{
    uint64_t at = script_number(script, 2) * 4, old = 0, now;
    uint8_t how = script_byte(script);
    size_t width = (size_t)1 << (how & 3);
    if (part.size < 8) {
        return;
    }
    at = (at + (how >> 6)) % (part.size - 7);
    at -= at % width;
    now = script_number(script, (int)width);
    struct stat st;
    CHECK_SYS(fstat(fds[part.file], &st));
    if (part.off + at + 8 > (uint64_t)st.st_size) {
        return; /* cut off */
    }
    read_at(part.file, part.off + at, &old, width);
    switch (how >> 2 & 3) {
    case 0:
        break;
    case 1:
        now ^= old;
        break;
    case 2:
        now += old;
        break;
    default: { /* what stands in another place of the same part */
        uint64_t other = now * width % (part.size - 7);
        if (part.off + other + 8 <= (uint64_t)st.st_size) {
            read_at(part.file, part.off + other, &now, width);
        }
    }
    }
    write_at(part.file, part.off + at, &now, width);
}

/* Of a slot that the index names: hardly one in a hundred words of SLOTS is. */
static struct part slot_part(uint8_t which)
{
    uint64_t backed, n_slots, n = 0, buckets = images_region(image, BN_REGION_BUCKETS, &backed);
    struct part part = { IMAGES_DATA, images_region(image, BN_REGION_SLOTS, &n_slots), 0 };
    for (uint64_t turn = 0; turn < 2; turn++) {
        uint64_t wanted = n > 0 ? which % n : UINT64_MAX;
        n = 0;
        for (uint64_t off = 0; off < backed; off += 8) {
            uint64_t word;
            memcpy(&word, images_byte(image, IMAGES_DATA, buckets + off), sizeof word);
            if (off % sizeof(struct bn_bucket_rec) != offsetof(struct bn_bucket_rec, next) &&
                word != 0 && n++ == wanted) {
                part.off += (word & UINT32_MAX) * BN_LINE;
                part.size = BN_LINE;
            }
        }
    }
    return part;
}

static void patch_length(struct script *script)
{
    uint8_t how = script_byte(script);
    enum images_file file = how & 1 ? IMAGES_CLIENTS : IMAGES_DATA;
    uint64_t bytes = script_number(script, 3) << (how >> 2 & 31),
             length = images_get(image)->size[file];
    length = how & 2          ? length + bytes % (CHECK_MIB << 10)
             : bytes < length ? length - bytes
                              : bytes % length;
    CHECK_SYS(ftruncate(fds[file], (off_t)length));
}

static bool read_state(struct bn_state_rec *state)
{
    return pread(fds[IMAGES_DATA], state, sizeof *state, BN_STATE_OFF) == (ssize_t)sizeof *state;
}

static void patch_note(struct script *script)
{
    struct bn_state_rec state;
    uint64_t backed, undo = images_region(image, BN_REGION_UNDO, &backed);
    uint64_t i = script_number(script, 1) & 31;
    struct part part = part_of((enum place)(script_byte(script) % (PLACE_STATE + 1)));
    uint64_t off = part.off + script_number(script, 2) * 8 % (part.size | 8),
             old = script_number(script, 8);
    if (read_state(&state)) {
        struct bn_undo_rec rec = { off | bn_journal_undo_check(off, old, state.txn_number), old };
        write_at(IMAGES_DATA, undo + i * sizeof rec, &rec, sizeof rec);
    }
}

static void patch_record(struct script *script)
{
    struct bn_state_rec state;
    uint64_t backed, publish = images_region(image, BN_REGION_PUBLISH, &backed);
    uint64_t i = script_number(script, 1) & 7;
    struct bn_publish_rec rec = { .fresh = (uint32_t)script_number(script, 2),
                                  .older = (uint32_t)script_number(script, 2),
                                  .holder = (uint32_t)script_number(script, 2),
                                  .flags = (uint32_t)script_number(script, 1),
                                  .detail = (uint32_t)script_number(script, 4) };
    if (read_state(&state)) {
        rec.check = bn_journal_publish_check(rec, state.txn_number);
        write_at(IMAGES_DATA, publish + i * sizeof rec, &rec, sizeof rec);
    }
}

static void patch_death(struct script *script)
{
    struct bn_state_rec state;
    uint8_t lengths = script_byte(script), how = script_byte(script);
    if (read_state(&state)) {
        state.lock_word = (state.lock_word & ~(uint64_t)0xffff) | 1; /* of row 0, which is dead */
        state.counts = (uint64_t)(lengths & 31) | (uint64_t)(lengths >> 5) << 22 |
                       (uint64_t)(how & 7) << 42 | (uint64_t)(how >> 7) << 63;
        state.txn_number = how & 8 ? state.committed : state.committed + 1;
        write_at(IMAGES_DATA, BN_STATE_OFF, &state, sizeof state);
    }
}

static void patch(struct script *script)
{
    uint8_t byte = script_byte(script);
    enum place place = (enum place)(byte % PLACE_N);
    if (byte >= SLOTS_FROM) {
        patch_part(script, slot_part(script_byte(script)));
        return;
    }
    switch (place) {
    case PLACE_LENGTH:
        patch_length(script);
        break;
    case PLACE_NOTE:
        patch_note(script);
        break;
    case PLACE_RECORD:
        patch_record(script);
        break;
    case PLACE_DEATH:
        patch_death(script);
        break;
    default:
        patch_part(script, part_of(place));
    }
}

static void seal_super(void)
{
    struct bn_super_rec super;
    if (pread(fds[IMAGES_DATA], &super, sizeof super, 0) == (ssize_t)sizeof super) {
        super.checksum = bn_layout_checksum(&super);
        write_at(IMAGES_DATA, 0, &super, sizeof super);
    }
}

/* What another process may do to a store that is in use, short of cutting it: to a word of a record. What is
 * checked once at the opening (first page, watermarks) is left alone; so are the pages of pins: one that is
 * written into those of this process keeps its mapping for ever. */
static void disturb(struct script *script)
{
    enum place place = (enum place)(script_byte(script) % PLACE_CHUNKS);
    struct part part = part_of(place);
    if (place == PLACE_SUPER) {
        part = part_of(PLACE_STATE);
    }
    if (part.off == BN_STATE_OFF && part.file == IMAGES_DATA) {
        part.off += offsetof(struct bn_state_rec, live);
        part.size -= offsetof(struct bn_state_rec, live);
    }
    patch_part(script, part);
}

/* ---- what is left */

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

static bool is_mapped(void)
{
    static char line[5000];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        found = strstr(line, path) != NULL;
    }
    fclose(maps);
    return found;
}

static void check_nothing_is_left(int n_fds)
{
    static uint32_t n;
    if (count_fds() != n_fds) {
        fprintf(stderr, "WRONG: %d descriptors, not %d\n", count_fds(), n_fds);
        abort();
    }
    if (n++ % 32 == 0 && is_mapped()) {
        fprintf(stderr, "WRONG: files of the store are mapped after it was closed\n");
        abort();
    }
}

/* ---- the fuzzer */

/* The store goes when this process does, whatever ends it. */
static void remove_at_end(void)
{
    int ends[2];
    CHECK_SYS(pipe(ends));
    pid_t pid = check_fork();
    if (pid == 0) {
        char byte;
        (void)close(ends[1]);
        (void)signal(SIGINT, SIG_IGN);
        (void)signal(SIGTERM, SIG_IGN);
        (void)!read(ends[0], &byte, 1);
        check_remove_dir(path);
        _exit(0);
    }
    CHECK_SYS(close(ends[0]));
    CHECK_SYS(fcntl(ends[1], F_SETFD, FD_CLOEXEC));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    check_begin();
    path = check_path();
    images_build(path);
    remove_at_end();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct script script = { bytes, bytes + n };
    uint8_t how = script_byte(&script);
    int n_fds = count_fds();
    image = (enum images_kind)((how & 15) % IMAGES_N);
    images_write(image, path, fds);
    for (uint32_t i = script_byte(&script) % PATCHES_MAX; i > 0; i--) {
        patch(&script);
    }
    if (how & 16) {
        seal_super();
    }
    script_run(&script, path, disturb);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
    check_nothing_is_left(n_fds);
    return 0;
}
