/* crowd.h - a store that gets full, and what is in it: values that are named by numbers. */
#ifndef BN_TESTS_CROWD_H
#define BN_TESTS_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#include "brain.h"

/* What values consist of: check_fill() with 1. */
extern uint8_t crowd_data[4 * 1024 * 1024];

/* Fill it; first of all. */
void crowd_begin(void);

/* Make a store at a fresh path, in this mode (BRAIN_FULL_...). */
brain_store *crowd_open(uint64_t capacity, uint32_t mode);

/* The code is that of brain_put_bytes(). */
int crowd_put(brain_space *space, uint32_t name, uint64_t size);

/* Get it, and let it go. */
void crowd_use(brain_space *space, uint32_t name);

bool crowd_has(brain_space *space, uint32_t name);

/* How many of those names are there. */
uint32_t crowd_count(brain_space *space, uint32_t from, uint32_t end);

#endif
