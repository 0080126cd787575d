/* watch.c - brain watch: each change as it comes.
 *
 * The library wakes who waits for a namespace when that changed, and does not say what. So a snapshot is taken then,
 * and the versions of its names are compared with those of the one before: what changed more than once in between is
 * one change. Nothing can be missed: the next wait begins at the number of the snapshot. Names that are given are
 * looked up, each; else the namespace is walked through, and for as long as that takes nothing is looked at again, so
 * that a large one costs half of a processor at most.
 *
 * One namespace is waited for, without looking in between. Of all namespaces (--all) none can be waited for alone:
 * they are looked at ten times a second, which costs a load or two for each where nothing has changed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "value.h"

#define LOOK_ALL_NS (BC_SECOND_NS / 10)

/* ---- names and their versions */

struct entry {
    char *name; /* NULL: an empty place */
    size_t len;
    uint64_t version; /* 0: not there */
    uint64_t walk;    /* that met it last */
};

struct table {
    struct entry *entries;
    size_t n, room; /* room: a power of two, at least twice n */
};

static uint64_t hash(const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < len; i++) {
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 29;
}

static struct entry *place_of(const struct table *table, const void *name, size_t len)
{
    size_t i = (size_t)hash(name, len) & (table->room - 1);
    while (table->entries[i].name != NULL &&
           (table->entries[i].len != len || memcmp(table->entries[i].name, name, len) != 0)) {
        i = (i + 1) & (table->room - 1);
    }
    return &table->entries[i];
}

static void grow(struct table *table)
{
    struct table larger = { .n = table->n, .room = table->room == 0 ? 64 : 2 * table->room };
    larger.entries = bc_alloc(larger.room * sizeof *larger.entries);
    memset(larger.entries, 0, larger.room * sizeof *larger.entries);
    for (size_t i = 0; i < table->room; i++) {
        const struct entry *entry = &table->entries[i];
        if (entry->name != NULL) *place_of(&larger, entry->name, entry->len) = *entry;
    }
    free(table->entries);
    *table = larger;
}

/* The entry of a name; a new one has the version 0. */
static struct entry *entry_of(struct table *table, const void *name, size_t len)
{
    if (2 * (table->n + 1) > table->room) grow(table);
    struct entry *entry = place_of(table, name, len);
    if (entry->name == NULL) {
        entry->name = bc_copy(name, len);
        entry->len = len;
        table->n++;
    }
    return entry;
}

static void free_table(struct table *table)
{
    for (size_t i = 0; i < table->room; i++) {
        free(table->entries[i].name);
    }
    free(table->entries);
    *table = (struct table){ .n = 0 };
}

/* Leave out what is not there any more, so that names that come and go do not gather. */
static void tidy(struct table *table, uint64_t walk)
{
    struct table kept = { .n = 0 };
    for (size_t i = 0; i < table->room; i++) {
        struct entry *entry = &table->entries[i];
        if (entry->name == NULL) continue;
        if (entry->version == 0 || entry->walk != walk) {
            free(entry->name);
        } else {
            if (2 * (kept.n + 1) > kept.room) grow(&kept);
            *place_of(&kept, entry->name, entry->len) = *entry;
            kept.n++;
        }
    }
    free(table->entries);
    *table = kept;
}

/* ---- a watch */

struct watched_space {
    brain_space *space;
    char *name;
    size_t name_len;
    uint64_t number; /* changes up to here have been printed */
    uint64_t n_walks;
    struct table names;
    bool is_listed; /* it is there still */
};

struct watch {
    struct bc_context *context;
    struct watched_space *spaces;
    size_t n_spaces;
    uint64_t n_left;    /* changes to print; UINT64_MAX: no end */
    int64_t until_ns;   /* by the monotonic clock; INT64_MAX: no end */
    const char **names; /* that are watched; NULL: all */
    size_t *name_lens;
    int status; /* the worst that happened on the way */
};

static uint64_t time_of_day_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * (uint64_t)BC_SECOND_NS + (uint64_t)now.tv_nsec;
}

static bool is_over(const struct watch *watch)
{
    return watch->n_left == 0 || bc_interrupted() || bc_now_ns() >= watch->until_ns;
}

/* ---- printing */

struct change {
    const char *what; /* "put", "deleted", "there" */
    const void *name;
    size_t name_len;
    uint64_t version, previous;
    uint64_t size_bytes;
    uint32_t kind;
};

static void print_json(const struct watched_space *in, const struct change *change)
{
    char buf[32];
    json_t *json = json_object();
    bc_json_time(json, "time", time_of_day_ns());
    bc_json_text(json, "event", change->what);
    bc_json_name(json, "namespace", in->name, in->name_len);
    bc_json_name(json, "name", change->name, change->name_len);
    bc_json_number(json, "version", change->version);
    bc_json_number(json, "previous", change->previous);
    if (strcmp(change->what, "deleted") != 0) {
        bc_json_number(json, "size", change->size_bytes);
        bc_json_text(json, "kind", bc_text_kind(change->kind, buf, sizeof buf));
    }
    bc_json_print(json);
}

static void print_text(const struct watch *watch, const struct watched_space *in,
                       const struct change *change)
{
    const struct bc_context *context = watch->context;
    char time[64], size[32];
    uint64_t ns = time_of_day_ns();
    char *space = bc_text_name(in->name, in->name_len, 0);
    char *name = bc_text_name(change->name, change->name_len, 0);
    bool is_gone = strcmp(change->what, "deleted") == 0;
    if (context->is_terminal) {
        bc_text_time(ns, time, sizeof time);
        printf("%s  %s%-7s%s  %s  %s  %" PRIu64 "%s%s\n", time,
               bc_style(context, is_gone ? BC_YELLOW : BC_GREEN), change->what,
               bc_style(context, BC_PLAIN), space, name, change->version, is_gone ? "" : "  ",
               is_gone ? "" : bc_text_size(change->size_bytes, size, sizeof size));
    } else {
        bc_text_utc(ns, time, sizeof time);
        printf("%s\t%s\t%s\t%s\t%" PRIu64 "\t", time, change->what, space, name, change->version);
        if (is_gone) {
            printf("-\n");
        } else {
            printf("%" PRIu64 "\n", change->size_bytes);
        }
    }
    free(space);
    free(name);
}

static void print_change(struct watch *watch, const struct watched_space *in,
                         const struct change *change)
{
    if (watch->n_left == 0) return;
    if (watch->context->json) {
        print_json(in, change);
    } else {
        print_text(watch, in, change);
    }
    if (watch->n_left != UINT64_MAX) watch->n_left--;
}

/* ---- looking */

/* A name has this view, or (NULL) none. */
static void compare(struct watch *watch, struct watched_space *in, struct entry *entry,
                    const brain_view *view, const char *put)
{
    struct change change = { .name = entry->name,
                             .name_len = entry->len,
                             .previous = entry->version };
    struct bc_facts facts = { .kind = 0 };
    if (view != NULL && view->version != entry->version) {
        int err = put != NULL ? bc_value_facts(view, &facts) : 0;
        if (err != 0) { /* its file is damaged or gone: that it was put can be said */
            facts = (struct bc_facts){ .kind = view->kind, .size_bytes = view->size_bytes };
        }
        change.what = put;
        change.version = view->version;
        change.size_bytes = facts.size_bytes;
        change.kind = facts.kind;
        if (put != NULL) print_change(watch, in, &change);
    } else if (view == NULL && entry->version != 0) {
        change.what = "deleted";
        change.version = entry->version;
        print_change(watch, in, &change);
    }
    entry->version = view != NULL ? view->version : 0;
    entry->walk = in->n_walks;
}

/* What is damaged is said once for each time that it is met. */
static void note_failure(struct watch *watch, int err, const void *name, size_t len)
{
    char *shown = bc_text_name(name, len, 200);
    watch->status = bc_fail(watch->context, err, shown);
    free(shown);
}

static int look_at_names(struct watch *watch, struct watched_space *in, brain_snapshot *snapshot,
                         const char *put)
{
    for (size_t i = 0; watch->names[i] != NULL; i++) {
        brain_view view;
        int err =
            brain_snapshot_get(snapshot, in->space, watch->names[i], watch->name_lens[i], &view);
        if (err != 0 && err != BRAIN_E_NOT_FOUND) return err;
        compare(watch, in, entry_of(&in->names, watch->names[i], watch->name_lens[i]),
                err == 0 ? &view : NULL, put);
        if (err == 0) brain_view_drop(&view);
    }
    return 0;
}

static int look_at_all(struct watch *watch, struct watched_space *in, brain_snapshot *snapshot,
                       const char *put)
{
    brain_iter *iter;
    const void *name;
    size_t len, n_met = 0;
    int err = brain_iter_names(in->space, snapshot, &iter);
    if (err != 0) return err;
    while ((err = brain_iter_next(iter, &name, &len)) == 0 && !bc_interrupted()) {
        brain_view view;
        int failed = brain_iter_get(iter, &view);
        n_met++;
        if (failed != 0) {
            note_failure(watch, failed, name, len);
            entry_of(&in->names, name, len)->walk = in->n_walks;
            continue;
        }
        compare(watch, in, entry_of(&in->names, name, len), &view, put);
        brain_view_drop(&view);
    }
    brain_iter_free(iter);
    if (err == BRAIN_E_NOT_FOUND) err = 0;
    if (err == 0 && in->names.n > n_met) {
        for (size_t i = 0; i < in->names.room; i++) {
            struct entry *entry = &in->names.entries[i];
            if (entry->name != NULL && entry->walk != in->n_walks && !bc_interrupted()) {
                uint64_t walk = entry->walk;
                compare(watch, in, entry, NULL, put);
                entry->walk = walk;
            }
        }
        if (!bc_interrupted()) tidy(&in->names, in->n_walks);
    }
    return err;
}

/* Look what has changed since the last time. `put`: what to call a value that is new; NULL: say nothing. */
static int look(struct watch *watch, struct watched_space *in, const char *put)
{
    brain_snapshot *snapshot;
    int64_t begun = bc_now_ns();
    int err = brain_snapshot_open(watch->context->store, &snapshot);
    if (err != 0) return err;
    in->n_walks++;
    err = watch->names != NULL ? look_at_names(watch, in, snapshot, put)
                               : look_at_all(watch, in, snapshot, put);
    in->number = brain_snapshot_number(snapshot);
    brain_snapshot_close(snapshot);
    if (err == 0 && fflush(stdout) != 0) {
        bc_say(watch->context, "cannot write to stdout: %s", strerror(errno));
        watch->status = BC_SYSTEM;
        watch->n_left = 0;
    }
    int64_t took = bc_now_ns() - begun;
    if (took > BC_SECOND_NS / 1000 && !is_over(watch)) {
        bc_pause(took);
    }
    return err;
}

/* ---- waiting */

/* The next change of a namespace, for at most so long: 0, TIMEOUT, or another error. */
static int wait_for(struct watched_space *in, int64_t timeout_ns)
{
    uint64_t number;
    int err = brain_wait_space(in->space, in->number, timeout_ns, &number);
    return err == BRAIN_E_INTR ? BRAIN_E_TIMEOUT : err;
}

/* How long to wait at once. A signal that comes just before the wait begins does not end it: so a second at most. */
static int64_t slice(const struct watch *watch, int64_t longest)
{
    int64_t left = watch->until_ns - bc_now_ns();
    return left < 0 ? 0 : left < longest ? left : longest;
}

static int watch_one(struct watch *watch)
{
    struct watched_space *in = &watch->spaces[0];
    int err = 0;
    while (err == 0 && !is_over(watch)) {
        err = wait_for(in, slice(watch, BC_SECOND_NS));
        err = err == 0 ? look(watch, in, "put") : err == BRAIN_E_TIMEOUT ? 0 : err;
    }
    return err;
}

/* ---- all namespaces */

static struct watched_space *find_space(struct watch *watch, const void *name, size_t len)
{
    for (size_t i = 0; i < watch->n_spaces; i++) {
        struct watched_space *in = &watch->spaces[i];
        if (in->name_len == len && memcmp(in->name, name, len) == 0) return in;
    }
    return NULL;
}

static int add_space(struct watch *watch, const void *name, size_t len)
{
    brain_space *space;
    int err = brain_space_open(watch->context->store, name, len, &space);
    if (err != 0) return err;
    watch->spaces = bc_realloc(watch->spaces, (watch->n_spaces + 1) * sizeof *watch->spaces);
    struct watched_space *in = &watch->spaces[watch->n_spaces++];
    *in = (struct watched_space){ .space = space, .name = bc_copy(name, len), .name_len = len };
    return 0;
}

static void drop_space(struct watch *watch, size_t i)
{
    brain_space_close(watch->spaces[i].space);
    free(watch->spaces[i].name);
    free_table(&watch->spaces[i].names);
    watch->spaces[i] = watch->spaces[--watch->n_spaces];
}

/* Namespaces that are new: what is in them is new, too, unless this is the first look. */
static int list_spaces(struct watch *watch, const char *put)
{
    brain_iter *iter;
    const void *name;
    size_t len;
    int err = brain_iter_spaces(watch->context->store, NULL, &iter);
    if (err != 0) return err;
    for (size_t i = 0; i < watch->n_spaces; i++) {
        watch->spaces[i].is_listed = false;
    }
    while ((err = brain_iter_next(iter, &name, &len)) == 0) {
        if (bc_is_own_space(name, len)) continue;
        struct watched_space *in = find_space(watch, name, len);
        if (in == NULL) {
            err = add_space(watch, name, len);
            in = err == 0 ? &watch->spaces[watch->n_spaces - 1] : NULL;
            if (err == 0) err = look(watch, in, put);
        }
        if (err != 0) break;
        in->is_listed = true;
    }
    brain_iter_free(iter);
    if (err != BRAIN_E_NOT_FOUND) return err;
    for (size_t i = watch->n_spaces; i-- > 0;) {
        if (watch->spaces[i].is_listed) continue;
        err = look(watch, &watch->spaces[i], put); /* it was removed: its names are gone */
        if (err != 0) return err;
        drop_space(watch, i);
    }
    return 0;
}

static int watch_all(struct watch *watch)
{
    uint64_t committed = 0;
    int err = 0;
    while (err == 0 && !is_over(watch)) {
        brain_snapshot *snapshot; /* says cheaply whether anything has changed */
        err = brain_snapshot_open(watch->context->store, &snapshot);
        if (err != 0) break;
        uint64_t number = brain_snapshot_number(snapshot);
        brain_snapshot_close(snapshot);
        if (number != committed) {
            err = list_spaces(watch, "put");
            for (size_t i = 0; err == 0 && i < watch->n_spaces; i++) {
                err = wait_for(&watch->spaces[i], 0);
                err = err == 0                 ? look(watch, &watch->spaces[i], "put")
                      : err == BRAIN_E_TIMEOUT ? 0
                                               : err;
            }
            committed = number;
        } else {
            bc_pause(slice(watch, LOOK_ALL_NS));
        }
    }
    return err;
}

/* ---- */

static int read_names(struct watch *watch)
{
    struct bc_context *context = watch->context;
    size_t n = (size_t)context->n_arguments;
    if (n == 0) return 0;
    watch->names = bc_alloc((n + 1) * sizeof *watch->names);
    watch->name_lens = bc_alloc((n + 1) * sizeof *watch->name_lens);
    watch->names[n] = NULL;
    for (size_t i = 0; i < n; i++) {
        int status =
            bc_name(context, context->arguments[i], &watch->names[i], &watch->name_lens[i]);
        if (status != 0) return status;
    }
    return 0;
}

static int read_options(struct watch *watch)
{
    double seconds = -1;
    int status = bc_option_number(watch->context, "count", &watch->n_left);
    if (status == 0) status = bc_option_seconds(watch->context, "timeout", &seconds);
    if (status == 0 && watch->n_left == 0) {
        status = bc_usage(watch->context, "--count takes a number from 1 on");
    }
    if (status == 0 && seconds >= 0) {
        watch->until_ns = bc_now_ns() + (int64_t)(seconds * (double)BC_SECOND_NS);
    }
    return status == 0 ? read_names(watch) : status;
}

static int run(struct watch *watch, bool all)
{
    struct bc_context *context = watch->context;
    const char *first = bc_option(context, "existing") != NULL ? "there" : NULL;
    int err;
    if (all) {
        err = list_spaces(watch, first);
    } else {
        err = add_space(watch, context->space, strlen(context->space));
        if (err == 0) err = look(watch, &watch->spaces[0], first);
    }
    if (err == 0 && bc_option(context, "ready") != NULL) {
        fputs("watching\n", stderr); /* what is changed from now on is printed */
        fflush(stderr);
    }
    if (err != 0) return err;
    return all ? watch_all(watch) : watch_one(watch);
}

int bc_watch(struct bc_context *context)
{
    struct watch watch = { .context = context, .n_left = UINT64_MAX, .until_ns = INT64_MAX };
    int status = read_options(&watch);
    if (status == 0) status = bc_open(context, BC_LOOK);
    if (status == 0) {
        bc_hold_interrupts(true);
        int err = run(&watch, bc_option(context, "all") != NULL);
        bool is_full_count = watch.n_left == 0, is_counted = bc_option(context, "count") != NULL;
        status = err == BRAIN_E_INTR ? BC_INTERRUPTED
                 : err != 0          ? bc_fail(context, err, NULL)
                 : bc_interrupted()  ? BC_INTERRUPTED
                                     : watch.status;
        if (status == 0 && is_counted && !is_full_count) status = BC_TIMEOUT;
    }
    while (watch.n_spaces > 0) {
        drop_space(&watch, watch.n_spaces - 1);
    }
    free(watch.spaces);
    free(watch.names);
    free(watch.name_lens);
    return status;
}
