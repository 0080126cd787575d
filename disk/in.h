/* in.h - the items of a dump, as they come from a descriptor, through zstd where it is compressed. */
#ifndef BD_IN_H
#define BD_IN_H

#include "item.h"

struct bd_in {
    int fd;
    uint64_t start; /* where the dump begins in the file */
    uint8_t *bytes; /* a window of the items' bytes: [at, end) is not passed yet */
    size_t at, end;
    uint64_t offset; /* of `at` in the items' bytes */
    uint64_t seed;   /* of the checks; whoever reads the first item sets that of the others */
    bool is_at_end;  /* of the file; or what follows cannot be unpacked */
    bool is_packed;  /* by zstd: */
    void *zstd;
    uint8_t *packed; /* bytes of the file: [packed_at, packed_end) is not unpacked yet */
    size_t packed_at, packed_end, packed_room;
    bool is_in_frame;       /* one has begun and not ended */
    bool is_unpacked_wrong; /* the end came within it, or it is damaged */
};

/* What bd_in_next() found. */
enum bd_found {
    BD_ITEM,     /* an item */
    BD_END,      /* the end of the file, between two items */
    BD_BAD_ITEM, /* something as long as an item whose check is wrong: it may be passed over */
    BD_BAD_BYTES, /* what is here is no item, or the end comes within one: nothing can be said of what follows */
};

/* Begin at the place where `fd` stands. Returns 0, INVAL (a pipe), NOMEM, IO. bd_in_deinit() in any case. */
int bd_in_init(struct bd_in *in, int fd);

/* Go back to the beginning. Returns as bd_in_init(). */
int bd_in_rewind(struct bd_in *in);

/* The next item: `*cursor_out` is over all of it but its check, `*offset_out` its place, until the next call. Returns
 * 0, IO (the file cannot be read). */
int bd_in_next(struct bd_in *in, enum bd_found *found_out, struct bd_cursor *cursor_out,
               uint64_t *offset_out);

void bd_in_deinit(struct bd_in *in);

#endif
