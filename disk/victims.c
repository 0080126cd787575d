/* victims.c - which values are spilled. */
#include "victims.h"

#include <stdlib.h>

#include "error.h"
#include "walk.h"

/* ---- who has views */

/* All pins, to be freed. */
static int list_pins(brain_store *store, brain_pin **pins_out, size_t *n_out)
{
    size_t n = 0, room;
    brain_pin *pins = NULL;
    int err;
    do {
        room = n + n / 4 + 256;
        free(pins);
        pins = malloc(room * sizeof *pins);
        if (pins == NULL) {
            return bd_error(BRAIN_E_NOMEM, "no memory for a list of views");
        }
        err = brain_pins(store, pins, room, &n);
    } while (err == 0 && n > room);
    if (err != 0) {
        free(pins);
        return bd_error_store(err);
    }
    *pins_out = pins;
    *n_out = n;
    return 0;
}

static size_t count(const brain_pin *pins, size_t n, uint32_t object)
{
    size_t times = 0;
    for (size_t i = 0; i < n; i++) {
        times += pins[i].object == object;
    }
    return times;
}

int bd_victims_is_viewed(brain_store *store, const brain_view *view, bool *is_out)
{
    brain_pin *pins = NULL;
    size_t n = 0;
    int err = list_pins(store, &pins, &n);
    if (err == 0) {
        *is_out = count(pins, n, view->object) > 1;
        free(pins);
    }
    return err;
}

/* ---- which */

int bd_victims_find(brain_store *store, brain_space *space, uint64_t min_bytes,
                    brain_view *views_out, size_t room, size_t *n_out)
{
    size_t len = 0;
    const void *name = space != NULL ? brain_space_name(space, &len) : NULL;
    if (bd_walk_is_hidden(
            name, len)) { /* nobody recalls there: Plasma's objects go by rules of their own */
        *n_out = 0;
        return 0;
    }
    int err = brain_coldest(store, space, min_bytes, views_out, room, n_out);
    return err != 0 ? bd_error_store(err) : 0;
}
