/* path.h - from the path that a user gives to the directory of a store, and the life of both.
 *
 * A store lies where `path` says if that is on a file system in memory; else, and always under /tmp
 * and /var/tmp (which are cleaned), it lies on /dev/shm, and `path` is a symbolic link to it. The
 * target's name follows from user, path, boot and device, so a link that was lost is made again and
 * leads to the same store, and a link that dangles says why: another boot, or another /dev/shm. A
 * store that is made can be told another directory to lie in (brain_options.directory): then the
 * path is such a link to there.
 */
#ifndef BN_PATH_H
#define BN_PATH_H

#include "store.h"

/* Open or make the store at `path`, as brain_open() says. The store is mapped, not yet a client. */
int bn_path_open(const char *path, const brain_options *options, struct brain_store **store_out);

/* Remove files, directory and link of a store that is marked as destroyed. */
int bn_path_remove(struct brain_store *store);

/* Whether this process, which may have given up its user since it opened the store, may do that now. 0; or PERM, IO. To
 * be asked before it is marked. */
int bn_path_may_remove(struct brain_store *store);

#endif
