/* copy.h - copies that are too large for one processor. */
#ifndef BN_COPY_H
#define BN_COPY_H

#include <stdint.h>

/* memcpy(). From BN_COPY_IS_LARGE bytes on it goes past the caches, and several threads do it, at most 4 and at most
 * one a processor, which end before it returns: one processor alone cannot use all that memory can give. They take no
 * signals of the process, and none of them is needed: where the system refuses them the caller copies all. No
 * cancellation point. */
#define BN_COPY_IS_LARGE (UINT64_C(32) << 20)
void bn_copy_large(void *to, const void *from, uint64_t size);

#endif
