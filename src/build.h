/* build.h - the files of a new store. */
#ifndef BN_BUILD_H
#define BN_BUILD_H

#include "error.h"

/* Fill an empty directory with the files of a new store. `*guard_out`, if not -1, holds the lock
 * that tells sweepers that its maker lives, and is the caller's to close, also on error. */
int bn_build(int dir_fd, const char *directory, const brain_options *options,
             uint64_t capacity_bytes, int *guard_out);

#endif
