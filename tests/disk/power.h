/* power.h - what a disk may have after a loss of power: a recording of the changes that a child makes to the files of a
 * folder, and what of them may be there when it is cut off.
 *
 * The model: what was written to a file before it was last synced is there. Of what was written since, each sector of 512
 * bytes, and each change of the length, may be there or not, in whatever order. Changes of a directory (names that come, go,
 * or are moved) come to the disk in their order, all those before its last sync for certain, of the rest as many as it happens.
 */
#ifndef BN_TESTS_POWER_H
#define BN_TESTS_POWER_H

#include <stdbool.h>
#include <stddef.h>

#include "brain.h"

struct power_log;

/* Record what a child does to files below `folder` in `work`, which gets the store at `path`. It marks moments by
 * power_mark(). */
struct power_log *power_record(const char *folder, void (*work)(brain_store *), const char *path);
void power_free(struct power_log *log);

/* In the child: a moment, by its number. */
void power_mark(int number);

/* How many changes were recorded. */
size_t power_count(const struct power_log *log);

/* The number of the last moment before change `n`; -1: none. */
int power_marked(const struct power_log *log, size_t n);

/* Make `folder`, in which nothing is, what may be there when the power fails before change `n`. What is left to chance is by
 * check_random(). `all`: everything that was written is there, as after a kill. */
void power_cut(const struct power_log *log, size_t n, bool all, const char *folder);

#endif
