/* source.h - the bytes of a dump as they come from a file: read, and unpacked where they are compressed. */
#ifndef BD_SOURCE_H
#define BD_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bd_source {
    int fd;
    uint64_t start;   /* where the dump begins in the file */
    bool is_at_end;   /* nothing more comes */
    bool is_cut;      /* because what is compressed is damaged, or ends too early */
    bool is_packed;   /* by zstd: */
    bool is_in_frame; /* one has begun and not ended */
    bool has_more;    /* it may have unpacked more than there was room for */
    size_t asks;      /* for so many bytes more */
    void *zstd;
    uint8_t *packed; /* bytes of the file: [packed_at, packed_end) is not unpacked yet */
    size_t packed_at, packed_end, packed_room;
};

/* The dump begins where `fd` stands. Returns 0, INVAL (a pipe), IO. bd_source_deinit() in any case. */
int bd_source_init(struct bd_source *source, int fd);

/* Go back to the beginning. Returns 0, NOMEM, IO. */
int bd_source_rewind(struct bd_source *source);

/* Go to byte `offset` of the dump, which is not compressed. Returns 0, IO. */
int bd_source_seek(struct bd_source *source, uint64_t offset);

/* Bytes of the file from its beginning on: a guess. */
uint64_t bd_source_size(const struct bd_source *source);

/* Fill `to`: `*n_out` is less than `room` at the end alone. Returns 0, or an errno. */
int bd_source_fill(struct bd_source *source, uint8_t *to, size_t room, size_t *n_out);

void bd_source_deinit(struct bd_source *source);

#endif
