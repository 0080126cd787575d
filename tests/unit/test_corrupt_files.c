/* test_corrupt_files.c - one field that is wrong of what a store is opened by: the first page, the state page, the
 * head of `clients`. Each line of the table is a store of its own, which is opened twice: to write, and to read.
 */
#include "../fuzz/images.h"

#include "check.h"
#include "store.h"

static const char *path;
static struct bn_super_rec super;
static struct bn_state_rec first_state;
static struct bn_clients_rec clients;

static void magic_is_another(void)
{
    super.magic[0] = 'x';
}
static void format_is_newer(void)
{
    super.format = BN_FORMAT + 1;
}
static void features_are_newer(void)
{
    super.features_refuse = 4;
}
static void features_forbid_writing(void)
{
    super.features_read_only = 1;
}
static void features_are_of_no_matter(void)
{
    super.features_ignore = 1;
}
static void records_are_of_another_size(void)
{
    super.record_signature ^= 1;
}
static void region_is_not_aligned(void)
{
    super.regions[BN_REGION_NAMES].off += 8;
}
static void size_is_not_aligned(void)
{
    super.regions[BN_REGION_NAMES].size_bytes -= 8;
}
static void regions_overlap(void)
{
    super.regions[BN_REGION_NAMES].size_bytes += BN_PAGE;
}
static void region_is_empty(void)
{
    super.regions[BN_REGION_LIMBO].size_bytes = 0;
}
static void region_is_far_away(void)
{
    super.regions[BN_REGION_VALUES].off = (bn_off)1 << 47;
}
static void region_is_endless(void)
{
    super.regions[BN_REGION_VALUES].size_bytes = (uint64_t)1 << 47;
}
static void values_are_not_aligned(void)
{
    super.regions[BN_REGION_VALUES].off += BN_PAGE;
}
static void values_begin_beyond_the_file(void)
{
    super.regions[BN_REGION_VALUES].off += (bn_off)1 << 40;
}
static void file_is_longer_than_values(void)
{
    super.regions[BN_REGION_VALUES].size_bytes = BN_PAGE;
}
static void values_have_too_many_pages(void)
{
    super.regions[BN_REGION_VALUES].size_bytes = (uint64_t)1 << 45;
}
static void blocks_are_too_few(void)
{
    super.regions[BN_REGION_BLOCKS].size_bytes = BN_PAGE;
}
static void bits_are_too_few(void)
{
    super.regions[BN_REGION_BACKED].size_bytes = BN_PAGE;
}
/* More lines than a slot's number can tell; what comes behind moves on. */
static void slots_are_too_many(void)
{
    uint64_t more = ((uint64_t)BN_LINE << 32) + BN_PAGE - super.regions[BN_REGION_SLOTS].size_bytes;
    super.regions[BN_REGION_SLOTS].size_bytes += more;
    for (int i = BN_REGION_BUCKETS; i < BN_N_REGIONS; i++) {
        super.regions[i].off = bn_align_up(super.regions[i].off + more, 2 * CHECK_MIB);
    }
}
static void watermark_is_too_high(void)
{
    first_state.backed[BN_REGION_SLOTS] = super.regions[BN_REGION_SLOTS].size_bytes + BN_PAGE;
}
static void watermark_is_too_low(void)
{
    first_state.backed[BN_REGION_UNDO] = BN_PAGE;
}
static void clients_have_another_magic(void)
{
    clients.magic[3] ^= 1;
}
static void clients_are_of_another_store(void)
{
    clients.store_id[3] ^= 1;
}
static void clients_count_too_many_pages(void)
{
    clients.n_chunks = BN_CHUNKS_MAX;
}

static const struct damaged_file {
    const char *name;
    void (*damage)(void);
    int code, read_only_code;
    const char *word;
} files[] = {
#define FILE_CASE(damage, code, read_only_code, word)                                              \
    { #damage, damage, code, read_only_code, word }
    FILE_CASE(magic_is_another, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "first bytes"),
    FILE_CASE(format_is_newer, BRAIN_E_FORMAT, BRAIN_E_FORMAT, "newer version"),
    FILE_CASE(features_are_newer, BRAIN_E_FORMAT, BRAIN_E_FORMAT, "newer version"),
    FILE_CASE(features_forbid_writing, BRAIN_E_FORMAT, 0, "read-only"),
    FILE_CASE(features_are_of_no_matter, 0, 0, NULL),
    FILE_CASE(records_are_of_another_size, BRAIN_E_FORMAT, BRAIN_E_FORMAT, "record"),
    FILE_CASE(region_is_not_aligned, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(size_is_not_aligned, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(regions_overlap, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(region_is_empty, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(region_is_far_away, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(region_is_endless, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(values_are_not_aligned, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(values_begin_beyond_the_file, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT,
              "its own description"),
    FILE_CASE(file_is_longer_than_values, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(values_have_too_many_pages, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(blocks_are_too_few, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(bits_are_too_few, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(slots_are_too_many, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "its own description"),
    FILE_CASE(watermark_is_too_high, BRAIN_E_CORRUPT, 0, "are there"),
    FILE_CASE(watermark_is_too_low, BRAIN_E_CORRUPT, 0, "are there"),
    FILE_CASE(clients_have_another_magic, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "does not belong"),
    FILE_CASE(clients_are_of_another_store, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT, "does not belong"),
    FILE_CASE(clients_count_too_many_pages, BRAIN_E_CORRUPT, BRAIN_E_CORRUPT,
              "more than it has memory"),
};

static void open_damaged(int code, uint32_t flags, const char *word)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    brain_store *opened = NULL;
    options.flags = flags;
    CHECK_CODE(brain_open(path, &options, &opened), code);
    if (code != 0) {
        CHECK_DETAIL(word);
    }
    brain_close(opened);
}

static void run_file(const struct damaged_file *one_case)
{
    int fds[IMAGES_N_FILES];
    images_write(IMAGES_REST, path, fds);
    CHECK(pread(fds[IMAGES_DATA], &super, sizeof super, 0) == (ssize_t)sizeof super);
    CHECK(pread(fds[IMAGES_DATA], &first_state, sizeof first_state, BN_STATE_OFF) > 0);
    CHECK(pread(fds[IMAGES_CLIENTS], &clients, sizeof clients, 0) == (ssize_t)sizeof clients);
    one_case->damage();
    super.checksum = bn_layout_checksum(&super);
    CHECK(pwrite(fds[IMAGES_DATA], &super, sizeof super, 0) == (ssize_t)sizeof super);
    CHECK(pwrite(fds[IMAGES_DATA], &first_state, sizeof first_state, BN_STATE_OFF) > 0);
    CHECK(pwrite(fds[IMAGES_CLIENTS], &clients, sizeof clients, 0) == (ssize_t)sizeof clients);
    open_damaged(one_case->code, BRAIN_OPEN_EXISTING, one_case->word);
    open_damaged(one_case->read_only_code, BRAIN_OPEN_READ_ONLY, one_case->word);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

/* A store that this process has open already is looked at once more by who opens it. */
static void check_opened_twice(void)
{
    int fds[IMAGES_N_FILES];
    images_write(IMAGES_REST, path, fds);
    brain_store *store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    uint64_t backed = bn_load_relaxed(&store->state->backed[BN_REGION_UNDO]);
    bn_store_release(&store->state->backed[BN_REGION_UNDO], (uint64_t)1 << 50);
    open_damaged(BRAIN_E_CORRUPT, BRAIN_OPEN_EXISTING, "are there");
    bn_store_release(&store->state->backed[BN_REGION_UNDO], backed);
    store->clients->magic[0] ^= 1;
    open_damaged(BRAIN_E_CORRUPT, BRAIN_OPEN_EXISTING, "does not belong");
    store->clients->magic[0] ^= 1;
    open_damaged(0, BRAIN_OPEN_EXISTING, NULL);
    brain_close(store);
    for (int i = 0; i < IMAGES_N_FILES; i++) {
        CHECK_SYS(close(fds[i]));
    }
}

int main(void)
{
    check_begin();
    path = check_path();
    images_build(path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (check_apart(files[i].name)) {
            run_file(&files[i]);
            _exit(0);
        }
    }
    check_opened_twice();
    return 0;
}
