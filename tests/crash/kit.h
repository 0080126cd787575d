/* kit.h - what every proof needs: a folder to work in, patterns for values, a way to give up. */
#ifndef CRASH_KIT_H
#define CRASH_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a test exits with where the machine does not allow it (meson counts it as skipped). */
#define KIT_SKIPPED 77

/* Say what is wrong with the machine or with the proof itself, and exit with 2. */
_Noreturn void kit_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* kit_die() with the text of errno where `ok` is false. */
void kit_must(bool ok, const char *what);

/* The folder of this run, under /dev/shm, or under the `parent` of the first call. It is removed
 * when the process that made the first call ends, however it ends. */
const char *kit_workdir(const char *parent);

/* A path in the folder; `path` has room for KIT_PATH_MAX bytes. */
#define KIT_PATH_MAX 512
void kit_path(char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Remove a folder with all that is in it. One that is not there is no error. */
void kit_remove_tree(const char *path);

/* fork() whose child dies with its parent. 0 in the child. */
pid_t kit_fork(void);

/* Wait for the end of a child of ours; its wait status. */
int kit_reap(pid_t pid);

/* Seconds of a clock that never goes back. */
double kit_seconds(void);

/* A sequence of random numbers; `*seed` is its state. */
uint64_t kit_random(uint64_t *seed);

/* Fill `n` bytes with a pattern that follows from `seed`. */
void kit_fill(void *bytes, size_t n, uint64_t seed);

/* Whether `n` bytes are that pattern, and nothing else. */
bool kit_filled(const void *bytes, size_t n, uint64_t seed);

/* A checksum: one changed bit changes it. */
uint64_t kit_sum(const void *bytes, size_t n);

#endif
