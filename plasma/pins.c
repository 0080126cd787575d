/* pins.c - who has a buffer of what: the pins of all clients, sorted. */
#include "pins.h"

#include <stdlib.h>

static int by_object(const void *a, const void *b)
{
    const brain_pin *x = a, *y = b;
    if (x->object != y->object) return x->object < y->object ? -1 : 1;
    return x->client < y->client ? -1 : x->client > y->client;
}

int pl_pins_list(struct pl_store *objects, brain_pin **pins_out, size_t *n_out)
{
    size_t room = 256, n;
    for (;;) {
        brain_pin *pins = malloc(room * sizeof *pins);
        int code = pins == NULL ? BRAIN_E_NOMEM : brain_pins(objects->store, pins, room, &n);
        if (code == 0 && n <= room) {
            qsort(pins, n, sizeof *pins, by_object);
            *pins_out = pins;
            *n_out = n;
            return 0;
        }
        free(pins);
        if (code != 0) return code;
        room = 2 * n;
    }
}

size_t pl_pins_find(const brain_pin *pins, size_t n_pins, uint32_t object, size_t *first_out)
{
    size_t from = 0, to = n_pins, n = 0;
    while (from < to) { /* the first of this object */
        size_t middle = from + (to - from) / 2;
        if (pins[middle].object < object) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    while (from + n < n_pins && pins[from + n].object == object)
        n++;
    *first_out = from;
    return n;
}

size_t pl_pins_count(const brain_pin *pins, size_t n_pins, uint32_t object, size_t *n_clients_out)
{
    size_t first, n_clients = 0, n = pl_pins_find(pins, n_pins, object, &first);
    for (size_t i = first; i < first + n; i++) {
        n_clients += i == first || pins[i].client != pins[i - 1].client;
    }
    if (n_clients_out != NULL) *n_clients_out = n_clients;
    return n;
}
