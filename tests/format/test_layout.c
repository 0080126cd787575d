/* test_layout.c - the format: sizes and places are pinned, and what is not a store is refused. */
#include "../unit/check.h"

#include <grp.h>

#include "base/hash.h"
#include "layout.h"
#include "slot.h"

/* A change here is a change of the format: docs/format.md and CHANGELOG.md change with it. */
#define PIN(record, bytes)         static_assert(sizeof(struct record) == (bytes), "size of " #record)
#define PIN_AT(record, field, off) static_assert(offsetof(struct record, field) == (off), #field)
PIN(bn_super_rec, 296);
PIN_AT(bn_super_rec, format, 8);
PIN_AT(bn_super_rec, record_signature, 12);
PIN_AT(bn_super_rec, features_ignore, 16);
PIN_AT(bn_super_rec, features_read_only, 24);
PIN_AT(bn_super_rec, features_refuse, 32);
PIN_AT(bn_super_rec, store_id, 40);
PIN_AT(bn_super_rec, hash_seed, 56);
PIN_AT(bn_super_rec, created_ns, 64);
PIN_AT(bn_super_rec, capacity_max_bytes, 72);
PIN_AT(bn_super_rec, regions, 80);
PIN_AT(bn_super_rec, checksum, 288);
PIN(bn_state_rec, 832);
PIN_AT(bn_state_rec, index_state, 0);
PIN_AT(bn_state_rec, destroyed, 8);
PIN_AT(bn_state_rec, full_mode, 12);
PIN_AT(bn_state_rec, capacity_bytes, 16);
PIN_AT(bn_state_rec, keep_free, 24);
PIN_AT(bn_state_rec, committed, 64);
PIN_AT(bn_state_rec, n_evicted, 72);
PIN_AT(bn_state_rec, evicted_bytes, 80);
PIN_AT(bn_state_rec, lock_word, 128);
PIN_AT(bn_state_rec, counts, 136);
PIN_AT(bn_state_rec, txn_number, 144);
PIN_AT(bn_state_rec, turn, 184);
PIN_AT(bn_state_rec, backed, 192);
PIN_AT(bn_state_rec, decay_ns, 296);
PIN_AT(bn_state_rec, decay_bytes, 304);
PIN_AT(bn_state_rec, peak_pages, 312);
PIN_AT(bn_state_rec, peak_before, 316);
PIN_AT(bn_state_rec, live, 320);
PIN_AT(bn_state_rec, slab_partial, 384);
PIN(bn_block_rec, 16);
PIN_AT(bn_block_rec, owner, 8);
PIN_AT(bn_block_rec, state, 12);
PIN_AT(bn_block_rec, order, 13);
static_assert(BN_BLOCK_NONE == 0 && BN_BLOCK_FREE == 1 && BN_BLOCK_USED == 2 &&
                  BN_BLOCK_COUNTED == 1,
              "what records of blocks say");
PIN(bn_undo_rec, 16);
PIN(bn_publish_rec, 24);
PIN(bn_slab_rec, 64);
PIN_AT(bn_slab_rec, shape, 8);
PIN(bn_cold_rec, 40);
PIN_AT(bn_cold_rec, state_owner, 16);
PIN_AT(bn_cold_rec, set_idx, 20);
PIN_AT(bn_cold_rec, cell, 24); /* replace.c stores pairs of these as one word */
PIN_AT(bn_cold_rec, hash_low, 28);
PIN_AT(bn_cold_rec, expiry_s, 32);
PIN_AT(bn_cold_rec, value_gone, 36);
PIN(bn_slot_rec, 40);
PIN_AT(bn_slot_rec, number, 0);
PIN_AT(bn_slot_rec, pending, 8);
PIN_AT(bn_slot_rec, retired, 11);
PIN_AT(bn_slot_rec, flags, 9);
PIN_AT(bn_slot_rec, kind, 10);
PIN_AT(bn_slot_rec, space, 12);
PIN_AT(bn_slot_rec, older, 16);
PIN_AT(bn_slot_rec, page, 20);
PIN_AT(bn_slot_rec, name_len, 24);
PIN_AT(bn_slot_rec, meta_len, 26);
PIN_AT(bn_slot_rec, description_len, 28);
PIN_AT(bn_slot_rec, size_high, 30);
PIN_AT(bn_slot_rec, size_low, 32);
PIN_AT(bn_slot_rec, gen, 36);
PIN(bn_bucket_rec, 64);
PIN(bn_space_rec, 128);
PIN_AT(bn_space_rec, quota, 24);
PIN_AT(bn_space_rec, removed, 40);
PIN_AT(bn_space_rec, first_segment, 56);
PIN_AT(bn_space_rec, tally, 64);
PIN_AT(bn_space_rec, last_used, 112);
PIN_AT(bn_space_rec, entry, 124);
PIN(bn_segment_rec, 16);
PIN_AT(bn_clients_rec, n_rows, 64);
PIN(bn_row_rec, 256);
PIN_AT(bn_row_rec, counts_page, 96);
PIN_AT(bn_row_rec, snaps, 128);
PIN_AT(bn_row_rec, counts, 192);
PIN(bn_count_rec, 64);
PIN(bn_wake_rec, 8);
PIN(bn_chunk_rec, 4096);
PIN_AT(bn_chunk_rec, part, 8);
PIN_AT(bn_chunk_rec, cells, 64);

#define SIGNATURE 0xb85a8fbfu

static char file[300]; /* the data file of the store under test */

static void name_file(const char *path, const char *name)
{
    snprintf(file, sizeof file, "%s/%s", path, name);
}

static struct bn_super_rec read_super(void)
{
    struct bn_super_rec super;
    int fd = open(file, O_RDONLY);
    CHECK_SYS(fd);
    CHECK(pread(fd, &super, sizeof super, 0) == sizeof super);
    close(fd);
    return super;
}

static void write_super(struct bn_super_rec *super, bool with_checksum)
{
    if (with_checksum) {
        super->checksum = bn_layout_checksum(super);
    }
    int fd = open(file, O_WRONLY);
    CHECK_SYS(fd);
    CHECK(pwrite(fd, super, sizeof *super, 0) == sizeof *super);
    close(fd);
}

static void refused(const char *path, uint32_t flags, int code)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *store = NULL;
    options.flags = flags;
    CHECK_CODE(brain_open(path, &options, &store), code);
    CHECK(store == NULL);
    CHECK(code == BRAIN_E_NOT_FOUND || strlen(brain_error_detail()) > 20);
}

static void opens(const char *path, uint32_t flags)
{
    brain_store *store = check_open_with(path, 0, flags);
    brain_close(store);
}

/* What a fresh store says of itself. */
static void check_fresh(void)
{
    brain_store *store = check_open(check_path(), 10 * CHECK_MIB);
    name_file(brain_directory(store), "data");
    struct bn_super_rec super = read_super();
    struct stat st;
    CHECK(memcmp(super.magic, "brainst\n", 8) == 0);
    CHECK_U64(super.format, 1);
    CHECK_U64(super.record_signature, bn_layout_signature());
    CHECK_U64(super.features_ignore | super.features_read_only | super.features_refuse, 0);
    CHECK(super.hash_seed != 0 && super.created_ns > UINT64_C(1500000000000000000));
    CHECK_U64(super.checksum, bn_hash_bytes(&super, offsetof(struct bn_super_rec, checksum)));
    CHECK(super.capacity_max_bytes >= 10 * CHECK_MIB);
    CHECK_U64(super.regions[0].off, 8192);
    for (int i = 1; i < BN_N_REGIONS; i++) {
        CHECK(super.regions[i].off >= super.regions[i - 1].off + super.regions[i - 1].size_bytes);
        CHECK(super.regions[i].off % 4096 == 0 && super.regions[i].size_bytes % 4096 == 0);
    }
    CHECK_U64(super.regions[BN_REGION_VALUES].off % (2 * CHECK_MIB), 0);
    CHECK_SYS(stat(file, &st));
    CHECK((st.st_mode & 07777) == 0600);
    CHECK((uint64_t)st.st_blocks * 512 < CHECK_MIB); /* an empty store costs little */
    name_file(brain_directory(store), "clients");
    CHECK_SYS(stat(file, &st));
    CHECK((st.st_mode & 07777) == 0600);
    CHECK_U64(st.st_size, BN_CLIENTS_BYTES);
    CHECK_U64(BN_ROWS_OFF, 4096);
    CHECK_U64(BN_WAKE_OFF, 4096 + 16384 * 256);
    CHECK_U64(BN_CHUNKS_OFF, BN_WAKE_OFF + 8192);
    check_destroy(store);
}

static void check_superblock(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, CHECK_MIB);
    name_file(path, "data");
    struct bn_super_rec good = read_super(), bad;
    opens(path, 0);
    bad = good, bad.magic[3] ^= 1, write_super(&bad, true), refused(path, 0, BRAIN_E_CORRUPT);
    bad = good, bad.format++, write_super(&bad, true), refused(path, 0, BRAIN_E_FORMAT);
    bad = good, bad.features_refuse = 4, write_super(&bad, true), refused(path, 0, BRAIN_E_FORMAT);
    bad = good, bad.record_signature++, write_super(&bad, true), refused(path, 0, BRAIN_E_FORMAT);
    bad = good, bad.hash_seed++, write_super(&bad, false), refused(path, 0, BRAIN_E_CORRUPT);
    bad = good, bad.regions[3].off += 4096 * 4096, write_super(&bad, true);
    refused(path, 0, BRAIN_E_CORRUPT);
    bad = good, bad.regions[BN_REGION_VALUES].size_bytes = 0, write_super(&bad, true);
    refused(path, 0, BRAIN_E_CORRUPT);
    bad = good, bad.regions[2].off = UINT64_MAX - 4095, write_super(&bad, true);
    refused(path, 0, BRAIN_E_CORRUPT);
    bad = good, bad.features_ignore = UINT64_MAX, write_super(&bad, true), opens(path, 0);
    bad = good, bad.features_read_only = 1, write_super(&bad, true);
    opens(path, BRAIN_OPEN_READ_ONLY);
    refused(path, 0, BRAIN_E_FORMAT);
    for (size_t bit = 0; bit < sizeof good * 8; bit += 7) { /* no flipped bit goes unnoticed */
        bad = good;
        ((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        write_super(&bad, false);
        brain_store *none = NULL;
        int err = brain_open(path, NULL, &none);
        CHECK(err == BRAIN_E_CORRUPT || err == BRAIN_E_FORMAT);
    }
    write_super(&good, false);
    opens(path, 0);
    CHECK_SOUND(store);
    check_destroy(store);
}

static void check_cut_short(void)
{
    const char *path = check_path();
    brain_store *store = check_open(path, CHECK_MIB);
    name_file(path, "data");
    struct bn_super_rec super = read_super();
    brain_close(store);
    const uint64_t lengths[] = { super.regions[BN_REGION_VALUES].off - 4096,
                                 1 << 20,
                                 8192,
                                 4097,
                                 4096,
                                 sizeof super,
                                 sizeof super - 1,
                                 8,
                                 1,
                                 0 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        CHECK_SYS(truncate(file, (off_t)lengths[i]));
        refused(path, 0, BRAIN_E_CORRUPT);
        refused(path, BRAIN_OPEN_READ_ONLY, BRAIN_E_CORRUPT);
    }
    check_remove_dir(path);
}

static void check_clients_file(void)
{
    const char *a = check_path(), *b = check_path();
    brain_store *first = check_open(a, CHECK_MIB), *second = check_open(b, CHECK_MIB);
    char from[300], to[300];
    brain_close(first);
    brain_close(second);
    snprintf(from, sizeof from, "%s/clients", a);
    snprintf(to, sizeof to, "%s/clients", b);
    CHECK_SYS(rename(from, to));
    refused(b, 0, BRAIN_E_CORRUPT);
    refused(a, 0, BRAIN_E_IO); /* it has none any more */
    CHECK_SYS(truncate(to, 4096));
    refused(b, 0, BRAIN_E_CORRUPT);
    check_remove_dir(a);
    check_remove_dir(b);
}

static void check_other_things(void)
{
    const char *path = check_path(), *target = check_path();
    char inside[300];
    int fd;
    CHECK_SYS(mkdir(path, 0700)); /* a directory with other things in it */
    snprintf(inside, sizeof inside, "%s/mine", path);
    CHECK_SYS(fd = open(inside, O_CREAT | O_WRONLY, 0600));
    close(fd);
    refused(path, 0, BRAIN_E_CORRUPT);
    CHECK_SYS(access(inside, F_OK)); /* untouched */
    CHECK_SYS(unlink(inside));
    CHECK_SYS(rmdir(path));
    CHECK_SYS(fd = open(path, O_CREAT | O_WRONLY, 0600)); /* a file */
    CHECK(write(fd, "mine", 4) == 4);
    close(fd);
    refused(path, 0, BRAIN_E_CORRUPT);
    struct stat st;
    CHECK_SYS(stat(path, &st));
    CHECK_U64(st.st_size, 4);
    CHECK_SYS(unlink(path));
    CHECK_SYS(symlink(target, path)); /* a link to nothing that a store could have been */
    refused(path, 0, BRAIN_E_CORRUPT);
    CHECK_SYS(lstat(path, &st));
    CHECK_SYS(unlink(path));
    brain_store *store = check_open(target, CHECK_MIB);
    CHECK_SYS(symlink(target, path)); /* one to a store */
    opens(path, BRAIN_OPEN_EXISTING);
    CHECK_SYS(unlink(path));
    snprintf(inside, sizeof inside, "%s/data", target);
    name_file(target, "elsewhere");
    CHECK_SYS(rename(inside, file)); /* `data` must not be a link */
    CHECK_SYS(symlink(file, inside));
    brain_store *none = NULL;
    CHECK(brain_open(target, NULL, &none) != 0);
    CHECK_SYS(unlink(inside));
    CHECK_SYS(rename(file, inside));
    opens(target, 0);
    check_destroy(store);
}

/* Two kinds of links of ours that lead nowhere: of an earlier boot, and to another mount of /dev/shm. */
static void check_dangling(void)
{
    const char *path = check_path_in("/tmp");
    char target[400], other[420];
    struct stat st;
    brain_store *store = check_open(path, CHECK_MIB);
    snprintf(target, sizeof target, "%s", brain_directory(store));
    check_destroy(store);
    char *device = strrchr(target, '-'), *boot = device - 8;
    snprintf(other, sizeof other, "%.*s%s", (int)(device - target), target, "-ffff");
    CHECK_SYS(symlink(other, path));
    refused(path, 0, BRAIN_E_NOT_FOUND);
    CHECK_DETAIL("another mount");
    CHECK_SYS(lstat(path, &st)); /* it is somebody else's to remove */
    CHECK_SYS(unlink(path));
    snprintf(other, sizeof other, "%s", target);
    memcpy(other + (boot - target), "00000000", 8);
    CHECK_SYS(symlink(other, path)); /* before the machine was started anew: replaced */
    store = check_open(path, CHECK_MIB);
    CHECK(strcmp(brain_directory(store), target) == 0);
    check_destroy(store);
    CHECK(lstat(path, &st) != 0);
}

/* As another user: what belongs to root is not taken for one's own. */
static void check_strangers(void)
{
    if (geteuid() != 0) {
        printf("links and directories of another user: not tested, it takes root\n");
        return;
    }
    if (getenv("CHECK_IN_VALGRIND") != NULL) {
        printf("the same: not tested, valgrind has no address space for so many stores\n");
        return;
    }
    const char *path = check_path(), *link = check_path_in("/tmp"), *own = check_path();
    brain_store *store = check_open(path, CHECK_MIB), *linked = check_open(link, CHECK_MIB);
    pid_t pid = check_fork();
    if (pid == 0) {
        brain_options options = BRAIN_OPTIONS_INIT;
        brain_store *its = NULL;
        CHECK_SYS(setgroups(0, NULL));
        CHECK_SYS(setegid(65534));
        CHECK_SYS(seteuid(65534));
        refused(path, 0, BRAIN_E_PERM);
        refused(link, 0, BRAIN_E_PERM);
        refused(path, BRAIN_OPEN_SHARED, BRAIN_E_PERM); /* its mode does not let us in */
        refused(link, BRAIN_OPEN_SHARED, BRAIN_E_PERM);
        refused("/root/brain-test", 0, BRAIN_E_PERM);
        refused("/proc/1/brain-test", BRAIN_OPEN_EXISTING, BRAIN_E_NOT_FOUND);
        options.capacity_bytes = CHECK_MIB;
        CHECK_OK(brain_open(own, &options, &its));
        brain_close(its);
        _exit(0);
    }
    CHECK_CHILD(pid);
    refused(own, 0, BRAIN_E_PERM); /* root is nobody's friend unasked, either */
    opens(own, BRAIN_OPEN_SHARED);
    check_remove_dir(own);
    check_destroy(store);
    check_destroy(linked);
}

/* As many slots as fit behind the head with their cold records, on lines of their own. */
static void check_slabs(void)
{
    for (uint32_t c = 0; c < BN_N_CLASSES; c++) {
        const struct bn_slab_shape *shape = &bn_slab_shapes[c];
        uint32_t n = BN_SLAB_LINES, first;
        do {
            n--;
            first = (uint32_t)(sizeof(struct bn_slab_rec) + n * sizeof(struct bn_cold_rec) +
                               BN_LINE - 1) /
                    BN_LINE;
        } while (first + n * shape->lines > BN_SLAB_LINES);
        CHECK_U64(shape->class_idx, c);
        CHECK_U64(shape->n_slots, n);
        CHECK_U64(shape->first_line, first);
        for (uint32_t x = 0; x < BN_SLAB_LINES; x++) {
            CHECK_U64(x * bn_slot_inverse[c] >> 16, x / shape->lines);
        }
    }
    for (uint32_t bytes = 1; bytes <= BN_INLINE_MAX; bytes++) {
        unsigned c = bn_slot_class(bytes);
        CHECK(bytes <= bn_slab_shapes[c].lines * BN_LINE);
        CHECK(c == 0 || bytes > bn_slab_shapes[c - 1].lines * BN_LINE);
    }
}

int main(void)
{
    check_begin();
    printf("record signature 0x%x\n", bn_layout_signature());
    CHECK_U64(bn_layout_signature(), SIGNATURE);
    check_slabs();
    check_fresh();
    check_superblock();
    check_cut_short();
    check_clients_file();
    check_other_things();
    check_dangling();
    check_strangers();
    return 0;
}
