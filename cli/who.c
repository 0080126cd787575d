/* who.c - brain who: who has the store open, what each holds, and what each alone keeps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "holders.h"
#include "json.h"
#include "table.h"
#include "text.h"

#define SHOWN_MAX 20u /* holdings of one process, on a terminal */

/* What is asked for: one name, or (NULL) all. */
struct wanted {
    const char *name;
    size_t name_len;
    const char *space;
};

static bool is_wanted(const struct wanted *wanted, const struct bc_object *object)
{
    return wanted->name == NULL ||
           (object->name_len == wanted->name_len && object->space_len == strlen(wanted->space) &&
            memcmp(object->space, wanted->space, object->space_len) == 0 &&
            (object->shown_len > 0 || wanted->name_len == 0) && /* else nobody can tell it */
            memcmp(object->name, wanted->name, object->shown_len) == 0);
}

/* What a process alone keeps of an object. */
static uint64_t alone_bytes(const struct bc_hold *hold, const struct bc_object *object)
{
    bool is_alone = object->state == BRAIN_OBJECT_LIMBO && object->n_keepers == 1 &&
                    object->keeper == hold->holder;
    return is_alone ? object->size_bytes : 0;
}

/* It can hold it only since then: when it attached, or when the value was put. */
static uint64_t not_before(const struct bc_holder *holder, const struct bc_object *object)
{
    return holder->attached_ns > object->created_ns ? holder->attached_ns : object->created_ns;
}

static char *pid_of(const struct bc_holder *holder)
{
    int32_t pid = bc_holders_pid(holder);
    return pid == 0 ? bc_strdup("?") : bc_format("%d", (int)pid);
}

static char *command_of(const struct bc_holder *holder, size_t columns)
{
    if (holder->is_nameless) return bc_strdup("(forked children without a row of their own)");
    char *text = bc_text_name(holder->process.command, strlen(holder->process.command), columns);
    char *whole = bc_format("%s%s", text, bc_holders_mark(holder));
    free(text);
    return whole;
}

/* ---- JSON */

static json_t *hold_json(const struct bc_holder *holder, const struct bc_hold *hold,
                         const struct bc_object *object)
{
    json_t *json = json_object();
    bc_json_name(json, "name", object->name, object->shown_len);
    if (object->shown_len < object->name_len) bc_json_number(json, "name_length", object->name_len);
    bc_json_name(json, "namespace", object->space, object->space_len);
    bc_json_number(json, "version", object->version);
    bc_json_number(json, "size", object->size_bytes);
    bc_json_text(json, "state", bc_holders_state(object->state));
    bc_json_number(json, "views", hold->n_views);
    bc_json_number(json, "alone", alone_bytes(hold, object));
    bc_json_time(json, "not_before", not_before(holder, object));
    return json;
}

static json_t *holder_json(const struct bc_holders *all, const struct wanted *wanted, uint32_t i)
{
    const struct bc_holder *holder = &all->holders[i];
    json_t *json = json_object(), *objects = json_array(), *snapshots = json_array();
    bc_json_known(json, "pid", (uint64_t)bc_holders_pid(holder));
    bc_json_signed(json, "own_pid", holder->client.pid);
    bc_json_number(json, "pid_namespace", holder->client.pid_namespace);
    bc_json_text(json, "command", holder->is_nameless ? "" : holder->process.command);
    bc_json_bool(json, "alive", holder->is_nameless || holder->client.alive != 0);
    bc_json_bool(json, "stopped", bc_holders_is_stopped(holder));
    bc_json_time(json, "attached", holder->attached_ns);
    bc_json_number(json, "views", holder->n_views);
    bc_json_number(json, "drafts", holder->n_drafts);
    bc_json_number(json, "draft_bytes", holder->draft_bytes);
    bc_json_number(json, "alone", holder->alone_bytes);
    bc_json_number(json, "alone_objects", holder->n_alone);
    for (size_t k = 0; k < holder->n_snapshots; k++) {
        json_array_append_new(snapshots, json_integer((json_int_t)holder->snapshots[k]));
    }
    for (size_t k = 0; k < holder->n_holds; k++) {
        const struct bc_hold *hold = &all->holds[holder->first_hold + k];
        const struct bc_object *object = &all->objects[hold->object];
        if (is_wanted(wanted, object)) {
            json_array_append_new(objects, hold_json(holder, hold, object));
        }
    }
    json_object_set_new(json, "snapshots", snapshots);
    json_object_set_new(json, "objects", objects);
    return json;
}

/* ---- tables */

static const struct bc_column process_columns[] = {
    { "PID", BC_RIGHT },       { "ATTACHED", BC_LEFT }, { "VIEWS", BC_RIGHT },
    { "SNAPSHOTS", BC_RIGHT }, { "WRITES", BC_RIGHT },  { "KEEPS ALONE", BC_RIGHT },
    { "COMMAND", BC_ELASTIC },
};
static const struct bc_column hold_columns[] = {
    { "PID", BC_RIGHT },    { "STATE", BC_LEFT },      { "NAMESPACE", BC_LEFT },
    { "NAME", BC_ELASTIC }, { "VERSION", BC_RIGHT },   { "SIZE", BC_RIGHT },
    { "ALONE", BC_RIGHT },  { "NOT BEFORE", BC_LEFT },
};
/* In a pipe all is in one table: with the pid in its own namespace and the command behind. */
static const struct bc_column pipe_columns[] = {
    { "PID", BC_RIGHT },    { "STATE", BC_LEFT },      { "NAMESPACE", BC_LEFT },
    { "NAME", BC_ELASTIC }, { "VERSION", BC_RIGHT },   { "SIZE", BC_RIGHT },
    { "ALONE", BC_RIGHT },  { "NOT BEFORE", BC_LEFT }, { "OWN PID", BC_RIGHT },
    { "COMMAND", BC_LEFT },
};
#define N_COLUMNS(columns) (sizeof columns / sizeof columns[0])

struct row {
    const char *state;
    const char *space, *name;
    size_t space_len, name_len;
    uint64_t version, size_bytes, alone_bytes, not_before;
};

static void put_row(struct bc_table *table, const struct bc_holder *holder, const struct row *row,
                    bool is_pipe)
{
    char *pid = pid_of(holder);
    bc_table_text(table, pid);
    bc_table_text(table, row->state);
    bc_table_name(table, row->space, row->space_len);
    bc_table_name(table, row->name, row->name_len);
    bc_table_number(table, row->version);
    bc_table_size(table, row->size_bytes);
    bc_table_size(table, row->alone_bytes);
    bc_table_time(table, row->not_before);
    if (is_pipe) {
        char *command = command_of(holder, 0);
        bc_table_number(table, (uint64_t)(holder->client.pid > 0 ? holder->client.pid : 0));
        bc_table_text(table, command);
        free(command);
    }
    free(pid);
}

static struct row row_of(const struct bc_holder *holder, const struct bc_hold *hold,
                         const struct bc_object *object)
{
    return (struct row){ .state = bc_holders_state(object->state),
                         .space = object->space,
                         .space_len = object->space_len,
                         .name = object->name,
                         .name_len = object->shown_len,
                         .version = object->version,
                         .size_bytes = object->size_bytes,
                         .alone_bytes = alone_bytes(hold, object),
                         .not_before = not_before(holder, object) };
}

/* What one process holds beside views: snapshots, and what it writes. Returns how many rows were put. */
static size_t put_others(struct bc_table *table, const struct bc_holder *holder, bool is_pipe)
{
    struct row row = { .space = "", .name = "", .not_before = holder->attached_ns };
    for (size_t k = 0; k < holder->n_snapshots; k++) {
        row.state = "snapshot";
        row.version = holder->snapshots[k];
        put_row(table, holder, &row, is_pipe);
    }
    if (holder->n_drafts == 0) return holder->n_snapshots;
    row.state = "draft";
    row.version = 0;
    row.size_bytes = holder->draft_bytes;
    put_row(table, holder, &row, is_pipe);
    return holder->n_snapshots + 1;
}

/* What one process holds; of values that it has views of at most n_max. Returns how many things that are, those
 * included that were not put. */
static size_t put_holdings(struct bc_table *table, const struct bc_holders *all,
                           const struct wanted *wanted, uint32_t i, bool is_pipe, size_t n_max)
{
    const struct bc_holder *holder = &all->holders[i];
    size_t n = 0;
    for (size_t k = 0; k < holder->n_holds; k++) {
        const struct bc_hold *hold = &all->holds[holder->first_hold + k];
        const struct bc_object *object = &all->objects[hold->object];
        if (is_wanted(wanted, object) && n++ < n_max) {
            struct row row = row_of(holder, hold, object);
            put_row(table, holder, &row, is_pipe);
        }
    }
    size_t n_others = wanted->name == NULL ? put_others(table, holder, is_pipe) : 0;
    if (n > n_max) {
        char *text = bc_format("(and %zu more: --all)", n - n_max);
        struct row row = { .state = "", .space = "", .name = text, .name_len = strlen(text) };
        put_row(table, holder, &row, is_pipe);
        free(text);
    }
    return n + n_others;
}

static void print_pipe(const struct bc_context *context, const struct bc_holders *all,
                       const struct wanted *wanted)
{
    struct bc_table *table = bc_table_new(context, pipe_columns, N_COLUMNS(pipe_columns));
    for (uint32_t i = 0; i < all->n_holders; i++) {
        size_t n = put_holdings(table, all, wanted, i, true, SIZE_MAX);
        if (n == 0 && wanted->name == NULL) {
            struct row row = {
                .state = "open", .space = "", .name = "", .not_before = all->holders[i].attached_ns
            };
            put_row(table, &all->holders[i], &row, true);
        }
    }
    bc_table_end(table);
}

static bool holds_any(const struct bc_holders *all, const struct wanted *wanted, uint32_t i)
{
    const struct bc_holder *holder = &all->holders[i];
    for (size_t k = 0; k < holder->n_holds; k++) {
        const struct bc_hold *hold = &all->holds[holder->first_hold + k];
        if (is_wanted(wanted, &all->objects[hold->object])) return true;
    }
    return wanted->name == NULL;
}

static void print_terminal(const struct bc_context *context, const struct bc_holders *all,
                           const struct wanted *wanted)
{
    if (all->n_holders == 0) {
        puts("nobody has it open");
        return;
    }
    struct bc_table *table = bc_table_new(context, process_columns, N_COLUMNS(process_columns));
    for (uint32_t i = 0; i < all->n_holders; i++) {
        const struct bc_holder *holder = &all->holders[i];
        if (!holds_any(all, wanted, i)) continue;
        char *pid = pid_of(holder), *command = command_of(holder, 0);
        bc_table_text(table, pid);
        bc_table_time(table, holder->attached_ns);
        bc_table_number(table, holder->n_views);
        bc_table_number(table, holder->n_snapshots);
        bc_table_size(table, holder->draft_bytes);
        bc_table_size(table, holder->alone_bytes);
        bc_table_text(table, command);
        free(pid);
        free(command);
    }
    bc_table_end(table);
    printf("\n");
    table = bc_table_new(context, hold_columns, N_COLUMNS(hold_columns));
    for (uint32_t i = 0; i < all->n_holders; i++) {
        (void)put_holdings(table, all, wanted, i, false,
                           bc_option(context, "all") != NULL ? SIZE_MAX : SHOWN_MAX);
    }
    bc_table_end(table);
}

/* ---- */

/* Whether the name has a value, where nobody holds one. */
static int look_for_name(struct bc_context *context, const struct wanted *wanted)
{
    brain_space *space;
    int status = bc_open_space(context, &space);
    if (status != 0) return status;
    int err = brain_exists(space, wanted->name, wanted->name_len, NULL);
    brain_space_close(space);
    if (err == 0) return 0;
    char *shown = bc_text_name(wanted->name, wanted->name_len, 0);
    if (err == BRAIN_E_NOT_FOUND) {
        bc_say(context, "there is no %s in %s, and nobody has one that was", shown, wanted->space);
        status = BC_NO;
    } else {
        status = bc_fail(context, err, shown);
    }
    free(shown);
    return status;
}

int bc_who(struct bc_context *context)
{
    struct wanted wanted = { .name = NULL, .space = context->space };
    struct bc_holders all;
    bool is_held = false;
    int status = context->n_arguments == 0
                     ? 0
                     : bc_name(context, context->arguments[0], &wanted.name, &wanted.name_len);
    if (status == 0) status = bc_open(context, BC_LOOK);
    if (status != 0) return status;
    int err = bc_holders_look(context->store, true, &all);
    if (err != 0) return bc_fail(context, err, NULL);
    for (uint32_t i = 0; wanted.name != NULL && i < all.n_holders && !is_held; i++) {
        is_held = holds_any(&all, &wanted, i);
    }
    if (wanted.name != NULL && !is_held) status = look_for_name(context, &wanted);
    if (status == 0 && context->json) {
        struct bc_json_array array;
        bc_json_begin(&array);
        for (uint32_t i = 0; i < all.n_holders; i++) {
            if (holds_any(&all, &wanted, i)) bc_json_item(&array, holder_json(&all, &wanted, i));
        }
        bc_json_end(&array);
    } else if (status == 0 && context->is_terminal) {
        print_terminal(context, &all, &wanted);
    } else if (status == 0) {
        print_pipe(context, &all, &wanted);
    }
    if (status == 0 && all.n_damaged > 0) {
        bc_say(context, "%zu objects are damaged, and cannot be shown", all.n_damaged);
        status = BC_DAMAGED;
    }
    bc_holders_free(&all);
    return status;
}
