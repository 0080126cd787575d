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
    brain_pin *pins;
    size_t n;
    int err = list_pins(store, &pins, &n);
    if (err == 0) {
        *is_out = count(pins, n, view->object) > 1;
        free(pins);
    }
    return err;
}

/* ---- which */

struct search {
    brain_store *store;
    uint64_t min_bytes;
    brain_pin *pins;
    size_t n_pins;
    brain_view *views; /* sorted, the oldest first */
    size_t room, n;
};

/* Keep the view, if it is one of the oldest so far; else drop it. */
static void visit(struct search *search, brain_view *view)
{
    size_t at = search->n;
    if (view->kind == BRAIN_KIND_AWAY || view->kind == BRAIN_KIND_UNSEALED ||
        view->size_bytes < search->min_bytes ||
        count(search->pins, search->n_pins, view->object) > 0) {
        brain_view_drop(view);
        return;
    }
    while (at > 0 && search->views[at - 1].version > view->version) {
        at--;
    }
    if (search->n == search->room) {
        if (at == search->n) {
            brain_view_drop(view);
            return;
        }
        brain_view_drop(&search->views[--search->n]);
    }
    for (size_t i = search->n; i > at; i--) {
        search->views[i] = search->views[i - 1];
    }
    search->views[at] = *view;
    search->n++;
}

static int walk_names(struct search *search, brain_space *space)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_names(space, NULL, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        brain_view view;
        err = brain_get(space, name, len, &view);
        if (err == 0) {
            visit(search, &view);
        } else if (err != BRAIN_E_NOT_FOUND) {
            break;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

static int walk_spaces(struct search *search)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(search->store, NULL, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        brain_space *space;
        if (bd_walk_is_hidden(name, len)) {
            continue;
        }
        err = brain_space_open(search->store, name, len, &space);
        if (err == 0) {
            err = walk_names(search, space);
            brain_space_close(space);
        }
        if (err != 0) {
            brain_iter_free(iter);
            return err;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

int bd_victims_find(brain_store *store, brain_space *space, uint64_t min_bytes,
                    brain_view *views_out, size_t room, size_t *n_out)
{
    struct search search = {
        .store = store, .min_bytes = min_bytes, .views = views_out, .room = room
    };
    int err = list_pins(store, &search.pins, &search.n_pins);
    if (err != 0) {
        return err;
    }
    err = space != NULL ? walk_names(&search, space) : walk_spaces(&search);
    free(search.pins);
    if (err != 0) {
        for (size_t i = 0; i < search.n; i++) {
            brain_view_drop(&views_out[i]);
        }
        return err;
    }
    *n_out = search.n;
    return 0;
}
