/* head.h - the first item of a dump: that it is one, and of what. */
#ifndef BD_HEAD_H
#define BD_HEAD_H

#include "item.h"

struct bd_head {
    uint64_t seed;    /* of the checks of all other items */
    uint64_t number;  /* of the commit that the dump shows */
    uint64_t time_ns; /* when it was made, since 1970 */
    uint64_t flags;   /* BD_OTHERS_WROTE */
};

/* What a first item says, of which the check is right. Returns 0, FORMAT (no dump, or a later one), CORRUPT, where the
 * text is the caller's to set. */
int bd_head_read(struct bd_cursor cursor, struct bd_head *head_out);

/* No item with a right check stands in front. Returns FORMAT. */
int bd_head_is_none(void);

#endif
