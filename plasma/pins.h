/* pins.h - who has a buffer of what: the pins of all clients, sorted. */
#ifndef PL_PINS_H
#define PL_PINS_H

#include "store.h"

/* All pins of a store, sorted by object and client. `*pins_out` is to be freed. */
int pl_pins_list(struct pl_store *objects, brain_pin **pins_out, size_t *n_out);

/* How many of them are of an object, and at which index they begin. */
size_t pl_pins_find(const brain_pin *pins, size_t n_pins, uint32_t object, size_t *first_out);

/* How many of them are of an object; `*n_clients_out`, if not NULL: of how many clients. */
size_t pl_pins_count(const brain_pin *pins, size_t n_pins, uint32_t object, size_t *n_clients_out);

#endif
