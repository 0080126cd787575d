/* mark.h - marks of the names that are to outlive a reboot.
 *
 * A mark is a name in a namespace of the library's own: a byte that says how long the name of the namespace is, that name, and
 * the name that is marked. Its value is empty.
 */
#ifndef BD_MARK_H
#define BD_MARK_H

#include <stdbool.h>

#include "brain_disk.h"

#define BD_MARK_SPACE                                                                              \
    "\xff"                                                                                         \
    "disk:persist"
#define BD_MARK_SPACE_LEN 13u

struct bd_mark {
    const uint8_t *space, *name;
    size_t space_len, name_len;
};

bool bd_mark_is_space(const void *space, size_t space_len);

/* What a mark is of. False: it is none. */
bool bd_mark_read(const uint8_t *mark, size_t len, struct bd_mark *mark_out);

/* The mark of a name, to be freed. Returns 0, INVAL (the name is too long for one), NOMEM. */
int bd_mark_make(const brain_space *space, const void *name, size_t name_len, uint8_t **mark_out,
                 size_t *len_out);

#endif
