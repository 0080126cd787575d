/* subject.h - the store under test: what it holds before each operation, and the folder where others are made. */
#ifndef BN_TESTS_SUBJECT_H
#define BN_TESTS_SUBJECT_H

#include <stddef.h>
#include <stdint.h>

#include "../crash/kit.h"
#include "brain.h"

/* Names 0, 1, ... of "default", as uint32_t: value i is subject_size(i) bytes of check_fill(i). */
#define SUBJECT_VALUES 12
#define SUBJECT_LARGE  300000u

struct subject {
    char path[KIT_PATH_MAX];
    brain_store *store;
    brain_space *space, *other; /* "default", and one that is missing */
    char home[KIT_PATH_MAX];    /* where stores are made, and nothing else is */
    char link[KIT_PATH_MAX];    /* a path that leads there */
    char said[1000];            /* the text of the first error, before other calls fail as well */
    uint8_t data[2 * SUBJECT_LARGE];
};
extern struct subject subject;

/* Once, before all: the paths, in a folder that goes however the test ends. */
void subject_begin(void);

/* A new store with its values; closed and removed. */
void subject_set_up(void);
void subject_tear_down(void);

size_t subject_size(uint32_t i);

/* Put `size` bytes that follow from `seed`; they are in subject.data then. */
int subject_put(brain_space *where, const void *name, size_t len, size_t size, uint64_t seed);

void subject_check_value(brain_space *where, const void *name, size_t len, size_t size,
                         uint64_t seed);

/* Keep the text of an error. Returns `err`. */
int subject_note(int err);

/* Where operations make a store, and how many entries are there. */
const char *subject_made_path(void);
int subject_count_made(void);

#endif
