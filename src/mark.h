/* mark.h - words by which a process knows itself from its children. */
#ifndef BN_MARK_H
#define BN_MARK_H

#include "base/atomic.h"

/* A word for good, 0. Who sets it to something finds that in this process, and 0 again in any child
 * that has a copy of its memory, however that came about. NULL: there is no memory, or the kernel
 * wipes no pages for children. Threads: any, and no lock: a fork may come in the middle. */
_Atomic uint32_t *bn_mark_new(void);

#endif
