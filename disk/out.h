/* out.h - where the bytes of a dump go: a descriptor, through zstd if asked. */
#ifndef BD_OUT_H
#define BD_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct bd_out {
    int fd;
    bool
        is_file; /* its pages are sent to the disk as they are written, so that the sync at the end is short */
    uint64_t limit;      /* on its bytes: of the process (RLIMIT_FSIZE) */
    uint64_t file_bytes; /* written so far */
    uint64_t sent_bytes; /* of them, on their way to the disk */
    void *zstd;          /* NULL: as it is */
    void *packed;
    size_t packed_room;
};

/* Begin. `zstd_level` 0: not compressed. Returns 0, INVAL, NOMEM. bd_out_deinit() in any case. */
int bd_out_init(struct bd_out *out, int fd, bool is_file, int32_t zstd_level, uint32_t n_threads);

/* Write the parts, one behind the other; `parts` is used up. Returns 0, FULL, PERM, IO. */
int bd_out_write(struct bd_out *out, struct iovec *parts, int n_parts);

/* What compression still holds. Nothing may be written after it. Returns as bd_out_write(). */
int bd_out_finish(struct bd_out *out);

void bd_out_deinit(struct bd_out *out);

#endif
