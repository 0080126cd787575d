/* cmd_explain.c - brain explain: what is known of a value, and who holds it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "commands.h"
#include "holders.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "value.h"

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
    struct bc_holders holders;
    char id[2 * BRAIN_ID_BYTES + 1];
};

/* Who has the i-th of all holdings; NULL: that is of another value. */
static const struct bc_holder *holder_at(const struct explained *is, size_t i)
{
    const struct bc_hold *hold = &is->holders.holds[i];
    return is->holders.objects[hold->object].object == is->view->object
               ? &is->holders.holders[hold->holder]
               : NULL;
}

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
    for (size_t i = 0; i < is->holders.n_holds; i++) {
        const struct bc_holder *holder = holder_at(is, i);
        if (holder == NULL) continue;
        json_t *item = json_object();
        bc_json_known(item, "pid", (uint64_t)bc_holders_pid(holder));
        bc_json_text(item, "command", holder->is_nameless ? "" : holder->process.command);
        bc_json_number(item, "views", is->holders.holds[i].n_views);
        json_array_append_new(holders, item);
    }
    json_object_set_new(object, "holders", holders);
    bc_json_print(object);
}

static void print_holders(const struct explained *is)
{
    for (size_t i = 0; i < is->holders.n_holds; i++) {
        const struct bc_holder *holder = holder_at(is, i);
        if (holder == NULL) continue;
        const char *command =
            holder->is_nameless ? "a forked child without a row" : holder->process.command;
        char *shown = bc_text_name(command, strlen(command), 0);
        uint64_t n = is->holders.holds[i].n_views;
        int32_t pid = bc_holders_pid(holder);
        char *number = pid != 0 ? bc_format("%d", (int)pid) : bc_strdup("?");
        char *text =
            bc_format("process %s, %" PRIu64 " view%s: %s", number, n, n == 1 ? "" : "s", shown);
        bc_line_text(is->context, "held_by", text);
        free(number);
        free(text);
        free(shown);
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
    /* The view keeps the number of the object from being another one's. */
    err = bc_holders_look(context->store, false, &is.holders);
    if (err != 0) status = bc_fail(context, err, "who holds it");
    if (context->json) {
        print_json(&is);
    } else {
        print_lines(&is);
    }
    bc_holders_free(&is.holders);
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
