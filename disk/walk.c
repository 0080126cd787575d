/* walk.c - the names that a dump is of.
 *
 * All of a store is each namespace that users see. The library's own (docs/format.md) are of processes that live now; and
 * Plasma's objects, too, belong to those who made them, and would come back without anybody being told.
 */
#include "walk.h"

#include <string.h>

#include "error.h"

bool bd_walk_is_hidden(const void *space, size_t space_len)
{
    return space_len > 0 && ((const uint8_t *)space)[0] == 0xff;
}

/* The next value of a walk, pinned. Returns 0, AT_END, or an error. */
#define AT_END 1

static int next(brain_iter *iter, brain_view *view_out)
{
    const void *name;
    size_t name_len;
    int err = brain_iter_next(iter, &name, &name_len);
    if (err == BRAIN_E_NOT_FOUND) {
        return AT_END;
    }
    err = err != 0 ? err : brain_iter_get(iter, view_out);
    return err != 0 ? bd_error_store(err) : 0;
}

int bd_walk_show(const brain_view *view, bd_walk_visit_fn *visit, void *context)
{
    if (view->kind != BRAIN_KIND_AWAY) {
        return visit(context, view);
    }
    brain_recalled recalled;
    int err = brain_recall(view, &recalled);
    if (err != 0) {
        return err;
    }
    brain_view shown = *view; /* all but the data is as it was; the pin is that of `view` */
    shown.data = recalled.data;
    shown.size_bytes = recalled.size_bytes;
    shown.kind = recalled.kind;
    err = visit(context, &shown);
    brain_recalled_drop(&recalled);
    return err;
}

/* An object that is being written has no data yet, and its client is not there when it comes back. */
static int visit(const struct bd_walk *walk, brain_view *view)
{
    int err =
        view->kind != BRAIN_KIND_UNSEALED ? bd_walk_show(view, walk->visit, walk->context) : 0;
    brain_view_drop(view);
    return err;
}

static int enter(const struct bd_walk *walk, const brain_space *space)
{
    size_t len;
    const void *name = brain_space_name(space, &len);
    return walk->enter(walk->context, name, len);
}

static int no_such_space(const brain_space *space)
{
    size_t len;
    const char *name = brain_space_name(space, &len);
    return bd_error(BRAIN_E_NOT_FOUND, "cannot dump the namespace %.*s: there is none", (int)len,
                    name);
}

/* A namespace that holds no names is entered, too; unless it `was_there`, it has to be there now. */
static int walk_space(const struct bd_walk *walk, brain_space *space, bool was_there)
{
    brain_iter *iter;
    brain_view view;
    int err = brain_iter_names(space, walk->snapshot, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    err = next(iter, &view);
    if (err == AT_END && !was_there) {
        int there = brain_space_exists(space);
        err = there == 0                   ? AT_END
              : there == BRAIN_E_NOT_FOUND ? no_such_space(space)
                                           : bd_error_store(there);
    }
    if (err == 0 || err == AT_END) {
        int entered = enter(walk, space);
        if (entered != 0 && err == 0) {
            brain_view_drop(&view);
        }
        err = entered != 0 ? entered : err;
    }
    while (err == 0) {
        err = visit(walk, &view);
        err = err != 0 ? err : next(iter, &view);
    }
    brain_iter_free(iter);
    return err == AT_END ? 0 : err;
}

static int walk_named_space(const struct bd_walk *walk, const void *name, size_t name_len)
{
    brain_space *space;
    if (bd_walk_is_hidden(name, name_len)) {
        return 0;
    }
    int err = brain_space_open(walk->store, name, name_len, &space);
    if (err != 0) {
        return bd_error_store(err);
    }
    err = walk_space(walk, space, true);
    brain_space_close(space);
    return err;
}

static int walk_all(const struct bd_walk *walk)
{
    brain_iter *iter;
    const void *name;
    size_t name_len;
    int err = brain_iter_spaces(walk->store, walk->snapshot, &iter);
    if (err != 0) {
        return bd_error_store(err);
    }
    while ((err = brain_iter_next(iter, &name, &name_len)) == 0) {
        err = walk_named_space(walk, name, name_len);
        if (err != 0) {
            brain_iter_free(iter);
            return err;
        }
    }
    brain_iter_free(iter);
    return err == BRAIN_E_NOT_FOUND ? 0 : bd_error_store(err);
}

static bool is_same_space(const brain_space *a, const brain_space *b)
{
    size_t a_len, b_len;
    const void *a_name = brain_space_name(a, &a_len), *b_name = brain_space_name(b, &b_len);
    return a_len == b_len && memcmp(a_name, b_name, a_len) == 0;
}

static int not_found(const brain_key *key)
{
    size_t space_len;
    const char *space = brain_space_name(key->space, &space_len);
    int shown = key->name_len < 200 ? (int)key->name_len : 200;
    return bd_error(BRAIN_E_NOT_FOUND,
                    "cannot dump %.*s of the namespace %.*s: there is no such name", shown,
                    (const char *)key->name, (int)space_len, space);
}

static int walk_keys(const struct bd_walk *walk)
{
    const brain_key *keys = walk->options->keys;
    int err = 0;
    for (size_t i = 0; i < walk->options->n_keys && err == 0; i++) {
        brain_view view;
        err = brain_snapshot_get(walk->snapshot, keys[i].space, keys[i].name, keys[i].name_len,
                                 &view);
        if (err != 0) {
            return err == BRAIN_E_NOT_FOUND ? not_found(&keys[i]) : bd_error_store(err);
        }
        if (i == 0 || !is_same_space(keys[i].space, keys[i - 1].space)) {
            err = enter(walk, keys[i].space);
        }
        if (err == 0) {
            err = visit(walk, &view);
        } else {
            brain_view_drop(&view);
        }
    }
    return err;
}

int bd_walk(const struct bd_walk *walk)
{
    const brain_dump_options *options = walk->options;
    if (options->n_keys == 0 && options->n_spaces == 0) {
        return walk_all(walk);
    }
    int err = walk_keys(walk);
    for (size_t i = 0; i < options->n_spaces && err == 0; i++) {
        err = walk_space(walk, options->spaces[i], false);
    }
    return err;
}
