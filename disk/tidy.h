/* tidy.h - files of spilled values that nobody needs any more. */
#ifndef BD_TIDY_H
#define BD_TIDY_H

#include <stdbool.h>

#include "brain_disk.h"

/* One file of a store's directory, if nobody has it locked. `*is_gone_out`: it was removed. Returns 0; else as brain_get(). */
int bd_tidy_file(brain_store *store, int dir_fd, const char *name, bool *is_gone_out);

/* All of them: how many are left, and how many went. */
int bd_tidy_store(brain_store *store, int dir_fd, uint64_t *n_left_out, uint64_t *n_gone_out);

/* Write, in the directory of a store, where the store is. 0, or an error. */
int bd_tidy_sign(brain_store *store, int dir_fd);

/* Remove the directories of stores that are certainly gone. */
void bd_tidy_gone(const char *directory, brain_store *store);

/* Remove a store's directory, with all its files. */
void bd_tidy_remove(const char *path);

#endif
