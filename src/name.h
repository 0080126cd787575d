/* name.h - what other kinds of gets share with those of one name. */
#ifndef BN_NAME_H
#define BN_NAME_H

#include "store.h"

/* Count a get, and tell of it: `view` NULL: it found nothing. `space` NULL: nobody knows it. */
void bn_name_got(struct brain_store *store, const struct brain_space *space, const void *name,
                 size_t name_len, const brain_view *view);

#endif
