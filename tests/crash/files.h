/* files.h - the two files of a store, watched from outside: what changed, and copies of them.
 *
 * Nothing here uses the library; of the format it knows the superblock and the state page
 * (layout.h).
 */
#ifndef CRASH_FILES_H
#define CRASH_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "backing.h"
#include "layout.h"

enum files_which {
    FILES_DATA,
    FILES_CLIENTS,
    FILES_N
};

/* A run of bytes that are backed, whole pages. */
struct files_range {
    uint64_t off;
    uint64_t end;
};

struct files_one {
    int fd;
    ino_t inode;
    uint64_t size_bytes;
    uint64_t blocks; /* of 512 bytes, as stat counts */
    uint64_t room;   /* of `map` and `shadow` */
    const uint8_t *map;
    uint8_t *shadow; /* what the backed bytes were at the last look, at the same offsets */
    struct files_range *ranges;
    uint32_t n_ranges;
    uint32_t ranges_room;
};

struct files {
    struct files_one one[FILES_N];
    struct bn_region_rec regions[BN_N_REGIONS];
    struct backing_log *log;
    uint32_t n_looks;
};

/* Watch the store in `directory`, whose fallocate calls were and are written to `log` (NULL: not
 * known, copies then lack the pages that were never touched). */
void files_open(struct files *files, const char *directory, struct backing_log *log);
void files_close(struct files *files);

enum files_change {
    FILES_SAME = 0,
    FILES_VALUES = 1, /* bytes of values */
    FILES_META = 2,   /* anything else: records, length, backing */
};

/* What has changed since the last look: a set of enum files_change. The first look is files_open().
 *
 * Not `thorough`: a page that was backed before and is touched for the first time may be
 * overlooked, for a few looks; the next thorough one sees it. */
uint32_t files_look(struct files *files, bool thorough);

/* Make a store in the new folder `directory` that is byte for byte what the files were at the last
 * look, a thorough one, backed pages included. `log`, if not NULL, receives a log of the copy's
 * own. */
void files_copy(const struct files *files, const char *directory, struct backing_log *log);

/* Whether the files are now, byte for byte, what they were at the last look. */
bool files_unchanged(struct files *files);

/* The state page, live. */
static inline const struct bn_state_rec *files_state(const struct files *files)
{
    return (const struct bn_state_rec *)(const void *)(files->one[FILES_DATA].map + BN_STATE_OFF);
}

/* How many bytes the files of the store in `directory` take: for values, and for everything else.
 * Gives all memory of its values back, which is the only way to count them: the store is spoilt by
 * it. */
void files_weigh(const char *directory, uint64_t *value_bytes_out, uint64_t *meta_bytes_out);

#endif
