/* cmd_store.c - what is about a store as a whole: create, destroy, stat, check, resize, quota, compact. */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "json.h"
#include "progress.h"
#include "table.h"
#include "text.h"
#include "value.h"

static const char *const full_modes[] = {
    [BRAIN_FULL_ERROR] = "error",
    [BRAIN_FULL_LRU] = "lru",
    [BRAIN_FULL_SPILL] = "spill",
};
#define N_FULL_MODES (sizeof full_modes / sizeof full_modes[0])

/* ---- create */

static int read_mode(const struct bc_context *context, brain_options *options)
{
    const char *text = bc_option(context, "mode");
    if (text == NULL) return 0;
    char *end;
    unsigned long mode = strtoul(text, &end, 8);
    if (*end != '\0' || (mode != 0600 && mode != 0640 && mode != 0660)) {
        return bc_usage(context, "--mode takes 0600, 0640 or 0660, not '%s'", text);
    }
    options->mode = (uint32_t)mode;
    return 0;
}

static int read_group(const struct bc_context *context, brain_options *options)
{
    const char *text = bc_option(context, "group");
    if (text == NULL) return 0;
    char *end;
    errno = 0;
    struct group *group = getgrnam(text);
    unsigned long number = strtoul(text, &end, 10);
    if (group != NULL) {
        number = group->gr_gid;
    } else if (text[0] < '0' || text[0] > '9' || *end != '\0' || number >= UINT32_MAX) {
        return bc_usage(context, "there is no group %s", text);
    }
    options->has_group = 1;
    options->group = (uint32_t)number;
    return 0;
}

static int read_full(const struct bc_context *context, brain_options *options)
{
    const char *text = bc_option(context, "when-full");
    for (size_t i = 0; text != NULL && i < N_FULL_MODES; i++) {
        if (strcmp(text, full_modes[i]) == 0) {
            options->full = (uint32_t)i;
            return 0;
        }
    }
    return text == NULL
               ? 0
               : bc_usage(context, "--when-full takes error, lru or spill, not '%s'", text);
}

int bc_create(struct bc_context *context)
{
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXCLUSIVE;
    options.directory = bc_option(context, "directory");
    int status = bc_option_size(context, "capacity", &options.capacity_bytes);
    if (status == 0) status = read_mode(context, &options);
    if (status == 0) status = read_group(context, &options);
    if (status == 0) status = read_full(context, &options);
    if (status != 0) return status;
    if (bc_option(context, "capacity") != NULL && options.capacity_bytes == 0) {
        return bc_usage(context, "--capacity takes at least 4096 bytes");
    }
    int err = brain_open(context->path, &options, &context->store);
    if (err == BRAIN_E_NOT_FOUND) { /* a directory: that a store is not there is no error here */
        bc_fail(context, err, NULL);
        bc_say(context, "mkdir -p makes it, or -s PATH names another one");
        return BC_SYSTEM;
    }
    if (err != 0) return bc_fail(context, err, NULL);
    uint64_t capacity, live;
    err = brain_usage(context->store, &capacity, &live);
    if (err != 0) return bc_fail(context, err, NULL);
    if (context->json) {
        json_t *object = json_object();
        bc_json_text(object, "path", brain_path(context->store));
        bc_json_text(object, "directory", brain_directory(context->store));
        bc_json_number(object, "capacity", capacity);
        bc_json_print(object);
        return 0;
    }
    bc_line_name(context, "path", brain_path(context->store), strlen(brain_path(context->store)));
    bc_line_name(context, "directory", brain_directory(context->store),
                 strlen(brain_directory(context->store)));
    bc_line_size(context, "capacity", capacity);
    return 0;
}

/* ---- destroy */

int bc_destroy(struct bc_context *context)
{
    brain_stat stat = { .struct_size = sizeof stat };
    char size[32];
    int status = bc_open(context, BC_CHANGE);
    if (status != 0) return status;
    int err = brain_stat_get(context->store, &stat);
    if (err == BRAIN_E_DESTROYED) return bc_fail(context, err, NULL);
    uint32_t n_others = stat.n_clients > 0 ? stat.n_clients - 1 : 0;
    status = bc_ask(context,
                    "Remove the store %s, with %" PRIu64 " names and %s, which %" PRIu32
                    " other%s open, for everybody?",
                    context->path, stat.n_objects, bc_text_size(stat.live_bytes, size, sizeof size),
                    n_others, n_others == 1 ? " process has" : " processes have");
    if (status != 0) return status;
    char *directory = bc_strdup(brain_directory(context->store));
    err = brain_spill_destroy(context->store);
    if (err == 0 && context->json) {
        json_t *object = json_object();
        bc_json_text(object, "path", brain_path(context->store));
        bc_json_text(object, "directory", directory);
        bc_json_number(object, "names", stat.n_objects);
        bc_json_number(object, "used", stat.live_bytes);
        bc_json_print(object);
    }
    free(directory);
    return err == 0 ? 0 : bc_fail_disk(context, err, NULL);
}

/* ---- stat */

static const struct figure {
    const char *label;
    enum {
        SIZE,
        COUNT,
        MOMENT
    } is;
    size_t offset;
} figures[] = {
#define FIGURE(label, is, field) { label, is, offsetof(brain_stat, field) }
    FIGURE("capacity", SIZE, capacity_bytes),
    FIGURE("used", SIZE, live_bytes),
    FIGURE("limbo", SIZE, limbo_bytes),
    FIGURE("unsealed", SIZE, private_bytes),
    FIGURE("memory", SIZE, physical_bytes),
    FIGURE("metadata", SIZE, metadata_bytes),
    FIGURE("value_memory", SIZE, value_backed_bytes),
    FIGURE("capacity_max", SIZE, capacity_max_bytes),
    FIGURE("names", COUNT, n_objects),
    FIGURE("namespaces", COUNT, n_namespaces),
    FIGURE("in_limbo", COUNT, n_limbo),
    FIGURE("pins", COUNT, n_pins),
    FIGURE("snapshots", COUNT, n_snapshots),
    FIGURE("committed", COUNT, committed),
    FIGURE("recoveries", COUNT, n_recoveries),
    FIGURE("evicted", COUNT, n_evicted),
    FIGURE("evicted_bytes", SIZE, evicted_bytes),
    FIGURE("created", MOMENT, created_ns),
};
#define N_FIGURES (sizeof figures / sizeof figures[0])

static uint64_t value_of(const brain_stat *stat, const struct figure *figure)
{
    uint64_t value;
    memcpy(&value, (const char *)stat + figure->offset, sizeof value);
    return value;
}

/* Who has the store open but this command, as `who` and `top` count. */
static uint32_t n_others(const brain_stat *stat)
{
    return stat->n_clients > 0 ? stat->n_clients - 1 : 0;
}

static void print_stat_json(const struct bc_context *context, const brain_stat *stat,
                            const char *full)
{
    json_t *object = json_object();
    bc_json_text(object, "path", brain_path(context->store));
    bc_json_text(object, "directory", brain_directory(context->store));
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (figures[i].is == MOMENT) {
            bc_json_time(object, figures[i].label, value_of(stat, &figures[i]));
        } else {
            bc_json_number(object, figures[i].label, value_of(stat, &figures[i]));
        }
    }
    bc_json_number(object, "clients", n_others(stat));
    bc_json_text(object, "when_full", full);
    bc_json_print(object);
}

static void print_stat(const struct bc_context *context, const brain_stat *stat, const char *full)
{
    const char *path = brain_path(context->store), *directory = brain_directory(context->store);
    bc_line_name(context, "path", path, strlen(path));
    bc_line_name(context, "directory", directory, strlen(directory));
    for (size_t i = 0; i < N_FIGURES; i++) {
        uint64_t value = value_of(stat, &figures[i]);
        if (figures[i].is == SIZE) {
            bc_line_size(context, figures[i].label, value);
        } else if (figures[i].is == COUNT) {
            bc_line_number(context, figures[i].label, value);
        } else {
            bc_line_time(context, figures[i].label, value);
        }
    }
    bc_line_number(context, "clients", n_others(stat));
    bc_line_text(context, "when_full", full);
}

int bc_stat(struct bc_context *context)
{
    brain_stat stat = { .struct_size = sizeof stat };
    int status = bc_open(context, BC_LOOK);
    if (status != 0) return status;
    int err = brain_stat_get(context->store, &stat);
    if (err != 0) return bc_fail(context, err, NULL);
    uint32_t mode = brain_full_mode(context->store);
    const char *full = mode < N_FULL_MODES ? full_modes[mode] : "unknown";
    if (context->json) {
        print_stat_json(context, &stat, full);
    } else {
        print_stat(context, &stat, full);
    }
    return 0;
}

/* ---- check */

#define PROBLEMS_MAX 100000u

static void print_problems(const struct bc_context *context, const brain_problem *problems,
                           size_t n_shown, size_t n)
{
    if (context->json) {
        json_t *object = json_object(), *texts = json_array();
        for (size_t i = 0; i < n_shown; i++) {
            char *text =
                bc_text_value(problems[i].text, strnlen(problems[i].text, sizeof problems[i].text));
            json_array_append_new(texts, json_string(text));
            free(text);
        }
        bc_json_bool(object, "sound", n == 0);
        bc_json_number(object, "problems", n);
        json_object_set_new(object, "texts", texts);
        bc_json_print(object);
        return;
    }
    for (size_t i = 0; i < n_shown; i++) {
        char *text =
            bc_text_name(problems[i].text, strnlen(problems[i].text, sizeof problems[i].text), 0);
        puts(text);
        free(text);
    }
    if (n == 0) puts("sound");
    if (n > n_shown) bc_say(context, "%zu more problems", n - n_shown);
}

int bc_check(struct bc_context *context)
{
    uint64_t n_max = 100;
    size_t n = 0;
    int status = bc_option_number(context, "max", &n_max);
    if (status != 0) return status;
    if (n_max > PROBLEMS_MAX) n_max = PROBLEMS_MAX;
    status = bc_open(context, BC_CHANGE);
    if (status != 0) return status;
    brain_problem *problems = bc_alloc(n_max * sizeof *problems);
    struct bc_progress progress;
    bc_progress_begin(&progress, "checking");
    int err = brain_check(context->store, problems, n_max, &n);
    bc_progress_end(&progress);
    if (err == 0) print_problems(context, problems, n < n_max ? n : n_max, n);
    free(problems);
    if (err != 0) return bc_fail(context, err, NULL);
    return n == 0 ? 0 : BC_NO;
}

/* ---- resize, quota, compact */

static int read_size(const struct bc_context *context, uint64_t *bytes_out)
{
    const char *text = context->arguments[0];
    if (bc_text_parse_size(text, bytes_out) == 0) return 0;
    return bc_usage(context, "SIZE is a number of bytes, as 4096, 500M or 2Gi, not '%s'", text);
}

int bc_resize(struct bc_context *context)
{
    uint64_t bytes;
    int status = read_size(context, &bytes);
    if (status == 0) status = bc_open(context, BC_CHANGE);
    if (status != 0) return status;
    int err = brain_resize(context->store, bytes);
    if (err == 0 && context->json) {
        uint64_t capacity, live;
        err = brain_usage(context->store, &capacity, &live); /* as it was rounded */
        if (err != 0) return bc_fail(context, err, NULL);
        json_t *object = json_object();
        bc_json_number(object, "capacity", capacity);
        bc_json_number(object, "used", live);
        bc_json_print(object);
    }
    return err == 0 ? 0 : bc_fail(context, err, NULL);
}

static int show_quota(struct bc_context *context, brain_space *space)
{
    uint64_t n, bytes, quota;
    int err = brain_space_usage(space, &n, &bytes, &quota);
    if (err != 0) return bc_fail(context, err, NULL);
    if (context->json) {
        json_t *object = json_object();
        bc_json_name(object, "namespace", context->space, strlen(context->space));
        bc_json_number(object, "names", n);
        bc_json_number(object, "bytes", bytes);
        bc_json_known(object, "quota", quota);
        bc_json_print(object);
        return 0;
    }
    bc_line_name(context, "namespace", context->space, strlen(context->space));
    bc_line_number(context, "names", n);
    bc_line_size(context, "used", bytes);
    if (quota > 0) {
        bc_line_size(context, "quota", quota);
    } else {
        bc_line_text(context, "quota", "-");
    }
    return 0;
}

int bc_quota(struct bc_context *context)
{
    uint64_t bytes = 0;
    brain_space *space;
    bool is_change = context->n_arguments > 0;
    int status = is_change ? read_size(context, &bytes) : 0;
    if (status == 0) status = bc_open(context, is_change ? BC_CHANGE : BC_LOOK);
    if (status == 0) status = bc_open_space(context, &space);
    if (status != 0) return status;
    if (is_change) {
        int err = brain_space_set_quota(space, bytes);
        status = err == 0 ? 0 : bc_fail(context, err, NULL);
        if (status == 0 && context->json) status = show_quota(context, space);
    } else {
        status = show_quota(context, space);
    }
    brain_space_close(space);
    return status;
}

int bc_compact(struct bc_context *context)
{
    uint64_t freed;
    int status = bc_open(context, BC_CHANGE);
    if (status != 0) return status;
    struct bc_progress progress;
    bc_progress_begin(&progress, "compacting");
    int err = brain_compact(context->store, &freed);
    bc_progress_end(&progress);
    if (err != 0) return bc_fail(context, err, NULL);
    if (context->json) {
        json_t *object = json_object();
        bc_json_number(object, "freed", freed);
        bc_json_print(object);
    } else {
        bc_line_size(context, "freed", freed);
    }
    return 0;
}
