/* in.h - the items of a dump, one after the other. */
#ifndef BD_IN_H
#define BD_IN_H

#include "ahead.h"
#include "item.h"

struct bd_in {
    struct bd_ahead ahead;
    const uint8_t *at, *end; /* what is there of the items' bytes and not passed yet */
    uint64_t offset;         /* of `at` in all of them */
    uint64_t seed;  /* of the checks; whoever reads the first item sets that of the others */
    bool is_at_end; /* nothing comes behind `end` */
};

/* What bd_in_next() found. */
enum bd_found {
    BD_ITEM,     /* an item */
    BD_END,      /* the end of the file, between two items */
    BD_BAD_ITEM, /* something as long as an item whose check is wrong: it is passed */
    BD_BAD_BYTES, /* what is here is no item, or the end comes within one: nothing can be said of what follows */
};

/* Begin at the place where `fd` stands. Returns 0, INVAL (a pipe), NOMEM, IO. bd_in_deinit() in any case. */
int bd_in_init(struct bd_in *in, int fd);

/* Go to the beginning. Returns as bd_in_init(). */
int bd_in_rewind(struct bd_in *in);

/* Go on with the item at `offset`, as bd_in_next() gave it in an earlier pass; not where the bytes are unpacked ones.
 * Returns 0, IO. */
int bd_in_seek(struct bd_in *in, uint64_t offset);

/* The next item: `*cursor_out` is over all of it but its check, `*offset_out` its place, until the next call. Returns
 * 0, IO (the file cannot be read). */
int bd_in_next(struct bd_in *in, enum bd_found *found_out, struct bd_cursor *cursor_out,
               uint64_t *offset_out);

/* Whether the bytes are unpacked ones, so that offsets are not those of the file. */
bool bd_in_is_packed(const struct bd_in *in);

void bd_in_deinit(struct bd_in *in);

#endif
