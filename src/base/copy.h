/* copy.h - copies that are too large for one processor. */
#ifndef BN_COPY_H
#define BN_COPY_H

#include <stdint.h>

#define BN_COPY_LARGE_FROM (UINT64_C(32) << 20)

/* memcpy(). From BN_COPY_LARGE_FROM bytes on several threads do it, at most 4 and at most one a processor, which end
 * before it returns: one processor alone cannot use all that memory can give; on x86 it goes past the caches. They
 * take no signals of the process, and none of them is needed: where the system refuses them the caller copies all. No
 * cancellation point. */
void bn_copy_large(void *to, const void *from, uint64_t size);

/* The same into bytes of a file that may have no memory yet: those from `off` on, mapped at `to` for writing. Less than
 * BN_COPY_LARGE_FROM is written by the caller alone. Returns as base/os.h; where it fails, any of the pages may have
 * memory, and any of the bytes may be there. */
int bn_copy_fresh(int fd, uint64_t off, void *to, const void *from, uint64_t size);

#endif
