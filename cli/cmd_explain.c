/* cmd_explain.c - brain explain: what is known of a value, and who holds it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "command.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "value.h"

int bc_explain(struct bc_context *);

/* Who holds a value, beside this process. */
struct holders {
    brain_client *clients;
    uint64_t *n_pins; /* of each, on this value */
    size_t n;
    uint64_t n_nameless; /* pins of clients that have no row any more */
};

/* All of a list that may grow while it is taken: `look` fills as many as there is room for, and says how many there are. */
static int look_at_pins(brain_store *store, brain_pin **pins_out, size_t *n_out)
{
    brain_pin *pins = NULL;
    size_t room = 0, n = 0;
    int err;
    while ((err = brain_pins(store, pins, room, &n)) == 0 && n > room) {
        room = n + n / 4 + 16;
        pins = bc_realloc(pins, room * sizeof *pins);
    }
    *pins_out = pins;
    *n_out = n;
    return err;
}

static int look_at_clients(brain_store *store, brain_client **clients_out, size_t *n_out)
{
    brain_client *clients = NULL;
    size_t room = 0, n = 0;
    int err;
    while ((err = brain_clients(store, clients, room, &n)) == 0 && n > room) {
        room = n + n / 4 + 16;
        clients = bc_realloc(clients, room * sizeof *clients);
    }
    *clients_out = clients;
    *n_out = n;
    return err;
}

static int find_holders(brain_store *store, uint32_t object, struct holders *holders)
{
    brain_pin *pins;
    brain_client self;
    size_t n_pins;
    int err = brain_self(store, &self);
    if (err == 0) err = look_at_clients(store, &holders->clients, &holders->n);
    if (err != 0) return err;
    holders->n_pins = bc_alloc((holders->n + 1) * sizeof *holders->n_pins);
    err = look_at_pins(store, &pins, &n_pins);
    for (size_t i = 0; err == 0 && i < n_pins; i++) {
        if (pins[i].object != object || pins[i].client == self.row) continue;
        size_t j = 0;
        while (j < holders->n && holders->clients[j].row != pins[i].client) {
            j++;
        }
        if (j < holders->n) {
            holders->n_pins[j]++;
        } else {
            holders->n_nameless++;
        }
    }
    free(pins);
    return err;
}

static void free_holders(struct holders *holders)
{
    free(holders->clients);
    free(holders->n_pins);
}

static void hex(const uint8_t *bytes, size_t n, char *to)
{
    for (size_t i = 0; i < n; i++) {
        to += sprintf(to, "%02x", bytes[i]);
    }
}

/* ---- printing */

struct explained {
    struct bc_context *context;
    const brain_view *view;
    struct bc_facts facts;
    bool has_tensor;
    brain_tensor tensor;
    struct holders holders;
    char id[2 * BRAIN_ID_BYTES + 1];
};

static void print_json(const struct explained *is)
{
    char buf[64];
    json_t *object = json_object(), *holders = json_array();
    bc_json_name(object, "name", is->view->name, is->view->name_len);
    bc_json_name(object, "namespace", is->context->space, strlen(is->context->space));
    bc_json_text(object, "kind", bc_text_kind(is->facts.kind, buf, sizeof buf));
    bc_json_number(object, "size", is->facts.size_bytes);
    bc_json_number(object, "version", is->view->version);
    bc_json_time(object, "created", brain_view_created_ns(is->view));
    bc_json_name(object, "description", is->view->description, is->view->description_len);
    bc_json_number(object, "metadata", is->view->meta_len);
    bc_json_bool(object, "away", is->facts.is_away);
    bc_json_text(object, "id", is->id);
    if (is->has_tensor) {
        json_t *shape = json_array();
        for (uint32_t i = 0; i < is->tensor.ndim; i++) {
            json_array_append_new(shape, json_integer((json_int_t)is->tensor.shape[i]));
        }
        bc_json_text(object, "dtype", bc_array_type(&is->tensor, buf, sizeof buf));
        json_object_set_new(object, "shape", shape);
        bc_json_text(object, "order", is->tensor.fortran ? "F" : "C");
    }
    for (size_t i = 0; i < is->holders.n; i++) {
        const brain_client *client = &is->holders.clients[i];
        if (is->holders.n_pins[i] == 0) continue;
        json_t *holder = json_object();
        bc_json_signed(holder, "pid", client->pid);
        bc_json_text(holder, "command", client->command);
        bc_json_number(holder, "pins", is->holders.n_pins[i]);
        json_array_append_new(holders, holder);
    }
    json_object_set_new(object, "holders", holders);
    bc_json_print(object);
}

static void print_holders(const struct explained *is)
{
    for (size_t i = 0; i < is->holders.n; i++) {
        const brain_client *client = &is->holders.clients[i];
        if (is->holders.n_pins[i] == 0) continue;
        char *command =
            bc_text_name(client->command, strnlen(client->command, sizeof client->command), 0);
        char *text =
            bc_format("process %" PRId32 ", %" PRIu64 " time%s: %s", client->pid,
                      is->holders.n_pins[i], is->holders.n_pins[i] == 1 ? "" : "s", command);
        bc_line_text(is->context, "held_by", text);
        free(text);
        free(command);
    }
    if (is->holders.n_nameless > 0) {
        bc_line_text(is->context, "held_by", "a forked process that has no row");
    }
}

static void print_lines(const struct explained *is)
{
    struct bc_context *context = is->context;
    char buf[512];
    bc_line_name(context, "name", is->view->name, is->view->name_len);
    bc_line_name(context, "namespace", context->space, strlen(context->space));
    bc_line_text(context, "kind", bc_text_kind(is->facts.kind, buf, sizeof buf));
    bc_line_size(context, "size", is->facts.size_bytes);
    if (is->has_tensor) {
        bc_line_text(context, "dtype", bc_array_type(&is->tensor, buf, sizeof buf));
        bc_line_text(context, "shape", bc_array_shape(&is->tensor, buf, sizeof buf));
        bc_line_text(context, "order", is->tensor.fortran ? "F" : "C");
    }
    bc_line_number(context, "version", is->view->version);
    bc_line_time(context, "created", brain_view_created_ns(is->view));
    bc_line_name(context, "description", is->view->description, is->view->description_len);
    bc_line_number(context, "metadata", is->view->meta_len);
    if (is->facts.is_away) bc_line_text(context, "away", "in a file: the store has made room");
    bc_line_text(context, "id", is->id);
    print_holders(is);
}

static int explain(struct bc_context *context, const brain_view *view)
{
    struct explained is = { .context = context, .view = view };
    uint8_t id[BRAIN_ID_BYTES];
    int status = 0, err = bc_value_facts(view, &is.facts);
    if (err != 0) return bc_fail_disk(context, err, NULL);
    if (is.facts.kind == BRAIN_KIND_TENSOR) {
        err = brain_tensor_decode(view->meta, view->meta_len, is.facts.size_bytes, &is.tensor);
        is.has_tensor = err == 0;
        if (err != 0) status = bc_fail(context, err, NULL);
    }
    brain_view_id(view, id);
    hex(id, sizeof id, is.id);
    err = find_holders(context->store, view->object, &is.holders);
    if (err != 0) status = bc_fail(context, err, "who holds it");
    if (context->json) {
        print_json(&is);
    } else {
        print_lines(&is);
    }
    free_holders(&is.holders);
    return status;
}

int bc_explain(struct bc_context *context)
{
    brain_space *space;
    brain_view view;
    const char *name;
    size_t name_len;
    int status = bc_name(context, context->arguments[0], &name, &name_len);
    if (status == 0) status = bc_open(context, BC_LOOK);
    if (status == 0) status = bc_open_space(context, &space);
    if (status != 0) return status;
    int err = brain_get(space, name, name_len, &view);
    brain_space_close(space);
    if (err == BRAIN_E_NOT_FOUND) return bc_say_no_name(context, name, name_len);
    if (err != 0) return bc_fail(context, err, NULL);
    status = explain(context, &view);
    brain_view_drop(&view);
    return status;
}
