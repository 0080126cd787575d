/* test_images.c - an image that is written over what is left of one is what it is where nothing was. */
#include "images.h"

static const char *fresh_path, *used_path;

static void close_files(const int fds[IMAGES_N_FILES])
{
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        CHECK_SYS(close(fds[file]));
    }
}

/* Bytes, and which pages there are: a hole reads as zeros, and is none. */
static void check_same(int left, int right)
{
    static uint8_t pages[2][BN_PAGE];
    struct stat stats[2];
    CHECK_SYS(fstat(left, &stats[0]));
    CHECK_SYS(fstat(right, &stats[1]));
    CHECK_U64(stats[0].st_size, stats[1].st_size);
    CHECK_U64(stats[0].st_blocks, stats[1].st_blocks);
    for (off_t at = 0; (at = lseek(left, at, SEEK_DATA)) >= 0; at += BN_PAGE) {
        CHECK_U64(lseek(right, at, SEEK_DATA), at);
        CHECK(pread(left, pages[0], BN_PAGE, at) == BN_PAGE);
        CHECK(pread(right, pages[1], BN_PAGE, at) == BN_PAGE);
        CHECK(memcmp(pages[0], pages[1], BN_PAGE) == 0);
    }
}

static void change(int fd, const struct images_one *image, enum images_file file)
{
    const struct images_run *run = &image->runs[file][check_below(image->n_runs[file])];
    uint64_t page = check_below(run->size / BN_PAGE + 4) * BN_PAGE; /* of it, or behind it */
    off_t off = (off_t)(run->off + page);
    uint8_t byte = (uint8_t)check_random();
    switch (check_below(5)) {
    case 0:
        CHECK(pwrite(fd, &byte, 1, off + (off_t)check_below(BN_PAGE)) == 1);
        break;
    case 1:
        CHECK_SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, 3 * BN_PAGE));
        break;
    case 2: /* all of it and what lies around it */
        CHECK_SYS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            off < 64 * BN_PAGE ? 0 : off - 64 * BN_PAGE, 256 * BN_PAGE));
        break;
    case 3:
        CHECK_SYS(fallocate(fd, 0, off < 2 * BN_PAGE ? 0 : off - 2 * BN_PAGE, 5 * BN_PAGE));
        break;
    default:
        CHECK_SYS(ftruncate(fd, check_below(8) == 0 ? off : (off_t)image->size[file] + off));
    }
}

static void check_written_over(enum images_kind before, enum images_kind kind)
{
    int fresh[IMAGES_N_FILES], used[IMAGES_N_FILES];
    check_remove_dir(fresh_path);
    images_write(kind, fresh_path, fresh);
    images_write(before, used_path, used);
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        for (uint64_t n = check_below(8); n > 0; n--) {
            change(used[file], images_get(before), (enum images_file)file);
        }
    }
    if (check_below(8) == 0) {
        check_remove_dir(used_path);
    }
    close_files(used);
    images_write(kind, used_path, used);
    for (int file = 0; file < IMAGES_N_FILES; file++) {
        check_same(fresh[file], used[file]);
    }
    close_files(fresh);
    close_files(used);
}

int main(void)
{
    check_begin();
    check_state = check_new_seed();
    snprintf(check_note, sizeof check_note, "seed %llu", (unsigned long long)check_state);
    fresh_path = check_path();
    used_path = check_path();
    images_build(fresh_path);
    for (int i = 0; i < 200; i++) {
        check_written_over((enum images_kind)check_below(IMAGES_N),
                           (enum images_kind)check_below(IMAGES_N));
    }
    return 0;
}
