/* images.h - small stores to be damaged: at rest, and as writers left them that died in their work.
 *
 * An image is the bytes of both files of a store. Layout and contents are the same in every run, but for
 * times and process ids, so a place in it means the same as long as the library does not change.
 */
#ifndef BN_TESTS_IMAGES_H
#define BN_TESTS_IMAGES_H

#include "../unit/check.h"
#include "layout.h"

enum images_kind {
    IMAGES_REST,          /* something of everything; its only client is dead */
    IMAGES_BATCH,         /* the same; a batch of it died before its commit */
    IMAGES_BATCH_TIDYING, /* after it */
    IMAGES_SWAP,          /* a put of a small value in place of one, the same two */
    IMAGES_SWAP_TIDYING,
    IMAGES_SPLIT, /* a bucket was being split */
    IMAGES_N
};

enum images_file {
    IMAGES_DATA,
    IMAGES_CLIENTS,
    IMAGES_N_FILES
};

#define IMAGES_RUNS_MAX 64
struct images_run {
    uint64_t off, size;
    uint8_t *bytes;
};

struct images_one {
    uint64_t size[IMAGES_N_FILES];
    uint32_t n_runs[IMAGES_N_FILES];
    struct images_run runs[IMAGES_N_FILES][IMAGES_RUNS_MAX];
};

/* Names "still0" ... of the namespace "still", which no script changes and no writer that died meant to: value
 * i is images_still_size(i) bytes of check_fill(i), the later ones in extents. */
#define IMAGES_STILL 24u

static inline size_t images_still_size(uint32_t i)
{
    return i < 16 ? i * 20 : 2500 * (size_t)(i - 15);
}

/* Build them all under `path`, where nothing is left. */
void images_build(const char *path);

const struct images_one *images_get(enum images_kind kind);

/* The byte at `off` of a file, or NULL where the image has none. */
uint8_t *images_byte(enum images_kind kind, enum images_file file, uint64_t off);

/* Where a region begins, and how much of it is backed in the image. */
uint64_t images_region(enum images_kind kind, enum bn_region region, uint64_t *backed_out);

/* Make the files at `path` those of an image, to the byte and the hole: in place, where there are files of an image. */
void images_write(enum images_kind kind, const char *path, int fds_out[IMAGES_N_FILES]);

#endif
