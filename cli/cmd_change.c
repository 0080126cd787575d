/* cmd_change.c - rm, cp and mv: names come, go and move, each in one commit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "json.h"
#include "progress.h"
#include "text.h"
#include "value.h"

#define TRIES 10                /* to move a value that others replace meanwhile */
#define STEP  ((size_t)4 << 20) /* of a value that is copied: between two a Ctrl-C is seen */

/* ---- rm */

/* A name of the command line. */
struct key {
    const char *name;
    size_t len;
};

static void print_removed(const struct bc_context *context, uint64_t n_names)
{
    if (!context->json) return;
    json_t *object = json_object();
    bc_json_number(object, "removed", n_names);
    bc_json_print(object);
}

/* Whether an argument, whose escapes are read, stands before this one, too: a name is removed once. */
static bool is_again(const struct key *keys, int n)
{
    for (int i = 0; i < n; i++) {
        if (keys[i].len == keys[n].len && memcmp(keys[i].name, keys[n].name, keys[n].len) == 0)
            return true;
    }
    return false;
}

/* All the names in one commit. */
static int remove_names(struct bc_context *context, brain_space *space)
{
    bool is_forced = bc_option(context, "force") != NULL;
    brain_batch *batch;
    uint64_t n_there = 0;
    int status = 0, err = brain_batch_new(context->store, &batch);
    if (err != 0) return bc_fail(context, err, NULL);
    struct key *keys = bc_alloc((size_t)context->n_arguments * sizeof *keys);
    for (int i = 0; status == 0 && i < context->n_arguments; i++) {
        status = bc_name(context, context->arguments[i], &keys[i].name, &keys[i].len);
        if (status != 0) break;
        const char *name = keys[i].name;
        size_t len = keys[i].len;
        err = brain_exists(space, name, len, NULL);
        if (err == 0 && context->json) n_there += !is_again(keys, i);
        if (err == BRAIN_E_NOT_FOUND && is_forced) err = 0; /* it may come until the commit */
        if (err == BRAIN_E_NOT_FOUND) {
            status = bc_say_no_name(context, name, len);
            if (strpbrk(context->arguments[i], "*?[") != NULL) {
                bc_say(context, "rm takes names, no patterns: brain ls -1 lists those that match");
            }
            break;
        }
        if (err == 0) err = brain_batch_delete(batch, space, name, len);
        if (err != 0) status = bc_fail(context, err, NULL);
    }
    if (status == 0) {
        err = brain_batch_commit(batch, NULL);
        if (err != 0) status = bc_fail(context, err, NULL);
    }
    if (status == 0) print_removed(context, n_there);
    free(keys);
    brain_batch_free(batch);
    return status;
}

/* Adds to `*n_names` how many names went with it. */
static int remove_space(struct bc_context *context, char *argument, uint64_t *n_names)
{
    const char *name;
    size_t len;
    brain_space *space;
    int status = bc_name(context, argument, &name, &len);
    if (status != 0) return status;
    int err = brain_space_open(context->store, name, len, &space);
    if (err != 0) return bc_fail(context, err, "a namespace");
    uint64_t n = 0, bytes, quota;
    if (context->json && brain_space_usage(space, &n, &bytes, &quota) != 0) n = 0;
    err = brain_space_remove(space);
    brain_space_close(space);
    if (err == 0) *n_names += n;
    if (err == BRAIN_E_NOT_FOUND && bc_option(context, "force") != NULL) err = 0;
    if (err == 0) return 0;
    char *shown = bc_text_name(name, len, 200);
    if (err == BRAIN_E_NOT_FOUND) {
        bc_say(context, "there is no namespace %s in %s", shown, context->path);
        status = BC_NO;
    } else {
        status = bc_fail(context, err, shown);
    }
    free(shown);
    return status;
}

static int remove_spaces(struct bc_context *context)
{
    uint64_t n_names = 0;
    int status = bc_ask(context,
                        context->n_arguments == 1
                            ? "Remove the namespace %s with all its names?"
                            : "Remove the namespace %s and %d more with all their names?",
                        context->arguments[0], context->n_arguments - 1);
    if (status != 0) return status;
    struct bc_progress progress;
    bc_progress_begin(&progress, "removing");
    for (int i = 0; status == 0 && i < context->n_arguments; i++) {
        status = remove_space(context, context->arguments[i], &n_names);
    }
    bc_progress_end(&progress);
    if (status == 0) print_removed(context, n_names);
    return status;
}

int bc_rm(struct bc_context *context)
{
    brain_space *space;
    int status = bc_open(context, BC_CHANGE);
    if (status != 0) return status;
    if (bc_option(context, "recursive") != NULL) return remove_spaces(context);
    if (context->n_arguments > 1) {
        status = bc_ask(context, "Remove %d names?", context->n_arguments);
    }
    if (status == 0) status = bc_open_space(context, &space);
    if (status != 0) return status;
    status = remove_names(context, space);
    brain_space_close(space);
    return status;
}

/* ---- cp and mv */

struct move {
    struct bc_context *context;
    brain_space *from_space, *to_space;
    const char *to_name; /* of to_space */
    const char *from, *to;
    size_t from_len, to_len;
    uint64_t if_version; /* of what `to` has */
    uint64_t version;    /* that it got */
    const char *what;    /* goes on */
    brain_part part;
};

/* A value as it is, to be put. What is copied gets a time of its own; what is moved keeps it. */
static brain_value same_value(struct move *move, const struct bc_value *value, bool keeps_time)
{
    move->part = (brain_part){ .data = value->data, .size_bytes = (size_t)value->size_bytes };
    return (brain_value){
        .kind = value->kind,
        .n_parts = 1,
        .parts = &move->part,
        .meta = value->view.meta,
        .meta_len = value->view.meta_len,
        /* Not NULL, which would leave it with the description of what was there. */
        .description = value->view.description_len > 0 ? value->view.description : "",
        .description_len = value->view.description_len,
        .created_ns = keeps_time ? brain_view_created_ns(&value->view) : 0,
    };
}

/* Fill an object with what a value has. */
static int copy_in_steps(const struct bc_value *value, brain_object *object,
                         struct bc_progress *progress)
{
    int err = 0;
    bc_hold_interrupts(true);
    for (uint64_t done = 0; err == 0 && done < value->size_bytes;) {
        uint64_t left = value->size_bytes - done;
        size_t n = left < STEP ? (size_t)left : STEP;
        err = bc_interrupted()
                  ? BRAIN_E_INTR
                  : brain_object_append(object, (const uint8_t *)value->data + done, n);
        done += n;
        bc_progress_step(progress, done, value->size_bytes);
    }
    bc_hold_interrupts(false);
    return err;
}

static int fill_and_seal(struct move *move, const struct bc_value *value, brain_value *same,
                         brain_batch *batch, struct bc_progress *progress)
{
    brain_object *object;
    int err = brain_create_streamed(move->context->store, value->size_bytes, &object);
    if (err != 0) return err;
    same->parts = NULL;
    same->n_parts = 0;
    err = copy_in_steps(value, object, progress);
    if (err == 0 && batch != NULL) {
        err = brain_object_seal_in(object, batch, move->to_space, move->to, move->to_len, same,
                                   move->if_version, &move->version);
    } else if (err == 0) {
        err = brain_object_seal(object, move->to_space, move->to, move->to_len, same,
                                move->if_version, &move->version);
    }
    brain_object_release(object);
    return err;
}

/* A large value; with `batch` in one commit with what is in that. */
static int put_in_steps(struct move *move, const struct bc_value *value, brain_value *same,
                        brain_batch *batch)
{
    struct bc_progress progress;
    bc_progress_begin(&progress, move->what);
    int err = fill_and_seal(move, value, same, batch, &progress);
    bc_progress_end(&progress);
    return err;
}

static int copy_once(struct move *move, const struct bc_value *value)
{
    brain_value same = same_value(move, value, false);
    move->what = "copying";
    if (value->size_bytes > STEP) return put_in_steps(move, value, &same, NULL);
    return brain_put(move->to_space, move->to, move->to_len, &same, move->if_version,
                     &move->version);
}

static int move_once(struct move *move, const struct bc_value *value)
{
    brain_batch *batch;
    brain_value same = same_value(move, value, true);
    int err = brain_batch_new(move->context->store, &batch);
    if (err != 0) return err;
    move->what = "moving";
    bool is_large = value->size_bytes > STEP;
    err = brain_batch_delete_if(batch, move->from_space, move->from, move->from_len,
                                value->view.version);
    if (err == 0 && !is_large) {
        err = brain_batch_put_if(batch, move->to_space, move->to, move->to_len, &same,
                                 move->if_version);
    }
    if (err == 0) {
        err = is_large ? put_in_steps(move, value, &same, batch)
                       : brain_batch_commit(batch, &move->version);
    }
    brain_batch_free(batch);
    return err;
}

/* Again where somebody replaced the value in between. */
static int do_move(struct move *move, int (*once)(struct move *, const struct bc_value *))
{
    struct bc_context *context = move->context;
    uint64_t size_bytes = 0;
    int err = 0;
    for (int i = 0; i < TRIES; i++) {
        struct bc_value value;
        int status = bc_value_get(context, move->from_space, move->from, move->from_len, &value);
        if (status != 0) return status;
        if (value.kind == BRAIN_KIND_UNSEALED) {
            bc_value_drop(&value);
            return bc_say_unsealed(context);
        }
        err = once(move, &value);
        size_bytes = value.size_bytes;
        bc_value_drop(&value);
        if (err != BRAIN_E_STALE && err != BRAIN_E_NOT_FOUND) break;
    }
    if (err == BRAIN_E_INTR && bc_interrupted()) return BC_INTERRUPTED;
    if (err != 0) return bc_fail_name(context, err, move->to, move->to_len);
    if (context->json) {
        bc_json_print_put(move->to_name, move->to, move->to_len, move->version, size_bytes);
    }
    return 0;
}

static bool is_one_name(const struct move *move, const char *to_space)
{
    return strcmp(move->context->space, to_space) == 0 && move->from_len == move->to_len &&
           memcmp(move->from, move->to, move->to_len) == 0;
}

static int begin_move(struct bc_context *context,
                      int (*once)(struct move *, const struct bc_value *))
{
    struct move move = { .context = context, .if_version = BRAIN_ANY_VERSION };
    const char *to_space = bc_option(context, "to");
    int status = bc_name(context, context->arguments[0], &move.from, &move.from_len);
    if (status == 0) status = bc_name(context, context->arguments[1], &move.to, &move.to_len);
    if (status != 0) return status;
    status = to_space == NULL ? 0 : bc_space_name(context, to_space, &to_space);
    if (status != 0) return status;
    if (to_space == NULL) to_space = context->space;
    move.to_name = to_space;
    if (is_one_name(&move, to_space)) return bc_usage(context, "both names are the same");
    if (bc_option(context, "new") != NULL) move.if_version = 0;
    status = bc_open(context, BC_CHANGE);
    if (status == 0) status = bc_open_space(context, &move.from_space);
    if (status != 0) return status;
    int err = brain_space_open(context->store, to_space, strlen(to_space), &move.to_space);
    status = err == 0 ? do_move(&move, once) : bc_fail(context, err, "--to");
    brain_space_close(move.from_space);
    brain_space_close(move.to_space);
    return status;
}

int bc_cp(struct bc_context *context)
{
    return begin_move(context, copy_once);
}

int bc_mv(struct bc_context *context)
{
    return begin_move(context, move_once);
}
